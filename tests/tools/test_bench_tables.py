"""The benchmark's words: targets and verdicts, tables, figure."""

import doctest
import importlib

import bench_tool  # noqa: F401
import matplotlib.pyplot as plt
import pytest
from bench import figure, report, tables, targets
from bench_tool import made_up, row

MODULES = ("growth", "markdown", "parts", "rounding", "stacks", "store", "targets")


def verdict(run, title):
    return next(v for v in targets.verdicts(run) if v.title == title)


def test_the_targets_are_those_of_the_issue():
    found = {v.title: v.at_most for v in targets.verdicts(made_up())}
    wanted = {
        "compiled: forward (N, C, H, W) float32, time / torch": 0.45,
        "compiled: forward (N, C, H, W) float64, time / torch": 0.65,
        "compiled: forward (N, C), time / torch": 0.95,
        "compiled: backward, time / torch": 1.0,
        "compiled: inference, time / torch": 1.1,
        "compiled: forward, time / limit": 1.7,
        "compiled: backward, time / limit": 1.5,
        "compiled: inference, time / limit": 1.3,
        "NumPy: forward (N, C, H, W) float32, time / torch": 1.0,
        "NumPy: forward (N, C, H, W) float64, time / torch": 1.6,
        "NumPy: forward (N, C), time / torch": 2.5,
        "NumPy: backward, time / torch": 4.0,
        "NumPy: inference, time / torch": 2.5,
    }
    for path in ("compiled", "NumPy"):
        wanted |= {
            f"{path}: {op}, extra memory / input": 1.05 for op in ("forward", "backward")
        }
        wanted[f"{path}: error of the variance, mean/std 1000"] = 1e-5
        wanted[f"{path}: error of the variance, mean/std 10000"] = 1e-4
    assert found == wanted


def test_the_worst_large_array_decides():
    run, title = made_up(), "compiled: forward (N, C, H, W) float32, time / torch"
    assert verdict(run, title).word == "met"
    row(run, "forward", [64, 256, 14, 14], "float32")["ratio"]["compiled"] = 0.45
    assert verdict(run, title).word == "met"  # at most means at most
    row(run, "forward", [64, 256, 14, 14], "float32")["ratio"]["compiled"] = 0.451
    found = verdict(run, title)
    assert (found.word, found.worst) == ("missed", 0.451)
    assert (found.where, found.limit) == ("64×256×14×14 float32", 0.3)


@pytest.mark.parametrize(
    ("op", "shape", "dtype"),
    [
        ("backward", [32, 64, 56, 56], "float32"),
        ("forward", [4096, 1024], "float32"),
        ("forward", [32, 64, 56, 56], "float64"),
    ],
)
def test_other_cases_do_not_count(op, shape, dtype):
    run = made_up()
    row(run, op, shape, dtype)["ratio"]["compiled"] = 9.0
    title = "compiled: forward (N, C, H, W) float32, time / torch"
    assert verdict(run, title).worst == 0.4


def test_small_arrays_do_not_count():
    run = made_up()
    row(run, "forward", [64, 100], "float32")["ratio"].update(compiled=9.0, numpy=9.0)
    assert verdict(run, "compiled: forward (N, C), time / torch").worst == 0.4
    assert verdict(run, "compiled: forward, time / limit").word == "met"


def test_against_the_limit_the_ratio_is_to_the_limit():
    run = made_up()
    row(run, "inference", [4096, 1024], "float64")["ratio"].update(compiled=0.9, limit=0.5)
    found = verdict(run, "compiled: inference, time / limit")
    assert (found.worst, found.where, found.limit) == (1.8, "4096×1024 float64", None)


def test_what_was_not_measured_is_not_judged():
    run = made_up()
    for r in run["times"]:
        del r["ratio"]["compiled"]
    run["memory"], run["accuracy"] = [], []
    words = {v.title.partition(":")[0]: set() for v in targets.verdicts(run)}
    for v in targets.verdicts(run):
        words[v.title.partition(":")[0]].add(v.word)
    assert words["compiled"] == {"not measured"}
    assert words["NumPy"] == {"met", "not measured"}


@pytest.mark.parametrize(
    ("traced", "resident", "worst"), [(1.0, 1.2, 1.2), (1.3, 1.0, 1.3), (1.4, None, 1.4)]
)
def test_of_two_counts_of_memory_the_larger_counts(traced, resident, worst):
    run = made_up()
    run["memory"][0].update(traced=traced, resident=resident)
    found = verdict(run, "compiled: forward, extra memory / input")
    assert (found.worst, found.word, found.where) == (worst, "missed", "32768×256")


def test_numpy_is_not_judged_by_several_threads():
    """Its loops use one, torch's all."""
    run = made_up()
    run["settings"]["threads"] = 2
    alone, shared = targets.verdicts(made_up()), targets.verdicts(run)
    left = {v.title for v in alone} - {v.title for v in shared}
    assert left == {t.title for t in targets.TARGETS if t.path == "numpy"}
    assert [v for v in alone if v.title not in left] == shared


def test_the_error_is_judged_for_each_mean():
    run = made_up()
    run["accuracy"][1]["error"]["numpy"] = 2e-5
    title = "NumPy: error of the variance, mean/std 1000"
    assert (verdict(run, title).word, verdict(run, title).worst) == ("missed", 2e-5)
    assert verdict(run, title + "0").word == "met"


def test_tables_are_aligned_and_complete():
    run = made_up()
    found = dict(report.sections(run))
    assert [len(lines) - 2 for lines in found.values()] == [8, 8, 8, 4, 3, 3, 21, 4, 8, 7, 2, 2]
    for lines in found.values():
        assert len({len(line) for line in lines}) == 1
        assert len({line.count("|") for line in lines}) == 1
    forward = found["Forward: time, in multiples of torch's, then of the limit"]
    heads = [head.strip() for head in forward[0].split("|")[1:-1]]
    assert heads == [
        "shape", "torch, ms", "textbook", "NumPy", "compiled",
        "NumPy / limit", "compiled / limit", "torch / limit",
    ]  # fmt: skip
    cells = [cell.strip() for cell in forward[2].split("|")[1:-1]]
    assert cells == [
        "64×100 f32", "2", "5.00", "0.90", "0.40", "3.00", "1.33", "3.33"
    ]  # fmt: skip


def test_memory_that_nobody_counted_takes_no_line():
    run = made_up()
    for r in run["memory"]:
        r["traced"] = 1.5 if r["path"] == "numpy" else None
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in tables.memory(run)[2:]]
    assert cells == [
        ["compiled", "32768×256", "process", "1.01", "1.01", "1.01"],
        ["NumPy", "32768×256", "Python", "1.50", "1.50", "1.50"],
        ["NumPy", "32768×256", "process", "1.01", "1.01", "1.01"],
    ]


def test_the_page_holds_every_run_with_its_settings():
    two = made_up()
    two["settings"]["threads"], two["notes"] = 2, ["something was left out"]
    page = report.page({"2": two, "1": made_up()})
    assert page.startswith("<!-- Written by `make bench`")
    assert page.index("### One thread") < page.index("### 2 threads")
    assert page.count("*Note:* something was left out.") == 1
    assert "a load of 0.1 before and 0.2 after" in page


def test_the_figure_shows_every_ratio():
    drawn = figure.draw(made_up())
    try:
        assert [ax.get_title() for ax in drawn.axes] == ["Forward", "Backward", "Inference"]
        for ax in drawn.axes:
            shown = {line.get_label(): line.get_xdata() for line in ax.lines}
            assert set(shown["bnlib, compiled"]) == {0.4}
            assert list(ax.lines[-1].get_ydata()) == [8, 7, 6, 5, 4, 3, 2, 1]
            assert len(shown["bnlib, NumPy"]) == len(shown["streaming limit"]) == 8
            assert ax.get_xscale() == "log"
            assert len(ax.patches) == 2  # the small shape in both dtypes
        labels = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
        assert (labels[0], labels[-1]) == ("64×100 float32", "64×256×14×14 float64")
        assert len(drawn.legends[0].get_texts()) == 5
    finally:
        plt.close(drawn)


def test_the_figure_leaves_out_who_was_not_there():
    run = made_up()
    for r in run["times"]:
        del r["ratio"]["compiled"]
    drawn = figure.draw(run)
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    plt.close(drawn)
    assert "bnlib, compiled" not in labels
    assert len(labels) == 4


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_tool_are_right(name):
    failed, tried = doctest.testmod(importlib.import_module(f"bench.{name}"))
    assert (failed, tried > 0) == (0, True)
