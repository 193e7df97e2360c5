"""What the converters refuse, and in which words."""

import math
import re

import numpy as np
import pytest

from bnlib.convert import convention, convert_state, from_torch_momentum, to_torch_momentum

STATE = {
    "weight": np.array([1.0, 2.0]),
    "bias": np.array([3.0, 4.0]),
    "running_mean": np.array([5.0, 6.0]),
    "running_var": np.array([7.0, 8.0]),
}
LIBRARIES = re.escape("('torch', 'keras', 'flax', 'mxnet', 'darknet')")


@pytest.mark.parametrize("bad", ["pytorch", "Keras", "", None, 3, ["torch"]])
def test_unknown_libraries_are_refused(bad):
    message = rf"expected one of {LIBRARIES}, got {re.escape(repr(bad))}"
    with pytest.raises(ValueError, match=f"^op: {message}"):
        convention("op", bad)
    for call, name in (
        (lambda: to_torch_momentum(bad, 0.5), "to_torch_momentum"),
        (lambda: from_torch_momentum(bad, 0.5), "from_torch_momentum"),
        (lambda: convert_state(STATE, bad, "torch"), "convert_state"),
        (lambda: convert_state(STATE, "torch", bad), "convert_state"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: {message}"):
            call()


@pytest.mark.parametrize("function", [to_torch_momentum, from_torch_momentum])
def test_momentum_must_be_a_number_from_0_to_1(function):
    for bad in (-0.1, 1.1, math.nan, math.inf):
        message = f"{function.__name__}: momentum must lie between 0 and 1, got {bad}"
        with pytest.raises(ValueError, match=message):
            function("keras", bad)
    for bad in ("0.9", True, 1j, [0.9]):
        message = (
            f"{function.__name__}: momentum must be a number, got {bad!r}; where PyTorch's"
        )
        with pytest.raises(TypeError, match=re.escape(message)):
            function("keras", bad)
    assert isinstance(function("torch", np.float32(0.5)), float)


def test_torchs_momentum_none_has_no_counterpart():
    message = (
        "from_torch_momentum: momentum must be a number, got None; where PyTorch's is None"
    )
    with pytest.raises(TypeError, match=message):
        from_torch_momentum("keras", None)


@pytest.mark.parametrize(
    ("change", "source", "error", "message"),
    [
        (
            {"running_var": None},
            "torch",
            ValueError,
            r"missing \['running_var'\], unknown \[\];",
        ),
        (
            {"gamma": 1},
            "torch",
            ValueError,
            r"missing \[\], unknown \['gamma'\]; pass one layer",
        ),
        (
            {},
            "keras",
            ValueError,
            r"expected keras's names \('gamma', .* missing \['moving_mean'",
        ),
        (
            {"running_mean": np.ones(3)},
            "torch",
            ValueError,
            r"weight must have shape \(3,\), got \(2,\)",
        ),
        (
            {"bias": np.ones((2, 1))},
            "torch",
            ValueError,
            r"bias must have shape \(2,\), got \(2, 1\);",
        ),
        (
            {"num_batches_tracked": [1]},
            "torch",
            ValueError,
            r"tracked must have shape \(\), got \(1,\)",
        ),
        (
            {"bias": ["a", "b"]},
            "torch",
            TypeError,
            "bias must hold real numbers, got dtype <U1",
        ),
        (
            {"weight": [1j, 1]},
            "torch",
            TypeError,
            "weight must hold real numbers, got dtype com",
        ),
        (
            {"weight": [math.nan, 1]},
            "torch",
            ValueError,
            "weight must be finite, got NaN or inf",
        ),
        ({"running_var": [-1.0, 1]}, "torch", ValueError, "running_var cannot be negative"),
    ],
)
def test_bad_states_are_refused(change, source, error, message):
    state = {k: v for k, v in (STATE | change).items() if v is not None}
    with pytest.raises(error, match=f"^convert_state: .*{message}"):
        convert_state(state, source, "flax")


def test_other_bad_states_are_refused():
    scalars = {"running_mean": 1.0, "running_var": 1.0}
    with pytest.raises(ValueError, match=r"every array must have shape \(C,\), got \(\)"):
        convert_state(scalars, "torch", "keras")
    counted = {"running_mean": [1.0], "running_var": [1.0], "num_batches_tracked": 1}
    with pytest.raises(ValueError, match=r"unknown \['num_batches_tracked'\]"):
        convert_state(counted, "mxnet", "torch")
    for bad in (None, [("running_mean", np.ones(2))]):
        message = f"convert_state: state must be a mapping of names to arrays, got {type(bad)}"
        with pytest.raises(TypeError, match=message.replace("<class '", "").replace("'>", "")):
            convert_state(bad, "torch", "keras")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"keep": "all"}, ValueError, "keep must be 'outputs' or 'estimate', got 'all'"),
        ({"source_eps": -1.0}, ValueError, "source_eps: eps must be finite and at least 0"),
        ({"target_eps": "1e-5"}, TypeError, "target_eps: eps must be a number, got '1e-5'"),
        ({"keep": "estimate"}, ValueError, "m is needed, the number of values per channel in"),
        ({"keep": "estimate", "m": 2.0}, TypeError, r"m must be an integer, got 2\.0"),
        ({"keep": "estimate", "m": True}, TypeError, "m must be an integer, got True"),
        ({"keep": "estimate", "m": 1}, ValueError, "needs at least 2 values, got m = 1"),
        (
            {"keep": "estimate", "remaining": "1"},
            TypeError,
            "remaining must be a number, got '1'",
        ),
        (
            {"keep": "estimate", "remaining": True},
            TypeError,
            "remaining must be a number, got T",
        ),
        (
            {"keep": "estimate", "remaining": 1.1},
            ValueError,
            "remaining must lie between 0 and 1",
        ),
        ({"keep": "estimate", "remaining": -0.1}, ValueError, r"got -0\.1; it is \(1 - a\)"),
    ],
)
def test_bad_settings_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        convert_state(STATE, "torch", "keras", **options)


def test_a_variance_smaller_than_what_remains_of_the_first_one_is_refused():
    state = STATE | {"running_var": np.array([0.3, 9.0])}
    message = (
        r"a variance of 0\.3 is less than the initial value's part, 0\.5 \* 1\.0; check rem"
    )
    with pytest.raises(ValueError, match=message):
        convert_state(state, "torch", "keras", "estimate", m=4, remaining=0.5)
    exact = convert_state(state, "torch", "keras", "estimate", m=4, remaining=0.3)
    assert exact["moving_variance"][0] == 0.3


@pytest.mark.parametrize(
    ("source", "target", "var", "eps"),
    [("torch", "keras", 1e-4, 1e-5), ("torch", "darknet", 1e-9, 1e-9),
     ("darknet", "keras", 1e-4, 1e-6)],
)  # fmt: skip
def test_an_eps_that_leaves_no_variance_is_refused(source, target, var, eps):
    """Keras's default eps is larger than the whole variance here."""
    mean_name, var_name = convention("", source).names[2:]
    state = {mean_name: np.zeros(2), var_name: np.array([5.0, var])}
    message = (
        f"no variance gives the same outputs with target_eps=0.001, got variance {var:.4g} "
        f"and source_eps={eps:g} in channel 1; give the target layer a smaller eps, for "
        f"example {eps:g}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        convert_state(state, source, target, source_eps=eps, target_eps=1e-3)
    assert convert_state(state, source, target, source_eps=eps, target_eps=eps)
