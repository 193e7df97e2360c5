"""What was promised, and whether a run keeps it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from bench.problem import OPERATIONS, Run, by

LARGE = 8_000_000  # bytes: from here on the targets of time hold
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
LAYOUT = {None: "", 2: " (N, C)", 4: " (N, C, H, W)"}  # of a rank
BATCH, TEXTBOOK = "64×64 float64", 1.6  # a small batch; times textbook NumPy
MEMORY = 1.05  # times the input
CALL = 3.0  # a warm call on a tiny array; times torch
ERRORS = {1e3: 1e-5, 1e4: 1e-4}  # mean / std -> relative error of the variance
NAMES = {"textbook": "textbook", "numpy": "NumPy", "compiled": "compiled", "torch": "torch"}
PATHS = ("compiled", "numpy")  # that have targets


class Verdict(NamedTuple):
    """The worst case of a target beside what was promised."""

    title: str
    at_most: float
    worst: float | None  # None where nothing was measured
    where: str
    word: str
    limit: float | None  # what the streaming limit would give in the same case


def over(row: Run, path: str, reference: str) -> float:
    """Return the time of ``path`` as a multiple of torch's, or of the limit's."""
    return row["ratio"][path] / row["ratio"][reference]


def name(row: Run) -> str:
    """Return which case a row is about, as "32×64×56×56 float32"."""
    return f"{by(row['shape'])} {row.get('dtype', '')}".rstrip()


def beside_textbook(run: Run) -> dict[str, dict[str, float]]:
    """Return forward and backward of small arrays over the textbook's, by case and path."""
    sums: dict[str, Counter] = defaultdict(Counter)
    for row in run["times"]:
        if row["op"] != "inference" and row["bytes"] < LARGE:
            for path, ratio in row["ratio"].items():
                sums[name(row)][path] += ratio * row["torch_ms"]
    return {c: {path: ms[path] / ms["textbook"] for path in ms} for c, ms in sums.items()}


def promises(run: Run) -> Iterator[tuple[str, float, dict[str, float], dict[str, float]]]:
    """Yield of each target its title, its bound, the values and the limits by their case.

    Where threads share the work, NumPy's times have no target: its loops use one.
    """
    alone = run["settings"]["threads"] == 1
    for path, op, reference, at_most, rank, dtype in TARGETS:
        rows = [
            row for row in run["times"]
            if row["op"] == op and row["bytes"] >= LARGE
            and rank in (None, len(row["shape"])) and dtype in ("", row["dtype"])
        ]  # fmt: skip
        values = {name(row): over(row, path, reference) for row in rows}
        limits = {name(row): over(row, "limit", "torch") for row in rows}
        title = f"{NAMES[path]}: {op}{LAYOUT[rank]} {dtype}".rstrip() + f", time / {reference}"
        if alone or path != "numpy":
            yield title, at_most, values, limits if reference == "torch" else {}
    if alone:
        values = {c: path["numpy"] for c, path in beside_textbook(run).items() if c == BATCH}
        yield f"NumPy: forward and backward {BATCH}, time / textbook", TEXTBOOK, values, {}
    warm = {(row["path"], row["op"]): row["warm_ms"] for row in run["calls"]}
    values = {op: warm["compiled", op] / warm["torch", op] for op in OPERATIONS if warm}
    yield "compiled: a warm call on a tiny array, time / torch", CALL, values, {}
    for path, op in product(PATHS, ("forward", "backward")):
        peaks = (r for r in run["memory"] if (r["path"], r["op"]) == (path, op))
        values = {name(r): r["extra"] for r in peaks}
        yield f"{NAMES[path]}: {op}, extra memory / input", MEMORY, values, {}
    for path, (ratio, at_most) in product(PATHS, ERRORS.items()):
        values = {name(r): r["error"][path] for r in run["accuracy"] if r["ratio"] == ratio}
        title = f"{NAMES[path]}: error of the variance, mean/std {ratio:g}"
        yield title, at_most, values, {}


def verdicts(run: Run) -> Iterator[Verdict]:
    """Yield the verdict on the worst case of every target."""
    for title, at_most, values, limits in promises(run):
        where = max(values, key=values.__getitem__, default="–")
        worst = values.get(where)
        word = "not measured" if worst is None else "met" if worst <= at_most else "missed"
        yield Verdict(title, at_most, worst, where, word, limits.get(where))
