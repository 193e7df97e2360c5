"""What double backward refuses, and in which words."""

import re

import numpy as np
import pytest
from strategies import REFUSED

from bnlib.functional import batch_norm_train
from bnlib.functional.double_backward import (
    batch_norm_double_backward,
    batch_norm_eval_double_backward,
)

DOUBLE = {f.__name__: f for f in (batch_norm_double_backward, batch_norm_eval_double_backward)}
each_function = pytest.mark.parametrize("name", DOUBLE)
X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]])


@each_function
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_float_array_is_refused(name, kind):
    cache = batch_norm_train(X, None, None)[1]
    arguments = {"ddx": X, "ddgamma": np.ones(2), "ddbeta": np.ones(2), "dy": X}
    for which in arguments:
        with pytest.raises(TypeError, match=f"^{name}: {which} must be .*; convert it with"):
            DOUBLE[name](**arguments | {which: REFUSED[kind]}, cache=cache)


@each_function
@pytest.mark.parametrize("which", ["ddx", "dy"])
@pytest.mark.parametrize("bad", [np.ones((2, 2)), np.ones((3, 2), np.float32)])
def test_arrays_must_look_like_x(name, which, bad):
    message = f"{name}: {which} must match x, shape (3, 2) and float64, got shape {bad.shape}"
    error = TypeError if bad.dtype == np.float32 else ValueError
    arguments = {"ddx": X, "dy": X} | {which: bad}
    with pytest.raises(error, match=re.escape(message)):
        DOUBLE[name](**arguments, ddgamma=None, ddbeta=None,
                     cache=batch_norm_train(X, None, None)[1])  # fmt: skip


@each_function
def test_other_bad_arguments_are_refused(name):
    cache = batch_norm_train(X, None, None)[1]
    for which in ("ddgamma", "ddbeta"):
        vectors = {"ddgamma": None, "ddbeta": None} | {which: np.ones(3)}
        with pytest.raises(ValueError, match=f"^{name}: {which} must have one value per"):
            DOUBLE[name](X, **vectors, dy=X, cache=cache)
    with pytest.raises(ValueError, match=f"^{name}: expected at least one of ddx, ddgamma and"):
        DOUBLE[name](None, None, None, X, cache)
    with pytest.raises(TypeError, match=f"^{name}: cache must be the .*, got NoneType"):
        DOUBLE[name](X, None, None, X, None)
