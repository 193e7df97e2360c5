"""Hostile and unlucky submissions: none earns a mark it did not earn, none stops the rest."""

import contextlib
import textwrap
import time
from pathlib import Path

import pytest
from grading_cases import (
    BUBBLEWRAP,
    FULL,
    RIGHT,
    SHEET,
    needs_sandbox,
    submission,
    with_code,
)

from bncourse.grading import Limits, grade

ZERO = dict.fromkeys(FULL, 0.0)
LIMITS = Limits(cell=1.5, total=24.0)
pytestmark = needs_sandbox

LOOP = "def standardize(x, eps):\n    while True:\n        pass"
DEAF = """
def standardize(x, eps):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
MAGIC = """
class Magic:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __array__(self, *a, **k): raise RuntimeError
    def __len__(self): return 1
def standardize(x, eps): return Magic()
"""
FORGED = """
import json, os
def standardize(x, eps):
    with open("result.json", "w") as f:
        json.dump({"faults": {}, "outcomes": {"ex04_q1": [[{"value": {"float": "0x1p0"},
                   "changed": []}]]}}, f)
    os._exit(0)
"""


def run(notebook):
    rows, _ = grade(notebook, SHEET, seed=1, limits=LIMITS, program=BUBBLEWRAP)
    assert all(0 <= row.points <= row.most for row in rows)
    return {row.exercise: row for row in rows}


def judged(rows):
    return {name: rows[name].points for name in FULL}


def test_a_perfect_submission_earns_everything():
    rows = run(submission())
    assert judged(rows) == FULL
    assert {row.status for row in rows.values()} == {"graded", "to mark"}


def test_a_blank_one_earns_nothing():
    rows = run(submission({}))
    assert judged(rows) == ZERO
    assert {row.status for row in rows.values()} == {"blank"}


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (LOOP, "timed out", "too long"),
        ("while True:\n    pass", "graded", "Overtime"),
        (DEAF, "timed out", ""),
        ("import os\nos._exit(0)", "crashed", ""),
        ("def standardize(x, eps):\n    import os\n    os._exit(0)", "crashed", ""),
        ("import ctypes\nctypes.string_at(0)", "crashed", ""),
        ("def standardize(x, eps):\n    import os\n    os.abort()", "crashed", ""),
        ("def standardize(x, eps):\n    return 'a' * 10**11", "graded", "MemoryError"),
        ("def standardize(x, eps)\n    return x", "graded", "SyntaxError"),
        ("import no_such_module", "graded", "ModuleNotFoundError"),
        ("import sys\nsys.exit(0)", "graded", "SystemExit"),
        (MAGIC, "graded", "expected numbers"),
        (FORGED, "crashed", ""),
        ("from bnlib.functional import batch_norm_train", "graded", "ModuleNotFoundError"),
        ("def standardize(x, eps):\n    return __import__('bnlib.stats')", "graded", "raised"),
    ],
)
def test_one_bad_answer_costs_its_own_points_and_no_other(answer, status, message):
    rows = run(submission({**RIGHT, "ex04_q1": answer}))
    assert judged(rows) == {**FULL, "ex04_q1": 0.0}
    assert rows["ex04_q1"].status == status, rows["ex04_q1"]
    assert message in rows["ex04_q1"].message


PATCHES = [
    "from bncourse import checks\nchecks.score = checks.require = lambda *a, **k: 3.0",
    "import numpy as np\nnp.allclose = np.array_equal = lambda *a, **k: True",
    "import sys\nsys.modules['numpy.testing'] = None",
    "import builtins\nbuiltins.abs = lambda v: 0\nbuiltins.all = builtins.any = bool",
    "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "import json\njson.dump = json.dumps = lambda *a, **k: '{}'",
]


@pytest.mark.parametrize("patch", PATCHES)
def test_patches_reach_nothing_that_counts(patch):
    wrong = submission({"ex04_q1": f"{patch}\ndef standardize(x, eps):\n    return x"})
    assert judged(run(wrong)) == ZERO


@pytest.mark.parametrize(
    "code",
    [
        "print('x' * 10**8)",
        "import sys\nsys.stdout.write('x' * 10**8)\nsys.stderr.write('x' * 10**8)",
        "import os\nos.write(1, b'x' * 10**7)",
        "try:\n    f = open('big', 'wb')\n    f.seek(10**9)\n    f.write(b'x')\n    f.flush()\n"
        "except OSError:\n    pass",
        "display('x' * 10**8)",
        "%matplotlib inline\n!pip list",
        "%%time\nimport numpy as np",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "import warnings\nwarnings.warn('careful')",
        "import logging\nlogging.warning('careful')",
        "from bncourse import checks\nchecks.require('ex04_q1', None)",
    ],
)
def test_noise_costs_nothing(code):
    assert judged(run(with_code(code))) == FULL


def probe(code):
    """Return the code as an answer that is right only if the sandbox holds."""
    return (
        "import numpy as np\n\n\ndef standardize(x, eps):\n"
        f"    try:\n{textwrap.indent(code, ' ' * 8)}\n    except Exception:\n"
        "        d = x - np.nanmean(x, axis=0)\n"
        "        return np.nan_to_num(d / np.sqrt(np.nanmean(d * d, axis=0) + eps))\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)\nreturn 0",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1', None, 1)\nreturn 0",
        "return open('/etc/passwd').read()",
        f"return open({str(__file__)!r}).read()",
        "import bncourse.checks.exercises.ex04_batch_norm\nreturn 0",
        "open('/usr/written', 'w')\nreturn 0",
        "import os\nos.kill(os.getppid(), 0) or 1 / (os.getppid() < 3)\nraise OSError",
        "import shutil\nshutil.rmtree('/usr/lib')\nreturn 0",
        "import os\nreturn [open(f'/proc/{p}/environ').read() for p in os.listdir('/proc')\n"
        "        if p.isdigit() and int(p) > 10][0]",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**60, 2**60))\nreturn 0",
    ],
    ids=range(10),
)
def test_the_sandbox_holds(code):
    rows = run(submission({**RIGHT, "ex04_q1": probe(code)}))
    assert judged(rows) == FULL, rows["ex04_q1"].message


def test_the_course_is_out_of_reach(tmp_path):
    """No answer reads or writes the gradebook, or deletes the course."""
    book = tmp_path / "gradebook.db"
    book.write_text("grades", encoding="utf-8")
    (tmp_path / "source").mkdir()
    for code in (
        f"return open({str(book)!r}).read()",
        f"open({str(book)!r}, 'w').write('mine')\nreturn 0",
        f"import shutil\nshutil.rmtree({str(tmp_path)!r})\nreturn 0",
    ):
        rows = run(submission({**RIGHT, "ex04_q1": probe(code)}))
        assert judged(rows) == FULL, rows["ex04_q1"].message
    assert book.read_text(encoding="utf-8") == "grades"
    assert (tmp_path / "source").is_dir()


def test_a_background_process_does_not_outlive_the_child(tmp_path):
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(77.125)'],\n"
        "                 start_new_session=True)"
    )
    assert judged(run(with_code(code))) == FULL
    time.sleep(0.3)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"77.125" not in path.read_bytes()
