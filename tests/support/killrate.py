"""Do the exercises' checks catch wrong answers? Grade answers to find out.

A file `tests/course/answers/NN_topic.py` holds, for each exercise that code judges, a
solution, other right answers, and wrong ones that people really give. Right answers must
earn all points, stubs none, and wrong ones less than all. The message must name most of the
wrong ones, and every mistake that an exercise knows. Then the solution is changed
automatically, one operator or number at a time. A course grades with a secret seed, so
points must not depend on it: `make killrate` judges the answers with several.
"""

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bncourse.checks import Exercise
from bncourse.checks.exercise import variants
from bncourse.checks.judge import examine
from bncourse.checks.run import answer_of

FOLDER = Path(__file__).resolve().parents[1] / "course" / "answers"
NAMED, WRONG = 0.8, 12  # least share of the named, least number of wrong answers
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def unwritten(*given: Any) -> None:
    """Do what the released notebook's cell does."""
    raise NotImplementedError


STUBS: dict[str, Callable[..., Any]] = {
    "unwritten": unwritten,
    "nothing": lambda *given: None,
    "unchanged": lambda *given: given[0] if given else None,
    "zero": lambda *given: 0 * given[0] if given else 0,
}


@dataclass
class Row:
    """What came out for one exercise; ``faults`` says what must not be."""

    name: str
    right: int
    wrong: int
    named: int = 0
    mutants: int = 0
    survivors: int = 0
    faults: list[str] = field(default_factory=list)


def mutants(answer: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield ("line as it was -> line as it is", changed answer) for each small change."""
    source = textwrap.dedent(inspect.getsource(answer))
    before = source.splitlines()
    parts = [answer, *vars(answer).values()]  # a function, or a class with functions
    known = next(filter(inspect.isfunction, parts)).__globals__  # of the file it stands in
    for i in range(len(list(sites(ast.parse(source))))):
        tree, scope = ast.parse(source), dict(known)
        node, part, value = list(sites(tree))[i]
        setattr(node, part, value)
        exec(compile(ast.unparse(tree), "<mutant>", "exec"), scope)
        text = f"{before[node.lineno - 1].strip()} -> {ast.unparse(statement(tree, node))}"
        yield " ".join(text.split()), scope[answer.__name__]


def statement(tree: ast.AST, node: ast.AST) -> ast.AST:
    """Return the innermost statement around ``node``."""
    around = (n for n in ast.walk(tree) if isinstance(n, ast.stmt) and node in ast.walk(n))
    return list(around)[-1]


def sites(tree: ast.AST) -> Iterator[tuple[Any, str, Any]]:
    """Yield each node that can be changed, which part of it, and into what."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
            yield node, "op", SWAPS[type(node.op)]()
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield node, "ops", [SWAPS[type(node.ops[0])](), *node.ops[1:]]
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, "value", not node.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield node, "value", node.value + 1


def grade_points(exercise: Exercise, cases: dict[str, Any], seed: int) -> Iterator[str]:
    """Yield the right answers that lose points, wrong ones that lose none, paid stubs.

    Whether wrong ones lose points with seed 0 is seen when they are named.
    """
    for name, answer in {"solution": cases["solution"], **cases["right"]}.items():
        report = examine(answer_of(answer), exercise, seed)
        if not report.passed:
            yield f"seed {seed}: a right answer fails, {name}:\n{report}"
    for name, (answer, _) in cases["wrong"].items() if seed else ():
        if examine(answer_of(answer), exercise, seed, names=False).passed:
            yield f"seed {seed}: earns all points: {name}"
    for name, stub in STUBS.items():
        report = examine(stub, exercise, seed, names=False)
        if report.score != 0:
            yield f"seed {seed}: the stub {name} earns {report.score}:\n{report}"


def grade_names(exercise: Exercise, cases: dict[str, Any], row: Row) -> Iterator[str]:
    """Yield the mistakes that the message does not name."""
    for name, (answer, phrase) in cases["wrong"].items():
        report = examine(answer_of(answer), exercise, names=bool(phrase))
        if report.passed:
            yield f"seed 0: earns all points: {name}"
        if phrase not in str(report):
            yield f"{name} is not named, expected: {phrase}"
        elif phrase:
            row.named += 1
    for text, mistake in exercise.mistakes.items():
        if any(text not in str(examine(mistaken, exercise)) for mistaken in variants(mistake)):
            yield f"a known mistake is never named: {text}"
    if row.wrong < WRONG or row.named < NAMED * row.wrong:
        yield (f"{row.wrong} wrong answers, {row.named} named; "
               f"expected {WRONG} or more, {NAMED:.0%} of them named")  # fmt: skip


def grade_mutants(exercise: Exercise, cases: dict[str, Any], row: Row) -> Iterator[str]:
    """Yield the mutants of the solution that pass without a reason."""
    explained = cases.get("equivalent", {})
    for text, changed in mutants(cases["solution"]):
        row.mutants += 1
        if examine(changed, exercise, names=False).passed:
            row.survivors += 1
            if text not in explained:
                yield f"survives without a reason: {text}"


def grade(exercise: Exercise, cases: dict[str, Any], seeds: int = 1) -> Row:
    """Grade all answers to one exercise with each seed, and all mutants of its solution."""
    row = Row(exercise.name, right=1 + len(cases["right"]), wrong=len(cases["wrong"]))
    faults = [fault for seed in range(seeds) for fault in grade_points(exercise, cases, seed)]
    faults += [*grade_names(exercise, cases, row), *grade_mutants(exercise, cases, row)]
    row.faults = [f"{exercise.name}: {fault}" for fault in faults]
    return row


def read() -> dict[str, dict[str, Any]]:
    """Return the answers to each exercise, from all files."""
    answers: dict[str, dict[str, Any]] = {}
    sys.path.insert(0, str(FOLDER))
    for path in sorted(FOLDER.glob("*.py")):
        answers |= importlib.import_module(path.stem).ANSWERS
    return answers
