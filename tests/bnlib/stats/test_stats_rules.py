"""Population statistics from batches: what the four rules compute, and what they share."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched
from torch import nn

from bnlib.stats import (
    BatchAverage,
    Cumulative,
    DatasetPass,
    Exponential,
    RunningRule,
    mean_var,
)


def fed(rule, batches):
    """Return the rule after it has seen each batch, rows of samples."""
    for x in batches:
        rule.update(*mean_var(x), len(x))
    return rule


def draw(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(5, 2, (m, 3)) + rng.normal() for m in sizes]


@pytest.mark.parametrize(("momentum", "weighs"), [(0.1, "new"), (0.9, "old"), (0.3, "new")])
def test_exponential_is_torch_in_either_convention(momentum, weighs):
    layer = nn.BatchNorm1d(3, momentum=momentum if weighs == "new" else 1 - momentum).double()
    batches = draw(5, 2, 9)
    for x in batches:
        layer(torch.from_numpy(x))
    rule = fed(Exponential(momentum, weighs), batches)
    assert_close(rule.mean, layer.running_mean.numpy(), 1e-14)
    assert_close(rule.var, layer.running_var.numpy(), 1e-14)


def test_exponential_without_bessel_is_keras():
    x, y = draw(4, 6)
    rule = fed(Exponential(0.99, weighs="old", unbiased=False), [x, y])
    assert_close(rule.mean, 0.99 * 0.01 * x.mean(axis=0) + 0.01 * y.mean(axis=0), 1e-13)
    var = 0.99**2 + 0.99 * 0.01 * x.var(axis=0) + 0.01 * y.var(axis=0)
    assert_close(rule.var, var, 1e-13)


def test_exponential_from_zeros_is_darknet_and_stays_short_at_first():
    """The notes call Darknet's rule a cumulative average; it is exponential, from zeros."""
    x = draw(8)
    start = {"start_mean": 0, "start_var": 0.0, "unbiased": False}
    rule = fed(Exponential(0.1, **start), x * 5)
    assert_close(rule.var, (1 - 0.9**5) * x[0].var(axis=0), 1e-13)
    assert_close(fed(Cumulative(unbiased=False), x * 5).var, x[0].var(axis=0), 1e-13)
    start = fed(Exponential(0.5, start_mean=8.0, start_var=2.0, unbiased=False), x)
    assert_close(start.mean, 4 + x[0].mean(axis=0) / 2, 1e-14)
    assert_close(start.var, 1 + x[0].var(axis=0) / 2, 1e-14)


def test_cumulative_is_torch_with_momentum_none():
    layer = nn.BatchNorm1d(3, momentum=None).double()
    batches = draw(5, 2, 9, 4)
    for x in batches:
        layer(torch.from_numpy(x))
    rule = fed(Cumulative(), batches)
    assert_close(rule.mean, layer.running_mean.numpy(), 1e-14)
    assert_close(rule.var, layer.running_var.numpy(), 1e-14)
    assert_close(rule.var, np.mean([x.var(axis=0, ddof=1) for x in batches], axis=0), 1e-14)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(0, 99))
def test_batch_average_of_ragged_batches_is_the_pooled_variance(sizes, seed):
    batches = draw(*sizes, seed=seed)
    rule = fed(BatchAverage(unbiased=False), batches)
    squares = sum(len(x) * x.var(axis=0) for x in batches)
    assert_close(rule.mean, np.concatenate(batches).mean(axis=0), 1e-13)
    assert_close(rule.var, squares / sum(sizes), 1e-13)
    if (freedom := sum(sizes) - len(sizes)) > 0:
        assert_close(fed(BatchAverage(), batches).var, squares / freedom, 1e-13)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=6), st.integers(0, 99))
def test_dataset_pass_is_exact_however_the_data_is_cut(sizes, seed):
    batches = draw(*sizes, seed=seed)
    x = np.concatenate(batches)
    rule = fed(DatasetPass(), batches)
    assert (rule.count, rule.num_batches) == (len(x), len(sizes))
    assert_close(rule.mean, x.mean(axis=0), 1e-13)
    assert_close(rule.var, x.var(axis=0, ddof=1), 1e-12)
    assert_close(fed(DatasetPass(unbiased=False), batches).var, x.var(axis=0), 1e-12)


@pytest.mark.parametrize("make", [Exponential, Cumulative, BatchAverage, DatasetPass])
@pytest.mark.parametrize("unbiased", [True, False])
def test_rules_share_one_interface_and_keep_their_state_to_themselves(make, unbiased):
    rule = make(unbiased=unbiased)
    mean, var = np.ones(2), np.full(2, 4.0)
    assert isinstance(rule, RunningRule)
    assert (rule.num_batches, rule.unbiased) == (0, unbiased)
    with untouched(mean, var):
        rule.update(mean, var.astype(np.float32), np.int64(3))
    kept = rule.mean, rule.var
    assert kept[0].dtype == kept[1].dtype == np.float64
    for array in (mean, var, rule.mean, rule.var):
        array += 1
    np.testing.assert_equal((rule.mean, rule.var), kept)
    assert rule.num_batches == 1
