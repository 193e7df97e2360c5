"""What was promised, and whether a run keeps it."""

from collections.abc import Iterator
from typing import NamedTuple

from bench.candidates import SHORT
from bench.problem import LARGE, Run, by

# Path, operation, whose time it is a multiple of, at most how large, for every large array
# of this rank (None: any) and dtype ("": both).
TARGETS = (
    ("compiled", "forward", "torch", 0.45, 4, "float32"),
    ("compiled", "forward", "torch", 0.65, 4, "float64"),
    ("compiled", "forward", "torch", 0.95, 2, ""),
    ("compiled", "backward", "torch", 1.0, None, ""),
    ("compiled", "inference", "torch", 1.1, None, ""),
    ("compiled", "forward", "limit", 1.7, None, ""),
    ("compiled", "backward", "limit", 1.5, None, ""),
    ("compiled", "inference", "limit", 1.3, None, ""),
    ("numpy", "forward", "torch", 1.0, 4, "float32"),
    ("numpy", "forward", "torch", 1.6, 4, "float64"),
    ("numpy", "forward", "torch", 2.5, 2, ""),
    ("numpy", "backward", "torch", 4.0, None, ""),
    ("numpy", "inference", "torch", 2.5, None, ""),
)
LAYOUT = {None: "", 2: " (N, C)", 4: " (N, C, H, W)"}
BATCH, TEXTBOOK = "64×64 float64", 1.6  # a small batch; times textbook NumPy
MEMORY = 1.05  # times the input
ERRORS = {1e3: 1e-5, 1e4: 1e-4}  # mean / std -> relative error of the variance
PATHS = ("compiled", "numpy")


class Verdict(NamedTuple):
    """The worst case of a target beside what was promised."""

    title: str
    at_most: float
    worst: float | None  # None where nothing was measured
    where: str
    word: str
    limit: float | None = None  # what the streaming limit would give in the same case


def over(row: Run, path: str, reference: str) -> float:
    """Return the time of ``path`` as a multiple of torch's, or of the limit's."""
    return float(row["ratio"][path]) / float(row["ratio"][reference])


def name(row: Run) -> str:
    """Return which case a row is about.

    Examples
    --------
    >>> name({"shape": [32, 64, 56, 56], "dtype": "float32"})
    '32×64×56×56 float32'
    """
    return " ".join([by(row["shape"]), *filter(None, [row.get("dtype")])])


def beside_textbook(run: Run) -> dict[str, dict[str, float]]:
    """Return the time of forward and backward over textbook NumPy's: {case: {path: ratio}}.

    Only for small arrays.
    """
    cases: dict[str, dict[str, float]] = {}
    for row in run["times"]:
        if row["op"] != "inference" and row["bytes"] < LARGE:
            ms = cases.setdefault(name(row), {})
            for path, ratio in row["ratio"].items():
                ms[path] = ms.get(path, 0.0) + ratio * row["torch_ms"]
    return {
        case: {path: value / ms["textbook"] for path, value in ms.items()}
        for case, ms in cases.items()
    }


def judge(title: str, at_most: float, values: dict[str, float]) -> Verdict:
    """Return the verdict on the worst of some values, by the case that they are about."""
    if not values:
        return Verdict(title, at_most, None, "–", "not measured")
    where = max(values, key=values.__getitem__)
    word = "met" if values[where] <= at_most else "missed"
    return Verdict(title, at_most, values[where], where, word)


def judge_times(run: Run) -> Iterator[Verdict]:
    """Yield the verdicts on times.

    Where threads share the work, NumPy's have none: its loops use one.
    """
    alone = run["settings"]["threads"] == 1
    for path, op, reference, at_most, rank, dtype in TARGETS:
        if path == "numpy" and not alone:
            continue
        rows = {
            name(row): row for row in run["times"]
            if row["op"] == op and row["bytes"] >= LARGE
            and rank in (None, len(row["shape"])) and dtype in ("", row["dtype"])
        }  # fmt: skip
        about = f"{SHORT[path]}: {op}{LAYOUT[rank]} {dtype}".rstrip()
        values = {case: over(row, path, reference) for case, row in rows.items()}
        verdict = judge(f"{about}, time / {reference}", at_most, values)
        if rows and reference == "torch":
            verdict = verdict._replace(limit=over(rows[verdict.where], "limit", "torch"))
        yield verdict
    if alone:
        batch = beside_textbook(run).get(BATCH)
        values = {BATCH: batch["numpy"]} if batch else {}
        yield judge(f"NumPy: forward and backward {BATCH}, time / textbook", TEXTBOOK, values)


def verdicts(run: Run) -> Iterator[Verdict]:
    """Yield the verdict on every target."""
    yield from judge_times(run)
    for path in PATHS:
        for op in ("forward", "backward"):
            rows = [r for r in run["memory"] if (r["path"], r["op"]) == (path, op)]
            values = {name(r): r["extra"] for r in rows}
            yield judge(f"{SHORT[path]}: {op}, extra memory / input", MEMORY, values)
    for path in PATHS:
        for ratio, at_most in ERRORS.items():
            rows = [r for r in run["accuracy"] if r["ratio"] == ratio]
            values = {name(r): r["error"][path] for r in rows}
            title = f"{SHORT[path]}: error of the variance, mean/std {ratio:g}"
            yield judge(title, at_most, values)
