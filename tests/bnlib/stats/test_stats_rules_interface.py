"""What the rules for population statistics share: one interface, checks, errors."""

import math
import re

import numpy as np
import pytest
from reference import untouched

from bnlib.arguments import NonFiniteError
from bnlib.stats import (
    BatchAverage,
    Cumulative,
    DatasetPass,
    Exponential,
    RunningRule,
    mean_var,
)

RULES = [Exponential, Cumulative, BatchAverage, DatasetPass]
each_rule = pytest.mark.parametrize("make", RULES)


def fed(rule, *sizes):
    """Return the rule after it has seen a batch of each size, of 2 channels."""
    rng = np.random.default_rng(0)
    for m in sizes:
        rule.update(*mean_var(rng.normal(5, 2, (m, 2))), m)
    return rule


@each_rule
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


BAD_BATCHES = {
    "NaN": (
        (np.full(2, math.nan), np.ones(2), 4),
        NonFiniteError,
        "expected finite statistics",
    ),
    "infinity": ((np.ones(2), np.full(2, math.inf), 4), NonFiniteError, "in channels [0, 1]"),
    "overflow": ((np.ones(2), np.full(2, 1.5e308), 4), NonFiniteError, "finite statistics"),
    "negative": ((np.ones(2), -np.ones(2), 4), ValueError, "a variance cannot be negative"),
    "a list": (([1.0, 1.0], np.ones(2), 4), TypeError, "mean must be a NumPy array"),
    "other channels": ((np.ones(3), np.ones(3), 4), ValueError, "mean must have one value per"),
    "two lengths": (
        (np.ones(2), np.ones(1), 4),
        ValueError,
        "var must have one value per channel",
    ),
    "a matrix": ((np.ones((2, 1)), np.ones(2), 4), ValueError, "shape (2,), got shape (2, 1)"),
    "a float count": (
        (np.ones(2), np.ones(2), 4.0),
        TypeError,
        "m must be an integer, got 4.0",
    ),
    "a truth value": (
        (np.ones(2), np.ones(2), True),
        TypeError,
        "m must be an integer, got True",
    ),
    "no values": ((np.ones(2), np.ones(2), 0), ValueError, "m must be at least 1, got 0"),
}


@each_rule
@pytest.mark.parametrize("kind", BAD_BATCHES)
def test_a_bad_batch_is_refused_and_changes_nothing(make, kind):
    arguments, error, message = BAD_BATCHES[kind]
    rule = fed(make(), 3, 4)
    before = {k: np.copy(v) for k, v in vars(rule).items()}
    with pytest.raises(error, match=re.escape(f"{make.__name__}.update: ") + ".*") as caught:
        rule.update(*arguments)
    assert message in str(caught.value)
    np.testing.assert_equal(vars(rule), before)


@pytest.mark.parametrize("make", [Exponential, Cumulative])
def test_one_value_has_no_unbiased_variance(make):
    rule = make()
    with pytest.raises(ValueError, match="needs at least 2 values, got m = 1"):
        rule.update(np.ones(2), np.zeros(2), 1)
    assert rule.num_batches == 0
    biased = make(unbiased=False)
    biased.update(np.ones(2), np.zeros(2), 1)
    assert biased.num_batches == 1


def test_single_values_alone_leave_the_variance_unknown():
    rule = fed(BatchAverage(), 1, 1)
    with pytest.raises(
        ValueError, match="BatchAverage: no batch had 2 values, so var is unknown"
    ):
        _ = rule.var
    with pytest.raises(ValueError, match="needs at least 2 values, got m = 1"):
        _ = fed(DatasetPass(), 1).var
    assert fed(DatasetPass(), 1, 1).var.shape == rule.mean.shape


@each_rule
@pytest.mark.parametrize("name", ["mean", "var"])
def test_rules_say_that_they_have_seen_nothing(make, name):
    with pytest.raises(
        ValueError, match=f"{make.__name__}: has no statistics yet; call update"
    ):
        getattr(make(), name)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weighs": "both"}, ValueError, 'weighs must be "new" or "old", got \'both\''),
        (
            {"momentum": 1.5},
            ValueError,
            "momentum must be finite and lie between 0 and 1, got 1.5",
        ),
        ({"momentum": -0.1}, ValueError, "momentum must be finite and lie"),
        ({"momentum": math.nan}, ValueError, "momentum must be finite and lie"),
        ({"momentum": None}, TypeError, "momentum must be a number, got None"),
        ({"momentum": True}, TypeError, "momentum must be a number, got True"),
        ({"start_mean": math.inf}, ValueError, "start_mean must be finite"),
        ({"start_var": -1}, ValueError, "start_var must be finite and lie between 0 and inf"),
        ({"start_var": math.inf}, ValueError, "start_var must be finite"),
    ],
)
def test_exponential_refuses(arguments, error, message):
    with pytest.raises(error, match=re.escape(f"Exponential: {message}")):
        Exponential(**arguments)


def test_the_shared_part_is_no_rule_by_itself():
    with pytest.raises(NotImplementedError, match="RunningRule defines no _take"):
        RunningRule().update(np.ones(1), np.ones(1), 2)


@pytest.mark.parametrize("name", ["mean", "var"])
def test_none_is_no_statistic(name):
    given = {"mean": np.zeros(2), "var": np.ones(2), name: None}
    rule = Cumulative()
    with pytest.raises(TypeError, match=rf"Cumulative.update: {name} must be a NumPy array"):
        rule.update(given["mean"], given["var"], 4)
    assert rule.num_batches == 0
