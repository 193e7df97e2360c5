"""`book/live/runner.py` under this Python: what a run shows, and what it leaves."""

import json
import subprocess
import sys

import pytest
from house import ROOT

BEFORE = "import numpy as np\nimport torch\nfrom torch import nn\nfrom bncourse import checks"
RIGHT = """
def standardize(x, eps):
    d = x - np.nanmean(x, axis=0)
    return np.nan_to_num(d / np.sqrt(np.nanmean(d * d, axis=0) + eps))
"""
CHECK = 'checks.require("ex04_q1", standardize)'
WRONG = RIGHT.replace("np.nanmean(d * d, axis=0)", "np.nanvar(x, axis=0, ddof=1)")
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
TAMPERED = {
    "a function of numpy": "np.sqrt = lambda v: v",
    "its code": "np.nanmean.__wrapped__.__code__ = (lambda *a, **k: 0).__code__",
    "numpy's settings": "np.seterr(all='raise'); np.set_printoptions(precision=1)",
    "builtins": "import builtins; builtins.len = builtins.isinstance = lambda *a: 3",
    "math": "import math; math.sqrt = None",
    "the judge": "from bncourse.checks import judge; judge.examine = None",
    "a class of it": "from bncourse.checks import Report; Report.passed = True",
    "a method": "from bncourse.checks import Report; Report.__str__ = lambda self: 'right'",
    "an exercise": "e = checks.find('ex04_q1'); object.__setattr__(e, 'reference', None)",
    "its mistakes": "checks.find('ex04_q1').mistakes.clear()",
    "modules": "import sys; sys.modules['torch'] = sys.modules['numpy'] = np.linalg",
    "a module of the library": "import copy; copy.deepcopy = lambda v: None",
    "warnings": "import warnings; warnings.simplefilter('error')",
    "a stream": "import sys; sys.stdout = None",
    "the trace": "import sys; sys.settrace(lambda *a: 1 / 0)",
}  # fmt: skip


def cells(answer):
    return [["before", BEFORE, False], ["answer", answer, True], ["check", CHECK, True]]


@pytest.fixture(scope="module")
def ran():
    """Run each answer above in one process, after each tampering a right and a wrong one."""
    answers = [answer for answer, *_ in SHOWN.values()]
    for change in TAMPERED.values():
        answers += [change, RIGHT, WRONG]
    answers += ["print('a' * 10**7)\n1 / 0", "raise ValueError('a' * 10**7)"]
    jobs = [cells(answer) for answer in answers]
    jobs.append(
        [["before", "def standardize(x, eps): return 1 / 0\n1 / 0", False], *cells(RIGHT)]
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


@pytest.mark.parametrize("what", TAMPERED)
def test_what_an_answer_changes_is_put_back_before_the_next(ran, what):
    first = len(SHOWN) + 3 * [*TAMPERED].index(what)
    assert ran[first][0] == "error"
    assert ran[first + 1] == ran[0]
    assert ran[first + 2] == ran[1]


def test_long_output_is_cut_and_what_matters_stays(ran):
    (_, printed), (_, raised), (last, _) = ran[-3:]
    assert printed.count("a" * 20_000) == 1
    assert "the rest of the output is not shown" in printed
    assert printed.endswith("ZeroDivisionError: division by zero\n")
    assert len(printed) < 21_000
    assert len(raised) < 4_100
    assert last == "right"  # whatever earlier cells do
