"""One class with a student for each trick and each mishap: all are graded, each as it earns."""

import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from grading_cases import RIGHT, cell_of, code, hand_in, needs_sandbox, submission
from house import ROOT

NAME = "04_batch_norm"
pytestmark = needs_sandbox
RIGHT_1 = RIGHT["ex04_q1"]


def body(code):
    """Return an answer that runs code when it is called."""
    return f"def standardize(x, eps):\n    {code}"


DEAF = """while True:
        try:
            while True: pass
        except BaseException: pass"""
FLOOD = """
for fd in range(4, 20):
    try:
        while True: os.write(fd, b"[" * 10**6)
    except OSError: pass
"""
FORGED = 'os.write(4, b\'{"faults": {}, "outcomes": {"ex04_q1": 5}}\')\nos._exit(0)'
DRIVER = f"""
import __main__
__main__.one_call = lambda *a: {{'value': {{'float': '0x0p0'}}, 'given': []}}
{body("return 0")}
"""
MANY = """
for _ in range(600):
    try:
        if not os.fork(): time.sleep(9)
    except OSError: break
time.sleep(9)
"""
MAGIC = body("return type('Magic', (), {'__eq__': lambda *a: True})()")
CHECKS = f"from bncourse import checks\nchecks.require = checks.score = max\n{body('return x')}"
ALIKE = f"np.allclose = np.array_equal = lambda *a, **k: True\n{body('return x')}"
# Answers to the first exercise that earn nothing: the status, and a word of the message.
NOTHING = {
    "deaf": (body(DEAF), "timed out", ""),
    "exit": (body("os._exit(0)"), "crashed", ""),
    "segfault": ("import ctypes\nctypes.string_at(0)", "crashed", ""),
    "flood": (FLOOD, "crashed", ""),
    "forged": (FORGED, "crashed", ""),
    "driver": (DRIVER, "crashed", ""),
    "dump": (f"import json\njson.dump = max\n{body('return x')}", "crashed", ""),
    "processes": (MANY, "", ""),  # as the machine is
    "memory": (body("return 'a' * 10**11"), "graded", "MemoryError"),
    "magic": (MAGIC, "graded", "expected numbers"),
    "solutions": ("from bnlib import batch_norm_train", "graded", "No module named 'bnlib"),
    "checks": (CHECKS, "graded", "off by"),
    "alike": (ALIKE, "graded", "off by"),
}
# What may stand before a right answer, and costs nothing.
NOISY = """
import asyncio, logging, subprocess, sys, tempfile, threading, warnings
from bncourse import checks
from bnlib.stats import *
from math import pi
os.chdir(tempfile.mkdtemp())
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(77.125)"],
                 start_new_session=True)
threading.Thread(target=time.sleep, args=(99,)).start()
await asyncio.sleep(0)
print("x" * 10**8), sys.stderr.write("x" * 10**8), display("x" * 10**8)
os.write(1, b"x" * 10**7)
warnings.warn("a"), logging.warning("b")
checks.require("ex04_q1", None)
"""
MAGICS = """
%matplotlib inline
%time y = 3
files = !ls
np.mean?
n = input("?")
if y:
    %pwd
"""
DISK = """
full = 0
for place in ("/tmp", ".", "/dev/shm"):
    try:
        for name in ("a", "b"):
            open(f"{place}/{name}", "wb").write(bytes(40 * 2**20))
    except OSError:
        full += 1
try:
    open("sparse", "wb").truncate(10**9)
except OSError:
    full += 1
assert full == 4
"""
# What an answer tries that is right only if all of this fails; COURSE is the folder of the
# class, and at PORT a server listens.
CAPTIVE = f"""
{RIGHT_1}
right = standardize
TRIED = '''
import socket; socket.create_connection(("127.0.0.1", PORT), 1)
open("/etc/passwd")
open({__file__!r})
open("COURSE/gradebook.db")
open("COURSE/gradebook.db", "w")
open("/usr/written", "w")
import bncourse.checks.exercises.ex04_batch_norm
[open(f"/proc/{{p}}/environ") for p in os.listdir("/proc") if p.isdigit() and int(p) > 10][0]
import resource as r; r.setrlimit(r.RLIMIT_AS, (2**60, 2**60))
'''.strip().splitlines()
def standardize(x, eps):
    for attempt in TRIED:
        try:
            exec(attempt)
        except Exception:
            continue
        raise PermissionError(attempt)
    return right(x, eps)
"""
EARNS_ALL = {"noisy": NOISY + RIGHT_1, "magics": MAGICS + RIGHT_1, "disk": DISK + RIGHT_1,
             "captive": CAPTIVE}  # fmt: skip
LINKS = {  # made by hand below; each is unreadable
    "a link": lambda path: path.symlink_to(ROOT / "book" / "sheets" / f"{NAME}.ipynb"),
    "a directory": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
}


def hand_in_codes(folder, course, port):
    """Hand in the answers to the first exercise, and a right one to the second."""
    earns_nothing = {student: answer for student, (answer, *_) in NOTHING.items()}
    for student, answer in (earns_nothing | EARNS_ALL).items():
        text = answer.replace("COURSE", str(folder)).replace("PORT", str(port))
        notebook = submission({"ex04_q1": text, "ex04_q2": RIGHT["ex04_q2"]})
        cell_of(notebook, "04-imports")["source"] += "\nimport os, time"
        hand_in(course, student, notebook)


def hand_in_oddly(course):
    """Hand in files that are none, names that are none, and three notebooks at once."""
    for student, make in LINKS.items():
        path = hand_in(course, student, {})
        path.unlink()
        make(path)
    hand_in(course, "half", {}).write_text(json.dumps(submission())[:999], encoding="utf-8")
    right, moved = hand_in(course, "right", submission()), submission({})
    moved["cells"].insert(0, code(RIGHT_1))  # the empty answer is run behind it
    hand_in(course, "moved", moved)
    raw = os.fsencode(course) + b"/M\xfcller"
    os.rename(hand_in(course, "x", submission()).parents[1], raw)
    (course / "folder link").mkdir()
    (course / "folder link" / NAME).symlink_to(right.parent)
    older = hand_in(course, "two", submission()).rename(course / "two" / NAME / "b.ipynb")
    for path, when in (("a.ipynb", 2000), ("c.ipynb", 3000)):
        older.with_name(path).write_text(json.dumps(submission({})), encoding="utf-8")
        os.utime(older.with_name(path), (when, when))
    os.utime(older, (1000, 1000))
    os.link(right, older.with_name(".hidden.ipynb"))
    for name in ("Doe, Jane", "[x]", "a\nb", "=c"):
        hand_in(course, name, submission({}))
    (course / "nobody").mkdir()
    (course / "stray.ipynb").touch()
    hand_in(course, "misspelt", submission(), sheet="04_batchnorm")
    (course / "nothing" / NAME).mkdir(parents=True)


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


@pytest.mark.parametrize("student", NOTHING)
def test_no_trick_earns_anything_or_costs_another_answer(course, student):
    _, status, word = NOTHING[student]
    row, other = course[1][student, "q1"], course[1][student, "q2"]
    assert float(row["points"]) == 0
    assert row["status"] == (status or row["status"])
    assert word in row["message"]
    assert (float(other["points"]), other["status"]) == (4, "graded"), other


@pytest.mark.parametrize("student", [*EARNS_ALL, "right", "moved"])
def test_a_right_answer_keeps_its_points_whatever_stands_around_it(course, student):
    row = course[1][student, "q1"]
    assert (float(row["points"]), row["status"]) == (3, "graded"), row


@pytest.mark.parametrize("student", [*LINKS, "folder link", "half"])
def test_a_link_a_special_file_or_half_a_file_is_not_read(course, student):
    row = course[1][student, "q1"]
    assert (row["status"], float(row["points"])) == ("unreadable", 0), row
    reasons = "link", "Is a directory", "device", "part of a file"
    assert any(word in row["message"] for word in reasons)


def test_every_name_is_there_and_what_was_not_understood_is_said(course):
    _, rows, said = course
    students = {*NOTHING, *EARNS_ALL, *LINKS, "folder link", "half", "right", "moved", "two"}
    students |= {r"M\xfcller", "Doe, Jane", "[x]", r"a\x0ab", "'=c"}
    assert {student for student, _ in rows} == students
    assert "cannot be imported: expected names" in said
    assert "got 'Doe, Jane', '[x]'; rename the folders" in said
    assert "nobody: an empty folder" in said
    assert "stray.ipynb: no folder of a student" in said
    assert "was 04_batch_norm meant?" in said
    assert f"nothing/{NAME}: no notebook" in said
    assert float(rows[r"M\xfcller", "q1"]["points"]) == 3
    assert float(rows["two", "q1"]["points"]) == 3
    assert "3 NOTEBOOKS: b.ipynb counts" in rows["two", "q1"]["notes"]
    assert "LINKED" in rows["right", "q1"]["notes"]
    assert {rows["right", f"q{i}"]["status"] for i in range(1, 8)} == {"graded", "to mark"}


def test_the_course_is_as_it_was_and_no_process_is_left(course):
    folder = course[0]
    assert (folder / "gradebook.db").read_text(encoding="utf-8") == "grades"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"77.125" not in path.read_bytes()
