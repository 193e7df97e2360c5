"""The first code cell of every chapter, and the tool that puts it there."""

import importlib.util
import re
import subprocess
import sys

import nbformat
import pytest
from house import CHAPTERS, ROOT, cells, read_notebook, tags

import bnlib

SOURCE = (ROOT / "book" / "bootstrap.py").read_text(encoding="utf-8")
TOOL = ROOT / "book" / "tools" / "bootstrap.py"


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("bootstrap_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(tmp_path):
    """Return a folder with the cell's file and one chapter that holds an older cell."""
    old = nbformat.v4.new_code_cell("old = 1", id="01-setup", metadata={"tags": ["bootstrap"]})
    prose = nbformat.v4.new_markdown_cell("# 1. Naïve\n\n*γ* ≤ 1", id="01-title")
    (tmp_path / "book").mkdir()
    (tmp_path / "chapters").mkdir()
    (tmp_path / "book" / "bootstrap.py").write_text(SOURCE, encoding="utf-8")
    nbformat.write(
        nbformat.v4.new_notebook(cells=[prose, old]), tmp_path / "chapters/01_a.ipynb"
    )
    return tmp_path


def run_cell(monkeypatch, source, *, installed):
    """Execute the cell with bnlib there or not; return the pip commands it ran."""
    commands = []
    spec = object() if installed else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: commands.append((*a, k)))
    exec(compile(source, "bootstrap.py", "exec"), {})
    return commands


def with_address(source, repo="owner/name"):
    return re.sub(r'REPOSITORY = ".*"', f'REPOSITORY = "{repo}"', source)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_first_code_cell_is_the_shared_one(path):
    name, cell, source = next(cells(read_notebook(path)))
    hint = f"chapters/{path.name}, {name}: run `make configure`"
    assert "bootstrap" in tags(cell), hint
    assert source == SOURCE.strip(), hint
    assert not cell.outputs, hint


@pytest.mark.parametrize("source", [SOURCE, with_address(SOURCE)], ids=["unset", "set"])
def test_cell_does_nothing_where_bnlib_is_installed(monkeypatch, capsys, source):
    assert run_cell(monkeypatch, source, installed=True) == []
    assert capsys.readouterr() == ("", "")


def test_cell_installs_the_pinned_version_elsewhere(monkeypatch, capsys):
    [(command, options)] = run_cell(monkeypatch, with_address(SOURCE), installed=False)
    address = f"bnlib @ git+https://github.com/owner/name@v{bnlib.__version__}"
    assert command == [sys.executable, "-m", "pip", "install", "--quiet", address]
    assert options == {"check": True}
    assert capsys.readouterr() == ("", "")


def test_cell_says_how_to_install_while_no_address_is_set(monkeypatch, capsys):
    assert run_cell(monkeypatch, with_address(SOURCE, ""), installed=False) == []
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert "pip install -e ." in out
    assert err == ""


def test_tool_refreshes_the_cell_and_nothing_else(tool, book):
    chapter = book / "chapters" / "01_a.ipynb"
    before = chapter.read_text(encoding="utf-8")
    assert tool.update(book) == [chapter]
    assert tool.update(book) == []
    after = chapter.read_text(encoding="utf-8")
    assert next(cells(read_notebook(chapter)))[2] == SOURCE.strip()
    nbformat.validate(read_notebook(chapter))
    assert tool.with_cell(after, "old = 1") == before


def test_tool_sets_the_address_in_file_and_chapters(tool, book):
    changed = tool.update(book, "some-body/batch.norm")
    assert [file.name for file in changed] == ["bootstrap.py", "01_a.ipynb"]
    for file in changed:
        assert "some-body/batch.norm" in file.read_text(encoding="utf-8")
    assert tool.update(book, "some-body/batch.norm") == []


@pytest.mark.parametrize(
    "repo", ["", "name", "https://github.com/a/b", "a/b.git", "a/b/c", "-a/b", "a/..", 'a/b"']
)
def test_tool_refuses_a_wrong_address(tool, book, repo):
    with pytest.raises(ValueError, match="expected owner/name as on GitHub, got"):
        tool.update(book, repo)
    assert (book / "book" / "bootstrap.py").read_text(encoding="utf-8") == SOURCE


def test_tool_changes_nothing_when_one_chapter_is_wrong(tool, book):
    (book / "chapters" / "02_b.ipynb").write_text('{"cells": []}', encoding="utf-8")
    before = {file: file.read_bytes() for file in book.rglob("*.*") if file.is_file()}
    with pytest.raises(ValueError, match=r"chapters/02_b.ipynb: not stored as nbformat"):
        tool.update(book, "owner/name")
    assert before == {file: file.read_bytes() for file in before}


def test_tool_exits_with_a_message(tool, capsys):
    assert tool.main(["--repo", "nonsense"]) == 2
    assert "expected owner/name" in capsys.readouterr().err
