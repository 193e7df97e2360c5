"""The first code cell of every chapter and sheet: it installs bnlib on Colab alone."""

import importlib.util
import re
import subprocess
import sys

import pytest
from house import CHAPTERS, ROOT, SHEETS, cells, read_notebook, tags

import bnlib

SOURCE = (ROOT / "book" / "bootstrap.py").read_text(encoding="utf-8")
NOTEBOOKS = [*CHAPTERS, *SHEETS, *sorted((ROOT / "chapters" / "exercises").glob("*.ipynb"))]


def run_cell(monkeypatch, source, *, installed, colab=True):
    """Execute the cell with bnlib there or not; return the pip commands it ran."""
    commands = []
    spec = object() if installed else None
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    else:
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: commands.append((*a, k)))
    exec(compile(source, "bootstrap.py", "exec"), {})
    return commands


def with_address(source, repo="owner/name"):
    return re.sub(r'REPOSITORY = ".*"', f'REPOSITORY = "{repo}"', source)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_first_code_cell_is_the_shared_one(path):
    name, cell, source = next(cells(read_notebook(path)))
    hint = f"{path.relative_to(ROOT)}, {name}: run `make configure`"
    assert "bootstrap" in tags(cell), hint
    assert source == SOURCE.strip(), hint
    assert not cell.outputs, hint
    assert cell.metadata.get("jupyter") == {"source_hidden": True}, hint
    assert cell.metadata.get("cellView") == "form", hint  # folded on Colab, too


def test_cell_installs_the_pinned_version_on_colab_alone(monkeypatch, capsys):
    source = with_address(SOURCE)
    for text in (SOURCE, source):
        assert run_cell(monkeypatch, text, installed=True) == []
    [(command, options)] = run_cell(monkeypatch, source, installed=False)
    address = f"bnlib[data] @ git+https://github.com/owner/name@v{bnlib.__version__}"
    assert command == [sys.executable, "-m", "pip", "install", "--quiet", address]
    assert options == {"check": True}
    assert capsys.readouterr() == ("", "")
    assert run_cell(monkeypatch, source, installed=False, colab=False) == []
    out, err = capsys.readouterr()  # the reader's own environment stays as it is
    assert out.startswith('bnlib is missing: run `pip install "bnlib[data] @ git+https://')
    assert (out.count("\n"), err) == (1, "")


@pytest.mark.parametrize("colab", [True, False])
def test_cell_says_what_to_do_while_no_address_is_set(monkeypatch, capsys, colab):
    source = with_address(SOURCE, "")
    assert run_cell(monkeypatch, source, installed=False, colab=colab) == []
    said = "bnlib is missing: clone the book, run `make lab` there\n"
    assert capsys.readouterr() == (said, "")
