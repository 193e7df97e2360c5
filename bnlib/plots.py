"""Figures of the book: each function draws the numbers that it is given.

Colours are five of Okabe & Ito and a brown, told apart by readers with any colour vision;
line styles and markers differ as well. Every function returns the axes it drew on.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from bnlib.axes import Array

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#7F3C00")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":", "-", "--")
STYLE: Any = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
}
LABEL_SIZE = 10  # points, of a label at its line
Pair = tuple[npt.ArrayLike, npt.ArrayLike]


def lines(
    series: Mapping[str, Pair], xlabel: str, ylabel: str, log: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one line for each ``label: (x, y)``; ``log`` names the logarithmic axes, "xy"."""
    ax = _axes(ax)
    for i, (label, (x, y)) in enumerate(series.items()):
        ax.plot(np.asarray(x), np.asarray(y), DASHES[i % 6], color=COLORS[i % 6], label=label)
    return _finish(ax, xlabel, ylabel, log)


def seeds(
    x: Sequence[float],
    arms: Mapping[str, Array],
    xlabel: str,
    ylabel: str,
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw every seed as a dot and the mean over seeds as a line.

    Parameters
    ----------
    x : sequence of K numbers
    arms : mapping of label to ndarray, shape (K, seeds)
    """
    ax = _axes(ax)
    for i, (label, values) in enumerate(arms.items()):
        style: dict[str, Any] = {"color": COLORS[i % 6], "marker": MARKERS[i % 6]}
        dots = np.repeat(x, values.shape[1])
        ax.plot(dots, values.ravel(), linestyle="", alpha=0.45, markersize=4, **style)
        ax.plot(x, values.mean(axis=1), DASHES[i % 6], label=label, markersize=6, **style)
    return _finish(ax, xlabel, ylabel, log)


def label_ends(ax: Axes, pad: float = 8) -> Axes:
    """Write each line's label at its right end, in its colour; take the legend away.

    Parameters
    ----------
    ax : Axes
        With its lines, limits and scales as they will stay. Labels may have several lines.
    pad : float
        From the end of a line to its label, in points.

    Raises
    ------
    ValueError
        If no line with finite points has a label.

    Examples
    --------
    >>> ax = label_ends(lines({"up": ([1, 2], [1, 3]), "down": ([1, 2], [1, 0])}, "x", "y"))
    >>> [text.get_text() for text in ax.texts], ax.get_legend()
    (['up', 'down'], None)
    """
    named = [line for line in ax.lines if str(line.get_label())[:1] not in {"", "_"}]
    curves = [line for line in named if len(_finite(line))]
    labels = [str(curve.get_label()) for curve in curves]
    if not labels:
        raise ValueError("label_ends: no line with points has a label; draw it with label=...")
    if legend := ax.get_legend():
        legend.remove()
    ends = np.array([_finite(curve)[-1] for curve in curves])
    ax.figure.draw_without_rendering()  # type: ignore[union-attr] # places the axes
    middles = 72 / ax.figure.dpi * ax.transData.transform(ends)[:, 1]  # points
    heights = [1.2 * LABEL_SIZE * (1 + label.count("\n")) for label in labels]
    moves = _spread_out(middles, heights) - middles
    for curve, label, end, move in zip(curves, labels, ends, moves, strict=True):
        where: dict[str, Any] = {"xytext": (pad, move), "textcoords": "offset points"}
        color = [0.7 * v for v in to_rgb(curve.get_color())]  # text needs contrast
        ax.annotate(label, end, va="center", fontsize=LABEL_SIZE, color=color, **where)
    return ax


def _finite(line: Line2D) -> Array:
    """Return the points of a line that can be drawn, shape (points, 2)."""
    points: Array = np.asarray(line.get_xydata())
    return points[np.isfinite(points).all(axis=1)]


def _spread_out(places: Array, heights: Sequence[float]) -> Array:
    """Move labels, given by their middles and heights, until none covers another.

    Examples
    --------
    >>> _spread_out(np.array([0.0, 1.0, 9.0]), [2, 2, 2])
    array([-0.5,  1.5,  9. ])
    """
    places, order = places.astype(float), np.argsort(places, kind="stable")
    for _ in range(100):  # each overlap is shared by its two labels
        for low, high in itertools.pairwise(order):
            overlap = (heights[low] + heights[high]) / 2 - (places[high] - places[low])
            if overlap > 0:
                places[low] -= overlap / 2
                places[high] += overlap / 2
    return places


def dots(groups: Mapping[str, Array], ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw each group's values, shape (seeds,), as dots over its name, a bar at their mean."""
    ax = _axes(ax)
    for i, values in enumerate(groups.values()):
        spread = np.linspace(-0.12, 0.12, len(values))
        ax.plot(i + spread, values, MARKERS[i % 6], color=COLORS[i % 6], alpha=0.7)
        ax.hlines(values.mean(), i - 0.25, i + 0.25, color=COLORS[i % 6], linewidth=2)
    ax.set_xticks(range(len(groups)), labels=list(groups))
    ax.set_ylabel(ylabel)
    return ax


def histograms(
    samples: Mapping[str, Array],
    xlabel: str,
    bins: int = 60,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw one histogram (density) beside the other, each with its label as title."""
    if axes is None:
        with plt.rc_context(STYLE):
            axes = plt.subplots(1, len(samples), figsize=(3.2 * len(samples), 3.0))[1]
        axes = np.atleast_1d(np.asarray(axes)).tolist()
    for i, (ax, (label, values)) in enumerate(zip(axes, samples.items(), strict=True)):
        ax.hist(np.ravel(values), bins=bins, density=True, color=COLORS[i % 6])
        ax.set_title(label, fontsize=11)
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel("density")
    return axes


def image(values: Array, xlabel: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw a matrix as colours, zero in the middle of a blue-white-red scale."""
    ax = _axes(ax)
    limit = np.abs(values).max()
    picture = ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.figure.colorbar(picture, ax=ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(False)
    return ax


def graph(
    nodes: Mapping[str, tuple[float, float]],
    edges: Mapping[tuple[str, str], str],
    marked: Collection[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw a directed graph: a box for each node, a labelled arrow for each edge.

    Parameters
    ----------
    nodes : mapping of name to (x, y)
        Where the middle of the box stands; y points up, the scale is free.
    edges : mapping of (tail, head) to label
        The arrow points at the head; an empty label is a bare arrow.
    marked : collection of names
        These boxes have another colour and round corners.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If an edge or a mark names no node.

    Examples
    --------
    >>> ax = graph({"x": (0, 0), "y": (1, 0)}, {("x", "y"): "square"}, marked=["x"])
    >>> [text.get_text() for text in ax.texts if text.get_text()]
    ['x', 'y', 'square']
    """
    names = {name for edge in edges for name in edge} | set(marked)
    if unknown := sorted(names - set(nodes)):
        raise ValueError(f"graph: {unknown} are no nodes; the nodes are {list(nodes)}")
    ax = _axes(ax)
    boxes = {}
    for name, (x, y) in nodes.items():
        shape, color = ("round", COLORS[1]) if name in marked else ("square", COLORS[0])
        box = {"boxstyle": f"{shape},pad=0.35", "facecolor": "white", "edgecolor": color}
        text = ax.text(x, y, name, ha="center", va="center", bbox=box, zorder=4)
        boxes[name] = text.get_bbox_patch()
    for (tail, head), label in edges.items():
        arrow = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 1, "shrinkB": 1}
        arrow |= {"patchA": boxes[tail], "patchB": boxes[head]}
        ax.annotate("", nodes[head], nodes[tail], arrowprops=arrow, zorder=5)
        x, y = np.add(nodes[tail], nodes[head]) / 2
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text(x, y, label, ha="center", va="center", fontsize=9, bbox=clear, zorder=6)
    if nodes:
        ax.update_datalim(list(nodes.values()))
    ax.margins(0.08, 0.25)
    ax.autoscale_view()
    ax.set_axis_off()
    return ax


def _axes(ax: Axes | None) -> Axes:
    """Return ``ax``, or new axes in the book's style."""
    if ax is not None:
        return ax
    with plt.rc_context(STYLE):
        new: Axes = plt.subplots()[1]
    return new


def _finish(ax: Axes, xlabel: str, ylabel: str, log: str) -> Axes:
    """Label the axes, set their scales and add a legend where there are labels."""
    ax.set(xlabel=xlabel, ylabel=ylabel, **{f"{axis}scale": "log" for axis in log})
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False)
    return ax
