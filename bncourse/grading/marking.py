"""Grade one submission: the student's code in a sandbox, the checks here."""

import ast
import inspect
import textwrap
import time
from dataclasses import dataclass, replace
from typing import Any

from bncourse.checks import EXERCISES, Exercise
from bncourse.checks.judge import judge, plan
from bncourse.checks.outcomes import Outcome
from bncourse.checks.values import DamagedError, changed, decode, encode
from bncourse.grading.rebuild import Rebuilt, rebuild
from bncourse.grading.sandbox import Ended, Limits, run
from bncourse.grading.sheets import Notebook, Task, tasks


@dataclass(frozen=True)
class Row:
    """The result of one exercise of one submission.

    ``status`` is "graded"; "blank" (left as handed out) or "missing" (no answer cell);
    "timed out" or "crashed", for code that ended its process; "to mark" for answers that a
    person reads; "unreadable" for a file that is no notebook; "look by hand" where the
    grader itself failed on what was handed in.
    """

    exercise: str
    kind: str
    points: float
    most: float
    status: str
    message: str = ""


def source(function: Any, known: dict[str, str]) -> dict[str, str]:
    """Add to ``known`` the source of a function of the checks, and of those that it uses."""
    known[function.__name__] = textwrap.dedent(inspect.getsource(function))
    for node in ast.walk(ast.parse(known[function.__name__])):
        name = node.id if isinstance(node, ast.Name) else ""
        used = getattr(inspect.getmodule(function), name, None)
        ours = str(getattr(used, "__module__", "")).startswith("bncourse.checks")
        if ours and inspect.isfunction(used) and used.__name__ not in known:
            source(used, known)
    return known


def job(rebuilt: Rebuilt, exercises: list[Exercise], seed: int) -> dict[str, Any]:
    """Return what the child has to do: cells to run, and calls to make."""
    asked = {}
    for exercise in exercises:
        calls = [[encode(arguments) for arguments in part] for part in plan(exercise, seed)]
        tools = source(exercise.drive, {})
        for arguments in (a for part in plan(exercise, seed) for a in part):
            for function in filter(inspect.isfunction, arguments):
                source(function, tools)
        asked[exercise.name] = {
            "function": exercise.function,
            "drive": "\n\n".join(tools.values()),
            "drive_name": exercise.drive.__name__,
            "calls": calls,
        }
    return {"cells": rebuilt.code, "exercises": asked}


def grade(
    submission: Notebook,
    sheet: Notebook,
    seed: int = 0,
    limits: Limits | None = None,
    program: str | None = None,
) -> tuple[list[Row], list[str]]:
    """Return one row for each exercise, and notes on what was odd.

    All code answers run in one child, in half of the time. If that ends early, each gets a
    child of its own and its share of what is left, with the other answers left out, so
    that one endless loop costs one exercise.
    """
    limits = limits or Limits()
    end = time.monotonic() + limits.total
    rebuilt = rebuild(submission, sheet)
    asked = [t for t in tasks(sheet) if t.by_code and t.name in rebuilt.answers]
    asked = [t for t in asked if t.name not in rebuilt.blanks]
    exercises = [EXERCISES[t.name] for t in asked]
    rows: dict[str, Row] = {}
    if asked:
        half = replace(limits, total=limits.total / 2)
        rows = judged(run(job(rebuilt, exercises, seed), half, program), asked, seed)
    for number, task in enumerate(asked):
        if task.name not in rows:
            share = (end - time.monotonic()) / sum(t.name not in rows for t in asked[number:])
            own = replace(limits, total=share)
            others = {t.answer for t in asked if t != task}
            alone = Rebuilt(
                rebuilt.notebook, code=[c for c in rebuilt.code if c[0] not in others]
            )
            ended = run(job(alone, [EXERCISES[task.name]], seed), own, program)
            rows |= judged(ended, [task], seed)
            rows.setdefault(
                task.name, zero(task, ended.how if ended.how != "done" else "crashed")
            )
    return [rows.get(t.name) or unasked(t, rebuilt) for t in tasks(sheet)], rebuilt.notes


def zero(task: Task, status: str, message: str = "") -> Row:
    """Return a row without points."""
    return Row(task.name, task.kind, 0.0, task.points, status, message)


def unasked(task: Task, rebuilt: Rebuilt) -> Row:
    """Return the row of an exercise that no code had to run for."""
    if task.name not in rebuilt.answers:
        return zero(task, "missing")
    if task.name in rebuilt.blanks:
        return zero(task, "blank")
    return zero(task, "to mark")


def judged(ended: Ended, asked: list[Task], seed: int) -> dict[str, Row]:
    """Return the rows of the exercises that a child's result settles."""
    rows: dict[str, Row] = {}
    if ended.how != "done" or not isinstance(ended.result, dict):
        return rows
    for task in asked:
        try:
            forms = ended.result["outcomes"][task.name]
            fault = str(ended.result["faults"].get(task.answer, ""))
            rows[task.name] = settled(task, forms, fault, seed)
        except Exception:
            continue  # what came back is damaged; it is asked for once more
    return rows


def settled(task: Task, forms: Any, fault: str, seed: int) -> Row:
    """Return the row of one exercise from what its calls came to, as JSON."""
    exercise = EXERCISES[task.name]
    if forms is None:
        reason = fault or f"the notebook does not define {exercise.function}"
        return Row(task.name, task.kind, 0.0, task.points, "graded", reason)
    calls = plan(exercise, seed)
    if [len(part) for part in forms] != [len(part) for part in calls]:
        raise DamagedError(f"{task.name}: results of other calls than were made")
    outcomes = [
        [outcome(form, given) for form, given in zip(part, made, strict=True)]
        for part, made in zip(forms, calls, strict=True)
    ]
    if any(o.error.startswith("Overtime") for part in outcomes for o in part):
        return zero(task, "timed out", "a call runs too long")
    report = judge(exercise, calls, outcomes)
    said = f"{fault}\n{report}" if fault and not report.passed else str(report)
    return Row(task.name, task.kind, report.score, task.points, "graded", said)


def outcome(form: Any, given: Any) -> Outcome:
    """Return one call's outcome from its JSON; ``given`` are the arguments that it got."""
    if "error" in form:
        kinds = tuple(map(str, form.get("refusal", ())))
        return Outcome(error=str(form["error"])[:400], refusal=kinds)
    pairs = list(zip([encode(value) for value in given], form["given"], strict=True))
    unlike = [(i, a, b) for i, (a, b) in enumerate(pairs) if a != b]
    new = tuple(i for i, a, b in unlike if changed((decode(a),), (decode(b),)))
    return Outcome(decode(form["value"]), changed=new)
