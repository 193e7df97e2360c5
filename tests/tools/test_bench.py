"""`make bench`: what is measured is what is named, in random order and in new memory."""

import gc
import itertools
from functools import partial

import numba
import numpy as np
import pytest
import torch
from bench import memory, problem, run, suites, timing
from bench.candidates import CANDIDATES, VARIANCES
from bench.problem import OPERATIONS
from bench.timing import Clockwork
from reference import assert_close
from torch import nn

from bnlib import functional

numba.set_num_threads(1)  # small arrays: a second thread would only wait
SHAPES = [(7, 3), (4, 3, 5, 6)]
LOOPS = ("total", "dot", "scale", "triad")
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def drawn(shape, dtype="float64"):
    return problem.draw(shape, dtype, np.random.default_rng(0))


def counting(log, *names):
    """Return candidates that note what they are asked."""

    def operations(name, given, reuse):
        log.append((name, "prepared", given.x, reuse))
        return {op: partial(log.append, (name, op)) for op in OPERATIONS}

    return {name: partial(operations, name) for name in names}


@pytest.fixture
def no_limit(monkeypatch):
    """Measure no streaming limit: compiling its loops takes seconds."""
    monkeypatch.setattr(timing, "limit", lambda given: dict.fromkeys(OPERATIONS, int))


@each_shape
@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_computes_the_same(name, shape):
    p = drawn(shape)
    before = [a.copy() for a in p]
    y, cache = functional.batch_norm_train(p.x, p.gamma, p.beta, 1e-5)
    fixed = first(functional.batch_norm_eval(p.x, p.gamma, p.beta, p.mean, p.var, 1e-5))
    gradients = functional.batch_norm_backward(p.dy, cache)
    reused = CANDIDATES[name](p, True)
    for calls in (CANDIDATES[name](p, False), reused, reused):  # outputs are filled again
        assert_close(np.asarray(calls["forward"]()[0]), y, 1e-12)
        assert_close(np.asarray(first(calls["inference"]())), fixed, 1e-12)
        for actual, expected in zip(calls["backward"](), gradients, strict=True):
            assert_close(np.asarray(actual), expected, 1e-12)
    np.testing.assert_equal(list(p), before)
    x = drawn(shape, "float32").x
    axes = tuple(i for i in range(x.ndim) if i != 1)
    assert_close(VARIANCES[name](x), x.var(axis=axes, dtype=np.float64), 1e-6)


def first(result):
    """Return y, with a cache beside it or without."""
    return result[0] if isinstance(result, tuple) else result


def test_loops_read_and_write_what_they_say_and_the_limit_calls_them(monkeypatch):
    """As Python, which is the same loop: compiling them takes seconds."""
    p = drawn((7, 3))
    x, dy, y, a = p.x.ravel(), p.dy.ravel(), np.empty(21), 0.5
    total, dot, scale, triad = (getattr(problem, name).py_func for name in LOOPS)
    assert_close(total(x), x.sum(), 1e-12)
    assert_close(dot(x, dy), np.dot(x, dy), 1e-12)
    scale(x, a, y)
    assert_close(y, a * x + a, 1e-12)
    triad(x, dy, a, y)
    assert_close(y, dy + a * x, 1e-12)
    done = []
    for name in LOOPS:
        monkeypatch.setattr(problem, name, lambda *_, name=name: done.append(name))
    for op in OPERATIONS:
        problem.limit(p)[op]()
    assert done == ["total", "scale", "dot", "triad", "scale"]


def test_new_memory_starts_at_different_cache_lines():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((50, 3)).astype(np.float32)
    starts = set()
    for _ in range(30):
        copy = problem.moved(values, rng)
        np.testing.assert_array_equal(copy, values)
        assert (copy.dtype, copy.ctypes.data % problem.LINE) == (values.dtype, 0)
        starts.add(copy.ctypes.data % problem.PAGE)
        del copy  # the same memory again and again, if it were asked for alike
    assert len(starts) > 10


def test_every_call_is_measured_once_in_a_round_in_random_order(no_limit):
    log, paths = [], ("torch", "compiled")
    how = Clockwork(rounds=20)
    samples = timing.measure((64, 4096), "float32", counting(log, *paths), how)
    calls = [entry for entry in log if entry[1] != "prepared"]
    orders = [tuple(calls[i : i + 6]) for i in range(0, len(calls), 6)]
    keys = set(itertools.product(paths, OPERATIONS))
    assert len(orders) == 21  # the first is not counted
    assert all(set(order) == keys for order in orders)
    assert len(set(orders)) > 15
    assert [len(samples[key]) for key in keys] == [20] * 6
    prepared = [entry[2:] for entry in log if entry[:2] == ("torch", "prepared")]
    assert all(reuse for _, reuse in prepared)
    for (a, _), (b, _) in itertools.pairwise(prepared):
        assert np.array_equal(a, b)
        assert a is not b


@pytest.mark.parametrize(("width", "times"), [(4096, 1), (128, 32), (2, timing.MOST)])
def test_small_arrays_are_computed_several_times_for_one_measurement(no_limit, width, times):
    log = []
    timing.measure((64, width), "float32", counting(log, "torch"), Clockwork(rounds=1))
    assert log.count(("torch", "forward")) == 2 * times


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 3), (60.0, 7)])
def test_when_the_time_is_over_a_few_rounds_are_still_made(seconds, rounds):
    how, rng = Clockwork(seconds=seconds, rounds=7), np.random.default_rng(0)
    assert timing.interleave(["a"], lambda: str, how, rng, 3) == {"a": ["a"] * rounds}


def test_a_round_is_prepared_before_its_turns_and_the_collector_rests():
    log, rng = [], np.random.default_rng(0)

    def prepare():
        log.append("prepared")
        return lambda key: log.append((key, gc.isenabled()))

    timing.interleave(["a"], prepare, Clockwork(rounds=2), rng, 1)
    assert log == ["prepared", ("a", True), *["prepared", ("a", False)] * 2]
    assert gc.isenabled()
    turns = [1.0]  # the first round succeeds
    with pytest.raises(IndexError):
        timing.interleave(["a"], lambda: lambda key: turns.pop(), Clockwork(), rng, 1)
    assert gc.isenabled()


@pytest.mark.parametrize(("threads", "clock"), [(1, "process_time_ns"), (2, "perf_counter_ns")])
def test_one_thread_counts_its_own_time_and_several_the_wall_clock(monkeypatch, threads, clock):
    times = iter([5_000_000, 25_000_000])
    monkeypatch.setattr(timing.time, clock, lambda: next(times))
    assert Clockwork(threads).timed(lambda: None, 10) == 2.0


def test_cold_calls_follow_a_long_read_in_random_order(no_limit, monkeypatch):
    log = []

    class Stream:
        def __matmul__(self, other):
            log.append("stream")

    monkeypatch.setattr(timing.np, "ones", lambda *_: Stream())
    samples = timing.measure_calls(counting(log, "torch"), Clockwork())
    assert {np.shape(pairs) for pairs in samples.values()} == {(timing.COLD, 2)}
    runs = [(entry, len(list(same))) for entry, same in itertools.groupby(log[1:])]
    assert {number for entry, number in runs if entry != "stream"} == {1 + timing.WARM}
    ops = [entry[1] for entry, _ in runs if entry != "stream"]
    assert {op: ops.count(op) for op in OPERATIONS} == dict.fromkeys(OPERATIONS, 31)
    assert ops[:6] != list(OPERATIONS) * 2


@pytest.mark.skipif(not memory.RESET.exists(), reason="only Linux tells what a process held")
def test_a_child_process_measures_what_it_holds():
    small, large = memory.in_a_child("numpy", [(4096, 256), (4096, 512)])
    for peaks in (small, large):
        assert peaks["inference"] == pytest.approx(1, abs=0.2)
        assert 0.9 < peaks["forward"] < 1.5


def test_rows_of_a_run_hold_medians_and_the_error_of_the_worst_channel():
    for ratio in run.RATIOS:
        x, var = run.sample((2000, 3), ratio)
        np.testing.assert_allclose(var, x.var(axis=0, dtype=np.float64), rtol=1e-9)
        assert x.mean() == pytest.approx(ratio, abs=0.1)
        assert run.error(var * [1.0, 1.25, 0.9], var) == 0.25
    samples = {("torch", op): [1.0, 3.0, 9.0] for op in OPERATIONS}
    samples |= {("compiled", op): [2.0, 4.00004, 50.0] for op in OPERATIONS}
    assert run.as_rows((5, 5), "float32", samples)[1] == {
        "op": "backward", "shape": [5, 5], "dtype": "float32", "bytes": 100, "repetitions": 3,
        "torch_ms": 3.0, "ratio": {"compiled": 1.333, "torch": 1.0},
    }  # fmt: skip


def test_the_parts_of_whitening_compute_what_they_say():
    x, cov = suites.draw(6, np.random.default_rng(0))
    results = {op: part(x, cov) for op, part in suites.PARTS.items()}
    z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    np.testing.assert_allclose(results["standardize"], z, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(results["covariance"], np.cov(x.T, bias=True), rtol=1e-9)
    np.testing.assert_allclose(results["apply"], np.einsum("ni,ij->nj", x, cov), rtol=1e-9)
    values, vectors = results["eigh"]
    np.testing.assert_allclose(vectors * values @ vectors.T, cov, atol=1e-12)
    np.testing.assert_allclose(results["cholesky"] @ results["cholesky"].T, cov, atol=1e-12)
    errors = [
        abs(w @ cov @ w - np.eye(6)).max()
        for w in (results["newton_schulz_5"], results["newton_schulz_10"])
    ]
    assert errors[1] < errors[0] < 1
    assert abs(np.corrcoef(x.T) - np.eye(6)).max() > 0.1


def test_whitening_is_told_in_medians_and_slopes_of_the_largest(monkeypatch):
    def samples(keys, *_):
        return {(op, d): [{1: 7.0}.get(d, d**2), 99.0, 0.1] for op, d in keys}

    monkeypatch.setattr(suites, "interleave", samples)
    suite = suites.whitening(Clockwork(threads=2), (1, 2, 4, 8))
    assert suite["ms"] == {op: [7.0, 4.0, 16.0, 64.0] for op in suites.PARTS}
    assert suite["slope"] == dict.fromkeys(suites.PARTS, 2.0)
    assert suite["settings"]["clock"] == "wall time"


@pytest.mark.parametrize("channels", [(3, 5), *suites.STACKS.values()], ids=str)
def test_a_folded_stack_computes_the_same_with_fewer_multiply_adds(channels):
    plain, folded = suites.build(channels)
    assert [type(m) for m in plain] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * len(channels)
    assert [type(m) for m in folded] == [nn.Conv2d, nn.ReLU] * len(channels)
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((4, 1, 8, 8), np.float32))
    counted = [0, 0]
    with torch.inference_mode():
        np.testing.assert_allclose(folded(x), plain(x), rtol=1e-3, atol=1e-4)
        for i, net in enumerate((plain, folded)):
            y = x[:1]
            for layer in net:
                y = layer(y)
                if isinstance(layer, nn.Conv2d):
                    counted[i] += layer.weight[0].numel() * y.numel()
                counted[i] += y.numel() * isinstance(layer, nn.BatchNorm2d)
    assert suites.multiply_adds(channels) == tuple(counted)


def test_both_nets_see_the_same_images_equally_often(monkeypatch):
    log = []

    def net(name):
        return lambda x: log.append((name, x.numpy().sum(), x.data_ptr()))

    monkeypatch.setattr(suites, "build", lambda *_: (net("unfolded"), net("folded")))
    samples = suites.measure_folding((2,), 5, Clockwork(seconds=0.0))
    assert {key: len(ms) for key, ms in samples.items()} == {"unfolded": 9, "folded": 9}
    pairs = [log[i : i + 6] for i in range(0, len(log), 6)]  # 16 // 5 times each
    assert len(pairs) == 10
    for pair in pairs:
        assert sorted(name for name, *_ in pair) == ["folded"] * 3 + ["unfolded"] * 3
        assert len({(total, address) for _, total, address in pair}) == 1
    assert {pair[0][0] for pair in pairs} == {"folded", "unfolded"}


def test_rows_of_folding_hold_the_median_of_the_ratios(monkeypatch):
    folded = list(range(10, 110, 10))
    unfolded = [ratio * ms for ratio, ms in enumerate(folded, start=1)]
    samples = {"unfolded": unfolded, "folded": folded}
    monkeypatch.setattr(suites, "measure_folding", lambda *_: samples)
    rows = suites.folding(Clockwork())["rows"]
    assert [(row["stack"], row["batch"]) for row in rows] == list(
        itertools.product(suites.STACKS, suites.BATCHES)
    )
    assert (rows[0]["ratio"], rows[0]["low"], rows[0]["high"]) == (5.5, 2.0, 9.0)
    assert (rows[0]["pairs"], rows[0]["folded_ms"]) == (10, 55.0)
