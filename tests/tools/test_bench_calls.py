"""The cost of a call, and the tables and comparisons of the later parts of a run."""

import gc
import json

import bench_tool
import pytest
from bench import calls, compare, report, store, suite_tables
from bench.candidates import OPERATIONS, Candidate
from bench.limits import PLAIN
from bench.options import BOOK
from bench.timing import Clockwork, Samples
from bench_tool import ROOT, made_up


class Stream:
    """Stands for the array that is read before a cold call."""

    def __init__(self, log):
        self.log = log

    def __matmul__(self, other):
        assert other is self
        self.log.append("stream")


def candidate(log):
    """Return a candidate that notes its operations."""

    def operations(problem, reuse):
        log.append(problem.x.shape)
        return {op: lambda op=op: log.append(op) for op in OPERATIONS}

    return Candidate("torch", operations, abs)


def body(lines):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_before_a_cold_call_the_caches_are_filled_and_before_a_warm_one_not():
    log = []
    cold, warm = calls.cold_and_warm(lambda: log.append("call"), Stream(log), Clockwork())
    assert log == ["stream", *["call"] * (1 + calls.WARM)]
    assert min(cold, warm) >= 0


def test_cold_and_warm_calls_are_told_apart(monkeypatch):
    monkeypatch.setattr(calls, "timed", lambda call, number, clock: (8.0 / number, 0.0))
    assert calls.cold_and_warm(abs, Stream([]), Clockwork()) == (8.0, 0.8)


def test_a_hundred_million_bytes_are_read():
    assert calls.STREAMED == 100_000_000
    assert calls.streamed(4000).nbytes == 4000


def test_everyone_is_called_as_often_in_random_order():
    log = []
    how = Clockwork(repetitions=7, loops=PLAIN)
    cold, warm = calls.measure([candidate(log)], how, calls.streamed(4000))
    keys = {(name, op) for name in ("torch", "limit") for op in OPERATIONS}
    for samples in (cold, warm):
        assert {key: len(ms) for key, ms in samples.ms.items()} == dict.fromkeys(keys, 7)
    assert log[:4] == [(8, 4, 2, 2), *OPERATIONS]  # the first calls are not counted
    turns = log[4 :: 1 + calls.WARM]
    assert {op: turns.count(op) for op in OPERATIONS} == dict.fromkeys(OPERATIONS, 7)
    assert turns[:6] != list(OPERATIONS) * 2
    assert gc.isenabled()


def test_cold_calls_come_before_warm_ones_in_the_answer(monkeypatch):
    monkeypatch.setattr(calls, "cold_and_warm", lambda call, stream, how: (8.0, 1.0))
    cold, warm = calls.measure([candidate([])], Clockwork(repetitions=2), Stream([]))
    assert set(map(tuple, cold.ms.values())) == {(8.0, 8.0)}
    assert set(map(tuple, warm.ms.values())) == {(1.0, 1.0)}


def test_there_are_at_most_thirty_repetitions():
    cold, _ = calls.measure([candidate([])], Clockwork(repetitions=60), calls.streamed(4))
    assert {len(ms) for ms in cold.ms.values()} == {30}


def test_rows_hold_the_medians():
    cold, warm = Samples(), Samples()
    for ms in (0.1, 0.312345, 9.0):
        cold.add(("torch", "forward"), ms, 0)
        cold.add(("numpy", "backward"), 2 * ms, 0)
        warm.add(("torch", "forward"), ms / 4, 0)
        warm.add(("numpy", "backward"), ms, 0)
    assert calls.rows(cold, warm) == [
        {"path": "numpy", "op": "backward", "cold_ms": 0.6247, "warm_ms": 0.3123},
        {"path": "torch", "op": "forward", "cold_ms": 0.3123, "warm_ms": 0.07809},
    ]


def test_the_table_of_calls_has_a_line_for_each_path():
    assert body(suite_tables.calls(made_up())) == [
        [path, *[cold, warm] * 3]
        for path, cold, warm in (
            ("torch", "0.150", "0.019"), ("NumPy", "0.250", "0.031"),
            ("compiled", "0.300", "0.037"), ("limit", "0.100", "0.013"),
        )
    ]  # fmt: skip


def test_large_arrays_are_compared_with_the_limit_less_the_calls():
    run = made_up()  # 0.8 ms beside 0.6; less 0.3 and 0.1: the same 0.5
    found = body(suite_tables.less_calls(run))
    assert [row[0] for row in found] == [
        "4096×1024 f32", "4096×1024 f64", "32×64×56×56 f32", "32×64×56×56 f64",
        "64×256×14×14 f32", "64×256×14×14 f64", "worst case", "at most",
    ]  # fmt: skip
    assert {tuple(row[1:]) for row in found[:-1]} == {("1.33", "1.00") * 3}
    assert found[-1][1:] == ["1.70", "1.70", "1.50", "1.50", "1.30", "1.30"]
    case = bench_tool.row(run, "backward", [4096, 1024], "float32")
    case["ratio"]["compiled"], case["torch_ms"] = 0.6, 1.0  # 0.6 - 0.3 over 0.3 - 0.1
    found = body(suite_tables.less_calls(run))
    assert found[0][3:5] == found[-2][3:5] == ["2.00", "1.50"]
    assert found[1][3:5] == ["1.33", "1.00"]


def test_large_arrays_are_compared_with_torch_less_the_calls():
    run = made_up()
    case = bench_tool.row(run, "backward", [4096, 1024], "float32")
    case["ratio"]["compiled"], case["torch_ms"] = 0.7, 2.0  # 1.4 - 0.3 over 2.0 - 0.15
    found = body(suite_tables.less_calls(run, "torch"))
    assert found[0][3:5] == ["0.70", "0.59"]
    assert found[-1][0] == "worst case"
    assert [row[0] for row in found[:-1]] == [
        row[0] for row in body(suite_tables.less_calls(run))
    ][:-2]
    headings = [heading for heading, _ in suite_tables.sections(run)]
    for reference in ("limit", "torch"):
        assert f"Compiled: time / {reference}, and both less a cold call" in headings


def test_small_arrays_alone_make_no_table_without_calls():
    run = made_up()
    run["times"] = [row for row in run["times"] if row["shape"] == [64, 100]]
    assert len(list(suite_tables.sections(run))) == 3


def test_the_table_of_whitening_ends_with_the_slope():
    lines = suite_tables.whitening(made_up())
    head = [cell.strip() for cell in lines[0].split("|")[1:-1]]
    assert head == ["operation", "d = 4", "d = 8", "d = 16", "slope, last 2"]
    assert body(lines) == [
        ["standardize", "0.5", "1", "2", "1.00"],
        ["eigendecomposition", "1", "8", "64", "3.00"],
    ]


def test_the_table_of_folding_counts_multiply_adds():
    case = ["1.250", "1.200", "1.300", "158,720", "156,672", "1.0131"]
    assert body(suite_tables.folding(made_up())) == [
        ["2 × 16", "1", *case], ["2 × 16", "32", *case],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "nothing", "left"),
    [("calls", [], 9), ("whitening", {}, 11), ("folding", {}, 11), ("times", [], 7)],
)
def test_a_part_that_was_not_measured_has_no_table(part, nothing, left):
    run = made_up()
    run[part] = nothing
    assert len(list(report.sections(run))) == left
    if part != "times":  # runs of before have no such part
        del run[part]
        assert len(list(report.sections(run))) == left


@pytest.mark.parametrize(
    ("path", "left"), [("compiled", []), ("limit", ["torch"]), ("torch", ["limit"])]
)
def test_nothing_is_less_a_call_that_was_not_measured(path, left):
    run = made_up()
    run["calls"] = [row for row in run["calls"] if row["path"] != path]
    headings = [heading for heading, _ in suite_tables.sections(run)]
    less = [heading for heading in headings if "less" in heading]
    assert len(headings) == 3 + len(less)
    assert less == [f"Compiled: time / {it}, and both less a cold call" for it in left]


def test_the_later_parts_are_compared_too():
    old, new = made_up(), made_up()
    assert list(compare.moves(old, new)) == []
    new["calls"][0]["cold_ms"] = 0.6
    new["whitening"]["ms"]["eigh"][2] = 96.0
    new["folding"]["rows"][1]["ratio"] = 5.0
    assert list(compare.moves(old, new)) == [
        "folding, 2 × 16, batch of 32: time unfolded / folded: 1.25 before, 5 now (×4.00)",
        "forward, tiny array: compiled, cold call, ms: 0.3 before, 0.6 now (×2.00)",
        "whitening, d = 16: eigh, time / standardize: 32 before, 48 now (×1.50)",
    ]
    new["whitening"]["ms"]["standardize"] = [50.0, 100.0, 200.0]  # the unit of the others
    assert len(list(compare.moves(old, new))) == 5
    for part in (*store.SUITES, "calls"):
        del old[part]
    assert list(compare.moves(old, new)) == []


def test_chapters_get_the_two_suites_of_the_run(tmp_path):
    assert store.measured(BOOK) == ROOT / "bnlib" / "data" / "measured.json"
    file = store.measured(tmp_path)
    assert file == tmp_path / "measured.json"
    run = made_up()
    store.write_measured(tmp_path, {**run, "folding": {}})
    store.write_measured(tmp_path, {})
    assert not file.exists()
    store.write_measured(tmp_path, run)
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "whitening": run["whitening"], "folding": run["folding"],
    }  # fmt: skip
