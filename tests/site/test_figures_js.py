"""The figures that move: their arithmetic is bnlib's, and everyone can use them."""

import io
import math
import os
import re
from dataclasses import asdict

import numpy as np
import pytest
import site_probe
import torch
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import expect
from torch.nn import functional

from bnlib.functional import batch_norm_train, staged_backward, staged_forward

SCRIPTS = site_probe.ROOT / "book" / "figures_js"
FIGURES = ("sample", "sigmoid", "groups", "graph")
PAGE = "book/playground"
SEEDS = range(20)
METHODS = [("Batch", 12, 4), ("Layer", 16, 3), ("Instance", 4, 12), ("Group", 8, 6)]
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
OVERFLOW = """() => {
  const faults = [];
  for (const live of document.querySelectorAll(".bn-live")) {
    const { left, right } = live.getBoundingClientRect();
    for (const part of live.querySelectorAll("*")) {
      const box = part.getBoundingClientRect();
      if (part.checkVisibility() && (box.right > right + 1 || box.left < left - 1))
        faults.push(part.outerHTML.slice(0, 100));
    }
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def open_page(chromium, served):
    """Give a function that opens the page in a context of its own."""

    def opened(width=1280, **settings):
        page = chromium.new_page(viewport={"width": width, "height": 900}, **settings)
        page.troubles = []
        site_probe.listen(page, page.troubles, [])
        page.goto(f"{served}/{PAGE}.html", wait_until="load")
        return page

    return opened


@pytest.fixture(scope="module")
def shared(open_page):
    """Open the page once, for the arithmetic, which leaves no trace on it."""
    return open_page()


@pytest.fixture
def wide(shared):
    """Give the page as it is when it has just been opened."""
    shared.set_viewport_size({"width": 1280, "height": 900})
    shared.reload(wait_until="load")
    return shared


def call(page, name, *given):
    """Call a function of the figures with plain numbers and lists."""
    plain = [a.tolist() if isinstance(a, np.ndarray) else a for a in given]
    return page.evaluate("([name, given]) => window.bnFigures[name](...given)", [name, plain])


def draw(seed):
    """Return a random channel with gamma, beta and eps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(scale=5), rng.uniform(0.01, 9), rng.integers(2, 40))
    return rng, x, rng.normal(), rng.normal(), 10.0 ** rng.integers(-8, 0)


# --- arithmetic ---


@pytest.mark.parametrize("seed", SEEDS)
def test_stages_forward_and_back_are_those_of_bnlib(shared, seed):
    rng, x, gamma, beta, eps = draw(seed)
    dy = rng.normal(size=x.shape)
    right = staged_forward(x[:, None], np.array([gamma]), np.array([beta]), eps)
    gradients = asdict(staged_backward(dy[:, None], right))
    whole = call(shared, "batchNorm", x, gamma, beta, eps)
    for name in ("y", "mu", "var"):
        np.testing.assert_allclose(whole[name], np.squeeze(getattr(right, name)), **CLOSE)
    ours = call(shared, "stagedForward", x, gamma, beta, eps)
    assert set(ours) == set(asdict(right)) - {"eps", "channel_axis"}
    for name, value in ours.items():
        np.testing.assert_allclose(value, np.squeeze(getattr(right, name)), **CLOSE)
    ours = call(shared, "stagedBackward", dy, ours)
    for name, value in gradients.items():
        np.testing.assert_allclose(ours[name], np.squeeze(value), **CLOSE, err_msg=name)
    first = gradients["dx_hat"][:, 0] * right.inv_std
    np.testing.assert_allclose(ours["first"], first, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_share_and_bins_of_the_sigmoid_are_those_of_numpy(shared, seed):
    rng, x, gamma, beta, _ = draw(seed)
    reach = rng.uniform(0.5, 4)
    y, _ = batch_norm_train(x[:, None], np.array([3 * gamma]), np.array([3 * beta]))
    x_hat, _ = batch_norm_train(x[:, None], None, None)
    share = call(shared, "sigmoidShare", x_hat[:, 0], 3 * gamma, 3 * beta, reach)
    np.testing.assert_allclose(share, (abs(y) <= reach).mean(), **CLOSE)
    counts, _ = np.histogram(y, bins=32, range=(-8, 8))
    assert call(shared, "sigmoidBins", y[:, 0]) == counts.tolist()
    sigmoids = [call(shared, "sigmoid", float(v)) for v in y[:3, 0]]
    np.testing.assert_allclose(sigmoids, torch.sigmoid(torch.tensor(y[:3, 0])), **CLOSE)


def right_groups(method, x, groups, eps):
    """Return the axes of the mean on (N, G, C/G, P), and torch's normalized values."""
    t = torch.tensor(x)
    axes, x_hat = {
        "batch": (None, lambda: torch.tensor(batch_norm_train(x, None, None, eps)[0])),
        "layer": ((1, 2, 3), lambda: functional.layer_norm(t, t.shape[1:], eps=eps)),
        "instance": (3, lambda: functional.instance_norm(t, eps=eps)),
        "group": ((2, 3), lambda: functional.group_norm(t, groups, eps=eps)),
    }[method]
    return axes, x_hat().numpy()


@pytest.mark.parametrize("method", ["batch", "layer", "instance", "group"])
@pytest.mark.parametrize("seed", range(5))
def test_groups_share_what_numpy_and_torch_share(shared, method, seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    shape = N, C, P = (int(rng.integers(2, 5)), groups * int(rng.integers(1, 4)), 6)
    x, eps = rng.normal(size=shape) * 3 + 1, 1e-3
    axes, x_hat = right_groups(method, x, groups, eps)
    split = x.reshape(N, groups, C // groups, P)
    mean, var = (f(axis=axes or (0, 3), keepdims=True) for f in (split.mean, split.var))
    ours = call(shared, "groupStatistics", x.ravel(), shape, method, groups, eps)
    assert ours["count"] == mean.size
    assert set(ours["m"]) == {x.size // mean.size}
    for name, right in [("mean", mean), ("var", var)]:
        spread = np.broadcast_to(right, split.shape).ravel()
        np.testing.assert_allclose(ours[name], spread, **CLOSE)
    np.testing.assert_allclose(ours["x_hat"], x_hat.ravel(), **CLOSE)


# --- what the figures show ---


def numbers(texts):
    """Read the numbers that stand in texts, separated by commas."""
    return [float(v.replace("\u2212", "-")) for text in texts for v in text.split(",")]


def column(page, figure, n):
    """Return the numbers in a column of a figure's table."""
    cells = page.locator(f".bn-figure-{figure} tbody td:nth-child({n})")
    return numbers(cells.all_text_contents())


def says(page, figure):
    """Return the sentence of a figure."""
    return page.locator(f".bn-figure-{figure} .bn-says")


def handle(page, n):
    """Return the handle of a sample, counted from 1."""
    return page.get_by_role("slider", name=f"sample {n}")


def test_the_samples_table_holds_the_outputs(wide):
    handle(wide, 8).press("End")
    x, at_start, now = (np.array(column(wide, "sample", n)) for n in (2, 3, 4))
    assert x[7] == 10
    y, _ = batch_norm_train(x[:, None], None, None)
    np.testing.assert_allclose(now, y[:, 0], atol=0.0051)
    assert now.max() < math.sqrt(7)  # as the page says
    assert np.ptp(now[:7]) < np.ptp(at_start[:7])
    expect(says(wide, "sample")).to_contain_text("All 7 other outputs changed")


def test_the_graph_ends_with_the_gradients_of_bnlib(wide):
    wide.locator(".bn-figure-graph input").press("End")
    expect(says(wide, "graph")).to_contain_text("Back through step 1")
    wide.get_by_text("All numbers as a table").click()
    rows = wide.locator(".bn-figure-graph tbody tr")
    assert rows.count() == 12
    one = np.array([[1.0], [3.0], [3.0], [9.0]])
    stages = staged_forward(one, np.array([6.0]), np.array([1.0]))
    gradients = staged_backward(np.array([[1.0], [0.0], [0.0], [0.0]]), stages)
    for i in range(12):
        name, value, gradient = rows.nth(i).locator("th, td").all_text_contents()
        np.testing.assert_allclose(
            numbers([value]), np.ravel(getattr(stages, name)), atol=0.0051
        )
        right = np.ravel(getattr(gradients, f"d{name}"))
        np.testing.assert_allclose(numbers([gradient]), right, atol=0.0051)
    alt = (site_probe.ROOT / f"{PAGE}.md").read_text(encoding="utf-8")
    assert "is 1, minus 0.67, minus 0.67 and 0.33." in alt
    np.testing.assert_allclose(gradients.dx.ravel(), [1, -2 / 3, -2 / 3, 1 / 3], atol=1e-4)


def test_the_sigmoid_says_the_shares(wide):
    expect(says(wide, "sigmoid")).to_contain_text("69 % of the values lie in the straight part")
    wide.get_by_role("button", name="γ = 6, β = 6").click()
    expect(says(wide, "sigmoid")).to_contain_text("the sigmoid is flat")
    wide.get_by_role("button", name="γ = 6, β = 0").click()
    expect(says(wide, "sigmoid")).to_contain_text("50 % in the flat parts")


def test_the_groups_mark_m_elements(wide):
    for method, m, count in METHODS:
        wide.get_by_role("radio", name=f"{method} norm").check()
        expect(says(wide, "groups")).to_contain_text(f"= {m} values")
        expect(says(wide, "groups")).to_contain_text(f"There are {count} means")
        assert wide.locator(".bn-shares").count() == m
        assert wide.get_by_role("button", name="shares the mean").count() == m - 1


# --- keyboard, mouse, touch ---


def middle(page, n):
    """Bring a sample into view, and return where its middle is."""
    handle(page, n).scroll_into_view_if_needed()
    box = handle(page, n).locator("circle").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_arrows_move_a_sample_and_gamma(wide):
    """That Tab leads to these controls is held by `test_keyboard.py`."""
    before = column(wide, "sample", 4)
    handle(wide, 3).press("ArrowRight")
    assert handle(wide, 3).get_attribute("aria-valuenow") == "0.7"
    for _ in range(9):
        wide.keyboard.press("ArrowRight")
    assert all(a != b for a, b in zip(before, column(wide, "sample", 4), strict=True))
    wide.get_by_role("button", name="Back to the start").press("Enter")
    assert column(wide, "sample", 4) == before
    before = wide.locator(".bn-figure-sigmoid svg").inner_html()
    wide.get_by_label("γ", exact=True).press("ArrowRight")
    assert wide.locator(".bn-figure-sigmoid output").first.text_content() == "1.1"
    assert wide.locator(".bn-figure-sigmoid svg").inner_html() != before


def test_arrows_choose_an_element_which_keeps_the_focus(wide):
    chosen = wide.locator(".bn-here")
    chosen.focus()
    for key, place in [
        ("ArrowDown", "image 1, channel 2, pixel 3"),
        ("ArrowDown", "image 2, channel 2, pixel 1"),
        ("ArrowRight", "image 2, channel 2, pixel 2"),
        ("ArrowRight", "image 2, channel 3, pixel 1"),
    ]:
        wide.keyboard.press(key)
        assert chosen.get_attribute("aria-label").startswith(place)
        assert chosen.evaluate("e => e === document.activeElement")
    expect(says(wide, "groups")).to_contain_text("channel 3 in all 3 images")


def test_arrows_step_through_the_graph(wide):
    forth = wide.get_by_role("button", name="Next", exact=True)
    forth.press("Enter")
    expect(says(wide, "graph")).to_contain_text("Forward, step 1")
    for _ in range(9):
        wide.keyboard.press("ArrowRight")
    expect(says(wide, "graph")).to_contain_text("Back through step 9")
    wide.keyboard.press("ArrowLeft")
    expect(says(wide, "graph")).to_contain_text("Forward, step 9")
    wide.locator(".bn-figure-graph input").press("End")
    assert forth.get_attribute("aria-disabled") == "true"
    wide.locator(".bn-figure-graph input").press("Home")
    expect(says(wide, "graph")).to_contain_text("Start.")


def test_the_mouse_drags_a_sample_and_points_at_an_element(wide):
    x, y = middle(wide, 8)
    wide.mouse.move(x, y)
    wide.mouse.down()
    wide.mouse.move(x + 40, y, steps=4)
    wide.mouse.up()
    moved = float(handle(wide, 8).get_attribute("aria-valuenow"))
    assert 6 < moved < 9
    wide.mouse.move(x - 40, y)
    assert float(handle(wide, 8).get_attribute("aria-valuenow")) == moved
    wide.get_by_role("button", name="image 3, channel 1, pixel 4").hover()
    expect(says(wide, "groups")).to_contain_text("channel 1 in all 3 images")


def test_a_finger_drags_a_sample(open_page):
    page = open_page(375, has_touch=True, is_mobile=True)
    x, y = middle(page, 8)
    fingers = page.context.new_cdp_session(page)
    for kind, at in [("Start", 0), *(("Move", 10 * k) for k in range(1, 6)), ("End", 0)]:
        points = [] if kind == "End" else [{"x": x + at, "y": y}]
        fingers.send(
            "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points}
        )
    expect(handle(page, 8)).to_have_attribute("aria-valuenow", re.compile(r"^([789]|10)"))
    page.get_by_role("button", name="image 2, channel 4, pixel 1").tap()
    expect(says(page, "groups")).to_contain_text("channel 4 in all 3 images")
    page.get_by_role("button", name="Next", exact=True).tap()
    expect(says(page, "graph")).to_contain_text("Forward, step 1")
    assert page.troubles == []


# --- for everyone ---


def stir(page):
    """Bring every figure into another state, which test_site.py does not see."""
    handle(page, 1).press("Home")
    page.get_by_role("button", name="γ = 6, β = 6").click()
    page.get_by_label("Group norm").check()
    page.locator(".bn-figure-graph input").press("End")
    page.get_by_text("All numbers as a table").click()


def test_nothing_sticks_out_of_a_figure_and_axe_finds_no_violation(open_page):
    page = open_page(reduced_motion="reduce")
    for act in (lambda _: None, stir):
        act(page)
        for width in (1280, 800, 640, 320, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(100)
            assert page.evaluate(OVERFLOW) == []
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    for theme in site_probe.THEMES:
        assert site_probe.violations(page, theme, ".bn-live") == []
    duration = "getComputedStyle(document.querySelector('.bn-cell')).transitionDuration"
    assert page.evaluate(duration) == "0s"
    assert page.troubles == []


def test_without_javascript_the_still_images_are_shown(open_page):
    page = open_page(java_script_enabled=False)
    for name in FIGURES:
        image = page.locator(f".bn-figure-{name} img")
        image.scroll_into_view_if_needed()
        expect(image).to_be_visible()
        assert image.bounding_box()["width"] > 300
        assert len(image.get_attribute("alt")) > 100
        assert page.locator(f".bn-figure-{name} .bn-live").count() == 0


def test_every_figure_has_a_name_and_a_sentence_and_other_pages_load_none(shared, site):
    for name in FIGURES:
        live = shared.locator(f".bn-figure-{name} .bn-live")
        assert live.get_attribute("role") == "group"
        assert len(live.get_attribute("aria-label")) > 10
        assert live.locator("[aria-live=polite]").text_content().endswith(".")
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert ("_static/figures/" in text) == (" bn-figure-" in text), path.name


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_weighs_less_than_30_kb(name):
    files = [SCRIPTS / f"{name}.js", SCRIPTS / "core.js", SCRIPTS / "figures.css"]
    assert sum(file.stat().st_size for file in files) < 30_000
    still = site_probe.ROOT / "book" / "figures" / f"play_{name}.png"
    assert still.stat().st_size < 30_000


# --- what a reader without JavaScript sees ---

STILLS = {  # of a figure: the part that is photographed, the control, the keys pressed on it
    "sample": ("svg", "[role=slider] >> nth=7", ["PageUp"] * 3),
    "sigmoid": ("svg", "input >> nth=0", []),
    "groups": (".bn-array", "input >> nth=0", []),
    "graph": ("svg", "input", ["End"]),
}


@pytest.fixture(scope="module")
def small(open_page):
    """Open the page as wide as a still, without what lies over it."""
    page = open_page(500, device_scale_factor=2, color_scheme="light")
    page.add_style_tag(content="header { display: none !important }")
    return page


@pytest.mark.parametrize("name", STILLS)
def test_the_still_shows_what_the_script_draws(small, name):
    """With `BOOK_STILLS=1` the stills are taken anew."""
    part, control, keys = STILLS[name]
    figure = small.locator(f".bn-figure-{name}")
    for key in keys:
        figure.locator(control).press(key)
    small.evaluate("document.activeElement.blur()")
    shot = Image.open(io.BytesIO(figure.locator(part).screenshot())).convert("RGB")
    path = site_probe.ROOT / "book" / "figures" / f"play_{name}.png"
    if os.environ.get("BOOK_STILLS"):
        shot.quantize(48).save(path, optimize=True, dpi=(200, 200))
    still = Image.open(io.BytesIO(path.read_bytes()))
    assert shot.size == pytest.approx(still.size, rel=0.01)
    coarse = [picture.convert("L").resize((60, 60)) for picture in (shot, still)]
    assert ImageStat.Stat(ImageChops.difference(*coarse)).mean[0] < 1
