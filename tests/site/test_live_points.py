"""The page's Python judges as this one does; `make live` must have run."""

import json
import os
import subprocess
import sys

import live
from house import CHAPTERS, ROOT, joined, read_notebook, tags

from bncourse.checks import EXERCISES

SUPPORT = ROOT / "tests" / "support"
# Linear algebra, statistics, a layer; BOOK_POINTS=all judges all answers (4 CPU minutes).
SOME = ["ex01_q3", "ex04_q2", "ex07_q4"]
JUDGED = list(EXERCISES) if os.environ.get("BOOK_POINTS") == "all" else SOME


def test_answers_get_the_same_points_and_texts(pyodide):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "book" / "tools")))
    done = subprocess.run(
        [sys.executable, SUPPORT / "points.py"], input=json.dumps(JUDGED),
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here, there = json.loads(done.stdout), pyodide(JUDGED, SUPPORT / "points.py")
    assert len(here) > 100
    assert {key: points for key, (points, _) in there.items()} == {
        key: points for key, (points, _) in here.items()
    }
    # Wrong answers that diverge differ in a number that is shown, on any two processors.
    some = [key for key in here if key.split(" | ")[0] in SOME]
    assert [there[key] for key in some] == [here[key] for key in some]


def test_solutions_pass_and_chapters_cells_print_what_is_stored(pyodide):
    runs, expected = [], []
    for path in sorted((ROOT / "book" / "sheets").glob("*.ipynb")):
        sheet = live.read_notebook(path)
        names = [task.name for task in live.tasks(sheet) if task.by_code]
        runs += [live.solution_run(sheet, name) for name in names]
        expected += names
    cells = [c for path in CHAPTERS for c in read_notebook(path).cells if "live" in tags(c)]
    texts = ["".join(joined(out.text) for out in c.outputs) for c in cells]
    found = pyodide(runs + [[("cell", joined(c.source), True)] for c in cells])
    told = json.loads((live.TARGET / "live.json").read_text(encoding="utf-8"))["cells"]
    for name, (ended, text) in zip(expected, found, strict=False):
        assert (ended == "right") == (told[f"{name}-answer"] == "answer"), f"{name}: {text}"
    assert len(texts) == len(cells) >= 6
    assert [text for _, text in found[len(runs) :]] == texts
