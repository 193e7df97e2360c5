"""Sums and moments of blocks: float64, exact, and without the rounding of the centre."""

import numpy as np
import pytest

from bnlib.passes.tables import block_moments, block_sum


@pytest.mark.parametrize("shape", [(2, 3, 64), (2, 3, 65), (2, 256, 1), (200, 3, 1)])
def test_block_sum_is_float64_whichever_way_it_goes(shape):
    total = block_sum(np.ones(shape, np.float32))
    assert total.dtype == np.float64
    np.testing.assert_array_equal(total, np.full(shape[1], shape[0] * shape[2]))


@pytest.mark.parametrize("shape", [(2**19, 2, 1), (2**18, 2, 2)])
def test_block_sum_does_not_let_roundings_pile_up(shape):
    x = np.full(shape, 0.1)  # one sum in float64 is wrong by 1e-11
    np.testing.assert_allclose(block_sum(x), 0.1 * 2**19, rtol=1e-13)


def test_block_moments_remove_the_rounding_of_the_centre():
    rng = np.random.default_rng(0)
    x = (1 + 2e-5 * rng.normal(size=(1000, 8, 1))).astype(np.float32)
    count, _, m2 = block_moments(x)
    np.testing.assert_allclose(m2 / count, x.astype(float).var(axis=(0, 2)), rtol=1e-5)
