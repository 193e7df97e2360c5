"""What the staged passes refuse, and in which words."""

import math
import re

import numpy as np
import pytest
from reference import untouched
from strategies import BAD_EPS, REFUSED

from bnlib.functional import batch_norm_train
from bnlib.functional.staged import staged_backward, staged_forward
from bnlib.arguments import NonFiniteError

X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]])


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_float_array_is_refused(kind):
    bad = REFUSED[kind]
    for name, arguments in {"x": (bad, None, None), "gamma": (X, bad, None),
                            "beta": (X, None, bad)}.items():  # fmt: skip
        with pytest.raises(TypeError, match=f"^staged_forward: {name} must be .*; convert it"):
            staged_forward(*arguments)
    with pytest.raises(TypeError, match=r"^staged_backward: dy must be .*; convert it with"):
        staged_backward(bad, staged_forward(X, None, None))


@pytest.mark.parametrize("kind", BAD_EPS)
def test_bad_eps_is_refused(kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match=f"^staged_forward: eps {message}"):
        staged_forward(X, None, None, eps=eps)


def test_too_few_values_and_wrong_vectors_are_refused():
    message = "staged_forward: needs at least 2 values per channel, got x of shape (1, 2); use"
    with pytest.raises(ValueError, match=re.escape(message)):
        staged_forward(X[:1], None, None)
    for name in ("gamma", "beta"):
        vectors = {"gamma": None, "beta": None} | {name: np.ones(3)}
        with pytest.raises(ValueError, match=f"staged_forward: {name} must have one value"):
            staged_forward(X, **vectors)


@pytest.mark.parametrize(("bad", "dtype"), [(math.nan, "f8"), (-math.inf, "f4"), (1e200, "f8")])
def test_statistics_that_are_not_finite_are_refused(bad, dtype):
    x = np.array([[0.0, bad], [1.0, 0.0]], dtype)
    with untouched(x), pytest.raises(NonFiniteError, match=r"^staged_forward: .* \[1\]; look"):
        staged_forward(x, None, None)


@pytest.mark.parametrize("bad", [np.ones((2, 2)), np.ones((3, 2, 1)), np.ones((3, 2), "f4")])
def test_backward_needs_dy_like_x(bad):
    message = (
        f"staged_backward: dy must match x, shape (3, 2) and float64, got shape {bad.shape}"
    )
    error = TypeError if bad.dtype == np.float32 else ValueError
    with pytest.raises(error, match=re.escape(message)):
        staged_backward(bad, staged_forward(X, None, None))


@pytest.mark.parametrize("bad", [None, X, batch_norm_train(X, None, None)[1]])
def test_backward_needs_stages(bad):
    message = (
        f"stages must be the Stages that staged_forward returned, got {type(bad).__name__}"
    )
    with pytest.raises(TypeError, match=f"^staged_backward: {message}"):
        staged_backward(X, bad)
