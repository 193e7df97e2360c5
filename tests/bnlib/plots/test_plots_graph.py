"""The drawn graph: which boxes and arrows, where, and which errors; never the pixels."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from bnlib import plots

NODES = {"x": (0, 1), "mu": (1, 0), "centered": (2.5, 1)}
EDGES = {("x", "mu"): "mean", ("x", "centered"): "", ("mu", "centered"): "minus"}


pytestmark = pytest.mark.usefixtures("agg")


def boxes(ax):
    """Return the texts that stand in a box of a node, by name."""
    return {t.get_text(): t for t in ax.texts if t.get_text() in NODES}


def arrows(ax):
    """Return the arrows."""
    return [text for text in ax.texts if isinstance(text, Annotation)]


def test_each_node_has_its_name_in_a_box_at_its_place():
    drawn = boxes(plots.graph(NODES, EDGES))
    assert {name: text.get_position() for name, text in drawn.items()} == NODES
    for text in drawn.values():
        assert text.get_bbox_patch() is not None
        assert (text.get_ha(), text.get_va()) == ("center", "center")


def test_marked_nodes_differ_in_colour_and_corners():
    drawn = boxes(plots.graph(NODES, EDGES, marked=["mu"]))
    patches = {name: text.get_bbox_patch() for name, text in drawn.items()}
    colors = {name: to_hex(p.get_edgecolor()).upper() for name, p in patches.items()}
    first, second = plots.COLORS[:2]
    assert colors == {"x": first, "mu": second, "centered": first}
    styles = {name: type(p.get_boxstyle()).__name__ for name, p in patches.items()}
    assert styles == {"x": "Square", "mu": "Round", "centered": "Square"}


def test_each_edge_is_an_arrow_from_tail_to_head_box():
    ax = plots.graph(NODES, EDGES)
    drawn, shown = boxes(ax), arrows(ax)
    assert [(a.xyann, a.xy) for a in shown] == [(NODES[t], NODES[h]) for t, h in EDGES]
    for arrow, (tail, head) in zip(shown, EDGES, strict=True):
        patch = arrow.arrow_patch
        assert arrow.get_text() == ""
        assert type(patch.get_arrowstyle()).__name__ == "CurveFilledB"
        assert patch.patchA is drawn[tail].get_bbox_patch()
        assert patch.patchB is drawn[head].get_bbox_patch()


def test_arrows_end_at_the_boxes_as_drawn():
    """The boxes get their size when they are drawn, so arrows must be drawn after them."""
    ax = plots.graph(NODES, EDGES)
    assert min(a.get_zorder() for a in arrows(ax)) > max(
        text.get_zorder() for text in boxes(ax).values()
    )
    ax.figure.canvas.draw()
    head = boxes(ax)["mu"].get_bbox_patch().get_window_extent()
    tip = arrows(ax)[0].arrow_patch.get_window_extent()
    assert not head.contains(*np.mean([tip.min, tip.max], axis=0))
    assert abs(tip.y0 - head.y1) < 8  # pixels


def test_all_nodes_lie_inside_the_axes_without_frame():
    ax = plots.graph(NODES, EDGES)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < 0 < 2.5 < right
    assert low < 0 < 1 < high
    assert not ax.axison


def test_an_empty_graph_is_an_empty_picture():
    ax = plots.graph({}, {})
    assert not ax.texts
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("edges", "marked"), [({("x", "z"): ""}, []), ({("z", "x"): ""}, []), ({}, ["z"])]
)
def test_unknown_names_are_refused(edges, marked):
    with pytest.raises(ValueError, match=r"graph: \['z'\] are no nodes; the nodes are \['x'"):
        plots.graph(NODES, edges, marked)


def test_labels_stand_in_the_middle_of_their_edges_and_hide_the_arrows():
    ax = plots.graph(NODES, EDGES)
    texts = {t.get_text(): t for t in ax.texts if not isinstance(t, Annotation)}
    for name, place in {"mean": (0.5, 0.5), "minus": (1.75, 0.5)}.items():
        label = texts[name]
        assert label.get_position() == place
        assert (label.get_ha(), label.get_va()) == ("center", "center")
        assert label.get_zorder() > max(arrow.get_zorder() for arrow in arrows(ax))
        assert label.get_bbox_patch().get_facecolor() == (1, 1, 1, 1)
