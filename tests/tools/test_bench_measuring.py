"""The benchmark's measuring: repetitions, slopes, errors and memory."""

import gc
import tracemalloc

import bench_tool  # noqa: F401
import numpy as np
import pytest
from bench import accuracy, growth, memory, timing
from bench.candidates import OPERATIONS, Candidate, of_bnlib
from bench.problem import draw
from bench.timing import Samples

RNG = np.random.default_rng(0)
NUMPY = of_bnlib("numpy", "bnlib.functional")


def drawn(*shape):
    return draw(shape, "float32", RNG)


def counting(log, name="torch"):
    """Return a candidate that notes what it is asked."""

    def operations(problem, reuse):
        log.append((name, "prepared", problem.x.copy(), reuse))
        return {op: lambda op=op: log.append((name, op)) for op in OPERATIONS}

    return Candidate(name, operations, lambda x: x[0])


def test_everyone_is_measured_once_in_a_repetition_in_random_order():
    log = []
    pair = [counting(log), counting(log, "compiled")]
    samples = timing.measure((64, 4096), "float32", pair, timing.Clockwork(repetitions=20))
    rounds = [entry[2] for entry in log if entry[:2] == ("torch", "prepared")]
    assert len(rounds) == 21  # the first is not counted
    assert all(np.array_equal(x, rounds[0]) for x in rounds)
    assert {entry[3] for entry in log if entry[1] == "prepared"} == {True}
    calls = [entry for entry in log if entry[1] != "prepared"]
    orders = [tuple(calls[i : i + 6]) for i in range(0, len(calls), 6)]
    everyone = {(name, op) for name in ("torch", "compiled") for op in OPERATIONS}
    assert len(orders) == 21
    assert all(set(order) == everyone for order in orders)
    assert len(set(orders)) > 15
    assert {key: len(ms) for key, ms in samples.ms.items()} == dict.fromkeys(everyone, 20)
    assert samples.nbytes == 64 * 4096 * 4


def test_small_arrays_are_computed_several_times_for_one_measurement():
    log = []
    for width, times in ((128, 32), (2, timing.MOST)):
        log.clear()
        timing.repeat(drawn(64, width), [counting(log)], timing.Clockwork(), RNG, Samples())
        assert len([entry for entry in log if entry[1] == "forward"]) == times


def test_when_the_time_is_over_a_few_repetitions_are_still_made():
    told, how = [], timing.Clockwork(seconds=0.0)
    samples = timing.measure((64, 4096), "float32", [counting([])], how, told.append)
    assert len(samples.ms["torch", "forward"]) == len(told) == timing.FEWEST
    assert told[0] == "repetition 1"


def test_the_garbage_collector_is_back_after_an_error():
    def operations(problem, reuse):
        if not gc.isenabled():
            raise ZeroDivisionError
        return dict.fromkeys(OPERATIONS, lambda: None)

    with pytest.raises(ZeroDivisionError):
        timing.measure((4, 4), "float32", [Candidate("a", operations, abs)], timing.Clockwork())
    assert gc.isenabled()


def test_time_and_page_faults_are_those_of_one_call(monkeypatch):
    clock, faults = iter([5_000_000, 25_000_000]), iter([100, 140])
    monkeypatch.setattr(timing, "page_faults", lambda: next(faults))
    assert timing.timed(lambda: None, 10, lambda: next(clock)) == (2.0, 4.0)


def test_medians_ignore_one_bad_repetition():
    samples = Samples()
    for ms, faults in ((1.0, 0), (90.0, 700), (2.0, 4)):
        samples.add(("torch", "forward"), ms, faults)
        samples.add(("compiled", "forward"), ms, 0)
    assert samples.median(("torch", "forward")) == 2.0
    assert samples.page_faults == 4


def test_one_thread_counts_its_own_time_and_several_the_wall_clock():
    names = [timing.Clockwork(threads).clock.__name__ for threads in (1, 2)]
    assert names == ["process_time_ns", "perf_counter_ns"]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_slopes_of_power_laws_are_their_exponents(power):
    sizes = np.array([8.0, 16.0, 32.0, 64.0])
    assert growth.slope(sizes, 3 * sizes**power) == pytest.approx(power, abs=1e-12)
    noisy = 3 * sizes**power * [1.05, 0.95, 0.95, 1.05]
    assert growth.slope(sizes, noisy) == pytest.approx(power, abs=0.05)


def test_each_series_grows_along_one_axis_only():
    for axis, shapes in growth.SERIES.items():
        sizes = [growth.size(axis, shape) for shape in shapes]
        assert sizes == sorted(set(sizes))
        for other in set(growth.SERIES) - {axis}:
            assert len({growth.size(other, shape) for shape in shapes}) == 1
    assert len(growth.shapes(growth.SERIES.values())) == 13  # one shape is in all three


@pytest.mark.parametrize("ratio", accuracy.RATIOS)
def test_the_error_is_that_of_the_worst_channel(ratio):
    x = accuracy.sample((2000, 3), ratio)
    var = accuracy.exact(x)
    np.testing.assert_allclose(var, x.var(axis=0, dtype=np.float64), rtol=1e-9)
    wrong = Candidate("wrong", abs, lambda x: var * [1.0, 1.25, 0.9])
    assert accuracy.error(wrong, x, var) == pytest.approx(0.25)
    assert accuracy.errors([NUMPY], (2000, 3), ratio)["numpy"] < 1e-6


def test_accuracy_is_measured_over_a_million_values():
    assert {int(np.prod(s)) // s[1] for s in accuracy.SHAPES} == {1_048_576}


def test_traced_memory_is_the_peak_and_not_what_is_left():
    def call():
        np.ones(300_000)  # gone at once
        return np.ones(100_000)

    assert memory.traced(call) == pytest.approx(2_400_000, rel=0.01)
    assert not tracemalloc.is_tracing()


def test_extra_memory_counts_the_output():
    found = memory.traced_extras(NUMPY, (4096, 64))
    assert found["inference"] == pytest.approx(1, abs=0.05)
    assert all(found[op] > 0.99 for op in OPERATIONS)
    assert memory.traced_extras(counting([]), (4, 4)) is None


def test_a_child_process_measures_what_it_holds():
    [found] = memory.in_a_child("numpy", [(4096, 512)]) or [None]
    if found is not None:  # Linux
        assert found["inference"] == pytest.approx(1, abs=0.2)
        assert 0.9 < found["forward"] < 1.5


def test_where_the_system_can_not_say_the_child_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "missing")
    assert memory.child('["numpy", [[8, 4]]]') == "null"
