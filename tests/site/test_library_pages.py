"""The library's pages are read from its files; here they are compared with the library."""

import importlib
import inspect
import re

import book_library
import pytest
from house import CHAPTERS, cells, read_notebook, tags

MODULES = book_library.documented()
SIGNATURE = re.compile(r'<dt class="sig [^>]*\bid="([\w.]+)">(.*?)</dt>', re.DOTALL)
PARAMETER = re.compile(r'<em class="sig-param">.*?<span class="n"><span class="pre">(\w+)')
TAGGED = {
    path.stem: [tag for _, cell, _ in cells(read_notebook(path)) for tag in tags(cell)
                if tag.startswith("bnlib:")]
    for path in CHAPTERS
}  # fmt: skip


def names(module):
    """Return the public functions and classes of a module, as Python imports it."""
    module = importlib.import_module(module)
    own = (name for name in vars(module) if vars(module)[name].__class__.__module__ != "typing")
    listed = getattr(module, "__all__", None) or [
        name for name in own if getattr(vars(module)[name], "__module__", "") == module.__name__
    ]
    objects = {name: getattr(module, name) for name in listed if name[0] != "_"}
    return {n: o for n, o in objects.items() if inspect.isroutine(o) or inspect.isclass(o)}


def from_elsewhere(thing):
    """Say whether a class has its arguments from Python or torch, whose files are not read."""
    module = getattr(thing.__init__, "__module__", "")
    return inspect.isclass(thing) and (module[:5] == "torch" or issubclass(thing, Exception))


@pytest.fixture(scope="module")
def shown(site):
    """Give the text of each signature on the library's pages, by its full name."""
    pages = sorted((site / "book" / "api").glob("*.html"))
    signatures = [SIGNATURE.findall(page.read_text(encoding="utf-8")) for page in pages]
    return {name: text for page in signatures for name, text in page}


@pytest.mark.parametrize("module", MODULES)
def test_a_page_shows_every_public_name_with_its_source_and_arguments(shown, module):
    for name, thing in names(module).items():
        text = shown[f"{module}.{name}"]
        assert re.search(r'href="\.\./\.\./_modules/bnlib/[\w/]+\.html#' + name, text), name
        read = not from_elsewhere(thing)
        assert PARAMETER.findall(text) == [
            *(inspect.signature(thing).parameters if read else ())
        ]


@pytest.mark.parametrize("chapter", TAGGED)
def test_below_each_tagged_cell_stands_a_link_to_its_source(site, chapter):
    """That the links land is held by `test_site.py`."""
    text = (site / "chapters" / f"{chapter}.html").read_text(encoding="utf-8")
    lines = re.findall(r'<p class="book-source"[^>]*>(.*?)</p>', text, re.DOTALL)
    links = [
        link for line in lines for link in re.findall(r'_modules/bnlib/\S+#([\w.]+)"', line)
    ]
    expected = [tag.removeprefix("bnlib:").split(".") for tag in TAGGED[chapter]]
    assert len(links) == len(expected)
    for link, parts in zip(links, expected, strict=True):
        assert parts[-len(link.split(".")) :] == link.split(".")


def test_names_in_a_docstring_become_links_or_literals(site):
    pages = [path.read_text("utf-8") for path in (site / "book" / "api").glob("*.html")]
    links = re.findall(r'<a [^>]*#bnlib\.[\w.]+"[^>]*><code', "".join(pages))
    assert len(links) > 50
    assert "<cite>" not in "".join(pages)  # what Sphinx makes of other words in backticks
