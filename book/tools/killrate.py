"""Do the exercises' checks catch wrong answers? `make killrate` grades answers to find out.

A file `tests/course/answers/NN_topic.py` holds, for each exercise that code judges, a
solution, other right answers, and wrong ones that people really give. Right answers must
earn all points, stubs none, and wrong ones less than all. The message must name most of the
wrong ones, and every mistake that an exercise knows. Then the solution is changed
automatically, one operator or number at a time.
"""

import ast
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bncourse.checks import EXERCISES, Exercise
from bncourse.checks.judge import examine
from bncourse.checks.run import answer_of

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "course" / "answers"
NAMED, KILLED, WRONG = 0.8, 0.95, 12  # least shares, and least number of wrong answers
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def nothing(*arguments: Any) -> None:
    """Return nothing, as an empty function does."""


def unwritten(*arguments: Any) -> None:
    """Do what the released notebook's cell does."""
    raise NotImplementedError


def unchanged(*arguments: Any) -> Any:
    """Return the first argument."""
    return arguments[0] if arguments else None


def zero(*arguments: Any) -> Any:
    """Return a zero, in the first argument's shape if it has one."""
    return 0 * arguments[0] if arguments else 0


STUBS = (nothing, unwritten, unchanged, zero)


@dataclass
class Row:
    """What came out for one exercise; ``faults`` says what must not be."""

    name: str
    right: int = 0
    wrong: int = 0
    named: int = 0
    mutants: int = 0
    survivors: int = 0
    faults: tuple[str, ...] = ()


def mutants(answer: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield ("line as it was -> line as it is", changed answer) for each small change."""
    source = textwrap.dedent(inspect.getsource(answer))
    before = source.splitlines()
    count = len(list(sites(ast.parse(source))))
    for i in range(count):
        tree = ast.parse(source)
        node, change = list(sites(tree))[i]
        change(node)
        lines = ast.unparse(tree)
        scope = (
            dict(answer.__globals__) if inspect.isfunction(answer) else dict(scope_of(answer))
        )
        exec(compile(lines, "<mutant>", "exec"), scope)
        text = f"{before[node.lineno - 1].strip()} -> {ast.unparse(statement(tree, node))}"
        yield " ".join(text.split()), scope[answer.__name__]


def scope_of(answer: type) -> dict[str, Any]:
    """Return the globals of the file that defines a class."""
    method = next(v for v in vars(answer).values() if inspect.isfunction(v))
    return method.__globals__


def statement(tree: ast.AST, node: ast.AST) -> ast.AST:
    """Return the innermost statement around ``node``."""
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt)
              and any(child is node for child in ast.walk(n))]  # fmt: skip
    return around[-1]


def sites(tree: ast.AST) -> Iterator[tuple[Any, Callable[[Any], None]]]:
    """Yield each node that can be changed, and how."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
            if type(node.op) in SWAPS:
                yield node, lambda n: setattr(n, "op", SWAPS[type(n.op)]())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield node, lambda n: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, lambda n: setattr(n, "value", not n.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield node, lambda n: setattr(n, "value", n.value + 1)


def grade_right(exercise: Exercise, cases: dict[str, Any]) -> Iterator[str]:
    """Yield the right answers that do not earn all points, and stubs that earn any."""
    answers = {"solution": cases["solution"], **cases["right"]}
    for name, answer in answers.items():
        report = examine(answer_of(answer), exercise)
        if not report.passed:
            yield f"{exercise.name}: a right answer fails, {name}:\n{report}"
    for stub in STUBS:
        report = examine(stub, exercise)
        if report.score != 0:
            yield f"{exercise.name}: the stub {stub.__name__} earns {report.score}:\n{report}"


def unnamed(exercise: Exercise) -> Iterator[str]:
    """Yield the known mistakes that the message does not name, even to who makes them."""
    for text, mistaken in exercise.mistakes.items():
        if text not in str(examine(mistaken, exercise)):
            yield f"{exercise.name}: a known mistake is never named: {text}"


def grade(exercise: Exercise, cases: dict[str, Any]) -> Row:
    """Grade all answers to one exercise, and all mutants of its solution."""
    faults = list(grade_right(exercise, cases))
    row = Row(exercise.name, right=1 + len(cases["right"]), wrong=len(cases["wrong"]))
    for name, (answer, phrase) in cases["wrong"].items():
        report = examine(answer_of(answer), exercise)
        if report.passed:
            faults.append(f"{exercise.name}: earns all points: {name}")
        row.named += bool(phrase) and phrase in str(report)
        if phrase not in str(report):
            faults.append(f"{exercise.name}: {name} is not named, expected: {phrase}")
    faults += unnamed(exercise)
    if row.wrong < WRONG or row.named < NAMED * row.wrong:
        faults.append(f"{exercise.name}: {row.wrong} wrong answers, {row.named} named; "
                      f"expected {WRONG} or more, {NAMED:.0%} of them named")  # fmt: skip
    explained = cases.get("equivalent", {})
    for text, changed in mutants(cases["solution"]):
        row.mutants += 1
        if examine(changed, exercise).passed:
            row.survivors += 1
            if text not in explained:
                faults.append(f"{exercise.name}: survives without a reason: {text}")
    if row.survivors > (1 - KILLED) * row.mutants and not explained:
        faults.append(f"{exercise.name}: {row.survivors} of {row.mutants} mutants survive")
    row.faults = tuple(faults)
    return row


def read(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the answers to each exercise, from all files."""
    answers: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.py")):
        name = f"answers_{path.stem}"  # known by name: inspect asks for a class's file
        spec = importlib.util.spec_from_file_location(name, path)
        if spec and spec.loader:
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            answers |= module.ANSWERS
    return answers


def table(rows: list[Row]) -> str:
    """Return the kill rates as text."""
    lines = [f"{'exercise':10}{'right':>7}{'wrong':>7}{'named':>7}{'mutants':>9}{'alive':>7}"]
    lines += [f"{r.name:10}{r.right:7}{r.wrong:7}{r.named:7}{r.mutants:9}{r.survivors:7}"
              for r in rows]  # fmt: skip
    return "\n".join(lines)


def main() -> int:
    """Grade everything; return 1 if anything is not as it must be."""
    answers = read()
    rows = [grade(exercise, answers[name]) for name, exercise in EXERCISES.items()]
    print(table(rows))
    faults = [fault for row in rows for fault in row.faults]
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
