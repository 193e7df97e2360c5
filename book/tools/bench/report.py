"""The stored runs and what is made of them: tables in Markdown, the figure, chapters' data.

`book/benchmarks.json` holds a run for each number of threads. What chapters draw, three
suites of the run on one thread, is stored again as data of bnlib.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from bench.problem import OPERATIONS, Run, by
from bench.targets import LARGE, NAMES, beside_textbook, name, over, verdicts
from bnlib import plots

BOOK = Path(__file__).resolve().parents[2]
DATA = BOOK.parent / "bnlib" / "data"
RUNS, PAGE, MEASURED = "benchmarks.json", "_benchmarks.md", "measured.json"
FIGURE = Path("figures/bench.png")
DRAWN = {"textbook": "textbook NumPy", "numpy": "bnlib, NumPy", "compiled": "bnlib, compiled"}
TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16)
SUITES = ("whitening", "folding", "devices")
NOTICE = "<!-- Written by `make bench`; do not edit. -->\n"
PATHS = list(NAMES)  # in the order of the columns
WORDS = {
    "eigh": "eigendecomposition", "apply": "apply a d × d matrix",
    "cholesky": "Cholesky factor", "newton_schulz_5": "Newton–Schulz, 5 steps",
    "newton_schulz_10": "Newton–Schulz, 10 steps",
}  # fmt: skip


def number(value: str | float | None, form: str = "") -> str:
    """Return a number for a table, as 0.40 or 17.5 where no form is given, a dash for none."""
    if value is None or isinstance(value, str):
        return value or "–"
    return format(value, form or (".2f" if value < 10 else ".1f"))


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[Any]], left: int = 1) -> str:
    """Return a table of texts and numbers below its title; ``left`` columns are words."""
    lines = [list(head), *(list(map(number, cells)) for cells in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = "<" * left + ">" * (len(widths) - left)
    rule = [":" + "-" * (width - 1) for width in widths[:left]]
    lines.insert(1, rule + ["-" * (width - 1) + ":" for width in widths[left:]])
    padded = (" | ".join(map("{:{}{}}".format, cells, sides, widths)) for cells in lines)
    return "\n".join([f"**{title}**\n", *(f"| {line} |" for line in padded)])


def times(run: Run) -> Iterator[str]:
    """Yield a table for each operation, and one of forward and backward on small arrays."""
    *ours, _ = names = list(NAMES.values())
    head = ["shape", "torch, ms", *ours, *(f"{short} / limit" for short in names[1:])]
    for op in OPERATIONS:
        rows = [
            [name(row).replace("float", "f"), f"{row['torch_ms']:.3g}",
             *(over(row, path, "torch") for path in PATHS[:-1]),
             *(over(row, path, "limit") for path in PATHS[1:])]
            for row in run["times"] if row["op"] == op
        ]  # fmt: skip
        title = f"{op.capitalize()}: time, in multiples of torch's, then of the limit"
        yield table(title, head, rows)
    small = beside_textbook(run).items()
    rows = [[case, *(ratio[path] for path in PATHS[1:])] for case, ratio in small]
    title = "Small arrays: forward and backward, in multiples of textbook NumPy's time"
    yield table(title, ["shape", *names[1:]], rows)


def memory(run: Run) -> str:
    """Return the table of extra memory."""
    peaks: dict[tuple[str, str], list[float]] = {}
    for row in run["memory"]:  # an operation after the other
        peaks.setdefault((row["path"], name(row)), []).append(row["extra"])
    cases = sorted(peaks, key=lambda case: PATHS.index(case[0]))
    rows = [[NAMES[path], shape, *peaks[path, shape]] for path, shape in cases]
    title = "Extra memory, as a multiple of the input"
    return table(title, ["path", "input", *OPERATIONS], rows, left=2)


def accuracy(run: Run) -> str:
    """Return the table of the variance's errors."""
    rows = [
        [name(row), f"{row['ratio']:g}", *(f"{row['error'][path]:.1e}" for path in PATHS)]
        for row in run["accuracy"]
    ]
    head = ["shape", "mean/std", *NAMES.values()]
    return table("Relative error of the variance, float32", head, rows)


def targets(run: Run) -> str:
    """Return the table of verdicts."""
    rows = []
    for v in verdicts(run):
        form = "" if v.at_most > 0.01 else ".1e"
        shown = number(v.at_most, form), number(v.worst, form)
        rows.append([v.title, *shown, v.limit, v.where, v.word])
    head = ["target", "at most", "measured", "limit there", "worst case", "verdict"]
    return table("Targets", head, rows)


def calls(run: Run) -> str:
    """Return the table of what a call costs, cold and warm."""
    costs = {(row["path"], row["op"]): row for row in run["calls"]}
    head = ["path", *(f"{op}, {state}" for op in OPERATIONS for state in ("cold", "warm"))]
    rows = []
    for path in ("torch", *PATHS[:-1], "limit"):
        ms = [costs[path, op][key] for op in OPERATIONS for key in ("cold_ms", "warm_ms")]
        rows.append([NAMES.get(path, path), *(f"{value:.3f}" for value in ms)])
    return table("The cost of a call: milliseconds on a tiny array", head, rows)


def whitening(suite: Run) -> str:
    """Return the table of the parts of whitening: milliseconds, and the slope."""
    last = len(suite["settings"]["slope_over"])
    head = ["operation", *(f"`d` = {d}" for d in suite["d"]), f"slope, last {last}"]
    rows = [
        [WORDS.get(op, op), *(f"{t:.3g}" for t in ms), suite["slope"][op]]
        for op, ms in suite["ms"].items()
    ]
    return table("Whitening: milliseconds for 2048 samples, float64", head, rows)


def folding(suite: Run) -> str:
    """Return the table of what folding saves."""
    rows = []
    for row in suite["rows"]:
        before, after = row["multiply_adds_before"], row["multiply_adds_after"]
        ratios = [f"{row[key]:.3f}" for key in ("ratio", "low", "high")]
        sums = [f"{before:,}", f"{after:,}", f"{before / after:.4f}"]
        rows.append([row["stack"], str(row["batch"]), *ratios, *sums])
    head = ["channels", "batch", "time unfolded / folded", "low", "high"]
    head += ["multiply-adds unfolded", "folded", "unfolded / folded"]
    return table("Folding: conv3×3, batch normalization and ReLU on 8×8 images", head, rows)


def devices(suite: Run) -> str:
    """Return the table of what several processes cost, and how busy the machine was."""
    rows = []
    for row in suite["rows"]:
        (alone, together), sent = row["ms"].values(), row["bytes"]
        ms = [f"{alone:.3g}", f"{together:.3g}", together / alone]
        nbytes = [f"{sent[what]:,}" for what in ("gradients", "statistics")]
        rows.append([str(row["processes"]), by(row["shape"]), *ms, *nbytes])
    head = ["processes", "part of each", "BatchNorm2d, ms", "SyncBatchNorm, ms", "ratio"]
    head += ["bytes of gradients", "of statistics"]
    before, after = suite["settings"]["load"]
    title = "Several processes: one layer in DistributedDataParallel, float32"
    title += f", with a load of {before} before and {after} after"
    return table(title, head, rows, left=2)


def sections(run: Run) -> Iterator[str]:
    """Yield the tables of a run; where only small arrays were measured, these alone."""
    yield from times(run)
    if "calls" in run:
        yield from (memory(run), accuracy(run), targets(run), calls(run))
        yield from (whitening(run["whitening"]), folding(run["folding"]))
    if "devices" in run:
        yield devices(run["devices"])


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


def draw(run: Run) -> Figure:
    """Return the figure: time as a multiple of torch's, a panel for each operation."""
    with plt.rc_context({**plots.STYLE, "figure.figsize": (9.4, 5.6), "font.size": 10}):
        figure, axes = plt.subplots(1, len(OPERATIONS), sharex=True, sharey=True)
    for ax, op in zip(axes, OPERATIONS, strict=True):
        panel(ax, [row for row in run["times"] if row["op"] == op])
        ax.set_title(op.capitalize(), fontsize=11)
    axes[1].set_xlabel("time / time of torch's native kernel (logarithmic; left is faster)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, frameon=False)
    return figure


def panel(ax: Axes, rows: list[Run]) -> None:
    """Draw one operation: the first shape at the top."""
    height = range(len(rows), 0, -1)
    for y in (y for y, row in zip(height, rows, strict=True) if row["bytes"] < LARGE):
        ax.axhspan(y - 0.5, y + 0.5, color="0.93", zorder=0, linewidth=0)
    ax.axvline(1, color="0.35", linewidth=1.2, label="torch, native kernel")
    looks = zip(DRAWN.items(), plots.COLORS, plots.MARKERS, strict=False)
    for (path, label), color, mark in looks:
        ratios = [row["ratio"][path] for row in rows]
        ax.plot(ratios, height, ls="", label=label, color=color, marker=mark)
    limits = [row["ratio"]["limit"] for row in rows]
    ax.plot(limits, height, "|", color="black", markersize=10, label="streaming limit")
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_yticks(list(height), labels=[name(row) for row in rows])
    ax.set_ylim(0.4, len(rows) + 0.6)


def dump(path: Path, value: Run) -> None:
    """Write JSON, a number on each line."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(folder: Path = BOOK) -> dict[str, Run]:
    """Return the stored runs by number of threads."""
    return json.loads((folder / RUNS).read_text(encoding="utf-8"))


def keep(runs: dict[str, Run], folder: Path = BOOK, data: Path = DATA) -> None:
    """Write the numbers, the page's tables, the data for chapters, and the figure."""
    dump(folder / RUNS, dict(sorted(runs.items())))
    (folder / PAGE).write_text(page(runs), encoding="utf-8")
    if "1" in runs:
        dump(data / MEASURED, {suite: runs["1"][suite] for suite in SUITES})
    (folder / FIGURE).parent.mkdir(exist_ok=True)
    figure = draw(runs[min(runs)])
    figure.savefig(folder / FIGURE, dpi=200, metadata={"Software": None})
    plt.close(figure)
