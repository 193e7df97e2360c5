"""The text of a run, for the terminal and for the page: tables in Markdown."""

from collections.abc import Iterator, Sequence

from bench import devices
from bench.candidates import SHORT
from bench.problem import OPERATIONS, Run
from bench.targets import beside_textbook, name, over, verdicts

NOTICE = "<!-- Written by `make bench`; do not edit. -->"
ORDER = ("textbook", "numpy", "compiled", "torch")  # of the columns
NAMES = [SHORT[path] for path in ORDER]
WORDS = {
    "eigh": "eigendecomposition", "apply": "apply a d × d matrix",
    "cholesky": "Cholesky factor", "newton_schulz_5": "Newton–Schulz, 5 steps",
    "newton_schulz_10": "Newton–Schulz, 10 steps",
}  # fmt: skip
Section = tuple[str, str]  # a title and a table


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    r"""Return a table whose first ``left`` columns are text.

    Examples
    --------
    >>> print(table(["op", "time"], [["forward", "1.5"]]))
    | op      | time |
    | :------ | ---: |
    | forward |  1.5 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = [":" + "-" * (width - 1) for width in widths[:left]]
    rule += ["-" * (width - 1) + ":" for width in widths[left:]]
    padded = [
        [f"{cell:{'<' if i < left else '>'}{widths[i]}}" for i, cell in enumerate(cells)]
        for cells in (head, rule, *rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


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


def times(run: Run) -> Iterator[Section]:
    """Yield a table for each operation, and one of forward and backward on small arrays."""
    head = ["shape", "torch, ms", *NAMES[:-1], *(f"{short} / limit" for short in NAMES[1:])]
    for op in OPERATIONS:
        rows = []
        for row in (row for row in run["times"] if row["op"] == op):
            ratios = [over(row, path, "torch") for path in ORDER[:-1]]
            ratios += [over(row, path, "limit") for path in ORDER[1:]]
            ms = number(row["torch_ms"], ".3g")
            rows.append([name(row).replace("float", "f"), ms, *map(number, ratios)])
        title = f"{op.capitalize()}: time, in multiples of torch's, then of the limit"
        yield title, table(head, rows)
    title = "Small arrays: forward and backward, in multiples of textbook NumPy's time"
    small = beside_textbook(run).items()
    rows = [[case, *(number(ratio[path]) for path in ORDER[1:])] for case, ratio in small]
    yield title, table(["shape", *NAMES[1:]], rows)


def memory(run: Run) -> Section:
    """Return the table of extra memory."""
    shapes = list(dict.fromkeys(name(row) for row in run["memory"]))
    peaks = {(row["path"], row["op"], name(row)): row["extra"] for row in run["memory"]}
    rows = [
        [SHORT[path], shape, *(number(peaks[path, op, shape]) for op in OPERATIONS)]
        for path in ORDER
        for shape in shapes
    ]
    head = ["path", "input", *OPERATIONS]
    return "Extra memory, as a multiple of the input", table(head, rows, left=2)


def accuracy(run: Run) -> Section:
    """Return the table of the variance's errors."""
    rows = [
        [name(row), f"{row['ratio']:g}", *(number(row["error"][p], ".1e") for p in ORDER)]
        for row in run["accuracy"]
    ]
    title = "Relative error of the variance, float32"
    return title, table(["shape", "mean/std", *NAMES], rows)


def targets(run: Run) -> Section:
    """Return the table of verdicts."""
    rows = []
    for v in verdicts(run):
        form = "" if v.at_most > 0.01 else ".1e"
        cells = [v.title, number(v.at_most, form), number(v.worst, form), number(v.limit)]
        rows.append([*cells, v.where, v.word])
    head = ["target", "at most", "measured", "limit there", "worst case", "verdict"]
    return "Targets", table(head, rows)


def calls(run: Run) -> Section:
    """Return the table of what a call costs, cold and warm."""
    costs = {(row["path"], row["op"]): row for row in run["calls"]}
    head = ["path", *(f"{op}, {state}" for op in OPERATIONS for state in ("cold", "warm"))]
    rows = []
    for path, short in SHORT.items():
        ms = [costs[path, op][key] for op in OPERATIONS for key in ("cold_ms", "warm_ms")]
        rows.append([short, *(number(value, ".3f") for value in ms)])
    return "The cost of a call: milliseconds on a tiny array", table(head, rows)


def whitening(run: Run) -> Section:
    """Return the table of the parts of whitening: milliseconds, and the slope."""
    suite = run["whitening"]
    last = len(suite["settings"]["slope_over"])
    head = ["operation", *(f"d = {d}" for d in suite["d"]), f"slope, last {last}"]
    rows = [
        [WORDS.get(op, op), *(number(t, ".3g") for t in ms), number(suite["slope"][op])]
        for op, ms in suite["ms"].items()
    ]
    return "Whitening: milliseconds for 2048 samples, float64", table(head, rows)


def folding(run: Run) -> Section:
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
    return title, table(head, rows)


def sections(run: Run) -> Iterator[Section]:
    """Yield the tables of a run; where only small arrays were measured, these alone."""
    yield from times(run)
    if "calls" in run:
        yield from (memory(run), accuracy(run), targets(run), calls(run))
        yield from (whitening(run), folding(run))
    if "devices" in run:
        several = run["devices"]
        yield devices.title(several), table(devices.HEAD, [*devices.cells(several)], left=2)


def settings(run: Run) -> str:
    """Return in a sentence or two how a run was made."""
    how = run["settings"]
    packages = ", ".join(f"{package} {v}" for package, v in run["versions"].items())
    before, after = how["load"]
    done = sorted(row["repetitions"] for row in run["times"])
    return (
        f"Medians of {done[0]} to {done[-1]} repetitions in {how['clock']}, on a machine "
        f"with {how['cores']} cores and a load of {before} before and {after} after. "
        f"Versions: {packages}."
    )


def text(run: Run, level: str = "###") -> str:
    """Return a whole run as Markdown."""
    threads = run["settings"]["threads"]
    heading = "One thread" if threads == 1 else f"{threads} threads"
    parts = [f"{level} {heading}", settings(run)]
    parts += [f"**{title}**\n\n{lines}" for title, lines in sections(run)]
    return "\n\n".join(parts) + "\n"


def page(runs: dict[str, Run]) -> str:
    """Return what the book's page includes: all stored runs."""
    return "\n".join([NOTICE + "\n", *(text(run) for _, run in sorted(runs.items()))])
