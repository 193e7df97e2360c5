"""`book/live/runner.py` under this Python: how a run ends, and what it shows."""

import json
import subprocess
import sys

import pytest
from house import ROOT
from live_cases import RIGHT, WRONG, run_of

LAST = "ex04_q1: 3 of 3 points\n"
SHOWN = {
    "the right answer": (RIGHT, "right", LAST),
    "a known mistake": (WRONG, "not yet", "divided by m - 1"),
    "the last value": ("40 + 2", "error", "42\n"),
    "no name": ("a + 1", "error", "line 1, in <module>\n    a + 1"),
    "no Python": ("def f(:", "error", "SyntaxError: invalid syntax"),
    "a module that the page lacks": ("import torch", "error", "use JupyterLab or Colab"),
    "a name of such a module": ("nn.Linear(2, 3)", "error", "torch does not run in the page"),
    "a question": ("input('?')", "error", "write the value into your code"),
    "an exit": ("raise SystemExit", "error", "SystemExit"),
    "an endless recursion": ("def f():\n    f()\nf()", "error", "RecursionError"),
    "a stream that is closed": ("import sys; sys.stdout.close(); print(3)", "error", "3\n"),
    "a class with fields": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: 'int' = 3\nA()",
        "error", "A(a=3)\n",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran():
    """Run each answer above in one process, and some that show much."""
    answers = [answer for answer, *_ in SHOWN.values()]
    answers += ["print('a' * 10**7)\n1 / 0", "raise ValueError('a' * 10**7)"]
    jobs = [run_of(answer) for answer in answers]
    jobs.append(
        [["before", "def standardize(x, eps): return 1 / 0\n1 / 0", False], *run_of(RIGHT)]
    )
    done = subprocess.run(
        [sys.executable, ROOT / "book" / "live" / "runner.py"], input=json.dumps(jobs),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", SHOWN)
def test_a_run_ends_and_shows_as_a_notebook_does(ran, what):
    ended, text = ran[[*SHOWN].index(what)]
    _, expected, part = SHOWN[what]
    assert (ended, part in text) == (expected, True), text
    assert "runner.py" not in text


def test_long_output_is_cut_and_what_matters_stays(ran):
    (_, printed), (_, raised), (last, _) = ran[-3:]
    assert printed.count("a" * 20_000) == 1
    assert "the rest of the output is not shown" in printed
    assert printed.endswith("ZeroDivisionError: division by zero\n")
    assert len(printed) < 21_000
    assert len(raised) < 4_100
    assert last == "right"  # whatever earlier cells do
