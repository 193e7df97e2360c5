"""What moved since the run that is stored."""

from collections.abc import Iterator

from bench.candidates import SHORT
from bench.targets import Run, name

FACTOR = 1.3  # smaller changes are taken for noise


def values(run: Run) -> dict[str, float]:
    """Return the numbers of a run that can be compared, by what they are."""
    found = {}
    for row in run["times"]:
        for path, ratio in row["ratio"].items():
            if path != "torch":
                found[f"{row['op']}, {name(row)}: {SHORT[path]}, time / torch"] = ratio
    for row in run["memory"]:
        for gauge in ("traced", "resident"):
            key = f"{row['op']}, {name(row)}: {SHORT[row['path']]}, {gauge} memory / input"
            found[key] = row[gauge]
    for row in run["accuracy"]:
        for path, error in row["error"].items():
            key = f"variance, {name(row)}, mean/std {row['ratio']:g}: {SHORT[path]}, error"
            found[key] = error
    found.update(suites(run))
    return {key: value for key, value in found.items() if value}


def suites(run: Run) -> dict[str, float]:
    """Return the numbers of calls, whitening and folding; a run may be without them."""
    found = {}
    for row in run.get("calls") or ():
        for state in ("cold", "warm"):
            key = f"{row['op']}, tiny array: {SHORT[row['path']]}, {state} call, ms"
            found[key] = row[f"{state}_ms"]
    part = run.get("whitening") or {"ms": {}}
    for op, times in part["ms"].items():
        for d, ms, unit in zip(part["d"], times, part["ms"]["standardize"], strict=True):
            found[f"whitening, d = {d}: {op}, time / standardize"] = ms / unit
    for row in (run.get("folding") or {"rows": ()})["rows"]:
        case = f"{row['stack']}, batch of {row['batch']}"
        found[f"folding, {case}: time unfolded / folded"] = row["ratio"]
    for row in (run.get("grading") or {"rows": ()})["rows"]:
        found[f"grading, {row['grader']}: CPU seconds of a submission"] = row["cpu_s"]
    return found


def differences(old: Run, new: Run) -> Iterator[str]:
    """Yield which versions and settings are not the same; the load never is."""
    for part in ("versions", "settings"):
        for key, value in new[part].items():
            before = old[part].get(key)
            if before != value and key != "load":
                yield f"{key}: {before} before, {value} now"


def moves(old: Run, new: Run) -> Iterator[str]:
    """Yield what is larger or smaller by more than `FACTOR`, the largest change first."""
    before, now = values(old), values(new)
    change = {key: now[key] / before[key] for key in now if key in before}
    far = {key: max(c, 1 / c) for key, c in change.items() if max(c, 1 / c) > FACTOR}
    for key in sorted(far, key=far.__getitem__, reverse=True):
        yield f"{key}: {before[key]:.3g} before, {now[key]:.3g} now (×{change[key]:.2f})"


def report(old: Run | None, new: Run) -> list[str]:
    """Return the comparison as lines."""
    if old is None:
        return ["No run with as many threads is stored: nothing to compare with."]
    moved = list(moves(old, new))
    head = f"Moved by more than a factor of {FACTOR} since the stored run: {len(moved)}"
    return [head, *moved, *(f"Not the same: {text}" for text in differences(old, new))]
