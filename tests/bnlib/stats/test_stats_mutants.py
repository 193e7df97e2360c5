"""What mutants of `bnlib.stats` showed to be untested: edges and whole messages."""

import re

import numpy as np
import pytest

from bnlib.stats import (
    BatchAverage,
    Cumulative,
    DatasetPass,
    Exponential,
    bessel,
    channel_sum,
    merge,
    update_running,
)
from bnlib.passes.tables import block_moments, block_sum

ONE = np.ones(1)
INTS = np.ones(1, int)


@pytest.mark.parametrize("place", [1, 2, 4, 5])
def test_merge_names_itself_and_the_argument(place):
    arguments = [2, ONE, ONE, 2, ONE, ONE]
    arguments[place] = INTS
    name = ["", "mean_a", "m2_a", "", "mean_b", "m2_b"][place]
    with pytest.raises(TypeError, match=rf"^merge: {name} must be .*, got dtype int64"):
        merge(*arguments)


@pytest.mark.parametrize("name", ["running", "value"])
def test_update_running_names_itself_and_the_argument(name):
    arguments = {"running": ONE, "value": ONE, "momentum": 0.1} | {name: INTS}
    with pytest.raises(TypeError, match=rf"^update_running: {name} must be .*dtype int64"):
        update_running(**arguments)


@pytest.mark.parametrize("momentum", [True, "0.1", None])
def test_update_running_says_what_a_momentum_is(momentum):
    message = f"update_running: momentum must be a number, got {momentum!r}; "
    message += "it is the weight of the new value"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        update_running(ONE, ONE, momentum)


@pytest.mark.parametrize("m", [True, 2.5, "2"])
def test_bessel_says_what_a_count_is(m):
    message = (
        f"bessel: m must be an integer, got {m!r}; it counts the values behind a statistic"
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        bessel(m)


def test_a_variance_of_two_values_may_be_near_the_largest_number():
    rule = Exponential(momentum=1.0)  # both ends of [0, 1] are allowed
    rule.update(ONE, 0.4 * np.full(1, np.finfo(float).max), m=2)
    np.testing.assert_array_equal(rule.var, 0.8 * np.finfo(float).max)


def test_a_wrong_convention_is_explained_to_the_end():
    message = 'must be "new" or "old", got 1; it says what momentum multiplies '
    with pytest.raises(
        ValueError, match=re.escape(message + "(PyTorch: new, Keras: old)") + "$"
    ):
        Exponential(weighs=1)


@pytest.mark.parametrize("rule", [Exponential, Cumulative, BatchAverage, DatasetPass])
def test_a_rule_without_batches_says_what_to_call(rule):
    message = f"{rule.__name__}: has no statistics yet; call update with a batch's mean and var"
    for name in ("mean", "var"):
        with pytest.raises(ValueError, match=f"^{message} first$"):
            getattr(rule(), name)


def test_batches_of_one_value_leave_var_unknown():
    rule = BatchAverage()
    rule.update(ONE, 0 * ONE, m=1)
    message = "BatchAverage: no batch had 2 values, so var is unknown; "
    with pytest.raises(ValueError, match=f"^{message}use larger batches or DatasetPass$"):
        rule.var  # noqa: B018


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


def test_channel_sum_names_itself_and_the_argument():
    with pytest.raises(TypeError, match=r"^channel_sum: x must be .*, got dtype int64"):
        channel_sum(np.ones((2, 2), int))
