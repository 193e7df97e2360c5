"""Chapters run where only NumPy, PyTorch and Matplotlib are installed, as on Colab.

One sheet runs here; `make elsewhere` runs all chapters and exercise sheets.
"""

import json
import os
import shutil
import subprocess

import pytest
from elsewhere import HAS, REPO, TAG, Place, installed
from house import CHAPTERS, ROOT, SHEETS, cells, read_notebook, tags

EVERY = [path.relative_to(ROOT).as_posix() for path in (*CHAPTERS, *SHEETS)]
ONE = ["book/sheets/04_batch_norm.ipynb"]
CHOSEN = EVERY if os.environ.get("BOOK_ELSEWHERE") == "all" else ONE
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def python(place):
    """Give the Python of a new environment; remove what was installed there."""
    path = place.python("reader")
    yield path
    shutil.rmtree(path.parents[1])


def test_the_place_is_as_bare_as_it_says(place, python):
    lacks = ["bnlib", "sklearn", "scipy", "tqdm", "numba", "flit_core", "nbclient"]
    code = "import sys, importlib.util as i; print(*filter(i.find_spec, sys.argv[1:]))"
    done = subprocess.run(
        [python, "-c", code, *HAS, "google.colab", *lacks], cwd=place.folder,
        env=place.settings(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [*HAS, "google.colab"]
    assert installed(python) == {}


@pytest.mark.parametrize("name", CHOSEN)
def test_first_cell_installs_bnlib_and_the_notebook_runs(place, python, name):
    done, copy = place.run(python, place.book / name)
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = read_notebook(copy)
    code = [(cell, source) for _, cell, source in cells(notebook) if source]
    assert [cell.execution_count for cell, _ in code] == list(range(1, len(code) + 1))
    assert not [o for cell, _ in code for o in cell.outputs if o.output_type == "error"]
    [first] = [cell for cell, _ in code if "bootstrap" in tags(cell)]
    assert first.outputs == [], "the first cell is silent"
    direct = json.loads((installed(python)["bnlib"] / "direct_url.json").read_text())
    assert direct["url"] == f"https://github.com/{REPO}"
    assert direct["vcs_info"]["requested_revision"] == TAG
