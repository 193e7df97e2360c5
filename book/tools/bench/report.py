"""The text of a run, for the terminal and for the page: tables in Markdown."""

from collections.abc import Iterator, Sequence

from bench import devices
from bench.problem import OPERATIONS, Run
from bench.targets import NAMES, beside_textbook, name, over, verdicts

NOTICE = "<!-- Written by `make bench`; do not edit. -->\n"
PATHS = list(NAMES)  # in the order of the columns
WORDS = {
    "eigh": "eigendecomposition", "apply": "apply a d × d matrix",
    "cholesky": "Cholesky factor", "newton_schulz_5": "Newton–Schulz, 5 steps",
    "newton_schulz_10": "Newton–Schulz, 10 steps",
}  # fmt: skip


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table below its title; its first ``left`` columns are text."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = [":" + "-" * (width - 1) for width in widths[:left]]
    rule += ["-" * (width - 1) + ":" for width in widths[left:]]
    lines = [f"**{title}**\n"]
    for cells in (head, rule, *rows):
        sides = "<" * left + ">" * (len(cells) - left)
        padded = map("{:{}{}}".format, cells, sides, widths)
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


def number(value: float | None, form: str = "") -> str:
    """Return a number for a table, as 0.40 or 17.5 where no form is given, a dash for none."""
    return "–" if value is None else format(value, form or (".2f" if value < 10 else ".1f"))


def times(run: Run) -> Iterator[str]:
    """Yield a table for each operation, and one of forward and backward on small arrays."""
    *ours, _ = names = list(NAMES.values())
    head = ["shape", "torch, ms", *ours, *(f"{short} / limit" for short in names[1:])]
    for op in OPERATIONS:
        rows = []
        for row in (row for row in run["times"] if row["op"] == op):
            ratios = [over(row, path, "torch") for path in PATHS[:-1]]
            ratios += [over(row, path, "limit") for path in PATHS[1:]]
            ms = number(row["torch_ms"], ".3g")
            rows.append([name(row).replace("float", "f"), ms, *map(number, ratios)])
        title = f"{op.capitalize()}: time, in multiples of torch's, then of the limit"
        yield table(title, head, rows)
    title = "Small arrays: forward and backward, in multiples of textbook NumPy's time"
    small = beside_textbook(run).items()
    rows = [[case, *(number(ratio[path]) for path in PATHS[1:])] for case, ratio in small]
    yield table(title, ["shape", *names[1:]], rows)


def memory(run: Run) -> str:
    """Return the table of extra memory."""
    shapes = list(dict.fromkeys(name(row) for row in run["memory"]))
    peaks = {(row["path"], row["op"], name(row)): row["extra"] for row in run["memory"]}
    rows = [
        [NAMES[path], shape, *(number(peaks[path, op, shape]) for op in OPERATIONS)]
        for path in PATHS
        for shape in shapes
    ]
    title = "Extra memory, as a multiple of the input"
    return table(title, ["path", "input", *OPERATIONS], rows, left=2)


def accuracy(run: Run) -> str:
    """Return the table of the variance's errors."""
    rows = [
        [name(row), f"{row['ratio']:g}", *(number(row["error"][p], ".1e") for p in PATHS)]
        for row in run["accuracy"]
    ]
    head = ["shape", "mean/std", *NAMES.values()]
    return table("Relative error of the variance, float32", head, rows)


def targets(run: Run) -> str:
    """Return the table of verdicts."""
    rows = []
    for v in verdicts(run):
        form = "" if v.at_most > 0.01 else ".1e"
        cells = [v.title, number(v.at_most, form), number(v.worst, form), number(v.limit)]
        rows.append([*cells, v.where, v.word])
    head = ["target", "at most", "measured", "limit there", "worst case", "verdict"]
    return table("Targets", head, rows)


def calls(run: Run) -> str:
    """Return the table of what a call costs, cold and warm."""
    costs = {(row["path"], row["op"]): row for row in run["calls"]}
    head = ["path", *(f"{op}, {state}" for op in OPERATIONS for state in ("cold", "warm"))]
    rows = []
    for path in ("torch", *PATHS[:-1], "limit"):
        ms = [costs[path, op][key] for op in OPERATIONS for key in ("cold_ms", "warm_ms")]
        rows.append([NAMES.get(path, path), *(number(value, ".3f") for value in ms)])
    return table("The cost of a call: milliseconds on a tiny array", head, rows)


def whitening(run: Run) -> str:
    """Return the table of the parts of whitening: milliseconds, and the slope."""
    suite = run["whitening"]
    last = len(suite["settings"]["slope_over"])
    head = ["operation", *(f"`d` = {d}" for d in suite["d"]), f"slope, last {last}"]
    rows = [
        [WORDS.get(op, op), *(number(t, ".3g") for t in ms), number(suite["slope"][op])]
        for op, ms in suite["ms"].items()
    ]
    return table("Whitening: milliseconds for 2048 samples, float64", head, rows)


def folding(run: Run) -> str:
    """Return the table of what folding saves."""
    rows = []
    for row in run["folding"]["rows"]:
        before, after = row["multiply_adds_before"], row["multiply_adds_after"]
        cells = [number(row[key], ".3f") for key in ("ratio", "low", "high")]
        cells += [f"{before:,}", f"{after:,}", f"{before / after:.4f}"]
        rows.append([row["stack"], str(row["batch"]), *cells])
    head = ["channels", "batch", "time unfolded / folded", "low", "high"]
    head += ["multiply-adds unfolded", "folded", "unfolded / folded"]
    title = "Folding: conv3×3, batch normalization and ReLU on 8×8 images"
    return table(title, head, rows)


def sections(run: Run) -> Iterator[str]:
    """Yield the tables of a run; where only small arrays were measured, these alone."""
    yield from times(run)
    if "calls" in run:
        yield from (memory(run), accuracy(run), targets(run), calls(run))
        yield from (whitening(run), folding(run))
    if "devices" in run:
        several = run["devices"]
        yield table(devices.title(several), devices.HEAD, [*devices.cells(several)], left=2)


def text(run: Run, level: str = "###") -> str:
    """Return a whole run as Markdown: how it was made, and its tables."""
    how = run["settings"]
    heading = "One thread" if how["threads"] == 1 else f"{how['threads']} threads"
    packages = ", ".join(f"{package} {v}" for package, v in run["versions"].items())
    before, after = how["load"]
    done = sorted(row["repetitions"] for row in run["times"])
    made = (
        f"Medians of {done[0]} to {done[-1]} repetitions in {how['clock']}, on a machine "
        f"with {how['cores']} cores and a load of {before} before and {after} after. "
        f"Versions: {packages}."
    )
    return "\n\n".join([f"{level} {heading}", made, *sections(run)]) + "\n"


def page(runs: dict[str, Run]) -> str:
    """Return what the book's page includes: all stored runs."""
    return "\n".join([NOTICE, *(text(run) for _, run in sorted(runs.items()))])
