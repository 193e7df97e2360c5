"""The figures: what is drawn, with which labels and scales; never the pixels."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb

from bnlib import plots

ARMS = {"with": np.array([[1.0, 3.0], [2.0, 6.0], [5.0, 5.0]]), "without": np.ones((3, 2))}
DRAW = {
    "lines": lambda **o: plots.lines({"a": ([1, 2], [3, 4])}, "rate", "loss", **o),
    "seeds": lambda **o: plots.seeds([1, 2, 3], ARMS, "rate", "loss", **o),
}


def dots(**options):
    """Draw two groups of unequal size."""
    return plots.dots({"a": np.array([1.0, 2.0, 6.0]), "b": np.ones(1)}, "loss", **options)


each_plot = pytest.mark.parametrize("name", DRAW)


pytestmark = pytest.mark.usefixtures("agg")


def legend(ax):
    """Return the entries of a legend without a frame."""
    assert not ax.get_legend().get_frame_on()
    return [text.get_text() for text in ax.get_legend().get_texts()]


@each_plot
@pytest.mark.parametrize(
    ("log", "scales"),
    [
        ("", ("linear", "linear")),
        ("x", ("log", "linear")),
        ("y", ("linear", "log")),
        ("xy", ("log", "log")),
    ],
)
def test_labels_and_scales_are_those_asked_for(name, log, scales):
    ax = DRAW[name](log=log)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rate", "loss")
    assert (ax.get_xscale(), ax.get_yscale()) == scales
    ax.figure.canvas.draw()


def two_nodes(**options):
    """Draw a graph of two nodes."""
    return plots.graph({"x": (0, 1), "y": (1, 0)}, {("x", "y"): "mean"}, **options)


@pytest.mark.parametrize("draw", [*DRAW.values(), dots, two_nodes])
def test_axes_that_are_given_are_drawn_on(draw):
    ax = plt.subplots()[1]
    assert draw(ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    assert len(ax.figure.axes) == 1
    assert ax.lines or ax.texts


@pytest.mark.parametrize("draw", [*DRAW.values(), dots], ids=[*DRAW, "dots"])
def test_the_style_of_the_book_stays_with_its_own_figures(draw):
    before = mpl.rcParams.copy()
    ax = draw()
    assert mpl.rcParams == before
    assert tuple(ax.figure.get_size_inches()) == plots.STYLE["figure.figsize"]
    assert not ax.spines["top"].get_visible()


def test_lines_draw_the_numbers_that_they_are_given():
    series = {"first": ([1, 2, 3], [4, 5, 6]), "second": (np.arange(2), np.ones(2))}
    ax = plots.lines(series, "x", "y")
    assert legend(ax) == ["first", "second"]
    for line, (x, y) in zip(ax.lines, series.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), x)
        np.testing.assert_array_equal(line.get_ydata(), y)


def test_no_series_means_no_legend():
    ax = plots.lines({}, "x", "y")
    assert ax.get_legend() is None
    assert ax.get_xlabel() == "x"


def test_seeds_are_dots_and_their_mean_is_a_line():
    ax = plots.seeds([1, 2, 3], ARMS, "x", "y")
    assert legend(ax) == ["with", "without"]
    dots, mean = ax.lines[:2]
    assert len(ax.lines) == 4
    assert (dots.get_linestyle(), mean.get_linestyle()) == ("None", "-")
    np.testing.assert_array_equal(dots.get_xdata(), [1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(dots.get_ydata(), [1, 3, 2, 6, 5, 5])
    np.testing.assert_array_equal(mean.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(mean.get_ydata(), [2, 4, 5])


def test_dots_stand_over_the_name_of_their_group_with_a_bar_at_the_mean():
    ax = dots()
    assert ax.get_ylabel() == "loss"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b"]
    np.testing.assert_array_equal(ax.get_xticks(), [0, 1])
    groups, bars = ax.lines, [bar.get_segments()[0] for bar in ax.collections]
    np.testing.assert_array_equal(groups[0].get_ydata(), [1, 2, 6])
    for i, (group, bar, mean) in enumerate(zip(groups, bars, [3.0, 1.0], strict=True)):
        assert np.abs(group.get_xdata() - i).max() < 0.25
        np.testing.assert_allclose(bar, [[i - 0.25, mean], [i + 0.25, mean]])
        assert group.get_linestyle() == "None"
        assert group.get_color() == to_hex(ax.collections[i].get_color()[0]).upper()


def test_groups_differ_in_color_dashes_and_markers_and_a_seventh_begins_anew():
    groups = {str(i): np.ones((3, 2)) for i in range(7)}
    curves = plots.lines({k: ([1, 2], [1, 2]) for k in groups}, "x", "y").lines
    points = plots.seeds([1, 2, 3], groups, "x", "y").lines  # dots, mean, dots, mean, ...
    alone = plots.dots({k: v[:, 0] for k, v in groups.items()}, "loss").lines
    bars = [ax.patches[0] for ax in plots.histograms(groups, "x")]
    colors = [line.get_color() for lines in (curves, points[::2], points[1::2], alone)
              for line in lines]  # fmt: skip
    colors += [to_hex(bar.get_facecolor()).upper() for bar in bars]
    assert colors == 5 * [*plots.COLORS, plots.COLORS[0]]
    for lines in (curves, points[1::2]):
        assert [line.get_linestyle() for line in lines[:4]] == ["-", "--", "-.", ":"]
    for lines in (points[::2], points[1::2], alone):
        assert [line.get_marker() for line in lines[:6]] == list(plots.MARKERS)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_histograms_stand_side_by_side_as_densities(given, count):
    samples = {f"layer {i}": np.linspace(0, 1 + i, 50).reshape(5, 10) for i in range(count)}
    own = np.atleast_1d(plt.subplots(1, count)[1]).tolist() if given else None
    axes = plots.histograms(samples, "activation", bins=7, axes=own)
    assert len(plt.get_fignums()) == 1
    assert list(axes) == list(axes[0].figure.axes)
    assert [ax.get_title() for ax in axes] == list(samples)
    assert [ax.get_xlabel() for ax in axes] == ["activation"] * count
    assert [ax.get_ylabel() for ax in axes] == ["density"] + [""] * (count - 1)
    for ax in axes:
        assert len(ax.patches) == 7
        assert sum(bar.get_width() * bar.get_height() for bar in ax.patches) == pytest.approx(1)


def test_histograms_have_60_bins_by_default():
    assert len(plots.histograms({"a": np.arange(9.0)}, "x")[0].patches) == 60


def test_histograms_need_as_many_axes_as_samples():
    axes = plt.subplots(1, 2)[1]
    with pytest.raises(ValueError, match="zip"):
        plots.histograms({"a": np.ones(3)}, "x", axes=axes)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_image_has_zero_in_the_middle_of_its_scale(given, sign):
    values = sign * np.array([[-4.0, 1.0], [0.0, 2.0]])
    own = {"ax": plt.subplots()[1]} if given else {}
    ax = plots.image(values, "column", "row", **own)
    assert ax is own.get("ax", ax)
    picture = ax.images[0]
    np.testing.assert_array_equal(picture.get_array(), values)
    assert picture.get_clim() == (-4, 4)
    assert picture.get_cmap().name == "RdBu_r"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    assert ax.figure.axes[1].get_ylim() == (-4, 4)
    assert not any(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())


def test_dots_of_a_group_stand_beside_each_other_from_left_to_right():
    (group,) = plots.dots({"a": np.ones(5)}, "loss").lines
    steps = np.diff(group.get_xdata())
    np.testing.assert_allclose(steps, steps[0])
    assert steps[0] > 0
    assert group.get_alpha() < 1  # equal values show through


def test_histograms_stand_in_one_row_that_is_as_wide_as_they_need():
    axes = plots.histograms({str(i): np.arange(9.0) for i in range(3)}, "x")
    boxes = [ax.get_subplotspec().get_position(ax.figure) for ax in axes]
    assert (len({box.y0 for box in boxes}), len({box.x0 for box in boxes})) == (1, 3)
    assert not any(ax.spines["top"].get_visible() for ax in axes)
    assert axes[0].figure.get_size_inches()[0] == pytest.approx(3 * 3.2)


def test_each_line_has_its_label_at_its_end_and_no_legend_stays():
    ax = plots.seeds([1, 2, 3], ARMS, "rate", "loss")
    ax.plot([1, 2, 3], [9.0, 8.0, np.nan], label="ends\nearly")
    assert plots.label_ends(ax, pad=5) is ax
    assert ax.get_legend() is None
    written = {text.get_text(): text for text in ax.texts}
    assert {name: text.xy for name, text in written.items()} == {
        "with": (3, 5), "without": (3, 1), "ends\nearly": (2, 8),
    }  # fmt: skip
    assert [text.xyann[0] for text in ax.texts] == [5, 5, 5]
    for line in ax.lines:
        if line.get_label() in written:
            dark = to_rgb(written[line.get_label()].get_color())
            np.testing.assert_allclose(dark, 0.7 * np.array(to_rgb(line.get_color())))


def test_labels_of_lines_that_end_together_do_not_cover_one_another():
    ends = {name: ([1, 2], [0, 1 + i / 1000]) for i, name in enumerate("abcd")}
    ax = plots.label_ends(plots.lines(ends | {"two\nlines": ([1, 2], [0, 1])}, "x", "y"))
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    heights = [text.get_window_extent().y0 for text in ax.texts[:4]]
    assert heights == sorted(heights)  # in the order of the lines


def test_lines_without_labels_are_refused():
    nothing = {"nowhere": ([1, 2], [np.nan, np.inf])}
    for series in ({}, nothing):
        with pytest.raises(ValueError, match="label_ends: no line with points has a label"):
            plots.label_ends(plots.lines(series, "x", "y"))
    ax = plots.label_ends(plots.lines(nothing | {"up": ([1, 2], [1, 2])}, "x", "y"))
    assert [text.get_text() for text in ax.texts] == ["up"]
