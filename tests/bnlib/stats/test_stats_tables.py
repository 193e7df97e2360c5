"""How large arrays are cut into blocks: every value once, few copies, little memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, untouched
from test_stats_blocks import SHAPES, draw

from bnlib.passes import tables as blocks
from bnlib.passes.tables import block_moments, block_sum, by_channel, tables
from bnlib.stats import channel_sum, mean_var


@pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
def test_tables_hold_every_value_once_and_by_channel(shape, axis):
    x = by_channel(np.broadcast_to(0, shape), axis % len(shape))
    marks = np.arange(x.size).reshape(x.shape)
    seen = np.zeros(x.size, int)
    channel = np.broadcast_to(np.arange(x.shape[1])[:, None], x.shape).ravel()
    for table in tables(marks):
        columns = np.broadcast_to(np.arange(table.fold[1])[:, None], table.fold).ravel()
        for i, cut, block in table.blocks():
            assert len(block) <= table.rows
            assert block.size <= max(blocks.BLOCK, table.rows)
            np.testing.assert_array_equal(
                block, table.values[i * table.rows :, cut][: len(block)]
            )
            np.testing.assert_array_equal(
                channel[block], np.tile(columns[cut], (len(block), 1))
            )
            seen[block] += 1
    assert (seen == 1).all()


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
            patch.setattr(blocks, name, size)
        n, mu, m2 = block_moments(x)
        total = block_sum(x)
    assert n == sides[0] * sides[2]
    assert_close(total, x.sum(axis=(0, 2)), 1e-12, size=abs(x).sum())
    assert_close(mu, x.mean(axis=(0, 2)), 1e-12)
    assert_close(m2, n * x.var(axis=(0, 2)), 1e-10, size=1.0)


@pytest.mark.parametrize("shape", [(20_000, 64), (200, 64, 10, 10)])
@pytest.mark.parametrize("function", [mean_var, channel_sum])
def test_statistics_need_little_memory_and_leave_x_alone(function, shape):
    x = draw(shape)
    with untouched(x):
        tracemalloc.start()
        function(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 0.35 * x.nbytes


@pytest.mark.parametrize("value", [0.1, np.nan])
def test_channels_computed_again_need_at_most_one_copy(value):
    x = np.full((100_000, 3), value, np.float32)
    tracemalloc.start()
    mean_var(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * x.nbytes


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_dense_arrays_are_not_copied(order):
    x = draw((6, 7, 8, 9)).transpose(order)
    assert np.shares_memory(by_channel(x, 1), x)
    assert by_channel(x, 1).shape[1] == x.shape[1]


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
