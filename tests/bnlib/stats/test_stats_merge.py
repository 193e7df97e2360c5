"""The merging of partial statistics."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched

from bnlib.stats import merge


def moments(x):
    """Return count, mean and summed squared deviation of the rows of x."""
    return len(x), x.mean(axis=0), len(x) * x.var(axis=0)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(-1e6, 1e6), st.integers(0, 99))
def test_merge_equals_the_statistics_of_all_values(n_a, n_b, shift, seed):
    x = shift + np.random.default_rng(seed).standard_normal((n_a + n_b, 3))
    x[:n_a] *= 2
    n, mean, m2 = merge(*moments(x[:n_a]), *moments(x[n_a:]))
    expected = moments(x)
    assert n == expected[0]
    assert_close(mean, expected[1], 1e-13)
    np.testing.assert_allclose(m2, expected[2], rtol=1e-6)


def test_an_empty_part_changes_nothing_whatever_it_holds():
    part = moments(np.array([[1.0, 2.0], [3.0, 7.0]]))
    empty = (0, np.array([math.nan, 5.0]), np.array([math.inf, -1.0]))
    for result in (merge(*part, *empty), merge(*empty, *part)):
        np.testing.assert_equal(result, part)
    np.testing.assert_equal(merge(*empty, *empty), (0, np.zeros(2), np.zeros(2)))


def test_merge_takes_float32_and_numpy_counts_and_answers_in_float64():
    one = np.ones(2, np.float32)
    with untouched(one):
        n, mean, m2 = merge(np.int64(1), one, 0 * one, np.int64(3), 2 * one, one)
    assert (type(n), n) == (int, 4)
    assert mean.dtype == m2.dtype == np.float64
    assert (mean.tolist(), m2.tolist()) == ([1.75, 1.75], [1.75, 1.75])
