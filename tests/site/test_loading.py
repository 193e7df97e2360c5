"""Images as WebP show the same pixels; formulas are drawn when the site is built."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from book_formulas import FIRST_FONTS, STYLE, characters, draw_pages
from book_light import ICON_FONT, ICON_SHEET, icons, keep_rules
from fontTools import ttLib
from PIL import Image
from sphinx.errors import ExtensionError


def test_images_as_webp_have_the_same_pixels(site):
    images = sorted((site / "_images").glob("*.webp"))
    assert len(images) > 50
    for path in images:
        with Image.open(path) as shown, Image.open(path.with_suffix(".png")) as drawn:
            same = np.asarray(shown.convert("RGBA")) == np.asarray(drawn.convert("RGBA"))
        assert same.all(), path.name
        assert path.stat().st_size < path.with_suffix(".png").stat().st_size


def test_each_icon_of_a_page_is_in_the_font(site):
    static = site / "_static"
    sheet = (static / ICON_SHEET).read_text("utf-8")
    names = {
        name
        for page in site.rglob("*.html")
        for name in re.findall(r"\bfa-([\w-]+)", page.read_text("utf-8"))
    }
    with ttLib.TTFont(static / ICON_FONT) as font:
        drawn = set(map(chr, font.getBestCmap()))
    wanted = icons(re.sub(r"[\ue000-\uf8ff]", "", sheet), names)  # no brands' signs
    assert {"bars", "download"} <= names
    assert len(wanted) >= 10
    assert wanted <= drawn
    assert (static / ICON_FONT).stat().st_size < 10_000


def test_a_style_sheet_keeps_the_rules_that_can_be_met():
    sheet = "@media print{.a,.b>p{x:1}.c{y:2}}.a:not(.c),p{z:3}.bs-tip{u:4}:is(.a,.c){v:5}"
    kept = "@media print{.a{x:1}}.a:not(.c),p{z:3}.bs-tip{u:4}:is(.a,.c){v:5}"
    assert keep_rules(sheet, {"a"}) == kept
    commas = "/*! by A, B */{}/* , */"  # they part no selectors
    assert keep_rules(f"{commas.format('.c,.a{x:1}')}.c{{y:2}}", {"a"}) == (
        commas.format(".a{x:1}")
    )


def test_no_page_loads_tools_of_search(site):
    """`search.js` loads Pagefind with the focus of a field; Sphinx's own tools are gone."""
    tools = re.compile(
        r'src="[^"]*(?:pagefind|searchindex|searchtools|language_data|highlight)'
    )
    assert [p.name for p in site.rglob("*.html") if tools.search(p.read_text("utf-8"))] == []
    assert not (site / "searchindex.js").exists()
    assert not list((site / "_static").glob("*search[ti]*"))


def test_all_images_but_the_first_wait_until_they_come_into_view(site):
    page = (site / "chapters" / "04_batch_norm.html").read_text("utf-8")
    images = re.findall(r"<img[^>]*_images/[^>]*>", page)
    assert len(images) > 3
    lazy = ['loading="lazy"' in image for image in images]
    assert lazy == [False, *[True] * (len(images) - 1)]


def test_formulas_are_seen_without_a_script(chromium, served):
    tab = chromium.new_page(java_script_enabled=False)
    tab.goto(f"{served}/chapters/04_batch_norm.html")
    formulas = tab.locator(".math mjx-math")
    assert formulas.count() > 50
    assert formulas.first.bounding_box()["height"] > 5
    tab.close()


def test_fonts_of_formulas_hold_what_is_drawn_and_nothing_else(site):
    sheet = site / "_static" / STYLE
    drawn = {ord(letter) for letter in characters(sheet.read_text("utf-8"))}
    held = set()
    for path in sheet.parent.glob("*.woff2"):
        with ttLib.TTFont(path) as font:
            held |= set(font.getBestCmap() or ())
    assert len(drawn) > 100
    assert held == drawn


@pytest.mark.parametrize(
    ("page", "fonts"), [("chapters/05_backward", FIRST_FONTS), ("index", ())]
)
def test_the_first_fonts_of_formulas_load_at_once(site, page, fonts):
    path = site / f"{page}.html"
    preload = re.compile('<link rel="preload" as="font"[^>]*href="([^"]+)"')
    preloads = preload.findall(path.read_text("utf-8"))
    assert [address.rsplit("/", 1)[1] for address in preloads] == [*fonts]
    assert all((path.parent / address).is_file() for address in preloads)


def test_a_formula_keeps_its_number(site):
    page = (site / "book" / "notation.html").read_text("utf-8")
    assert (
        len(re.findall(r'<span class="eqno">\(\d\)<a .*</a></span><mjx-container', page)) == 2
    )


def test_quantities_have_the_class_of_their_kind(site):
    page = (site / "chapters" / "05_backward.html").read_text("utf-8")
    kinds = re.findall(r'<mjx-[\w-]+ class="[^"]*book-(\w+)', page)
    assert set(kinds) == {"batch", "running", "learned", "gradient"}


@pytest.fixture
def draw(tmp_path):
    """Give a function that adds a page with one formula, as Sphinx writes it, and draws it."""
    html = SimpleNamespace(format="html")
    app = SimpleNamespace(builder=html, outdir=tmp_path, doctreedir=tmp_path)

    def draw(name, tex):
        formula = rf'<span class="math notranslate nohighlight">\({tex}\)</span>'
        (tmp_path / f"{name}.html").write_text(formula, "utf-8")
        draw_pages(app, None)
        return set((tmp_path / "_static" / STYLE).read_text().split("\n\n"))

    return draw


@pytest.mark.parametrize("tex", [r"\frac{1}", r"\undefined", r"\text{批}"])
def test_a_formula_that_cannot_be_drawn_stops_the_build_and_names_its_page(draw, tex):
    with pytest.raises(ExtensionError, match=r"chapter\.html") as caught:
        draw("chapter", tex)
    assert tex in str(caught.value)


def test_a_later_build_keeps_the_rules_of_pages_that_it_does_not_write(draw):
    assert draw("a", r"\sum_i x_i") < draw("b", r"\sqrt{2}")
