"""What statistics and rules refuse, in which words; a rule stays as it was."""

import math

import numpy as np
import pytest
from refusals import NonFiniteError, Row, each_row, no_float_array, ones

from bnlib.stats import (
    BatchAverage,
    Cumulative,
    DatasetPass,
    Exponential,
    RunningRule,
    bessel,
    channel_sum,
    mean_var,
    merge,
    one_pass_mean_var,
    update_running,
    welford_mean_var,
)

ONE, TWO = np.ones(1), np.ones(2)
RULES = [Exponential, Cumulative, BatchAverage, DatasetPass]
PARTS = ["n_a", "mean_a", "m2_a", "n_b", "mean_b", "m2_b"]


def merged(name):
    """Return a function that merges two parts, of which one argument is bad."""
    good = {k: 2 if k.startswith("n") else TWO for k in PARTS}
    return lambda bad: merge(**good | {name: bad})


def fed(make, sizes=(3, 4), **options):
    """Return a function that makes a rule and feeds it batches of 2 channels."""

    def on():
        rng, rule = np.random.default_rng(0), make(**options)
        for m in sizes:
            rule.update(*mean_var(rng.normal(5, 2, (m, 2))), m)
        return rule

    return on


# fmt: off
def of_every_statistic():
    """Yield the rows that the functions of x share."""
    for call in (mean_var, one_pass_mean_var, welford_mean_var, channel_sum):
        op = call.__name__
        yield from no_float_array(op, "x", call)
        if call is channel_sum:
            continue
        yield from [
            Row(ValueError, f"{op}: expected an array of rank 2 or more, ... got rank 1; ...",
                call, ones((3,))),
            Row(ValueError, f"{op}: channel_axis 2 does not exist in an array of rank 2; ...",
                lambda x, call=call: call(x, 2), ones((3, 2))),
            Row(ValueError, f"{op}: got an empty x of shape (0, 3); ...", call, ones((0, 3))),
        ]


RUNNING = [
    Row(TypeError, "bessel: m must be an integer, got {0!r}; ...", bessel, (True, 2.5, "2")),
    Row(ValueError, "bessel: m must be at least 2, got {0}; one ...", bessel, (1, 0, -1)),
    Row(TypeError, "update_running: momentum must be a number, got {0!r}; it is the ...",
        lambda momentum: update_running(ONE, ONE, momentum), (True, "0.1", None)),
    Row(ValueError, "update_running: momentum must lie between 0 and 1, got {0}; it is ...",
        lambda momentum: update_running(ONE, ONE, momentum), (-0.1, 1.1, math.nan, math.inf)),
    Row(ValueError, "update_running: running has shape (2,), value has {0.shape}; both ...",
        lambda value: update_running(TWO, value, 0.1), ones((1,), (3,), (2, 1), ())),
    *no_float_array("update_running", "running", lambda v: update_running(v, ONE, 0.1)),
    *no_float_array("update_running", "value", lambda v: update_running(ONE, v, 0.1)),
]
MERGE = [
    *[row for name in PARTS if name[0] == "m"
      for row in no_float_array("merge", name, merged(name))],
    *[Row(TypeError, f"merge: {name} must be an integer, got {{0!r}}; it counts values",
          merged(name), (2.0, True)) for name in ("n_a", "n_b")],
    Row(ValueError, "merge: n_a must be at least 0, got -1; it ...", merged("n_a"), (-1,)),
    *[Row(ValueError, f"merge: {name} must have one value ... (2,), got shape (3,); ...",
          merged(name), ones((3,))) for name in ("mean_b", "m2_b")],
    *[Row(NonFiniteError,
          f"merge: expected finite values in mean_{name[-1]} and m2_{name[-1]}, got NaN or "
          "infinity; look for ...", merged(name), (TWO * math.nan, TWO * math.inf))
      for name in PARTS if name[0] == "m"],
    Row(ValueError, "merge: m2_b is a sum of squares and cannot be negative, got -1; ...",
        merged("m2_b"), (-TWO,)),
    Row(NonFiniteError,
        "merge: expected finite values in the result, got NaN or infinity; look for ...",
        merged("mean_a"), (TWO * 1e200,)),
]
BAD_BATCHES = [  # mean, variance, count, the error, its text
    (TWO * math.nan, TWO, 4, NonFiniteError, "expected finite ... channels [0, 1]; look ..."),
    (TWO, TWO * math.inf, 4, NonFiniteError, "expected finite ...; ..."),
    (TWO, TWO * 1.5e308, 4, NonFiniteError, "expected finite statistics, ...; ..."),
    (TWO, -TWO, 4, ValueError, "a variance cannot be negative, ...; ..."),
    ([1.0, 1.0], TWO, 4, TypeError, "mean must be a NumPy array of ...; convert ..."),
    (None, TWO, 4, TypeError, "mean must be a ... NoneType; convert ..."),
    (TWO, None, 4, TypeError, "var must be a NumPy array ... NoneType; convert ..."),
    (np.ones(3), np.ones(3), 4, ValueError, "mean must have one value per channel, ...; ..."),
    (TWO, ONE, 4, ValueError, "var must have one value per channel, ...; ..."),
    (np.ones((2, 1)), TWO, 4, ValueError, "mean must have ... (2,), got shape (2, 1); ..."),
    (TWO, TWO, 4.0, TypeError, "m must be an integer, got 4.0; ..."),
    (TWO, TWO, True, TypeError, "m must be an integer, got True; ..."),
    (TWO, TWO, 0, ValueError, "m must be at least 1, got 0; it counts values"),
]
BATCHES = [
    Row(error, f"{make.__name__}.update: {text}",
        lambda rule, mean=mean, var=var, m=m: rule.update(mean, var, m), on=fed(make))
    for make in RULES for mean, var, m, error, text in BAD_BATCHES
]
UNSEEN = [
    Row(ValueError, f"{make.__name__}: has no statistics yet; call update with a batch's ...",
        lambda rule, name=name: getattr(rule, name), on=make)
    for make in RULES for name in ("mean", "var")
]
SINGLE = "bessel: m must be at least 2, got 1; ..."
SINGLES = [
    *[Row(ValueError, SINGLE, lambda rule: rule.update(TWO, 0 * TWO, 1), on=make)
      for make in (Exponential, Cumulative)],
    Row(ValueError, "BatchAverage: no batch had 2 values, so var is unknown; use larger ...",
        lambda rule: rule.var, on=fed(BatchAverage, (1, 1))),
    Row(ValueError, SINGLE, lambda rule: rule.var, on=fed(DatasetPass, (1,))),
]
EXPONENTIAL = [
    Row(ValueError, 'Exponential: weighs must be "new" or "old", got {0!r}; it says ...',
        lambda weighs: Exponential(weighs=weighs), ("both", 1)),
    Row(ValueError, "Exponential: momentum must lie between 0 and 1, got {0}; it is the ...",
        lambda bad: Exponential(momentum=bad), (1.5, -0.1, math.nan)),
    Row(TypeError, "Exponential: momentum must be a number, got {0!r}; it is the weight ...",
        lambda bad: Exponential(momentum=bad), (None, True)),
    Row(ValueError, "Exponential: start_mean must be finite, got {0}; the estimate ...",
        lambda bad: Exponential(start_mean=bad), (math.inf,)),
    Row(ValueError, "Exponential: start_var must be finite and at least 0, got {0}; the ...",
        lambda bad: Exponential(start_var=bad), (-1, math.inf)),
    Row(NotImplementedError, "RunningRule defines no _take",
        lambda: RunningRule().update(ONE, ONE, 2)),
]
# fmt: on


@each_row(of_every_statistic(), RUNNING, MERGE, BATCHES, UNSEEN, SINGLES, EXPONENTIAL)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


@pytest.mark.parametrize("make", [Exponential, Cumulative])
def test_one_value_has_a_biased_variance(make):
    assert fed(make, (1,), unbiased=False)().num_batches == 1


def test_single_values_make_a_data_set():
    assert fed(DatasetPass, (1, 1))().var.shape == (2,)


def test_a_variance_of_two_values_may_be_near_the_largest_number():
    rule = Exponential(momentum=1.0)  # both ends of [0, 1] are allowed
    rule.update(ONE, 0.4 * np.full(1, np.finfo(float).max), m=2)
    np.testing.assert_array_equal(rule.var, 0.8 * np.finfo(float).max)
