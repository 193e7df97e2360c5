"""What was promised, and whether a run keeps it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.candidates import SHORT
from bench.problem import LARGE

Run = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """At most ``at_most`` times the time of ``over``, for every large array it is about."""

    path: str
    op: str
    over: str  # "torch" or "limit"
    at_most: float
    rank: int | None = None  # 2 for (N, C), 4 for (N, C, H, W), None for both
    dtype: str | None = None

    @property
    def title(self) -> str:
        """What the target is about, in words."""
        layout = {None: "", 2: " (N, C)", 4: " (N, C, H, W)"}[self.rank]
        dtype = f" {self.dtype}" if self.dtype else ""
        return f"{SHORT[self.path]}: {self.op}{layout}{dtype}, time / {SHORT[self.over]}"

    def covers(self, row: Run) -> bool:
        """Return whether ``row`` of a run's times counts for this target."""
        return bool(
            row["op"] == self.op
            and row["bytes"] >= LARGE
            and self.rank in (None, len(row["shape"]))
            and self.dtype in (None, row["dtype"])
            and self.path in row["ratio"]
        )


TARGETS = (
    Target("compiled", "forward", "torch", 0.45, 4, "float32"),
    Target("compiled", "forward", "torch", 0.65, 4, "float64"),
    Target("compiled", "forward", "torch", 0.95, 2),
    Target("compiled", "backward", "torch", 1.0),
    Target("compiled", "inference", "torch", 1.1),
    Target("compiled", "forward", "limit", 1.7),
    Target("compiled", "backward", "limit", 1.5),
    Target("compiled", "inference", "limit", 1.3),
    Target("numpy", "forward", "torch", 1.0, 4, "float32"),
    Target("numpy", "forward", "torch", 1.6, 4, "float64"),
    Target("numpy", "forward", "torch", 2.5, 2),
    Target("numpy", "backward", "torch", 4.0),
    Target("numpy", "inference", "torch", 2.5),
)
MEMORY = 1.05  # times the input
ERRORS = {1e3: 1e-5, 1e4: 1e-4}  # mean / std -> relative error of the variance
PATHS = ("compiled", "numpy")


@dataclass(frozen=True)
class Verdict:
    """The worst case of a target beside what was promised."""

    title: str
    at_most: float
    worst: float | None  # None where nothing was measured
    where: str = ""
    limit: float | None = None  # what the streaming limit would give in the same case

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        if self.worst is None:
            return "not measured"
        return "met" if self.worst <= self.at_most else "missed"


def over(row: Run, path: str, reference: str) -> float:
    """Return the time of ``path`` as a multiple of torch's, or of the limit's."""
    ratio = float(row["ratio"][path])
    return ratio / float(row["ratio"][reference])


def name(row: Run) -> str:
    """Return which case a row is about.

    Examples
    --------
    >>> name({"shape": [32, 64, 56, 56], "dtype": "float32"})
    '32×64×56×56 float32'
    """
    return " ".join(["×".join(map(str, row["shape"])), *filter(None, [row.get("dtype")])])


def judge(target: Target, run: Run) -> Verdict:
    """Return the verdict on one target of time."""
    rows = [row for row in run["times"] if target.covers(row)]
    if not rows:
        return Verdict(target.title, target.at_most, None)
    row = max(rows, key=lambda row: over(row, target.path, target.over))
    worst = over(row, target.path, target.over)
    floor = over(row, "limit", "torch") if target.over == "torch" else None
    return Verdict(target.title, target.at_most, worst, name(row), floor)


def memory_verdicts(run: Run) -> Iterator[Verdict]:
    """Yield the verdicts on memory; of the two figures the larger counts."""
    for path in PATHS:
        for op in ("forward", "backward"):
            title = f"{SHORT[path]}: {op}, extra memory / input"
            rows = [r for r in run["memory"] if r["path"] == path and r["op"] == op]
            found = {name(r): max(filter(None, (r["traced"], r["resident"]))) for r in rows}
            where = max(found, key=found.__getitem__, default="")
            yield Verdict(title, MEMORY, found.get(where), where)


def error_verdicts(run: Run) -> Iterator[Verdict]:
    """Yield the verdicts on the variance."""
    for path in PATHS:
        for ratio, at_most in ERRORS.items():
            title = f"{SHORT[path]}: error of the variance, mean/std {ratio:g}"
            rows = [r for r in run["accuracy"] if r["ratio"] == ratio and path in r["error"]]
            found = {name(r): r["error"][path] for r in rows}
            where = max(found, key=found.__getitem__, default="")
            yield Verdict(title, at_most, found.get(where), where)


def verdicts(run: Run) -> list[Verdict]:
    """Return the verdict on every target.

    Where threads share the work, NumPy's times have none: its loops use one.
    """
    paths = PATHS if run["settings"]["threads"] == 1 else ("compiled",)
    times = [judge(target, run) for target in TARGETS if target.path in paths]
    return [*times, *memory_verdicts(run), *error_verdicts(run)]
