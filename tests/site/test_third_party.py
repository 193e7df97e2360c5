"""THIRD_PARTY.md names each file of others on the site, with the version that is installed."""

import json
import posixpath
import re
from fnmatch import fnmatch
from importlib.metadata import version

import pytest
from book_formulas import mathjax
from house import ROOT

OURS = [  # written by us, or made from what we wrote
    "[!_]*.html", "_modules/*.html", "_images/*", "_sources/*", "_downloads/*", ".buildinfo",
    ".nojekyll", "objects.inv", "searchindex.js", "sitemap.xml", "*-computed.pdf",
    "_static/favicon.svg", "_static/book.*", "_static/*previews.js", "_static/search.js",
    "_static/figures/*",
    "_static/fonts/OFL.md", "_static/licences/*",
    "_static/live/*/*.js", "_static/live/*/*.mjs", "_static/live/*/*.css",
    "_static/live/*/*.py", "_static/live/*/*.json", "_static/live/*/NOTICE.txt",
    "_static/live/*/pyodide/bn*.whl", "_static/live/*/pyodide/pyodide-lock.json",
]  # fmt: skip
OPTIONAL = re.compile(r"_static/live/")  # there after `make live`
FONTS = dict(re.findall(r"`(@[\w/-]+)` ([\d.]+)",
                        (ROOT / "book/_static/fonts/OFL.md").read_text("utf-8")))  # fmt: skip
LIVE = json.loads((ROOT / "book/live.json").read_text("utf-8"))
TEXT = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.splitlines() if line.startswith("| ")][1:]  # fmt: skip
WORK, PACKAGE, LICENCE, FILES = 0, 1, 3, 4
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row[WORK])


def patterns(cell):
    """Return the patterns of a cell, below the folder of the site."""
    return [posixpath.normpath(f"_static/{name}") for name in re.findall(r"`([^`]+)`", cell)]


def matching(files, cell):
    """Return the files that one of a cell's patterns fits."""
    return {file for pattern in patterns(cell) for file in files if fnmatch(file, pattern)}


def unnamed(files):
    """Return the files that are not ours and stand in no row."""
    ours = {file for file in files for pattern in OURS if fnmatch(file, pattern)}
    named = set().union(*(matching(files, row[FILES]) for row in ROWS))
    return sorted(set(files) - ours - named)


@pytest.fixture(scope="module")
def files(site):
    """Give the name of each file of the site."""
    return {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def test_every_file_of_others_is_named_and_a_new_one_is_noticed(files):
    assert len(ROWS) >= 15
    assert {len(row) for row in ROWS} == {5}
    assert unnamed(files) == []
    new = ["_static/new.js", "_static/vendor/x.woff2", "_static/macros.html", "lib/x.wasm"]
    assert unnamed(new) == sorted(new)


@each_row
def test_a_row_names_files_and_a_licence_that_are_there(site, files, row):
    for pattern in patterns(row[FILES]):
        there = any(fnmatch(file, pattern) for file in files)
        assert OPTIONAL.match(pattern) or there, pattern
    assert re.fullmatch("`[^`]+`|<https://[^>]+>|inside the file", row[LICENCE])
    for name in patterns(row[LICENCE]):
        assert len((site / name).read_text("utf-8")) > 500


@each_row
def test_a_row_has_the_version_that_is_shipped(row):
    [(package, stated)] = re.findall(r"^`([^`]+)` (\S+)$", row[PACKAGE])
    if "live/" in row[FILES]:
        [numpy] = [name.split("-")[1] for name in LIVE["files"] if name.startswith("numpy")]
        editor = {"prism-code-editor": LIVE["editor"]["version"]}
        assert stated == {"pyodide": LIVE["version"], "numpy": numpy, **editor}[package]
        assert "CPython" not in row[WORK] or f"CPython {LIVE['info']['python']}," in row[WORK]
    elif package.startswith("@"):
        assert stated == FONTS[package]
    else:
        assert stated == version(package)


@each_row
def test_a_work_inside_a_package_has_its_version(site, files, row):
    stated = re.search(r"\d+\.\d+\.\d+", row[WORK])
    if stated and "live/" not in row[FILES]:
        paths = [site / name for name in matching(files, row[FILES])] + [mathjax() / "core.js"]
        texts = [path.read_text("utf-8", "ignore") for path in paths]
        assert any(stated[0] in text for text in texts)
