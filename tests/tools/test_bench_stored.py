"""The benchmark's stored run, and the comparison of a new run with it."""

import bench_tool
import pytest
from bench import (
    compare,
    figure,
    plan,
    report,
    stacks,
    store,
    suite_tables,
    whitening,
)
from bench_tool import ROOT, made_up

from bnlib.data import measured

STORED = store.read(ROOT / "book")


@pytest.mark.parametrize(("now", "told"), [(0.52, 0), (0.53, 18), (0.31, 0), (0.3, 18)])
def test_more_than_a_factor_of_1_3_is_told(now, told):
    moved = list(compare.moves(made_up(), made_up(compiled=now)))
    assert len(moved) == told * 24 // 18
    assert all(f"compiled, time / torch: 0.4 before, {now} now" in line for line in moved)


def test_the_largest_change_comes_first():
    new = made_up(compiled=0.6)
    new["memory"][0]["traced"] = 2.0
    new["accuracy"][2]["error"]["compiled"] = 1e-9
    first, second, third = list(compare.moves(made_up(), new))[:3]
    assert first == (
        "variance, 1000×8, mean/std 10000: compiled, error: 1e-07 before, 1e-09 now (×0.01)"
    )
    assert "forward, 32768×256: compiled, traced memory / input: 1 before, 2 now" in second
    assert "time / torch" in third


def test_what_is_in_one_run_only_is_not_compared():
    old, new = made_up(), made_up()
    for r in old["times"]:
        r["ratio"].pop("compiled")
    new["memory"][0]["resident"] = None
    assert compare.report(old, new) == [
        "Moved by more than a factor of 1.3 since the stored run: 0"
    ]


def test_other_versions_and_settings_are_told_and_the_load_is_not():
    old, new = made_up(), made_up()
    new["versions"]["torch"], new["settings"]["load"] = "2.14.0", [3.0, 3.0]
    new["settings"]["limit"] = "NumPy"
    assert compare.report(old, new)[1:] == [
        "Not the same: torch: 2.13.0 before, 2.14.0 now",
        "Not the same: limit: numba before, NumPy now",
    ]


def test_what_is_stored_comes_back(tmp_path):
    assert store.read(tmp_path) == {}
    runs = {"2": made_up(), "1": made_up(compiled=0.1)}
    store.write(tmp_path, runs)
    assert store.read(tmp_path) == runs
    text = (tmp_path / store.FILE).read_text(encoding="utf-8")
    assert text.startswith('{\n "1": ')
    assert (
        len([line for line in text.splitlines() if line.strip().startswith('{"op": ')])
        == 2 * 24
    )


@pytest.mark.skipif(not STORED, reason="no run is stored; run `make bench`")
def test_the_stored_run_is_complete_and_the_page_shows_it():
    run = STORED["1"]
    cases = {(r["op"], tuple(r["shape"]), r["dtype"]) for r in run["times"]}
    shapes, dtypes = plan.SHAPES, bench_tool.DTYPES
    assert cases == {(op, s, d) for op in bench_tool.OPERATIONS for s in shapes for d in dtypes}
    assert all("compiled" in r["ratio"] for r in run["times"])
    assert '"fast"' not in (ROOT / "book" / store.FILE).read_text(encoding="utf-8")
    page = (ROOT / "book" / report.FRAGMENT).read_text(encoding="utf-8")
    assert page == report.page(STORED), "run `python book/tools/bench --redraw`"
    assert (ROOT / "book" / figure.FILE).is_file()


@pytest.mark.skipif(not STORED, reason="no run is stored; run `make bench`")
def test_the_stored_run_has_the_later_parts_and_chapters_have_the_same():
    run = STORED["1"]
    paths = ("compiled", "limit", "numpy", "textbook", "torch")
    calls = {(r["path"], r["op"]): (r["cold_ms"], r["warm_ms"]) for r in run["calls"]}
    assert set(calls) == {(path, op) for path in paths for op in bench_tool.OPERATIONS}
    assert all(0 < warm < cold < 1000 for cold, warm in calls.values())
    for name in store.SUITES:
        assert measured(name) == run[name], "run `python book/tools/bench --redraw`"
    text = store.measured(ROOT / "book").read_text(encoding="utf-8")
    assert text == store.dump({name: run[name] for name in store.SUITES}) + "\n"
    operations = run["whitening"]["ms"]
    assert tuple(operations) == tuple(suite_tables.WORDS) == whitening.OPERATIONS
    assert tuple(run["whitening"]["d"]) == whitening.DIMENSIONS
    cases = [(row["stack"], row["batch"]) for row in run["folding"]["rows"]]
    assert cases == [(stack.name, batch) for stack, batch in stacks.CASES]


@pytest.mark.skipif(not STORED, reason="no run is stored; run `make bench`")
def test_the_page_says_no_more_than_the_stored_run_shows():
    cold = {(r["path"], r["op"]): r["cold_ms"] for r in STORED["1"]["calls"]}
    warm = {(r["path"], r["op"]): r["warm_ms"] for r in STORED["1"]["calls"]}
    assert all(ms > 2 * warm[key] for key, ms in cold.items())
    for op in bench_tool.OPERATIONS:
        assert min(cold["compiled", op], cold["numpy", op]) > cold["torch", op]
        assert 0.1 < cold["compiled", op] < 1
    for row in STORED["1"]["folding"]["rows"]:
        assert row["high"] > row["multiply_adds_before"] / row["multiply_adds_after"]
