"""Statistics, shapes and small numbers, fed with anything."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
from fuzz import arrays, legal, outcome, problems
from fuzz_exact import DOUBLE, columns, exact, largest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnlib.stats import bessel, channel_sum, mean_var, update_running


@settings(max_examples=100)
@given(problems())
def test_mean_var_and_channel_sum(problem):
    x, *_, axis, _ = problem
    result = outcome("mean_var", mean_var, x, axis)
    if not legal(x, axis, 1):
        assert type(result) is ValueError
        return
    mu, var = result
    assert mu.dtype == var.dtype == np.float64
    check_statistics(x, axis, mu, var)
    if np.isfinite(x).all() and float(np.abs(x).max()) < 1e300:
        total = outcome("channel_sum", channel_sum, x, axis)
        check_sums(x, axis, total)


@exact
def check_statistics(x, axis, mu, var):
    """Hold mean and variance to what `Running` allows for one batch."""
    info = np.finfo(x.dtype)
    u, eta = Decimal(float(info.eps)), Decimal(float(info.smallest_subnormal))
    for i, values in enumerate(columns(x, axis)):
        m, a = len(values), largest(values)
        if not all(v.is_finite() for v in values):
            assert not (np.isfinite(mu[i]) and np.isfinite(var[i]))
            continue
        if 4 * m * a * a > Decimal(float(info.max)):  # squares overflow: inf, NaN or right
            continue
        mean = sum(values) / m
        spread = sum((v - mean) ** 2 for v in values) / m
        off = (m + 8) * DOUBLE * a
        assert abs(Decimal(float(mu[i])) - mean) <= off + eta
        bound = 32 * u * (spread + (u * a) ** 2) + off * off + eta
        assert abs(Decimal(float(var[i])) - spread) <= bound


@exact
def check_sums(x, axis, total):
    """Hold sums to the rounding of a plain float64 sum."""
    assert total.dtype == np.float64
    for got, values in zip(total, columns(x, axis), strict=True):
        bound = (len(values) + 8) * len(values) * DOUBLE * largest(values)
        assert abs(Decimal(float(got)) - sum(values)) <= bound


@given(st.integers(-3, 3) | st.integers())
def test_bessel(m):
    factor = outcome("bessel", bessel, m)
    if m < 2:
        assert type(factor) is ValueError
        return
    assert abs(Fraction(factor) - Fraction(m, m - 1)) <= Fraction(1, 2**52)


@given(st.data(), st.floats(-0.5, 1.5) | st.sampled_from([0.0, 1.0, np.nan, np.inf]))
def test_update_running(data, momentum):
    shapes = st.sampled_from([[1], [1], [1], [3]])
    running, value = (
        data.draw(arrays(np.float64, data.draw(shapes), awkward=False)) for _ in "ab"
    )
    result = outcome("update_running", update_running, running, value, momentum)
    if not 0 <= momentum <= 1 or running.shape != value.shape:
        assert type(result) is ValueError
        return
    for got, old, new in zip(*map(np.ravel, (result, running, value)), strict=True):
        wanted = (1 - Fraction(momentum)) * Fraction(old) + Fraction(momentum) * Fraction(new)
        bound = 4 * Fraction(2) ** -52 * (abs(Fraction(old)) + abs(Fraction(new)))
        assert abs(Fraction(got) - wanted) <= bound + Fraction(2) ** -1072
