"""A run as tables: Markdown that also reads well in a terminal."""

from collections.abc import Iterator, Sequence

from bench.candidates import OPERATIONS, SHORT
from bench.targets import Run, Verdict, name, over, verdicts

ORDER = ("textbook", "numpy", "fast", "torch", "limit")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    r"""Return the lines of a table whose first ``left`` columns are text.

    Examples
    --------
    >>> print("\n".join(table(["op", "time"], [["forward", "1.5"]])))
    | op      | time |
    | :------ | ---: |
    | forward |  1.5 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        ":" + "-" * (width - 1) if i < left else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]
    return [line(head), line(rule), *map(line, rows)]


def number(value: float | None, form: str = "") -> str:
    """Return a number for a table, a dash for none.

    Examples
    --------
    >>> number(0.401), number(17.46), number(1e-5, ".1e"), number(None)
    ('0.40', '17.5', '1.0e-05', '–')
    """
    if value is None:
        return "–"
    return format(value, form or (".2f" if value < 10 else ".1f"))


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


def sections(run: Run) -> Iterator[tuple[str, list[str]]]:
    """Yield (heading, lines) of each part that was measured."""
    for op in OPERATIONS if run["times"] else ():
        heading = f"{op.capitalize()}: time, in multiples of torch's, then of the limit"
        yield heading, times(run, op)
    if run["memory"]:
        yield "Extra memory, as a multiple of the input", memory(run)
    if run["growth"]:
        yield "Growth: slopes on logarithmic axes", growth(run)
    if run["accuracy"]:
        yield "Relative error of the variance, float32", accuracy(run)
    yield "Targets", targets(verdicts(run))
