"""The figure: time as a multiple of torch's, for every operation and shape."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from bench.problem import OPERATIONS, Run
from bench.targets import LARGE, name
from bnlib import plots

FILE = Path("figures/bench.png")
PATHS = {"textbook": "textbook NumPy", "numpy": "bnlib, NumPy", "compiled": "bnlib, compiled"}
TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16)


def draw(run: Run) -> Figure:
    """Return the figure: a panel for each operation, a line for each shape and dtype."""
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
    for y, row in zip(height, rows, strict=True):
        if row["bytes"] < LARGE:
            ax.axhspan(y - 0.5, y + 0.5, color="0.93", zorder=0, linewidth=0)
    ax.axvline(1, color="0.35", linewidth=1.2, label="torch, native kernel")
    for (path, label), color, mark in zip(
        PATHS.items(), plots.COLORS, plots.MARKERS, strict=False
    ):
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


def save(run: Run, file: Path) -> None:
    """Draw the figure of a run and store it."""
    figure = draw(run)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=200, metadata={"Software": None})
    plt.close(figure)
