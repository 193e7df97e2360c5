"""Run a student's cells and call the answers; a script of its own, for the sandbox.

Reads ``job.json`` and writes ``result.json`` in the current folder. It imports NumPy and
nothing of bnlib or bncourse, which are not there: a stand-in for bncourse has `checks` that
do nothing. Beside it lies a copy of bncourse/checks/values.py.
"""

import ast
import contextlib
import copy
import json
import os
import resource
import runpy
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

VALUES = runpy.run_path("values.py") if __name__ == "__main__" else {}

TOOLS: dict[str, Any] = {}  # functions that the job brings


class Overtime(BaseException):
    """A cell or a call took too long; not an Exception, so that few handlers catch it."""


def ring(*_: Any) -> None:
    """Interrupt what is running."""
    raise Overtime


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Interrupt what runs too long, and swallow warnings and output."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def stand_in() -> None:
    """Let `from bncourse import checks` work in cells that are not graded."""
    bncourse: Any = types.ModuleType("bncourse")
    checks: Any = types.ModuleType("bncourse.checks")
    bncourse.checks, checks.require, checks.score = checks, lambda *a: None, lambda *a: None
    sys.modules.update({"bncourse": bncourse, "bncourse.checks": checks})


class Shell:
    """Stand in for IPython's shell: anything may be called, nothing happens."""

    def __getattr__(self, name: str) -> Any:
        """Return a function that takes anything."""
        return lambda *arguments, **options: None


def plain(source: str) -> str:
    """Return a cell without magics and shell commands, which only a notebook knows."""
    lines = source.splitlines()
    return "\n".join("pass" if line.lstrip()[:1] in ("%", "!") else line for line in lines)


def readable(source: str) -> str:
    """Return a cell as it is if it is plain Python, else without magics.

    A line of a text or a formula may begin with ``%``; it stays.
    """
    try:
        compile(source, "<cell>", "exec")
    except (SyntaxError, ValueError):
        return plain(source)
    return source


def pieces(source: str) -> list[str]:
    """Return each import of a cell that only imports, since one may be missing; else all."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return [source]
    imports = all(isinstance(node, ast.Import | ast.ImportFrom) for node in body)
    return [ast.unparse(node) for node in body] if imports else [source]


def run_cells(cells: Any, scope: dict[str, Any], seconds: float) -> dict[str, str]:
    """Execute each cell; a cell that fails does not stop the next."""
    faults = {}
    for name, source in [(n, part) for n, cell in cells for part in pieces(readable(cell))]:
        try:
            with bounded(seconds):
                exec(compile(source, f"<{name}>", "exec"), scope)
        except Overtime:
            faults[name] = "Overtime: the cell runs too long"
        except (Exception, SystemExit) as error:
            faults[name] = f"{type(error).__name__}: {error}"[:300]
    return faults


def arguments(form: Any) -> tuple[Any, ...]:
    """Return a call's arguments; functions among them come from the job."""
    return tuple(
        TOOLS[part["function"]] if isinstance(part, dict) and "function" in part
        else VALUES["decode"](part)
        for part in form["tuple"]
    )  # fmt: skip


def one_call(drive: Any, answer: Any, form: Any, seconds: float) -> dict[str, Any]:
    """Return what one call came to, as JSON."""
    given = arguments(form)
    try:
        with bounded(seconds):
            value = VALUES["encode"](drive(answer, *given))
    except Overtime:
        return {"error": "Overtime: the call runs too long"}
    except (Exception, SystemExit) as error:
        return {"error": VALUES["told"](error), "refusal": [*VALUES["refusal"](error)]}
    return {"value": value, "changed": VALUES["changed"](arguments(form), given)}


def all_calls(drive: Any, answer: Any, parts: Any, seconds: float) -> list[Any]:
    """Make one exercise's calls; after one that runs too long, the rest count as such."""
    outcomes: list[Any] = []
    late, over = {"error": "Overtime: a call runs too long"}, False
    for part in parts:
        outcomes.append([])
        for form in part:
            outcome = late if over else one_call(drive, answer, form, seconds)
            over = over or outcome.get("error", "").startswith("Overtime")
            outcomes[-1].append(outcome)
    return outcomes


def calls(job: Any, scope: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Call the answer to each exercise with all its arguments; None stands for no answer.

    The source of the driver, and of functions among the arguments, comes with the job. It
    is executed into `TOOLS`, where `arguments` finds these functions.
    """
    outcomes: dict[str, Any] = {}
    TOOLS.update(np=np, copy=copy)
    for name, task in job["exercises"].items():
        exec("from __future__ import annotations\n" + task["drive"], TOOLS)
        drive, answer = TOOLS[task["drive_name"]], scope.get(task["function"])
        known = answer is not None
        outcomes[name] = all_calls(drive, answer, task["calls"], seconds) if known else None
    return outcomes


def work(job: Any) -> dict[str, Any]:
    """Run a job's cells and make its calls; return what came of them."""
    stand_in()
    scope: dict[str, Any] = {"__name__": "__main__", "get_ipython": Shell}
    scope["display"] = lambda *shown, **options: None
    faults = run_cells(job["cells"], scope, job["seconds"])
    return {"faults": faults, "outcomes": calls(job, scope, job["seconds"])}


def main() -> None:
    """Do the job, with limits that the student's code cannot raise."""
    with open("job.json", encoding="utf-8") as file:
        job = json.load(file)
    for what, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, what), (limit, limit))
    signal.signal(signal.SIGALRM, ring)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an OSError
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    result = work(job)
    with open("result.part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace("result.part", "result.json")
    os._exit(0)  # threads and exit handlers of the student's code do not run


if __name__ == "__main__":
    main()
