"""Run a student's cells and call the answers; a script of its own, for the sandbox.

Reads a job as JSON from its input and writes the result to its output, both pipes. Its
argument is the path of bncourse/checks/values.py. It imports NumPy and nothing of bnlib or
bncourse, which are not there: a stand-in for bncourse has `checks` that do nothing.
"""

import ast
import asyncio
import contextlib
import copy
import inspect
import json
import os
import re
import resource
import runpy
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

VALUES = runpy.run_path(sys.argv[1]) if __name__ == "__main__" else {}
PYTHON = ("capture", "prun", "time", "timeit")  # magics around Python that is to run

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
    """Let `from bncourse import checks` work; whatever is called there does nothing."""
    bncourse: Any = types.ModuleType("bncourse")
    bncourse.checks = checks = types.ModuleType("bncourse.checks")
    checks.__getattr__ = nothing  # type: ignore[method-assign]
    sys.modules.update({"bncourse": bncourse, "bncourse.checks": checks})


def nothing(name: str) -> Any:
    """Return a function that does nothing; what Python asks of a module is not there."""
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None


class Shell:
    """Stand in for IPython's shell: what runs Python does, the rest does nothing."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.user_ns = scope

    def __getattr__(self, name: str) -> Any:
        """Return a function that takes anything."""
        return lambda *arguments, **options: None

    def getoutput(self, *_: Any, **options: Any) -> list[str]:
        """Return the lines that a shell command printed: none."""
        return []

    def run_line_magic(self, name: str, line: str, *_: Any, **options: Any) -> None:
        """Run the Python behind `%time`."""
        if name in PYTHON:
            self.run_cell_magic(name, "", re.sub(r"^(\s*-\w+\s*\d*)+", "", line).strip())

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        """Run the Python below `%%time` and its like, and write what `%%writefile` does."""
        if name == "writefile":
            with open(line.split()[-1], "w", encoding="utf-8") as file:
                file.write(body)
        if name in PYTHON:
            execute(parts(body, "<magic>"), self.user_ns)


def transformed(source: str) -> str:
    """Return a cell with its magics as calls, by IPython's own rules where it is there."""
    with contextlib.suppress(ImportError):
        from IPython.core.inputtransformer2 import TransformerManager

        manager: Any = TransformerManager
        return str(manager().transform_cell(source))
    return re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M)


def parts(source: str, name: str) -> list[Any]:
    """Return a cell as code: each import alone, since one may be missing, and all between.

    A cell that is no plain Python may hold magics and shell commands.
    """
    try:
        body = ast.parse(source, name).body
    except (SyntaxError, ValueError):
        body = ast.parse(transformed(source), name).body
    groups: list[list[ast.stmt]] = []
    future = [n for n in body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    imports = [isinstance(node, ast.Import | ast.ImportFrom) for node in body]
    for i, node in enumerate(body):
        if i and not imports[i] and not imports[i - 1]:
            groups[-1].append(node)
        elif node not in future:
            groups.append([*future, node])
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return [compile(ast.Module(g, []), name, "exec", flags) for g in groups]


def execute(codes: list[Any], scope: dict[str, Any]) -> None:
    """Execute the parts of a cell; a missing import does not stop the rest, but is told."""
    missing = None
    for code in codes:
        try:
            waits = code.co_flags & inspect.CO_COROUTINE
            asyncio.run(eval(code, scope)) if waits else exec(code, scope)
        except ImportError as error:
            missing = missing or error
    if missing:
        raise missing


def run_cells(cells: Any, scope: dict[str, Any], seconds: float) -> dict[str, str]:
    """Execute each cell; a cell that fails does not stop the next."""
    faults = {}
    for name, source in cells:
        try:
            with bounded(seconds):
                execute(parts(source, f"<{name}>"), scope)
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


def left(form: Any, given: tuple[Any, ...]) -> list[Any]:
    """Return what a call has left of its arguments, as JSON; functions stay as they were."""
    return [
        part if isinstance(part, dict) and "function" in part else VALUES["encode"](value)
        for part, value in zip(form["tuple"], given, strict=True)
    ]


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
    return {"value": value, "given": left(form, given)}


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
    scope: dict[str, Any] = {"__name__": "__main__", "input": lambda *asked: ""}
    scope |= {"get_ipython": lambda: Shell(scope), "display": lambda *shown, **options: None}
    faults = run_cells(job["cells"], scope, job["seconds"])
    return {"faults": faults, "outcomes": calls(job, scope, job["seconds"])}


def main() -> None:
    """Do the job, with limits that the student's code cannot raise."""
    job = json.load(sys.stdin)
    for what, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, what), (limit, limit))
    signal.signal(signal.SIGALRM, ring)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an OSError
    null, out = os.open(os.devnull, os.O_RDWR), os.dup(1)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.path.insert(0, os.getcwd())
    result = work(job)
    with os.fdopen(out, "w", encoding="ascii") as file:
        json.dump(result, file)
    os._exit(0)  # threads and exit handlers of the student's code do not run


if __name__ == "__main__":
    main()
