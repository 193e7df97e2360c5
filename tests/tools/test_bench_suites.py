"""The benchmark's suites on whitening and folding: what is measured is what is named."""

import gc
import itertools

import bench_tool  # noqa: F401
import numpy as np
import pytest
import torch
from bench import folding, growth, stacks, whitening
from bench.stacks import Stack
from bench.timing import Clockwork, Samples
from scipy import stats
from torch import nn

from bnlib.whitening import inverse_sqrt_eigh, inverse_sqrt_newton_schulz

RNG = np.random.default_rng(0)
SMALL = Stack("two blocks", (3, 5))


@pytest.fixture
def few(monkeypatch):
    """Let whitening be measured on few samples."""
    monkeypatch.setattr(whitening, "SAMPLES", 64)


def test_the_parts_of_whitening_compute_what_they_say():
    x, cov = whitening.draw(6, RNG)
    before = x.copy(), cov.copy()
    found = {op: call() for op, call in whitening.operations(x, cov).items()}
    assert tuple(found) == whitening.OPERATIONS
    z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    np.testing.assert_allclose(found["standardize"], z, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["covariance"], np.cov(x.T, bias=True), rtol=1e-9)
    values, vectors = found["eigh"]
    np.testing.assert_allclose(vectors * values @ vectors.T, cov, atol=1e-12)
    np.testing.assert_allclose(found["apply"], np.einsum("ni,ij->nj", x, cov), rtol=1e-9)
    np.testing.assert_allclose(found["cholesky"] @ found["cholesky"].T, cov, atol=1e-12)
    for steps in (5, 10):
        wanted = inverse_sqrt_newton_schulz(cov, steps)
        np.testing.assert_array_equal(found[f"newton_schulz_{steps}"], wanted)
    np.testing.assert_equal((x, cov), before)


def test_the_samples_are_many_and_correlated():
    x, cov = whitening.draw(32, np.random.default_rng(1))
    assert (x.shape, x.dtype, cov.shape) == ((2048, 32), np.float64, (32, 32))
    np.testing.assert_allclose(cov, np.cov(x.T, bias=True), rtol=1e-9, atol=1e-12)
    assert abs(np.corrcoef(x.T) - np.eye(32)).max() > 0.1
    assert cov.diagonal().mean() == pytest.approx(1 + 0.5**2, abs=0.1)
    whitened = inverse_sqrt_newton_schulz(cov, 20)
    np.testing.assert_allclose(whitened, inverse_sqrt_eigh(cov), atol=1e-8)


def test_a_round_measures_everything_once_in_random_order_in_new_memory(few, monkeypatch):
    drawn = {d: whitening.draw(d, RNG) for d in (2, 128, 300)}
    log, seen = [], []
    monkeypatch.setattr(whitening, "moved", lambda a, rng: seen.append(a) or a.copy())
    monkeypatch.setattr(
        whitening, "timed", lambda call, number, clock: log.append(number) or (1.0, 0.0)
    )
    orders = []
    for _ in range(3):
        samples = Samples()
        whitening.one_round(drawn, Clockwork(), RNG, samples)
        orders.append(list(samples.ms))
        assert set(orders[-1]) == {(op, str(d)) for op in whitening.OPERATIONS for d in drawn}
    assert len({tuple(order) for order in orders}) == 3
    assert len(seen) == 2 * len(log) == 2 * 3 * 21
    counts = {"2": 20, "128": 16, "300": 1}
    assert log == [counts[d] for order in orders for _, d in order]


def test_rounds_go_on_until_the_time_is_over(few):
    told, how = [], Clockwork(seconds=0.0)
    samples = whitening.measure((2, 4), how, told.append)
    assert told == ["round 1", "round 2", "round 3"]
    assert {len(ms) for ms in samples.ms.values()} == {whitening.FEWEST}
    samples = whitening.measure((2, 4), Clockwork(seconds=60.0, repetitions=4))
    assert {len(ms) for ms in samples.ms.values()} == {4}
    assert gc.isenabled()


def test_the_summary_holds_medians_and_slopes_of_the_largest():
    samples, sizes = Samples(), (2, 4, 8, 16)
    for (p, op), d in itertools.product(enumerate(whitening.OPERATIONS), sizes):
        base = 3.0 if d == 2 else float(d) ** p  # d = 2 is off the line, and not fitted
        for factor in (1.0, 50.0, 0.1):
            samples.add((op, str(d)), base * factor, 0)
    found = whitening.summary(sizes, samples, Clockwork(threads=2))
    assert found["d"] == [2, 4, 8, 16]
    assert found["ms"]["eigh"] == [3.0, 16.0, 64.0, 256.0]
    assert found["slope"] == {op: p for p, op in enumerate(whitening.OPERATIONS)}
    assert found["settings"] == {
        "threads": 2, "clock": "wall time", "samples": 2048, "dtype": "float64", "rounds": 3,
        "slope_over": [4, 8, 16],
    }  # fmt: skip
    times = np.array(found["ms"]["apply"][1:])
    assert growth.slope(sizes[1:], times) == pytest.approx(found["slope"]["apply"], abs=1e-3)


@pytest.mark.parametrize("stack", [SMALL, *stacks.STACKS], ids=lambda s: s.name)
def test_a_folded_stack_computes_the_same_without_batch_normalization(stack):
    plain, folded = folding.build(stack, np.random.default_rng(2))
    kinds = [type(m) for m in plain]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * len(stack.channels)
    assert [type(m) for m in folded] == [nn.Conv2d, nn.ReLU] * len(stack.channels)
    assert not any(m.training for net in (plain, folded) for m in net.modules())
    x = folding.drawn(RNG, (4, 1, 8, 8), 1.0)
    with torch.inference_mode():
        y, z = plain(x), folded(x)
    assert y.shape == (4, stack.channels[-1], 8, 8)
    np.testing.assert_allclose(z, y, rtol=1e-3, atol=1e-4)
    assert y.std() > 0.01
    norms = [m for m in plain if isinstance(m, nn.BatchNorm2d)]
    for m in norms:
        for t in (m.weight, m.bias, m.running_mean, m.running_var):
            assert len(set(t.tolist())) == len(t)


@pytest.mark.parametrize("stack", [SMALL, *stacks.STACKS], ids=lambda s: s.name)
def test_multiply_adds_are_those_of_the_layers(stack):
    plain, folded = folding.build(stack, RNG)
    counted = [0, 0]
    for i, net in enumerate((plain, folded)):
        x = torch.zeros(1, 1, 8, 8)
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                counted[i] += layer.weight[0].numel() * x.numel()
            elif isinstance(layer, nn.BatchNorm2d):
                counted[i] += x.numel()
    assert stack.multiply_adds() == tuple(counted)


@pytest.mark.parametrize("n", [6, 7, 9, 26, 60, 299, 300])
def test_the_interval_is_the_narrowest_that_covers_the_median(n):
    low, high = stacks.interval(RNG.permutation(n) + 1)
    assert low + high == n + 1

    def covers(k):
        return 1 - 2 * stats.binom.cdf(k - 1, n, 0.5)

    assert covers(low) >= 0.95 > covers(low + 1)


def test_few_values_give_their_range():
    assert stacks.interval([3.0]) == (3.0, 3.0)
    assert stacks.interval([5.0, 1.0, 2.0, 4.0, 3.0]) == (1.0, 5.0)


def test_a_pair_computes_both_on_the_same_images_in_random_order():
    log = []

    def net(name):
        return lambda x: log.append((name, x.numpy().copy(), x.data_ptr()))

    for batch, number in ((1, 16), (5, 3), (32, 1)):
        images = RNG.standard_normal((batch, 1, 8, 8), dtype=np.float32)
        firsts = set()
        for _ in range(12):
            log.clear()
            before, after = folding.pair((net("a"), net("b")), images, Clockwork(), RNG)
            assert min(before, after) > 0
            assert sorted(name for name, *_ in log) == ["a"] * number + ["b"] * number
            assert all(np.array_equal(x, images) for _, x, _ in log)
            assert len({address for *_, address in log}) == 1
            assert log[0][2] != images.ctypes.data
            firsts.add(log[0][0])
        assert firsts == {"a", "b"}


def test_pairs_are_in_the_order_unfolded_and_folded(monkeypatch):
    monkeypatch.setattr(folding, "build", lambda stack, rng: (lambda x: 9.0, lambda x: 5.0))
    monkeypatch.setattr(folding, "timed", lambda call, number, clock: (call(), 0.0))
    assert folding.measure(SMALL, 2, Clockwork(repetitions=6)) == [(9.0, 5.0)] * 6


def test_pairs_go_on_until_the_time_is_over(monkeypatch):
    told, modes = [], set()
    monkeypatch.setattr(
        folding, "pair", lambda *_: modes.add(torch.is_inference_mode_enabled()) or (2.0, 1.0)
    )
    found = folding.measure(SMALL, 2, Clockwork(seconds=0.0), told.append)
    assert found == [(2.0, 1.0)] * folding.FEWEST
    assert told[-1] == "pair 9"
    assert modes == {True}
    assert len(folding.measure(SMALL, 2, Clockwork(seconds=60.0, repetitions=20))) == 20
    assert gc.isenabled()


def test_a_row_holds_the_median_of_the_ratios():
    pairs = [(ratio * ms, ms) for ratio, ms in enumerate(range(10, 110, 10), start=1)]
    assert folding.row(SMALL, 4, pairs) == {
        "batch": 4, "stack": "two blocks", "ratio": 5.5, "low": 2.0, "high": 9.0, "pairs": 10,
        "folded_ms": 55.0, "multiply_adds_before": 64 * (27 + 135 + 8),
        "multiply_adds_after": 64 * (27 + 135),
    }  # fmt: skip
