"""One class with a student for each trick and each mishap: all are graded, each as it earns."""

import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from grading_cases import RIGHT, cell_of, hand_in, needs_sandbox, stripped, submission
from house import ROOT

NAME = "04_batch_norm"
pytestmark = needs_sandbox
RIGHT_1 = RIGHT["ex04_q1"]
CHECK = "\nchecks.require('ex04_q1', standardize)"
FILLED = """
try:
    open("{}/x", "wb").write(bytes(65 * 2**20))
    full = 0
except OSError:
    full = 1
assert full
"""
IN_PLACE = """
import __main__, numpy as np
__main__.VALUES["changed"] = lambda *a: ()
def standardize(x, eps):
    x -= np.nanmean(x, axis=0)
    x /= np.sqrt(np.nanmean(x * x, axis=0) + eps)
    x[np.isnan(x)] = 0
    return x
"""
FLOOD = """
for fd in range(4, 20):
    try:
        while True: os.write(fd, b"[" * 10**6)
    except OSError: pass
"""
ENDLESS = """class E(ValueError):
        def __str__(self):
            os.write(1, b'x' * 10**6)
            raise E
    raise E"""
DEAF = """while True:
        try:
            while True: pass
        except BaseException: pass"""
ONE_CALL = "lambda *a: {'value': {'float': '0x0p0'}, 'given': []}"
MANY = """
for _ in range(600):
    try:
        if not os.fork(): time.sleep(9)
    except OSError: break
time.sleep(9)
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
BACKGROUND = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(77.125)"],
                 start_new_session=True)
"""
SPARSE = """
try:
    f = open("big", "wb")
    f.seek(10**9)
    f.write(b"x")
    f.flush()
except OSError: pass
"""


def body(code):
    """Return an answer that runs code when it is called."""
    return f"def standardize(x, eps):\n    {code}"


def patched(code):
    """Return a wrong answer behind code that would make it look right."""
    return f"{code}\n{body('return x')}"


# Answers to the first exercise that earn nothing, by the status that each gets.
NOTHING = {
    "timed out": {"loop": body("while True: pass"), "deaf": body(DEAF)},
    "crashed": {
        "fifo": "os.mkfifo('result.json')\nos._exit(0)",
        "closed output": "os.closerange(0, 99)\nwhile True: pass",
        "colliding": body("return {k * (2**61 - 1): None for k in range(2000)}"),
        "endless output": FLOOD,
        "error without end": body(ENDLESS),
        "driver": f"import __main__\n__main__.one_call = {ONE_CALL}\n{body('0')}",
        "forged": 'os.write(4, b\'{"faults": {}, "outcomes": {"ex04_q1": 5}}\')\nos._exit(0)',
        "exit": body("os._exit(0)"),
        "segfault": "import ctypes\nctypes.string_at(0)",
        "abort": body("os.abort()"),
        "dumps": patched("import json\njson.dump = json.dumps = lambda *a, **k: '{}'"),
    },
    "": {"processes": MANY, "huge list": body("return [[]] * 30_000")},  # as the machine is
    "graded": {
        "surrogate": body(r"raise ValueError('\ud800 \x1b[2J \u202e')"),
        "link in a terminal": body(
            r"raise type('\x1b]8;;http://x\x07', (KeyError,), {})('\r')"
        ),
        "masked": body("return np.ma.masked_all(x.shape)"),
        "pickle": f"class P:\n    def __reduce__(s): 1 / 0\n{body('return P()')}",
        "digits": body("return 10**5000"),
        "huge fault": "raise ValueError('x' * 10**6)",
        "markup": body("raise type('<img src=x>', (ValueError,), {})('<script>')"),
        "formula": body(r"raise ValueError('\n\t=1+1;@SUM(1)')"),
        "changed off": IN_PLACE,
        "job": "open('/grading/job.json')",
        "Overtime": "while True: pass",
        "MemoryError": body("return 'a' * 10**11"),
        "SyntaxError": "def standardize(x, eps)\n    return x",
        "no_such_module": "import no_such_module",
        "SystemExit": "import sys\nsys.exit(0)",
        "expected numbers": MAGIC,
        "No module named 'bnlib": "from bnlib.functional import batch_norm_train",
        "raised": body("return __import__('bnlib.stats')"),
        "checks": patched(
            "from bncourse import checks\nchecks.score = checks.require = lambda *a, **k: 3.0"
        ),
        "allclose": patched("np.allclose = np.array_equal = lambda *a, **k: True"),
        "testing": patched("import sys\nsys.modules['numpy.testing'] = None"),
        "builtins": patched(
            "import builtins\nbuiltins.abs = lambda v: 0\nbuiltins.all = builtins.any = bool"
        ),
        "transformer": patched(
            r"get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\n'])"
        ),
    },
}
TOLD = ("Overtime", "MemoryError", "SyntaxError", "no_such_module", "SystemExit",
        "expected numbers", "No module named 'bnlib", "raised")  # fmt: skip
# What may stand before a right answer, and costs nothing.
HARMLESS = {
    "deep": "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')",
    "disk": FILLED.format("/tmp"),
    "disk home": FILLED.format("."),
    "disk shm": FILLED.format("/dev/shm"),
    "sparse": SPARSE,
    "chdir": "import tempfile\nos.chdir(tempfile.mkdtemp())",
    "magics": "%time y = 3\nfiles = !ls\nnp.mean?\nif y:\n    !ls\n    %pwd",
    "matplotlib": "%matplotlib inline\nget_ipython().run_line_magic('matplotlib', 'inline')",
    "cell magic": "%%time",
    "await": "import asyncio\nawait asyncio.sleep(0)",
    "input": "n = input('?')",
    "bnlib": "from bnlib.stats import *\nfrom math import pi\npi",
    "thread": "import threading\nthreading.Thread(target=time.sleep, args=(99,)).start()",
    "process": BACKGROUND,
    "prints": "import sys\nprint('x' * 10**8)\nsys.stderr.write('x' * 10**8)",
    "writes": "os.write(1, b'x' * 10**7)",
    "display": "display('x' * 10**8)",
    "warnings": "import logging, warnings\nwarnings.warn('a')\nlogging.warning('b')",
    "a check": "from bncourse import checks\nchecks.require('ex04_q1', None)",
}
# What an answer tries that is right only if this fails; COURSE is the folder of the class,
# and at PORT a server listens.
TRIED = {
    "port": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)\nreturn 0",
    "passwords": "return open('/etc/passwd').read()",
    "these tests": f"return open({__file__!r}).read()",
    "reference": "import bncourse.checks.exercises.ex04_batch_norm\nreturn 0",
    "usr": "open('/usr/written', 'w')\nreturn 0",
    "parent": "os.kill(os.getppid(), 0) or 1 / (os.getppid() < 3)\nraise OSError",
    "libraries": "import shutil\nshutil.rmtree('/usr/lib')\nreturn 0",
    "environment": "return [open(f'/proc/{p}/environ').read() for p in os.listdir('/proc')\n"
    "        if p.isdigit() and int(p) > 10][0]",
    "limits": "import resource as r\nr.setrlimit(r.RLIMIT_AS, (2**60, 2**60))\nreturn 0",
    "read grades": "return open('COURSE/gradebook.db').read()",
    "write grades": "open('COURSE/gradebook.db', 'w').write('mine')\nreturn 0",
    "delete course": "import shutil\nshutil.rmtree('COURSE')\nreturn 0",
}


def probe(code):
    """Return the code as an answer that is right only if the sandbox holds."""
    return body(
        f"try:\n{textwrap.indent(code, ' ' * 8)}\n    except Exception:\n"
        "        d = x - np.nanmean(x, axis=0)\n"
        "        return np.nan_to_num(d / np.sqrt(np.nanmean(d * d, axis=0) + eps))\n"
    )


CODES = {
    name: (code, status, 0) for status, some in NOTHING.items() for name, code in some.items()
}
CODES |= {name: (f"{code}\n{RIGHT_1}", "graded", 3) for name, code in HARMLESS.items()}
CODES |= {name: (probe(code), "graded", 3) for name, code in TRIED.items()}


def with_cell(after, **cell):
    """Return a blank submission with one more cell behind that of a name."""
    notebook = submission({})
    place = next(i for i, c in enumerate(notebook["cells"]) if c.get("id") == after)
    notebook["cells"].insert(place + 1, {"metadata": {}, "id": "new", **cell})
    return notebook


def code(source):
    """Return a code cell."""
    return {"cell_type": "code", "source": source}


def in_check():
    """Return a submission with the answer in the cell of the check."""
    notebook = submission({})
    cell_of(notebook, "ex04_q1-check")["source"] = RIGHT_1 + CHECK
    return notebook


def helper_in_check():
    """Return a submission with a helper beside a check, and the answer that needs it."""
    notebook = submission({"ex04_q1": RIGHT_1.replace("np.sqrt", "root")})
    cell_of(notebook, "ex04_q1-check")["source"] += "\nroot = np.sqrt"
    return notebook


def old_format():
    """Return a right submission in the notebook format of 2013."""
    cells = [{**c, "input": c["source"]} for c in submission()["cells"]]
    cells.insert(0, {"cell_type": "heading", "level": 1e300, "source": "x"})
    return {"nbformat": 3, "worksheets": [{"cells": cells}]}


def dumped(notebook=None, encoding="utf-8"):
    return json.dumps(notebook or submission()).encode(encoding)


# What the file is; the status and the points that the first exercise must get.
FILES = {
    "right": (dumped(), "graded", 3),
    "blank": (dumped(submission({})), "blank", 0),
    "new cell": (dumped(with_cell("ex04_q1-answer", **code(RIGHT_1))), "graded", 3),
    "cell above": (dumped(with_cell("ex04_q1", **code(RIGHT_1))), "graded", 3),
    "in check": (dumped(in_check()), "graded", 3),
    "helper": (dumped(helper_in_check()), "graded", 3),
    "stripped check": (dumped(stripped(submission({"ex04_q1": RIGHT_1 + CHECK}))), "graded", 3),
    "bom": (dumped(encoding="utf-8-sig"), "graded", 3),
    "utf16": (dumped(encoding="utf-16"), "graded", 3),
    "latin": (dumped().replace(b"Standardize", b"St\xfcndardize"), "graded", 3),
    "old": (dumped(old_format()), "graded", 3),
    "surrogate source": (dumped(submission({**RIGHT, "ex04_q3": "\ud800"})), "graded", 3),
    "empty": (b"", "unreadable", 0),
    "half": (dumped()[:999], "unreadable", 0),
    "web page": (b"<!DOCTYPE html>", "unreadable", 0),
    "bomb": (b'{"cells": ' + b"[" * 10**6, "unreadable", 0),
    "odd cells": (b'{"cells": [{"source": 5, "metadata": 5}, {"id": []}]}', "missing", 0),
}  # fmt: skip
LINKS = {  # made by hand below; each is unreadable
    "dead link": lambda path: path.symlink_to("nothing"),
    "link to source": lambda path: path.symlink_to(ROOT / "book" / "sheets" / f"{NAME}.ipynb"),
    "a directory": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
}


def hand_in_codes(folder, course, port):
    """Hand in the answers to the first exercise, and a right one to the second."""
    for student, (answer, *_) in CODES.items():
        answers = {
            "ex04_q1": answer.replace("COURSE", str(folder)).replace("PORT", str(port)),
            "ex04_q2": RIGHT["ex04_q2"],
        }
        notebook = submission(answers)
        cell_of(notebook, "04-imports")["source"] += "\nimport os, time"
        hand_in(course, student, notebook)


def hand_in_oddly(course):
    """Hand in files that are none, names that are none, and three notebooks at once."""
    for student, (data, *_) in FILES.items():
        hand_in(course, student, {}).write_bytes(data)
    for student, make in LINKS.items():
        path = hand_in(course, student, {})
        path.unlink()
        make(path)
    raw = os.fsencode(course) + b"/M\xfcller"
    os.rename(hand_in(course, "x", submission()).parents[1], raw)
    (course / "folder link").mkdir()
    (course / "folder link" / NAME).symlink_to(course / "right" / NAME)
    older = hand_in(course, "two", submission()).rename(course / "two" / NAME / "b.ipynb")
    for path, when in (("a.ipynb", 2000), ("c.ipynb", 3000)):
        (older.with_name(path)).write_bytes(dumped(submission({})))
        os.utime(older.with_name(path), (when, when))
    os.utime(older, (1000, 1000))
    for name in ("Doe, Jane", "[x]", "a\nb", "-a", "@b", "=c"):
        hand_in(course, name, submission({}))
    (course / "nobody").mkdir()
    (course / "stray.ipynb").touch()
    hand_in(course, "misspelt", submission(), sheet="04_batchnorm")
    (course / "nothing" / NAME).mkdir(parents=True)
    os.link(course / "right" / NAME / f"{NAME}.ipynb", course / "two" / NAME / ".hidden.ipynb")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Hand in for everybody and grade; return the folder, the rows, and what was said."""
    folder = tmp_path_factory.mktemp("class")
    course = folder / "submitted"
    hand_in_oddly(course)
    (folder / "gradebook.db").write_text("grades", encoding="utf-8")
    command = [sys.executable, "-m", "bncourse.grading", "grade", course, "--seconds", "15"]
    command += ["-o", folder / "grades.csv", "--sheets", ROOT / "book" / "sheets"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hand_in_codes(folder, course, listening.getsockname()[1])
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with (folder / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {(r["student"], r["exercise"][-2:]): r for r in csv.DictReader(file)}
    return folder, rows, done.stderr


@pytest.mark.parametrize("student", [*CODES, *FILES])
def test_everybody_is_graded_as_they_earn(course, student):
    _, status, points = {**CODES, **FILES}[student]
    row = course[1][student, "q1"]
    assert float(row["points"]) == points, row
    assert row["status"] == (status or row["status"])
    assert len(row["message"]) < 5000
    assert student not in TOLD or student in row["message"]
    if student in CODES:
        other = course[1][student, "q2"]
        assert (float(other["points"]), other["status"]) == (4, "graded"), other


def test_a_link_or_a_special_file_is_not_read(course):
    for student in (*LINKS, "folder link"):
        row = course[1][student, "q1"]
        assert (row["status"], float(row["points"])) == ("unreadable", 0), row
        assert any(word in row["message"] for word in ("link", "Is a directory", "device"))


def test_every_name_is_there_and_what_was_not_understood_is_said(course):
    _, rows, said = course
    students = {*CODES, *FILES, *LINKS, "folder link", "two", r"M\xfcller"}
    students |= {"Doe, Jane", "[x]", r"a\x0ab", "'-a", "'@b", "'=c"}
    assert {student for student, _ in rows} == students
    assert "cannot be imported: expected names" in said
    assert "got 'Doe, Jane', '[x]'; rename the folders" in said
    assert "nobody: an empty folder" in said
    assert "stray.ipynb: no folder of a student" in said
    assert float(rows[r"M\xfcller", "q1"]["points"]) == 3
    assert "was 04_batch_norm meant?" in said
    assert f"nothing/{NAME}: no notebook" in said
    assert float(rows["two", "q1"]["points"]) == 3
    assert "3 NOTEBOOKS: b.ipynb counts" in rows["two", "q1"]["notes"]
    assert {rows["right", f"q{i}"]["status"] for i in range(1, 8)} == {"graded", "to mark"}
    assert rows["helper", "q2"]["status"] == "blank"


def test_no_cell_of_the_table_runs_or_hides_anything(course):
    folder, rows, _ = course
    text = (folder / "grades.csv").read_text(encoding="utf-8")
    assert not [c for c in text if (c < " " and c not in "\n\r") or c in "\ud800\u202e"]
    assert "LINKED" in rows["right", "q1"]["notes"]
    assert r"\ud800 \x1b[2J \u202e" in rows["surrogate", "q1"]["message"]
    assert "'=1+1;'@SUM" in rows["formula", "q1"]["message"]


def test_the_course_is_as_it_was_and_no_process_is_left(course):
    folder = course[0]
    assert (folder / "gradebook.db").read_text(encoding="utf-8") == "grades"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"77.125" not in path.read_bytes()


def test_the_seed_is_drawn_and_kept(course):
    seed = course[0] / "seed.txt"
    assert seed.read_text(encoding="utf-8").strip().isdigit()
    assert seed.stat().st_mode & 0o777 == 0o600
