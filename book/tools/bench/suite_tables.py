"""The tables of calls, whitening and folding."""

from collections.abc import Iterator

from bench.candidates import OPERATIONS, SHORT
from bench.markdown import number, table
from bench.problem import LARGE
from bench.targets import TARGETS, Run, name, over

PATH = "compiled"  # whose time is shown without the call
WORDS = {
    "standardize": "standardize", "covariance": "covariance", "eigh": "eigendecomposition",
    "apply": "apply a d × d matrix", "cholesky": "Cholesky factor",
    "newton_schulz_5": "Newton–Schulz, 5 steps", "newton_schulz_10": "Newton–Schulz, 10 steps",
}  # fmt: skip


def calls(run: Run) -> list[str]:
    """Return the table of what a call costs, cold and warm."""
    found: dict[str, dict[str, Run]] = {}
    for row in run["calls"]:
        found.setdefault(row["path"], {})[row["op"]] = row
    head = ["path", *(f"{op}, {state}" for op in OPERATIONS for state in ("cold", "warm"))]
    body = [
        [SHORT[path], *(
            number(found[path][op][key], ".3f")
            for op in OPERATIONS for key in ("cold_ms", "warm_ms")
        )]
        for path in SHORT if path in found
    ]  # fmt: skip
    return table(head, body)


def without_call(row: Run, reference: str, overhead: dict[tuple[str, str], float]) -> float:
    """Return the compiled path's time over the reference's, each less its own cold call."""
    total, least = (
        row["ratio"][path] * row["torch_ms"] - overhead[path, row["op"]]
        for path in (PATH, reference)
    )
    return float(total / least)


def less_calls(run: Run, reference: str = "limit") -> list[str]:
    """Return the table of the compiled path against another, with the call and without.

    Its last lines are the worst case of each column and, against the limit, what the
    targets promise; against torch that depends on the shape.
    """
    overhead = {(row["path"], row["op"]): row["cold_ms"] for row in run["calls"]}
    found: dict[str, list[float]] = {}
    for row in run["times"]:
        if row["bytes"] >= LARGE:
            ratios = over(row, PATH, reference), without_call(row, reference, overhead)
            found.setdefault(name(row).replace("float", "f"), []).extend(ratios)
    promised = {t.op: t.at_most for t in TARGETS if (t.path, t.over) == (PATH, reference)}
    found["worst case"] = [max(column) for column in zip(*found.values(), strict=True)]
    if reference == "limit":
        found["at most"] = [promised[op] for op in OPERATIONS for _ in "12"]
    head = ["shape", *(text for op in OPERATIONS for text in (op, "less calls"))]
    return table(head, [[case, *map(number, ratios)] for case, ratios in found.items()])


def whitening(run: Run) -> list[str]:
    """Return the table of the parts of whitening: milliseconds, and the slope."""
    suite = run["whitening"]
    last = len(suite["settings"]["slope_over"])
    head = ["operation", *(f"d = {d}" for d in suite["d"]), f"slope, last {last}"]
    body = [
        [WORDS[op], *(number(t, ".3g") for t in ms), number(suite["slope"][op])]
        for op, ms in suite["ms"].items()
    ]
    return table(head, body)


def folding(run: Run) -> list[str]:
    """Return the table of what folding saves."""
    body = []
    for row in run["folding"]["rows"]:
        before, after = row["multiply_adds_before"], row["multiply_adds_after"]
        cells = [number(row[key], ".3f") for key in ("ratio", "low", "high")]
        counted = [f"{before:,}", f"{after:,}", f"{before / after:.4f}"]
        body.append([row["stack"], str(row["batch"]), *cells, *counted])
    head = ["channels", "batch", "time unfolded / folded", "low", "high"]
    head += ["multiply-adds unfolded", "folded", "unfolded / folded"]
    return table(head, body)


def grading(run: Run) -> list[str]:
    """Return the table of what grading a submission takes."""
    head = ["grader", "submissions a minute", "CPU seconds for each"]
    body = [
        [row["grader"], number(row["per_minute"], ".3g"), number(row["cpu_s"], ".2g")]
        for row in run["grading"]["rows"]
    ]
    return table(head, body)


def sections(run: Run) -> Iterator[tuple[str, list[str]]]:
    """Yield (heading, lines) of each of these parts that was measured."""
    if run.get("calls"):
        yield "The cost of a call: milliseconds on a tiny array", calls(run)
        paths = {row["path"] for row in run["calls"]}
        large = any(row["bytes"] >= LARGE for row in run["times"])
        for reference in ("limit", "torch") if large else ():
            if {PATH, reference} <= paths:
                heading = f"Compiled: time / {reference}, and both less a cold call"
                yield heading, less_calls(run, reference)
    if run.get("whitening"):
        yield "Whitening: milliseconds for 2048 samples, float64", whitening(run)
    if run.get("folding"):
        yield "Folding: conv3×3, batch normalization and ReLU on 8×8 images", folding(run)
    if run.get("grading"):
        count = run["grading"]["settings"]["submissions"]
        yield (
            f"Grading {count} submissions of chapter 4's sheet, one at a time",
            grading(run),
        )
