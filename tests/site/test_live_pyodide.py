"""The page's Python judges as this one does, and keeps nothing; `make live` must have run."""

import json
import os
import subprocess
import sys

import live
from house import CHAPTERS, ROOT, joined, read_notebook, tags
from live_cases import RIGHT, WRONG, run_of

from bncourse.checks import EXERCISES

SUPPORT = ROOT / "tests" / "support"
# Linear algebra, statistics, a layer; BOOK_POINTS=all judges all answers (4 CPU minutes).
SOME = ["ex01_q3", "ex04_q2", "ex07_q4"]
JUDGED = list(EXERCISES) if os.environ.get("BOOK_POINTS") == "all" else SOME


def test_answers_get_the_same_points_and_texts(pyodide):
    command, env = (
        [sys.executable, SUPPORT / "points.py"],
        {**os.environ, "PYTHONPATH": str(ROOT)},
    )
    done = subprocess.run(
        command, input=json.dumps(JUDGED), capture_output=True, text=True, check=False, env=env
    )
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
    outcomes = pyodide(runs + [[("cell", joined(c.source), True)] for c in cells])
    told = json.loads((live.TARGET / "live.json").read_text(encoding="utf-8"))["cells"]
    for name, (ended, text) in zip(expected, outcomes, strict=False):
        assert (ended == "right") == (told[f"{name}-answer"] == "answer"), f"{name}: {text}"
    assert len(texts) == len(cells) >= 6
    assert [text for _, text in outcomes[len(runs) :]] == texts


# One for each place where something could stay: memory, files, the page's own calls.
TAMPERED = {
    "functions of numpy": "np.sqrt = np.mean = np.nanmean = np.array = lambda v: v",
    "numpy's settings": "np.seterr(all='raise'); np.set_printoptions(precision=1)",
    "random numbers": "np.random.seed(0)",
    "a builtin that is gone": "import builtins; del builtins.range",
    "the judge": "from bncourse.checks import judge; judge.examine = None",
    "an exercise": "checks.find('ex04_q1').mistakes.clear()",
    "all modules": "import sys; sys.modules.clear(); sys.meta_path.clear(); sys.path.clear()",
    "files": "open('torch.py', 'w').write('1 / 0'); open(np.__file__, 'w').write('1 / 0')",
    "the folder": "import os; os.chdir('/')",
    "warnings": "import warnings; warnings.simplefilter('error'); warnings.warn = None",
    "the depth of calls": "import sys; sys.setrecursionlimit(60)",
    "a stream": "import sys; sys.stdout = None",
    "a call later": "import asyncio; asyncio.get_event_loop().call_soon(print)",
    "the runner": "import sys; sys._getframe(1).f_globals.clear()",
}
# What must not reach the next run shows in these.
STATE = "import os, sys; print(np.random.get_state()[1][0] > 0, os.getcwd())\n"
STATE += "print(sys.getrecursionlimit())\n"


def test_what_an_answer_changes_is_gone_with_its_run(pyodide):
    after = [run_of(STATE + RIGHT), run_of(WRONG)]
    jobs = [*after, *(job for change in TAMPERED.values() for job in [run_of(change), *after])]
    right, wrong, *results = pyodide(jobs)
    assert (right[0], wrong[0]) == ("right", "not yet")
    for i, what in enumerate(TAMPERED):
        first, *then = results[3 * i : 3 * i + 3]
        assert first[0] == "error", what
        assert then == [right, wrong], what
