"""A run as tables: speed, memory, growth, errors and targets."""

from collections.abc import Sequence

from bench.candidates import OPERATIONS, SHORT
from bench.markdown import number, table
from bench.targets import Run, Verdict, name, over

ORDER = ("textbook", "numpy", "compiled", "torch", "limit")


def present(keys: Sequence[str]) -> list[str]:
    """Return the candidates among ``keys``, in the order of the tables."""
    return [path for path in ORDER if path in keys]


def times(run: Run, op: str) -> list[str]:
    """Return the table of one operation: multiples of torch's time, then of the limit."""
    rows = [row for row in run["times"] if row["op"] == op]
    paths = [p for p in present(list(rows[0]["ratio"])) if p not in ("torch", "limit")]
    limited = [p for p in (*paths, "torch") if p != "textbook"]
    head = ["shape", "torch, ms", *(SHORT[p] for p in paths)]
    head += [f"{SHORT[p]} / limit" for p in limited]
    body = []
    for row in rows:
        cells = [name(row).replace("float", "f"), number(row["torch_ms"], ".3g")]
        cells += [number(over(row, p, "torch")) for p in paths]
        body.append(cells + [number(over(row, p, "limit")) for p in limited])
    return table(head, body)


def memory(run: Run) -> list[str]:
    """Return the table of extra memory, as it is counted in two ways."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for row in run["memory"]:
        for gauge, words in (("traced", "Python"), ("resident", "process")):
            if row[gauge] is not None:
                key = (SHORT[row["path"]], name(row), words)
                found.setdefault(key, {})[row["op"]] = row[gauge]
    body = [[*key, *(number(ops[op]) for op in OPERATIONS)] for key, ops in found.items()]
    return table(["path", "input", "counted by", *OPERATIONS], body, left=3)


def growth(run: Run) -> list[str]:
    """Return the table of slopes."""
    paths = present(list(run["growth"][0]["slope"]))
    body = []
    for row in run["growth"]:
        sizes = f"{row['axis']} from {min(row['sizes'])} to {max(row['sizes'])}"
        body.append([row["op"], sizes, *(number(row["slope"][p]) for p in paths)])
    return table(["operation", "growing", *(SHORT[p] for p in paths)], body, left=2)


def accuracy(run: Run) -> list[str]:
    """Return the table of the variance's errors."""
    paths = present(list(run["accuracy"][0]["error"]))
    body = [
        [name(r), f"{r['ratio']:g}", *(number(r["error"][p], ".1e") for p in paths)]
        for r in run["accuracy"]
    ]
    return table(["shape", "mean/std", *(SHORT[p] for p in paths)], body)


def targets(found: Sequence[Verdict]) -> list[str]:
    """Return the table of verdicts."""
    head = ["target", "at most", "measured", "limit there", "worst case", "verdict"]
    body = []
    for v in found:
        form = "" if v.at_most > 0.01 else ".1e"
        cells = [v.title, number(v.at_most, form), number(v.worst, form), number(v.limit)]
        body.append([*cells, v.where or "–", v.word])
    return table(head, body)
