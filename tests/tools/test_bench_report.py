"""`make bench`: verdicts, tables, the figure, and what is stored."""

import itertools
import json
import math
import os
import subprocess
import sys

import pytest
from bench import report, run, suites, targets
from bench.candidates import CANDIDATES
from bench.problem import OPERATIONS
from house import ROOT

from bnlib.data import measured

SHAPES = ([64, 64], [4096, 1024], [32, 64, 56, 56], [64, 256, 14, 14])
PATHS = ("torch", "textbook", "numpy", "compiled")
RATIO = {"compiled": 0.4, "limit": 0.3, "numpy": 0.9, "textbook": 5.0, "torch": 1.0}
STORED = report.read()


@pytest.fixture
def made_up():
    """Make up a run, every ratio to torch the same for all shapes."""
    cases = list(itertools.product(PATHS, OPERATIONS))
    return {
        "settings": {"threads": 1, "clock": "CPU time", "cores": 2, "load": [0.1, 0.2]},
        "versions": {"python": "3.11.0", "torch": "2.13.0"},
        "times": [
            {"op": op, "shape": shape, "dtype": dtype, "repetitions": 7, "torch_ms": 2.0,
             "bytes": math.prod(shape) * int(dtype[5:]) // 8, "ratio": dict(RATIO)}
            for shape, dtype, op in itertools.product(SHAPES, run.DTYPES, OPERATIONS)
        ],
        "memory": [
            {"path": path, "op": op, "shape": [32768, 256], "extra": 1.01} for path, op in cases
        ],
        "accuracy": [
            {"shape": [1000, 8], "ratio": ratio, "error": dict.fromkeys(PATHS, 1e-7)}
            for ratio in run.RATIOS
        ],
        "calls": [
            {"path": path, "op": op, "cold_ms": 3.0, "warm_ms": 1.0} for path, op in cases
        ],
    }  # fmt: skip


def row(made, op, shape, dtype):
    """Return the row of the times that is about one case."""
    case = (op, shape, dtype)
    return next(r for r in made["times"] if (r["op"], r["shape"], r["dtype"]) == case)


def verdict(made, title):
    return next(v for v in targets.verdicts(made) if v.title == title)


MAPS = "compiled: forward (N, C, H, W) float32, time / torch"
LAST = "compiled: inference, time / limit"
# A case whose ratios change; the verdict that it is about, its word and its worst ratio.
VERDICTS = [
    ("forward", [64, 256, 14, 14], "float32", {"compiled": 0.45}, MAPS, "met", 0.45),
    ("forward", [64, 256, 14, 14], "float32", {"compiled": 0.451}, MAPS, "missed", 0.451),
    ("backward", [32, 64, 56, 56], "float32", {"compiled": 9.0}, MAPS, "met", 0.4),
    ("forward", [64, 64], "float32", {"compiled": 9.0}, MAPS, "met", 0.4),
    ("inference", [4096, 1024], "float64", {"compiled": 9.0}, LAST, "missed", 30.0),
]


@pytest.mark.parametrize(("op", "shape", "dtype", "ratio", "title", "word", "worst"), VERDICTS)
def test_the_worst_of_the_cases_that_count_decides(
    made_up, op, shape, dtype, ratio, title, word, worst
):
    row(made_up, op, shape, dtype)["ratio"].update(ratio)
    v = verdict(made_up, title)
    assert (v.worst, v.word) == (pytest.approx(worst), word)
    assert v.limit == (0.3 if title == MAPS else None)
    assert v.where == f"{'×'.join(map(str, shape))} {dtype}" or worst == 0.4


def test_a_small_batch_is_judged_by_both_passes_together(made_up):
    row(made_up, "backward", [64, 64], "float64")["torch_ms"] = 4.0
    row(made_up, "backward", [64, 64], "float64")["ratio"].update(numpy=9.0, textbook=6.0)
    title = "NumPy: forward and backward 64×64 float64, time / textbook"
    worst = (0.9 * 2 + 9 * 4) / (5 * 2 + 6 * 4)
    assert verdict(made_up, title).worst == pytest.approx(worst)


def test_what_was_not_measured_is_not_judged(made_up):
    small = [r for r in made_up["times"] if r["bytes"] < 1e6]
    few = {"settings": made_up["settings"], "versions": {}, "times": small}
    assert "| 64×64 float64 |  0.18 |     0.08 |  0.20 |" in report.text(few)
    assert "verdict" not in report.text(few)
    made_up |= {part: [] for part in ("times", "memory", "accuracy", "calls")}
    assert {v.word for v in targets.verdicts(made_up)} == {"not measured"}


def test_the_figure_shows_every_ratio(made_up, agg):
    drawn = report.draw(made_up)
    assert [ax.get_title() for ax in drawn.axes] == ["Forward", "Backward", "Inference"]
    for ax in drawn.axes:
        shown = {line.get_label(): list(line.get_xdata()) for line in ax.lines}
        assert shown["bnlib, compiled"] == [0.4] * 8
        assert shown["streaming limit"] == [0.3] * 8
        assert list(ax.lines[-1].get_ydata()) == [8, 7, 6, 5, 4, 3, 2, 1]
        assert len(ax.patches) == 2  # the small shape in both dtypes
    labels = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
    assert (labels[0], labels[-1]) == ("64×64 float32", "64×256×14×14 float64")


def test_what_is_kept_comes_back(tmp_path, agg):
    made = STORED["1"]
    report.keep({"2": made}, tmp_path, tmp_path)
    assert not (tmp_path / report.MEASURED).exists(), "chapters draw the run on one thread"
    report.keep({"2": made, "1": made}, tmp_path, tmp_path)
    assert report.read(tmp_path) == {"1": made, "2": made}
    suites_kept = json.loads((tmp_path / report.MEASURED).read_text(encoding="utf-8"))
    assert suites_kept == {name: made[name] for name in report.SUITES}
    assert (tmp_path / report.FIGURE).is_file()


def test_a_run_has_every_part_and_names_no_machine(monkeypatch, capsys):
    for name in ("times", "accuracy", "memory", "calls"):
        monkeypatch.setattr(run, f"take_{name}", lambda *given, name=name: name)
    for name in report.SUITES:
        monkeypatch.setattr(suites, name, lambda *how, name=name: name)
    made = run.carry_out(run.Clockwork())
    assert set(made) == {*STORED["1"]}
    assert set(made["settings"]) == {"threads", "clock", "seconds", "cores", "malloc", "load"}
    assert os.uname().nodename not in str(made).replace("torch", "")
    assert "devices" not in run.carry_out(run.Clockwork(threads=2))
    assert set(run.carry_out(run.Clockwork(), small=True)) == {"settings", "versions", "times"}


def test_the_command_starts_anew_with_the_settings_of_the_run():
    code = (
        "import json, os, runpy, sys\n"
        "os.execve = lambda *given: sys.exit(print(json.dumps(given[2])))\n"
        "sys.argv = ['bench', '--threads', '3']\n"
        f"runpy.run_path({str(ROOT / 'book' / 'tools' / 'bench')!r}, run_name='__main__')"
    )
    clean = {k: v for k, v in os.environ.items() if "THREADS" not in k and "MALLOC" not in k}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    environment = json.loads(done.stdout)
    assert {name for name in environment if name not in clean} == {
        "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    }  # fmt: skip
    assert environment["MKL_NUM_THREADS"] == environment["NUMBA_NUM_THREADS"] == "3"
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) > 1e9


def test_the_stored_run_is_complete_and_page_and_chapters_show_it():
    page = (ROOT / "book" / report.PAGE).read_text(encoding="utf-8")
    assert page == report.page(STORED), "run `python book/tools/bench --redraw`"
    assert (ROOT / "book" / report.FIGURE).is_file()
    for made in STORED.values():
        cases = {(r["op"], tuple(r["shape"]), r["dtype"]) for r in made["times"]}
        shapes = {shape for _, shape, _ in cases}
        assert shapes >= set(run.SHAPES)  # the last came after the run
        assert cases == set(itertools.product(OPERATIONS, shapes, run.DTYPES))
        assert all(set(r["ratio"]) == {*CANDIDATES, "limit"} for r in made["times"])
    kept = {name: STORED["1"][name] for name in report.SUITES}
    assert {name: measured(name) for name in kept} == kept, "run with `--redraw`"
    text = (report.DATA / report.MEASURED).read_text(encoding="utf-8")
    assert json.loads(text) == kept
    assert tuple(kept["whitening"]["d"]) == suites.DIMENSIONS
    cases = [(r["stack"], r["batch"]) for r in kept["folding"]["rows"]]
    assert cases == list(itertools.product(suites.STACKS, suites.BATCHES))


def test_the_page_says_no_more_than_the_stored_run_shows():
    cold = {(r["path"], r["op"]): r["cold_ms"] for r in STORED["1"]["calls"]}
    warm = {(r["path"], r["op"]): r["warm_ms"] for r in STORED["1"]["calls"]}
    assert set(cold) == set(itertools.product((*CANDIDATES, "limit"), OPERATIONS))
    assert all(ms > 2 * warm[key] for key, ms in cold.items())
    for op in OPERATIONS:
        assert min(cold["compiled", op], cold["numpy", op]) > cold["torch", op]
        assert 0.1 < cold["compiled", op] < 1
    for r in STORED["1"]["folding"]["rows"]:
        assert r["high"] > r["multiply_adds_before"] / r["multiply_adds_after"]


def test_what_processes_send_is_counted_and_the_rest_is_measured():
    rows = suites.devices((2,), ((4, 3, 2, 2), (2, 5, 2, 2)), steps=2)["rows"]
    assert [(r["processes"], r["shape"][1]) for r in rows] == [(2, 3), (2, 5)]
    assert [r["bytes"]["gradients"] for r in rows] == [24, 40]  # 2 C, float32
    assert [r["bytes"]["statistics"] for r in rows] == [104, 168]  # 4 C + 1, float64
    assert [list(r["ms"]) for r in rows] == [["BatchNorm2d", "SyncBatchNorm"]] * 2
    assert all(ms > 0 for r in rows for ms in r["ms"].values())
