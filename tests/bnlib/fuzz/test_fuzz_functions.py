"""The functions, in NumPy and compiled, fed with anything: a right result or an error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_ways import walking
from reference import assert_close, torch_batch_norm, untouched
from strategies import STRIDES, cases

from bnlib import functional, kernels
from bnlib.arguments import NonFiniteError
from bnlib.axes import reduction_axes
from bnlib.functional import BatchNormCache

POWERS = {np.float32: (-44, 34), np.float64: (-320, 304)}  # of ten, subnormal numbers too
EPS = st.sampled_from([0.0, 1e-30, 1e-5])
each_module = pytest.mark.parametrize("module", [functional, kernels], ids=["numpy", "numba"])


@each_module
@pytest.mark.parametrize("dtype", POWERS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(
    ("shape", "axis"), [((40_000, 2), 1), ((64, 3, 24, 24), 1), ((80, 4100), -1)]
)
def test_large_arrays_in_any_layout(module, shape, axis, stride, dtype):
    x, dy = np.random.default_rng(0).standard_normal((2, *shape)).astype(dtype)
    x = STRIDES[stride](100 + x, axis)
    y, cache = module.batch_norm_train(x, None, None, channel_axis=axis)
    wanted = torch_batch_norm(x, None, None, dy, 1e-5, axis)
    tol, m = 2e-5 if dtype == np.float32 else 1e-11, x.size / x.shape[axis]
    for got, want in zip((y, *module.batch_norm_backward(dy, cache)), wanted, strict=True):
        assert got.dtype == dtype
        assert_close(got, want, tol, size=1.0 if got.ndim > 1 else m**0.5)


@each_module
@pytest.mark.parametrize("huge", [1e306, math.inf, -math.inf, math.nan])
def test_a_huge_gamma_spoils_its_own_channel_alone(module, huge):
    x = 1e-3 * np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0]])
    gamma, statistics = np.array([1.0, huge]), (np.ones(2), np.full(2, 1e-9))
    y = module.batch_norm_train(x, gamma, None)[0]
    assert_close(y[:, 0], module.batch_norm_train(x, None, None)[0][:, 0])
    assert not np.isfinite(y[:, 1]).any()
    y = module.batch_norm_eval(x, gamma, None, *statistics)
    assert np.isfinite(y).all(axis=0).tolist() == [True, False]


def by_torch(case, training):
    """Return mean, variance, the four results, and a bound of every sum of squares.

    PyTorch is asked in units of 2**power, in which float64 holds all that occurs. For
    evaluation, the mean and the variance are others than the batch's.
    """
    size = max(np.abs(case.x).max(), math.sqrt(case.eps))
    power = int(np.frexp(size)[1])
    x = np.ldexp(case.x.astype(np.float64), -power)
    axes = reduction_axes(x.ndim, case.axis)
    mean, var = x.mean(axes), x.var(axes)
    if not training:
        mean, var = mean + 0.1 * np.sqrt(var), 2 * var
    forward = x, case.gamma, case.beta, case.dy, np.ldexp(case.eps, -2 * power), case.axis
    y, dx, *others = torch_batch_norm(*forward, *(() if training else (mean, var)))
    with np.errstate(over="ignore"):
        mean, var, dx = (np.ldexp(*a) for a in ((mean, power), (var, 2 * power), (dx, -power)))
        return mean, var, [y, dx, *others], np.ldexp(4.0 * case.m, 2 * power)


@pytest.mark.parametrize("way", ["numpy", "rows", "slabs", "small"])
@given(
    training=st.booleans(),
    case=st.sampled_from(list(POWERS)).flatmap(
        lambda dtype: cases(dtype, max_ratio=1e4, eps=EPS, powers=POWERS[dtype])
    ),
)
def test_at_any_scale_a_result_is_right_or_refused_for_a_reason(way, training, case):
    x, gamma, _, eps, _ = case.forward
    info, module = np.finfo(x.dtype), functional if way == "numpy" else kernels
    mean, var, wanted, bound = by_torch(case, training)
    lowest = (var + eps).min()
    least, most = (4 * info.tiny, info.max) if training else (0, math.inf)
    try:
        with walking("as it comes" if way == "numpy" else way), untouched(x, case.dy):
            results = run(module, case, training, mean, var)
    except NonFiniteError:
        assert bound > info.max
        return
    except ValueError:
        assert lowest <= least
        return
    assert lowest > least
    assert var.max() <= most
    scale = (1.0 if gamma is None else np.abs(gamma).max()) / np.sqrt(lowest)
    dy, tol = np.abs(case.dy).max(), 1e-5 if x.dtype == np.float32 else 1e-10
    sizes = np.abs(wanted[0]).max(), scale * dy, case.m * dy, case.m * dy
    for got, want, size in zip(results, wanted, sizes, strict=True):
        assert got.dtype == x.dtype
        if scale * max(dy, 1) > info.max:
            got = np.where(np.isfinite(got), got, want)
        np.testing.assert_allclose(got, want, rtol=0, atol=tol * size + info.tiny)


def run(module, case, training, mean, var):
    """Return y, dx, dgamma and dbeta in one mode."""
    x, gamma, beta, eps, axis = case.forward
    if training:
        y, cache = module.batch_norm_train(*case.forward)
        return y, *module.batch_norm_backward(case.dy, cache)
    y = module.batch_norm_eval(x, gamma, beta, mean, var, eps, axis)
    gamma = np.ones(len(mean)) if gamma is None else gamma
    cache = BatchNormCache(x, mean, var, gamma, eps, axis % x.ndim)
    return y, *module.batch_norm_eval_backward(case.dy, cache)
