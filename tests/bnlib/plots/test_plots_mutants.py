"""Figures: what mutation testing found unproved, as far as a reader would see it."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from bnlib import plots

NODES = {"x": (0, 1), "mu": (1, 0), "centered": (2.5, 1)}
EDGES = {("x", "mu"): "mean", ("x", "centered"): "", ("mu", "centered"): "minus"}


pytestmark = pytest.mark.usefixtures("agg")


def test_dots_of_a_group_stand_beside_each_other_from_left_to_right():
    (group,) = plots.dots({"a": np.ones(5)}, "loss").lines
    steps = np.diff(group.get_xdata())
    np.testing.assert_allclose(steps, steps[0])
    assert steps[0] > 0
    assert group.get_alpha() < 1  # equal values show through


def test_the_dots_of_seeds_are_small_and_pale_beside_their_mean():
    dots, mean = plots.seeds([1, 2], {"a": np.ones((2, 3))}, "x", "y").lines
    assert dots.get_alpha() < (mean.get_alpha() or 1)
    assert dots.get_markersize() < mean.get_markersize()


def test_histograms_stand_in_one_row_that_is_as_wide_as_they_need():
    widths = []
    for count in (1, 3):
        axes = plots.histograms({str(i): np.arange(9.0) for i in range(count)}, "x")
        boxes = [ax.get_subplotspec().get_position(ax.figure) for ax in axes]
        assert len({box.y0 for box in boxes}) == 1
        assert len({box.x0 for box in boxes}) == count
        assert not any(ax.spines["top"].get_visible() for ax in axes)
        widths.append(axes[0].figure.get_size_inches()[0])
    assert widths[1] == pytest.approx(3 * widths[0])


def test_the_colorbar_of_an_image_shows_its_scale():
    ax = plots.image(np.array([[-4.0, 1.0]]), "column", "row")
    bar = ax.figure.axes[1]
    assert bar.get_ylim() == (-4, 4)
    assert ax.images[0].colorbar.ax is bar


def test_names_and_labels_are_centered_at_their_places():
    for text in plots.graph(NODES, EDGES).texts:
        if not isinstance(text, Annotation):
            assert (text.get_ha(), text.get_va()) == ("center", "center")


def test_a_label_hides_its_arrow_which_has_a_head_and_no_text():
    texts = plots.graph(NODES, EDGES).texts
    arrows = [text for text in texts if isinstance(text, Annotation)]
    for arrow in arrows:
        assert arrow.get_text() == ""
        assert type(arrow.arrow_patch.get_arrowstyle()).__name__ == "CurveFilledB"
    for label in (text for text in texts if text.get_text() in EDGES.values()):
        if not isinstance(label, Annotation):
            assert label.get_zorder() > max(arrow.get_zorder() for arrow in arrows)
            assert label.get_bbox_patch().get_facecolor() == (1, 1, 1, 1)
            assert label.get_bbox_patch().get_edgecolor()[3] == 0
