"""The figures' colours: seen on their ground, and told apart with any colour vision.

Contrast is that of WCAG 2.2. Colour vision without one kind of cone is simulated with the
matrices of Machado, Oliveira and Fernandes (2009), IEEE TVCG 15(6), severity 1, on linear
RGB. The distance of two colours is the Euclidean one in CIELAB (D65).
"""

import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest
from house import ROOT
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from bnlib import plots

VISIONS = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
TEXT, LINE = 4.5, 3.0  # least contrast
APART = 15.0  # least distance of two colours; about 2 can just be noticed side by side
APART_TURNED = 12.0  # of lines, which differ in dashes and marks, too
LIGHTNESS = 12.0  # of two lines that share their dashes
THEMES = {"light": "#fdfcf8", "dark": "#15181d"}  # the grounds in book.css
TURNED = "invert(1) hue-rotate(180deg)"  # what book.css does to drawings in the dark
TURN = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])
ALIKE = [
    (i, j) for i, j in itertools.combinations(range(6), 2) if plots.DASHES[i] == plots.DASHES[j]
]
each_vision = pytest.mark.parametrize("vision", VISIONS)
each_theme = pytest.mark.parametrize("theme", THEMES)


pytestmark = pytest.mark.usefixtures("agg")


def linear(color):
    """Return linear RGB."""
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(color, ground):
    """Return the ratio of luminances, from 1 to 21."""
    dark, light = sorted(float(TO_XYZ[1] @ linear(c)) for c in (color, ground))
    return (light + 0.05) / (dark + 0.05)


def lab(color, vision="all cones"):
    """Return CIELAB as this vision sees the colour."""
    seen = np.clip(VISIONS[vision] @ linear(color), 0, 1)
    t = TO_XYZ @ seen / TO_XYZ.sum(axis=1)
    small = t <= (6 / 29) ** 3
    x, y, z = np.where(small, t / (3 * (6 / 29) ** 2) + 4 / 29, np.cbrt(t))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, vision):
    """Return how far two colours are apart for this vision."""
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def least_distance(colors, vision):
    """Return the distance of the two colours that are most alike."""
    return min(distance(a, b, vision) for a, b in itertools.combinations(colors, 2))


# --- the formulas ---


def test_contrast_and_distance_have_their_known_values():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)  # WCAG's grey
    np.testing.assert_allclose(lab("white"), [100, 0, 0], atol=1e-3)
    np.testing.assert_allclose(lab("red"), [53.24, 80.09, 67.20], atol=0.02)
    for vision in VISIONS:
        np.testing.assert_allclose(lab("0.5", vision), lab("0.5"), atol=1e-2)
    confused = ["#a0522d", "#5a7a1e"]
    assert (
        least_distance(confused, "deuteranopia") < APART < least_distance(confused, "all cones")
    )
    assert contrast("#f0e442", "white") < LINE


# --- the drawn figures: on paper, and turned in the dark ---


def shown(color, theme):
    """Return a drawing's colour as the page shows it: multiplied, or turned and screened."""
    ground, rgb = np.array(to_rgb(THEMES[theme])), np.array(to_rgb(color))
    if theme == "light":
        return ground * rgb
    turned = np.clip(TURN @ (1 - rgb), 0, 1)  # as Filter Effects define hue-rotate(180deg)
    return 1 - (1 - ground) * (1 - turned)


@each_theme
def test_lines_are_seen_on_the_ground(theme):
    ground = THEMES[theme]
    np.testing.assert_allclose(shown("white", theme), to_rgb(ground), atol=0.01)
    assert contrast(shown("black", theme), ground) > 14
    for color in plots.COLORS:
        assert contrast(shown(color, theme), ground) >= LINE, color


@each_theme
@each_vision
def test_the_colours_are_told_apart(vision, theme):
    colors = [shown(color, theme) for color in plots.COLORS]
    least = APART if theme == "light" else APART_TURNED
    assert least_distance(colors, vision) >= least


@each_vision
def test_lines_that_share_their_dashes_differ_in_lightness_and_signs_in_colour(vision):
    for pair in ALIKE:
        one, other = (lab(plots.COLORS[i], vision)[0] for i in pair)
        assert abs(one - other) >= LIGHTNESS, pair
    assert len(set(plots.MARKERS)) == len(plots.MARKERS) == len(plots.COLORS)
    signs = [mpl.colormaps["RdBu_r"](share) for share in (0.15, 0.5, 0.85)]
    assert least_distance(signs, vision) >= 25


def test_text_is_read_on_white():
    pair = {"a": ([1, 2], [3, 4]), "b": ([1, 2], [4, 3])}
    line = plots.lines(pair, "rate", "loss")
    graph = plots.graph({"x": (0, 0), "y": (1, 0)}, {("x", "y"): "square"})
    for ax in (line, graph):
        assert to_rgb(ax.figure.get_facecolor()) == to_rgb(ax.get_facecolor()) == (1, 1, 1)
        texts = [text for text in ax.figure.findobj(Text) if text.get_text()]
        assert len(texts) > 2
        assert min(contrast(text.get_color(), "white") for text in texts) >= TEXT
    arrow = next(text.arrow_patch for text in graph.texts if hasattr(text, "arrow_patch"))
    assert contrast(arrow.get_edgecolor(), "white") >= LINE


# --- the figures that move ---


def variables(theme):
    """Return the colours of the figures that move, by name."""
    text = (ROOT / "book" / "figures_js" / "figures.css").read_text(encoding="utf-8")
    blocks = re.findall(r"([^{}]*)\{([^{}]*--bn-blue:[^{}]*)\}", text)
    (block,) = [body for head, body in blocks if ("dark" in head) == (theme == "dark")]
    return dict(re.findall(r"--bn-(\w+): (#\w+)", block))


@each_theme
def test_the_two_colours_of_moving_figures_are_seen_and_told_apart(theme):
    colors = variables(theme)
    for name in ("blue", "orange"):
        for ground in (THEMES[theme], colors["band"], colors["plate"]):
            assert contrast(colors[name], ground) >= LINE, (name, ground)
    for vision in VISIONS:
        assert distance(colors["blue"], colors["orange"], vision) >= APART, vision


def test_drawings_are_turned_in_the_dark_and_photographs_are_not(chromium, served):
    tab = chromium.new_page()
    tab.goto(f"{served}/chapters/02_whitening.html")
    for theme in THEMES:
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
        filters = [
            tab.locator(f".bd-article img{kind}").first.evaluate(
                "e => getComputedStyle(e).filter"
            )
            for kind in (":not(.book-photo)", ".book-photo")
        ]
        assert filters == [TURNED if theme == "dark" else "none", "none"]
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert to_rgb(THEMES[theme]) == tuple(int(v) / 255 for v in re.findall(r"\d+", ground))
    tab.close()
