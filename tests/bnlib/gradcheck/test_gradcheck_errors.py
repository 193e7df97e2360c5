"""What the gradient checks refuse to take, with the reason."""

import math
import re

import numpy as np
import pytest

from bnlib.gradcheck import (
    MeaninglessCheckError,
    gradcheck,
    numeric_gradient,
    projection,
    step_sweep,
)
from bnlib.arguments import NonFiniteError

ONES = np.ones(3)


def sweep(f, x, dx=ONES):
    return step_sweep(f, x, dx, [1e-4])


def check(f, x, dx=ONES):
    return gradcheck(f, x, dx)


def numeric(f, x):
    return numeric_gradient(f, x, ONES, 1e-4)


CLAIMS = [("step_sweep", sweep), ("gradcheck", check)]
with_claim = pytest.mark.parametrize(("op", "run"), CLAIMS)
each = pytest.mark.parametrize(("op", "run"), [*CLAIMS, ("numeric_gradient", numeric)])


@each
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            np.ones(3, np.float32),
            TypeError,
            "x must be a NumPy array of float64, got float32; in",
        ),
        (np.ones(3, int), TypeError, "x must be a NumPy array of float64, got int64"),
        ([1.0, 2.0, 3.0], TypeError, "x must be a NumPy array of float64, got list"),
        (np.ones(0), ValueError, "got an empty x of shape (0,); give at least one value"),
        (np.array([1, math.nan, 2]), NonFiniteError, "expected finite values in x, got NaN or"),
        (np.array([1, math.inf, 2]), NonFiniteError, "expected finite values in x, got NaN or"),
    ],
)
def test_points_are_refused(run, op, x, error, message):
    with pytest.raises(error, match=re.escape(f"{op}: {message}")):
        run(np.square, x)


@each
@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (
            lambda x: x.astype(np.float32),
            TypeError,
            "f(x) must be float64, got float32; compute",
        ),
        (lambda x: x > 0, TypeError, "f(x) must be float64, got bool"),
        (
            lambda x: (x, None),
            TypeError,
            "f(x) must be one float64 array, got a tuple of 2; let f return the output alone",
        ),
        (lambda x: x * math.nan, NonFiniteError, "expected finite values in f(x), got NaN"),
        (lambda x: x * math.inf, NonFiniteError, "expected finite values in f(x), got NaN"),
    ],
)
def test_functions_are_refused(run, op, f, error, message):
    with pytest.raises(error, match=re.escape(f"{op}: {message}")):
        run(f, np.ones(3))


@with_claim
@pytest.mark.parametrize(
    ("dx", "error", "message"),
    [
        (np.ones(3, np.float32), TypeError, "dx must be a NumPy array of float64, got float32"),
        (
            (np.ones(3),),
            TypeError,
            "dx must be a NumPy array of float64, got tuple; a backward function",
        ),
        (lambda w: (w, w), TypeError, "dx must be a NumPy array of float64, got tuple"),
        (np.ones((3, 1)), ValueError, "dx must have the shape of x, (3,), got (3, 1)"),
        (lambda w: w[:2], ValueError, "dx must have the shape of x, (3,), got (2,)"),
    ],
)
def test_claims_are_refused(run, op, dx, error, message):
    with pytest.raises(error, match=re.escape(f"{op}: {message}")):
        run(np.square, np.ones(3), dx)


@pytest.mark.parametrize(
    ("dx", "error", "message"),
    [
        (np.full(3, math.nan), NonFiniteError, "step_sweep: expected a finite dx"),
        (np.zeros(3), MeaninglessCheckError, "step_sweep: dx is 0 everywhere"),
    ],
)
def test_a_sweep_needs_a_gradient_to_be_relative_to(dx, error, message):
    with pytest.raises(error, match=message):
        sweep(np.square, np.ones(3), dx)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (0.0, ValueError, "step must be finite and above 8.88e-13, what rounding leaves of x"),
        (-1e-3, ValueError, "got -0.001; 6e-6 times x's spread is usual"),
        (8e-13, ValueError, "got 8e-13"),
        (math.nan, ValueError, "got nan"),
        (math.inf, ValueError, "got inf"),
        ("1e-5", TypeError, "step must be a number, got '1e-5'"),
        (True, TypeError, "step must be a number, got True"),
    ],
)  # fmt: skip
def test_steps_are_checked(step, error, message):
    x = np.array([1.0, -1000.0, 2.0])
    for call in (
        lambda: numeric_gradient(np.square, x, np.ones(3), step),
        lambda: gradcheck(np.square, x, lambda w: 2 * w * x, step=step),
    ):
        with pytest.raises(error, match=re.escape(message)):
            call()


def test_weights_have_the_shape_of_the_output():
    message = "w must have the shape of f(x), (3,), got (2,); draw it with projection"
    with pytest.raises(ValueError, match=re.escape(message)):
        numeric_gradient(np.square, np.ones(3), projection((2,)), 1e-4)


def test_differences_that_overflow_are_refused():
    with pytest.raises(NonFiniteError, match="numeric_gradient: the differences overflow"):
        numeric_gradient(lambda x: 1.7e308 * np.sign(x), np.array([1e-9]), np.ones(1), 1e-4)
