"""The stored summary: what mutmut found, merged with the hand-written reasons."""

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mutants.copying import TESTS
from mutants.running import KILLED, UNTRIED, Result

TEXT = re.compile(r'"[^"]*"')
HEAD = """# Mutants of bnlib

`make mutants` writes this page from `mutants.json`, what mutmut found, and `mutants.toml`,
why no test has to find a survivor. The mutants of a module meet that module's own tests;
the other tests of bnlib would find more. What has a reason is tried again only by
`make mutants AGAIN=1`, so some survivors may be dead by now.

The loops of `kernels` run in Python here, without numba's compiler. `checks/exercises`, the
cases and mistakes of the exercises, has 3565 mutants. Much of it runs while it is imported,
so mutmut does not know which test would find a change, and trying all tests of the kill rate
on each takes hours. These hold it instead: every wrong answer must be caught, and every
mistake named. It runs only if it is named.

| module | mutants | killed | timed out | survived | not tried |
|---|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True)
class Reason:
    """Why no test has to find some changes.

    `where` is a shell pattern for functions. Of `changes`, each is a change as it stands or
    a shell pattern. With `wording`, only changes of a message's text are meant.
    """

    why: str
    where: str = "*"
    changes: tuple[str, ...] = ("*",)
    wording: bool = False

    def covers(self, function: str, change: str) -> bool:
        """Say whether the reason holds for one survivor."""
        if not fnmatchcase(function, self.where) or (self.wording and not only_wording(change)):
            return False
        return any(change == it or fnmatchcase(change, it) for it in self.changes)


def only_wording(change: str) -> bool:
    """Say whether a change only touches case or marks of one text of several words."""
    old, _, new = change.partition(" → ")
    texts, others = TEXT.findall(old), TEXT.findall(new)
    if TEXT.sub("", old) != TEXT.sub("", new) or len(texts) != len(others):
        return False
    changed = [(a, b) for a, b in zip(texts, others, strict=True) if a != b]
    return len(changed) == 1 and all(
        " " in a[1:-1].strip() and a.lower() == b.replace("XX", "").lower() for a, b in changed
    )


def read_reasons(text: str) -> list[Reason]:
    """Read the hand-written reasons from TOML."""
    table = tomllib.loads(text).get("reason", [])
    return [Reason(**it | {"changes": tuple(it.get("changes", ["*"]))}) for it in table]


def why(function: str, change: str, reasons: list[Reason]) -> str | None:
    """Return the first reason that covers a survivor."""
    return next((it.why for it in reasons if it.covers(function, change)), None)


def faults(results: dict[str, Result], reasons: list[Reason]) -> list[str]:
    """Name every survivor without a reason, what was not tried, and reasons without survivor.

    A reason for a module that was never run is no fault.
    """
    survivors = [it for result in results.values() for it in result["survivors"]]
    found = [
        f"{function}: no test finds this and no reason is given: {change}"
        for function, change in survivors
        if why(function, change, reasons) is None
    ]
    for name, result in results.items():
        if untried := result["counts"].get(UNTRIED):
            found.append(f"bnlib.{name}: {untried} mutants were not tried; run it again")
    for reason in reasons:
        module = reason.where.removeprefix("bnlib.").partition(".")[0]
        if module in {*results, "*"} and not any(reason.covers(*it) for it in survivors):
            found.append(f"{reason.where}: this reason covers nothing: {reason.why}")
    return found


def page(results: dict[str, Result], reasons: list[Reason]) -> str:
    """Return the summary as Markdown: a table of the modules, then every survivor."""
    rows, lists = [], []
    for module in TESTS:
        if module not in results:
            rows.append(f"| `{module}` | not run | | | | |")
            continue
        counts, survivors = results[module]["counts"], results[module]["survivors"]
        killed = sum(counts.get(it, 0) for it in KILLED - {"timeout"})
        row = [sum(counts.values()), killed, counts.get("timeout", 0), len(survivors)]
        numbers = " | ".join(map(str, [*row, counts.get(UNTRIED, 0)]))
        rows.append(f"| `{module}` | {numbers} |")
        lists += survivors_of(module, survivors, reasons) if survivors else []
    return "\n".join([HEAD, *rows, *lists]) + "\n"


def survivors_of(module: str, survivors: list[list[str]], reasons: list[Reason]) -> list[str]:
    """Return the lines of one module's survivors, grouped by reason."""
    groups: dict[str, list[str]] = {}
    for function, change in survivors:
        reason = why(function, change, reasons) or "**No reason is given yet.**"
        groups.setdefault(reason, []).append(f"  - `{function}`: ``{change}``")
    lines = ["", f"## {module}", ""]
    for reason, changes in groups.items():
        lines += [f"- {reason}", *changes]
    return lines
