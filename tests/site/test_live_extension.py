"""`book/_ext/book_live.py` with and without the folder of `make live`."""

import json
from types import SimpleNamespace

import book_live
import pytest
from house import ROOT

SHEET = "chapters/exercises/04_batch_norm"
SOURCE = (ROOT / f"{SHEET}.ipynb").read_text(encoding="utf-8")
BODY = '<div class="cell tag_live-answer docutils container">'


@pytest.fixture
def app(tmp_path):
    """Stand for Sphinx in an empty project whose site holds an older folder."""
    (tmp_path / "html" / "_static" / "live" / "older").mkdir(parents=True)
    asked = []
    return SimpleNamespace(
        srcdir=tmp_path, outdir=tmp_path / "html", asked=asked,
        builder=SimpleNamespace(name="html"),
        env=SimpleNamespace(note_dependency=lambda path: None),
        add_js_file=lambda name, **traits: asked.append(name),
        add_css_file=asked.append,
    )  # fmt: skip


def built(app):
    """Take the steps of a build; return the sheet's page and what the site holds of it."""
    source = [SOURCE]
    book_live.mark(app, SHEET, source)
    for body in (BODY, "<p>A page without cells</p>"):
        book_live.add_files(app, SHEET, "page.html", {"body": body}, None)
    book_live.copy(app, None)
    live = app.outdir / "_static" / "live"
    return source[0], sorted(path.relative_to(live).as_posix() for path in live.rglob("*.*"))


def test_without_the_folder_a_page_is_what_it_was(app):
    assert built(app) == (SOURCE, [])
    assert app.asked == []
    assert not (app.outdir / "_static" / "live").exists()


def test_with_it_cells_are_marked_and_pages_that_run_ask_for_two_files(app):
    folder = app.srcdir / book_live.FOLDER
    (folder / "new").mkdir(parents=True)
    (folder / "new" / "live.js").touch()
    roles = {"ex04_q1-answer": "answer", "ex04_q1-check": "check"}
    about = {"folder": "new", "megabytes": 9.5, "cells": roles}
    (folder / "live.json").write_text(json.dumps(about), encoding="utf-8")
    page, files = built(app)
    tags = {cell["id"]: cell["metadata"].get("tags", []) for cell in json.loads(page)["cells"]}
    assert {name for name in tags if any(tag.startswith("live-") for tag in tags[name])} == {
        *roles
    }
    assert "live-answer" in tags["ex04_q1-answer"]
    assert app.asked == ["live/new/live.js", "live/new/live.css"]
    assert files == ["new/live.js"]
