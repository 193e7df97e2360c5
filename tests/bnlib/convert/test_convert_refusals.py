"""What the converters refuse, and in which words."""

import math

import numpy as np
import pytest
from refusals import Row, each_row

from bnlib.convert import convention, convert_state, from_torch_momentum, to_torch_momentum

STATE = {
    "weight": np.array([1.0, 2.0]),
    "bias": np.array([3.0, 4.0]),
    "running_mean": np.array([5.0, 6.0]),
    "running_var": np.array([7.0, 8.0]),
}
LIBRARY_CALLS = {
    "op": lambda bad: convention("op", bad),
    "to_torch_momentum": lambda bad: to_torch_momentum(bad, 0.5),
    "from_torch_momentum": lambda bad: from_torch_momentum(bad, 0.5),
    "convert_state from": lambda bad: convert_state(STATE, bad, "torch"),
    "convert_state to": lambda bad: convert_state(STATE, "torch", bad),
}
MOMENTA = {
    "to_torch_momentum": lambda bad: to_torch_momentum("keras", bad),
    "from_torch_momentum": lambda bad: from_torch_momentum("keras", bad),
}


def changed(change, source="torch"):
    """Convert the state with entries changed, or left out where they are None."""
    state = {k: v for k, v in (STATE | change).items() if v is not None}
    return convert_state(state, source, "flax")


def to_keras(options):
    """Convert the state with bad options."""
    return convert_state(STATE, "torch", "keras", **options)


def estimate(options):
    """Convert the state with bad options of an estimate."""
    return convert_state(STATE, "torch", "keras", "estimate", **options)


# fmt: off
NAMES = "expected torch's names ('weight', 'bias', 'running_mean', 'running_var'); missing "
STATES = [  # what is changed in the state, the error, its text
    ({"running_var": None}, ValueError, NAMES + "['running_var'], unknown []; pass ..."),
    ({2: 1, "gamma": 1}, ValueError, NAMES + "[], unknown [2, 'gamma']; pass one layer's ..."),
    ({"running_mean": np.ones(3)}, ValueError, "weight must have shape (3,), got (2,); ..."),
    ({"bias": np.ones((2, 1))}, ValueError, "bias must have shape (2,), got ...; ..."),
    ({"num_batches_tracked": [1]}, ValueError, "num_batches_tracked must have shape (), ..."),
    ({"bias": ["a", "b"]}, TypeError, "bias must hold real numbers, got dtype ..."),
    ({"weight": [1j, 1]}, TypeError, "weight must hold real numbers, got dtype complex128..."),
    ({"weight": [math.nan, 1]}, ValueError, "weight must be finite, got NaN or infinity"),
    ({"running_var": [-1.0, 1]}, ValueError, "running_var cannot be negative"),
]
OPTIONS = [  # a call, one bad option, the error, its text
    (to_keras, "keep", "all", ValueError, "must be 'outputs' or 'estimate', got 'all'"),
    (to_keras, "source_eps", -1.0, ValueError, "must be finite and at least 0, got -1.0; ..."),
    (to_keras, "target_eps", "1e-5", TypeError, "must be a number, got '1e-5'; the usual ..."),
    (estimate, "m", None, ValueError, "is needed, the number of values per channel in ..."),
    (estimate, "m", 2.0, TypeError, "must be an integer, got 2.0; ..."),
    (estimate, "m", True, TypeError, "must be an integer, got True; ..."),
    (estimate, "m", 1, ValueError, "must be at least 2, got 1; it counts ..."),
    (estimate, "remaining", "1", TypeError, "must be a number, got '1'; it is ..."),
    (estimate, "remaining", True, TypeError, "must be a number, got True; it is ..."),
    (estimate, "remaining", 1.1, ValueError, "must lie between 0 and 1, ... ** updates"),
    (estimate, "remaining", -0.1, ValueError, "must lie between 0 and 1, got -0.1; it is ..."),
]
NO_VARIANCE = {  # the two libraries, a variance, and the eps that it was made with
    ("torch", "keras"): (1e-4, 1e-5),
    ("torch", "darknet"): (1e-9, 1e-9),
    ("darknet", "keras"): (1e-4, 1e-6),
}


def without_variance(source, target, target_eps):
    """Convert a state whose variance is below the change of eps."""
    var, eps = NO_VARIANCE[source, target]
    mean_name, var_name = convention("", source).names[2:]
    state = {mean_name: np.zeros(2), var_name: np.array([5.0, var])}
    return convert_state(state, source, target, source_eps=eps, target_eps=target_eps or eps)


def remaining(share):
    """Convert a variance of 0.3 of which so much is left of the first one."""
    state = STATE | {"running_var": np.array([0.3, 9.0])}
    return convert_state(state, "torch", "keras", "estimate", m=4, remaining=share)


@each_row(
    [Row(ValueError,
         f"{name.split()[0]}: expected one of ('torch', 'keras', 'flax', 'mxnet', 'darknet'), "
         "got {0!r}", call, ("pytorch", "Keras", "", None, 3, ["torch"]))
     for name, call in LIBRARY_CALLS.items()],
    [Row(ValueError, f"{op}: momentum must lie between 0 and 1, got {{0}}; ...", call,
         (-0.1, 1.1, math.nan, math.inf)) for op, call in MOMENTA.items()],
    [Row(TypeError, f"{op}: momentum must be a number, got {{0!r}}; no constant does ...",
         call, ("0.9", True, 1j, [0.9], *[None] * (op == "from_torch_momentum")))
     for op, call in MOMENTA.items()],
    [Row(error, f"convert_state: {text}", changed, (bad,)) for bad, error, text in STATES],
    Row(ValueError, "convert_state: expected keras's names ...; missing ['moving_mean', ...",
        lambda: changed({}, "keras")),
    Row(ValueError, "convert_state: every array must have shape (C,), got ()",
        lambda: convert_state({"running_mean": 1.0, "running_var": 1.0}, "torch", "keras")),
    Row(ValueError, "convert_state: ..., unknown ['num_batches_tracked']; ...",
        lambda: convert_state(
            {"running_mean": [1.0], "running_var": [1.0], "num_batches_tracked": 1},
            "mxnet", "torch")),
    Row(TypeError,
        "convert_state: state must be a mapping of names to arrays, got {0.__class__.__name__}",
        lambda bad: convert_state(bad, "torch", "keras"), (None, [("running_mean", [1.0])])),
    [Row(error, f"convert_state: {name} {text}", call, ({name: bad},))
     for call, name, bad, error, text in OPTIONS],
    Row(ValueError,
        "convert_state: a variance of 0.3 is less than the initial value's part, 0.5 * 1.0; "
        "check remaining, (1 - a) ** updates", remaining, (0.5,)),
    # Keras's default eps is larger than the whole variance here.
    [Row(ValueError,
         "convert_state: no variance gives the same outputs with target_eps=0.001, got "
         f"variance {var:.4g} and source_eps={eps:g} in channel 1; give the target layer a "
         f"smaller eps, for example {eps:g}, and pass it here",
         lambda source=source, target=target: without_variance(source, target, 1e-3))
     for (source, target), (var, eps) in NO_VARIANCE.items()],
)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
# fmt: on


@pytest.mark.parametrize(("source", "target"), NO_VARIANCE)
def test_the_smaller_eps_and_the_smaller_remainder_are_taken(source, target):
    assert without_variance(source, target, None)
    assert remaining(0.3)["moving_variance"][0] == 0.3


def test_momentum_is_a_float_whatever_it_was():
    for function in (to_torch_momentum, from_torch_momentum):
        assert type(function("torch", np.float32(0.5))) is float
