"""The first four parts of a run: times, growth, accuracy and memory, as rows of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import accuracy, growth, memory
from bench.candidates import OPERATIONS, Candidate
from bench.problem import LARGE, PAGE, Shape
from bench.rounding import digits
from bench.targets import Run
from bench.timing import Clockwork, Samples, measure

MANY = 0.05  # page faults for each page of the input: from here on they are told
Series = Mapping[str, Sequence[Shape]]


def by(shape: Shape) -> str:
    """Return a shape as a reader writes it.

    Examples
    --------
    >>> by((64, 100))
    '64×100'
    """
    return "×".join(map(str, shape))


def as_rows(shape: Shape, dtype: str, samples: Samples) -> list[Run]:
    """Return what was measured for one shape: torch's time, and everyone's ratio to it."""
    found = []
    for op in OPERATIONS:
        times = {name: samples.median((name, op)) for name, o in samples.ms if o == op}
        found.append({
            "op": op, "shape": list(shape), "dtype": dtype, "bytes": samples.nbytes,
            "repetitions": len(samples.ms["torch", op]), "torch_ms": digits(times["torch"]),
            "ratio": {name: digits(ms / times["torch"]) for name, ms in sorted(times.items())},
        })  # fmt: skip
    return found


def take_times(
    cases: Sequence[tuple[Shape, str]], everyone: list[Candidate], how: Clockwork, bar: Any
) -> tuple[list[Run], list[str]]:
    """Return the rows of every case, and notes on what disturbed them."""
    rows, notes = [], []
    for shape, dtype in cases:
        bar.set_description(f"{by(shape)} {dtype}")
        samples = measure(shape, dtype, everyone, how, bar.set_postfix_str)
        rows += as_rows(shape, dtype, samples)
        if samples.nbytes >= LARGE and samples.page_faults > MANY * samples.nbytes / PAGE:
            notes.append(
                f"{by(shape)} {dtype}: the times hold up to {samples.page_faults:.0f} page "
                "faults a call; `make bench` has the settings that avoid them"
            )
        bar.update()
    return rows, notes


def take_growth(
    series: Series, everyone: list[Candidate], how: Clockwork, bar: Any
) -> list[Run]:
    """Return the slope of every path and operation along every axis."""
    found = {}
    for shape in growth.shapes(series.values()):
        bar.set_description(f"growth, {by(shape)}")
        found[shape] = measure(shape, growth.DTYPE, everyone, how, bar.set_postfix_str)
        bar.update()
    rows = []
    for axis, shapes in series.items():
        sizes = [growth.size(axis, shape) for shape in shapes]
        for op in OPERATIONS:
            times = {c.name: [found[s].median((c.name, op)) for s in shapes] for c in everyone}
            slopes = {name: digits(growth.slope(sizes, ms)) for name, ms in times.items()}
            rows.append({"axis": axis, "sizes": sizes, "op": op, "slope": slopes})
    return rows


def take_accuracy(shapes: Sequence[Shape], everyone: list[Candidate], bar: Any) -> list[Run]:
    """Return the error of the variance for both layouts and all means."""
    rows = []
    bar.set_postfix_str("")
    for shape in shapes:
        for ratio in accuracy.RATIOS:
            bar.set_description(f"accuracy, mean/std {ratio:g}")
            found = accuracy.errors(everyone, shape, ratio)
            errors = {name: digits(value) for name, value in sorted(found.items())}
            rows.append({"shape": list(shape), "ratio": ratio, "error": errors})
            bar.update()
    return rows


def take_memory(shapes: Sequence[Shape], everyone: list[Candidate], bar: Any) -> list[Run]:
    """Return the peak extra memory of every path and operation."""
    rows = []
    for candidate in everyone if shapes else []:
        bar.set_description(f"memory, {candidate.name}")
        resident = memory.in_a_child(candidate.name, shapes)
        for i, shape in enumerate(shapes):
            traced = memory.traced_extras(candidate, shape)
            for op in OPERATIONS:
                row: Run = {"path": candidate.name, "op": op, "shape": list(shape)}
                row["traced"] = digits(traced[op]) if traced else None
                row["resident"] = digits(resident[i][op]) if resident else None
                rows.append(row)
        bar.update()
    return rows
