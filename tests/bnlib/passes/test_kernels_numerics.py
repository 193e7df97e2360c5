"""Accuracy, memory and threads, on arrays of a million values."""

import tracemalloc

import numba
import numpy as np
import pytest
from reference import assert_close

from bnlib import functional, kernels

LAYOUTS = {
    "rows": ((2**20, 2), 1),
    "narrow rows": ((2**20 + 1, 1), 1),
    "images": ((16, 2, 256, 256), 1),
    "channels last": ((16, 256, 256, 2), -1),
    "small images": ((2**16, 2, 4, 4), 1),
    "channels first": ((2, 2**20), 0),
}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def sample(layout, dtype=np.float32, mean=0.0, seed=0):
    """Return an array of about 8 MB and its channel axis."""
    shape, axis = LAYOUTS[layout]
    x = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32).astype(dtype)
    x += dtype(mean)
    return x, axis


def by_channel(x, axis):
    """Return each channel's values as a row."""
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


@each_layout
@pytest.mark.parametrize(
    ("kind", "bound"),
    [(0, 1e-6), (1e3, 1e-6), (1e4, 1e-5), (1e5, 1e-5), ("outlier", 1e-5), ("sorted", 2e-6)],
)
def test_variance_of_a_million_float32_values(layout, kind, bound):
    """PyTorch's is wrong by a factor of 90 for rows at mean/std 1000.

    An outlier comes first: what the other values are shifted by. In sorted data every block
    has another mean than those before it.
    """
    x, axis = sample(layout, mean=0 if isinstance(kind, str) else kind)
    if kind == "outlier":
        x[(0,) * x.ndim] += 1000
    if kind == "sorted":
        moved = np.sort(by_channel(x, axis), axis=1).reshape(
            x.shape[axis], *np.delete(x.shape, axis)
        )
        x = np.ascontiguousarray(np.moveaxis(moved, 0, axis))
    var = kernels.batch_norm_train(x, None, None, channel_axis=axis)[1].var
    wide = by_channel(x, axis).astype(np.float64)
    np.testing.assert_allclose(var, np.var(wide - wide[:, :1], axis=1), rtol=bound)


@each_layout
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_the_number_of_threads(layout, dtype):
    x, axis = sample(layout, dtype)
    x = x[: len(x) // 4] if axis else x[:, : 2**18]
    dy = np.flip(x).copy()
    results = []
    for count in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(count)
        y, cache = kernels.batch_norm_train(x, None, None, channel_axis=axis)
        results.append((y, cache.mu, cache.var, *kernels.batch_norm_backward(dy, cache)))
    numba.set_num_threads(1)
    for more in results[1:]:
        for ours, theirs in zip(more, results[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("layout", ["rows", "images", "channels last", "small images"])
def test_memory_beyond_the_input_is_one_array(layout):
    x, axis = sample(layout)
    C = x.shape[axis]
    one, zero = np.ones(C), np.zeros(C)
    cache = kernels.batch_norm_train(x, one, zero, channel_axis=axis)[1]
    calls = [
        lambda: kernels.batch_norm_train(x, one, zero, channel_axis=axis),
        lambda: kernels.batch_norm_eval(x, one, zero, zero, one, channel_axis=axis),
        lambda: kernels.batch_norm_backward(x, cache),
        lambda: kernels.batch_norm_eval_backward(x, cache),
    ]
    for call in calls:
        call()
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 1.05 * x.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(20000, 4), (2000, 4, 2, 3), (500, 3, 6, 7)])
@pytest.mark.parametrize(("mean", "std"), [(0.5, 1.0), (30.0, 1.0), (3e4, 1e4), (3e4, 1.0)])
def test_a_sample_is_evaluated_alone_as_among_many(dtype, shape, mean, std):
    """Small arrays have loops of their own, which round as the others do."""
    rng, C = np.random.default_rng(0), shape[1]
    x = rng.normal(mean, std, shape).astype(dtype)
    gamma, beta, offset = rng.normal(size=(3, C))
    fixed = gamma, beta, mean + 0.1 * offset, std**2 * rng.uniform(0.5, 2, C)
    y = kernels.batch_norm_eval(x, *fixed)
    for rows in (slice(0, 1), slice(7, 8), slice(0, 20)):
        np.testing.assert_array_equal(kernels.batch_norm_eval(x[rows], *fixed), y[rows])
        numpy = functional.batch_norm_eval(x[rows], *fixed)
        size = abs(gamma).max() * 5 + abs(beta).max()
        assert_close(numpy, y[rows], tol=4 * float(np.finfo(dtype).eps), size=size)
