"""How fast submissions are graded: by bncourse.grading, and by plain nbgrader."""

import contextlib
import importlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.rounding import digits
from bench.targets import Run
from bncourse.grading import (
    NoSandboxError,
    Settings,
    find_bubblewrap,
    find_submissions,
    grade_all,
)

SHEET = "04_batch_norm"
SUBMISSIONS = 5


def used() -> float:
    """Return the CPU seconds of this process and of all children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock and CPU seconds of an action."""
    start, cpu = time.monotonic(), used()
    action()
    return time.monotonic() - start, used() - cpu


def command(course: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands in the course."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [str(programs / "nbgrader"), *arguments], cwd=course, env=os.environ | {"PATH": path},
        check=True, capture_output=True,
    )  # fmt: skip


def set_up(course: Path, count: int) -> Run:
    """Make a course of one sheet, with ``count`` right submissions; return its sheets."""
    tool = importlib.import_module("assignments")
    sheets: Run = {SHEET: tool.read_sheets(tool.ROOT / "chapters" / "exercises")[SHEET]}
    config = f'c = get_config()\nc.CourseDirectory.root = r"{course}"\n'
    (course / "nbgrader_config.py").write_text(config, encoding="utf-8")  # else its defaults
    source = course / "source" / SHEET / "exercises.ipynb"
    source.parent.mkdir(parents=True)
    original = tool.ROOT / "chapters" / "exercises" / SHEET / "exercises.ipynb"
    shutil.copy(original, source)
    command(course, "generate_assignment", "--create", SHEET)
    for i in range(count):
        folder = course / "submitted" / f"student{i}" / SHEET
        folder.mkdir(parents=True)
        shutil.copy(original, folder / "exercises.ipynb")
    return sheets


def row(name: str, count: int, seconds: float, cpu: float) -> Run:
    """Return the figures of one grader."""
    found: Run = {"grader": name, "per_minute": digits(60 * count / seconds)}
    return found | {"cpu_s": digits(cpu / count)}


def measure(count: int) -> Run:
    """Grade the same submissions with both; nothing where one of them is missing."""
    try:
        program = find_bubblewrap()
    except NoSandboxError:
        return {}
    if not Path(sys.executable).with_name("nbgrader").exists():
        return {}
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as name:
        course = Path(name)
        sheets = set_up(course, count)
        handed_in = find_submissions(course / "submitted", sheets)
        bare, boxed = (Settings(sheets, program=p, workers=1) for p in (None, program))
        with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own
            # The system does not add up what runs in the sandbox: CPU time is taken without.
            _, cpu = timed(lambda: grade_all(handed_in, bare, course / "bare.csv"))
            seconds, _ = timed(lambda: grade_all(handed_in, boxed, course / "boxed.csv"))
        theirs = timed(lambda: command(course, "autograde", SHEET, "--create"))
    rows = [row("bncourse.grading", count, seconds, cpu), row("nbgrader", count, *theirs)]
    return {"settings": {"sheet": SHEET, "submissions": count, "workers": 1}, "rows": rows}
