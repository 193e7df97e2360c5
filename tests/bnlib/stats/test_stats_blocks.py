"""Statistics of large arrays, taken block by block: exact, in any layout, in little memory."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, untouched

from bnlib.axes import reduction_axes
from bnlib.passes import tables
from bnlib.stats import channel_sum, mean_var

SHAPES = {  # more than 32768 values each, and every way to cut them
    "rows": ((3001, 16), 1),
    "wide rows": ((300, 1100), 1),
    "narrow rows with a rest": ((40_003, 3), 1),
    "one channel": ((70_001, 1), 1),
    "few rows": ((3, 20_000), 1),
    "one row of channels": ((1, 40_000), 1),
    "images": ((4, 5, 70, 50), 1),
    "one image": ((1, 3, 200, 100), 1),
    "runs longer than a block": ((2, 2, 9001), 1),
    "small images": ((500, 20, 3, 3), 1),
    "few small images": ((5, 400, 5, 5), 1),
    "channels first": ((6, 10_000), 0),
    "channels last": ((9, 30, 20, 8), -1),
}
LAYOUTS = {
    "contiguous": lambda x: x,
    "other order": lambda x: np.asfortranarray(x),
    "reversed": lambda x: np.flip(x),
    "with gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
}


def exact(x, axis):
    """Return mean and biased variance in extended precision, one plain formula."""
    axes = reduction_axes(x.ndim, axis)
    wide = x.astype(np.longdouble)
    mu = wide.mean(axis=axes, keepdims=True)
    return mu.ravel().astype(float), ((wide - mu) ** 2).mean(axis=axes).astype(float)


def draw(shape, dtype=np.float32, mean=0.0, seed=0):
    return (mean + np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", SHAPES)
def test_statistics_are_exact_in_any_shape_and_layout(kind, layout, dtype):
    shape, axis = SHAPES[kind]
    x = LAYOUTS[layout](draw(shape, dtype, mean=3.0))
    x.setflags(write=False)
    tol = 1e-6 if dtype is np.float32 else 1e-13
    if layout == "repeated":
        tol *= 5  # equal values round alike, so their errors do not cancel
    expected = exact(x, axis)
    mu, var = mean_var(x, axis)
    total = channel_sum(x, axis)
    assert mu.dtype == var.dtype == total.dtype == np.float64
    assert_close(mu, expected[0], tol)
    assert_close(var, expected[1], tol, size=1.0)
    assert_close(total, expected[0] * (x.size // len(mu)), tol)


@given(
    st.lists(st.integers(1, 12), min_size=3, max_size=3),
    st.integers(0, 99),
    st.floats(-1e3, 1e3),
)
@settings(max_examples=60)
def test_blocks_of_any_size_give_the_same(sides, seed, mean):
    """Small blocks, so that small arrays have many, ragged ones among them."""
    x = mean + np.random.default_rng(seed).standard_normal(sides)
    with pytest.MonkeyPatch.context() as patch:
        for name, size in {"ROWS": 2, "WIDTH": 8, "RUN": 4, "LONGEST": 3, "BLOCK": 6}.items():
            patch.setattr(tables, name, size)
        n, mu, m2 = tables.block_moments(x)
        total = tables.block_sum(x)
    assert n == sides[0] * sides[2]
    assert_close(total, x.sum(axis=(0, 2)), 1e-12, size=abs(x).sum())
    assert_close(mu, x.mean(axis=(0, 2)), 1e-12)
    assert_close(m2, n * x.var(axis=(0, 2)), 1e-10, size=1.0)


@pytest.mark.parametrize(("ratio", "bound"), [(0, 1e-6), (1e3, 1e-6), (1e4, 1e-5), (1e6, 1e-5)])
@pytest.mark.parametrize("shape", [(2**20, 2), (16, 2, 256, 256)])
def test_float32_variance_of_a_million_values_is_right_at_any_mean(shape, ratio, bound):
    """Plain float32 sums, PyTorch's, are off by 20 to 90 times the variance at 1e3."""
    x = draw(shape, mean=ratio)
    mu, var = mean_var(x)
    assert_close(mu, exact(x, 1)[0], tol=1e-8, size=1.0)
    np.testing.assert_allclose(var, exact(x, 1)[1], rtol=bound)


@pytest.mark.parametrize(
    "values",
    {
        "flat images": np.where(np.arange(2**16) < 2**15, 1.1, -0.7) + np.zeros((3, 2, 1)),
        "sorted": np.sort(draw((40_000, 2)), axis=0),
        "a step": np.where(np.arange(40_000) < 20_000, 0, 1e4)[:, None] + draw((40_000, 2)),
        "outliers": np.where(np.arange(40_000) % 128 == 0, 1e3, 0.1234)[:, None] * np.ones(2),
        "one outlier": np.where(np.arange(40_000) == 0, 1e3, 0.1234)[:, None] * np.ones(2),
        "two values": np.where(draw((40_000, 2)) > 0, 1.1, -1.1),
        "rectified": np.maximum(draw((40_000, 2)), 0),
        "long tails": np.exp(6 * draw((40_000, 2))),
    }.values(),
)
def test_float32_variance_of_unkind_data(values):
    x = values.astype(np.float32)
    np.testing.assert_allclose(mean_var(x)[1], exact(x, 1)[1], rtol=1e-5)


def test_many_nearly_constant_channels_are_each_computed_again():
    x = draw((100, 400)) * np.float32(1e-3) + np.arange(100.0, 500.0, dtype="f")
    np.testing.assert_allclose(mean_var(x)[1], exact(x, 1)[1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 600), (700, 100), (129, 100, 8), (3, 100, 40, 40)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_constant_has_variance_zero(dtype, shape):
    """The sum of equal values rounds, so a plain mean leaves a variance above zero."""
    constants = draw((shape[1], *[1] * (len(shape) - 2)), dtype)
    mu, var = mean_var(np.ones(shape, dtype) * constants)
    assert_close(mu, constants.ravel().astype(float), 1e-14)
    assert (var == 0).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("shape", [(50_000, 3), (40, 3, 20, 20)])
def test_a_channel_that_is_not_finite_leaves_the_others_alone(shape, bad):
    x = draw(shape, mean=5.0)
    clean = mean_var(x), channel_sum(x)
    x[7, 1] = bad
    mu, var = mean_var(x)
    assert not np.isfinite(mu[1])
    assert np.isnan(var[1])
    np.testing.assert_array_equal(channel_sum(x)[1], bad)
    for now, before in zip([mu, var, channel_sum(x)], [*clean[0], clean[1]], strict=True):
        assert_close(now[[0, 2]], before[[0, 2]], tol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "big", "wanted"),
    [
        (np.float32, 1e19, 0.5625e38),  # their sum overflows float32
        (np.float32, 1e38, 0.5625e76),
        (np.float64, 1e200, math.inf),
    ],
)
def test_squares_may_overflow_and_the_mean_stays_right(dtype, big, wanted):
    x = np.tile(np.array([[big], [-0.5 * big]], dtype), (20_000, 1))
    mu, var = mean_var(x)
    assert_close(mu, [0.25 * big], tol=1e-6)
    np.testing.assert_allclose(var, wanted, rtol=1e-6)


def test_a_float32_sum_that_overflows_is_taken_in_float64():
    x = np.full((40_000, 2), 3e38, np.float32)
    assert_close(channel_sum(x), np.full(2, 40_000 * float(x[0, 0])), tol=1e-12)


@pytest.mark.parametrize("shape", [(2**19, 2), (2**18, 2, 2)])
def test_roundings_of_a_sum_do_not_pile_up(shape):
    x = np.full(shape, 0.1)  # one sum in float64 is wrong by 1e-11
    np.testing.assert_allclose(channel_sum(x), 0.1 * 2**19, rtol=1e-13)


@pytest.mark.parametrize(
    ("function", "x", "limit"),
    [
        (mean_var, draw((20_000, 64)), 0.35),
        (mean_var, draw((200, 64, 10, 10)).transpose(0, 1, 3, 2), 0.35),
        (channel_sum, draw((20_000, 64)), 0.35),
        (channel_sum, draw((200, 64, 10, 10)), 0.35),
        (mean_var, np.full((100_000, 3), 0.1, np.float32), 1.1),  # computed again
        (mean_var, np.full((100_000, 3), np.nan, np.float32), 1.1),
    ],
)
def test_statistics_need_little_memory_and_leave_x_alone(function, x, limit):
    with untouched(x):
        tracemalloc.start()
        function(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < limit * x.nbytes
