"""What the gradient checks refuse: bad arguments, and set-ups whose verdict means nothing."""

import math
from unittest.mock import Mock

import numpy as np
import pytest
from gradcheck_cases import X, batch_norm, draw, right
from refusals import NonFiniteError, Row, each_row

from bnlib.gradcheck import (
    MeaninglessCheckError,
    gradcheck,
    numeric_gradient,
    projection,
    step_sweep,
)

ONES = np.ones(3)
CHECKS = {
    "step_sweep": lambda f, x, dx=ONES: step_sweep(f, x, dx, [1e-4]),
    "gradcheck": lambda f, x, dx=ONES: gradcheck(f, x, dx),
    "numeric_gradient": lambda f, x: numeric_gradient(f, x, ONES, 1e-4),
}


# fmt: off
def of_every_check():
    """Yield the rows of points, functions and claims that no check takes."""
    for op, run in CHECKS.items():
        def at(x, run=run):
            return run(np.square, x)

        def of(f, run=run):
            return run(f, ONES)

        def claimed(dx, run=run):
            return run(np.square, ONES, dx)

        point, value = f"{op}: x must be a NumPy array of float64, got", f"{op}: f(x) must be"
        claim = f"{op}: dx must be a NumPy array of float64, got"
        yield from [
            Row(TypeError, point + " {0.dtype}; ... digits at best, so check in float64", at,
                (np.ones(3, np.float32), np.ones(3, int))),
            Row(TypeError, point + " list; ... float64", at, ([1.0, 2.0],)),
            Row(ValueError, f"{op}: got an empty x of shape (0,); ...", at, (np.ones(0),)),
            Row(NonFiniteError, f"{op}: expected finite values in x, got NaN ...; look ...", at,
                (np.array([1, math.nan, 2]), np.array([1, math.inf, 2]))),
            Row(TypeError, value + " float64, got float32; compute ...", of,
                (lambda x: x.astype(np.float32),)),
            Row(TypeError, value + " float64, got bool; compute ...", of, (lambda x: x > 0,)),
            Row(TypeError, value + " one float64 array, got a tuple of 2; let f return ...",
                of, (lambda x: (x, None),)),
            Row(NonFiniteError,
                f"{op}: expected finite values in f(x), got NaN or infinity; move x ...", of,
                (lambda x: x * math.nan, lambda x: x * math.inf)),
        ]
        if op == "numeric_gradient":
            continue
        yield from [
            Row(TypeError, claim + " float32; ...", claimed, (np.ones(3, np.float32),)),
            Row(TypeError,
                claim + " tuple; a backward function that returns several gradients needs [0]",
                claimed, ((np.ones(3),), lambda w: (w, w))),
            Row(ValueError, f"{op}: dx must have the shape of x, (3,), got (3, 1)", claimed,
                (np.ones((3, 1)), lambda w: w[:, None])),
        ]


FAR = np.array([1.0, -1000.0, 2.0])  # rounding leaves 8.88e-13 of it
STEPS = [
    Row(error, f"numeric_gradient: step must be {text}", call, bad)
    for call in (lambda step: numeric_gradient(np.square, FAR, ONES, step),
                 lambda step: gradcheck(np.square, FAR, lambda w: 2 * w * FAR, step=step))
    for error, text, bad in [
        (ValueError, "above 8.88e-13, what rounding leaves of x, got {0:.3g}; 6e-6 ...",
         (0.0, 8e-13, 4000 * np.finfo(float).eps)),
        (ValueError, "finite and at least 0, got {0}; ...", (-1e-3, math.nan, math.inf)),
        (TypeError, "a number, got {0!r}; 6e-6 ...", ("1e-5", True)),
    ]
]
OTHERS = [
    Row(NonFiniteError, "step_sweep: expected finite values in dx, got ...; look for ...",
        lambda dx: step_sweep(np.square, ONES, dx), (np.full(3, math.nan),)),
    Row(MeaninglessCheckError, "step_sweep: dx is 0 everywhere, ...; use another f, or ...",
        lambda dx: step_sweep(np.square, ONES, dx), (np.zeros(3), lambda w: 0 * w)),
    Row(ValueError, "numeric_gradient: w must have the shape of f(x), (3,), got (2,); ...",
        lambda: numeric_gradient(np.square, ONES, projection((2,)), 1e-4)),
    Row(NonFiniteError, "numeric_gradient: the differences overflow...",
        lambda: numeric_gradient(lambda x: 1.7e308 * np.sign(x), 1e-9 * ONES, ONES, 1e-4)),
]

ZERO = "gradcheck: the gradient of the loss is 0, or lost in rounding ... of its sum, ..."
FLAT = "gradcheck: most of the gradient is nearly 0 though f is not flat... or another seed"
VAGUE = "gradcheck: ...not exact enough..."
SAMPLES, KINK = draw(6, 3), draw(4, 3)
KINK[1, 2] = 1e-7
SATURATED = 20 * np.sign(SAMPLES) + 0.1 * draw(6, 3, seed=1)
RNG = np.random.default_rng(0)
MEANINGLESS = [
    # A public exercise asks for this gradient; `return zeros` is right.
    Row(MeaninglessCheckError, ZERO.replace(" ...", " ...returning zeros would pass...", 1),
        lambda dx: gradcheck(lambda x: np.sum(batch_norm(x)), SAMPLES, dx),
        (np.zeros((6, 3)), lambda w: w * right(SAMPLES)(np.ones((6, 3))))),
    Row(MeaninglessCheckError, ZERO, gradcheck,
        on=lambda: (lambda x: 0 * x, X, lambda w: 0 * w)),
    Row(MeaninglessCheckError, ZERO,
        lambda value: gradcheck(lambda x: np.full(4, value), draw(4), np.zeros(4)),
        (0.0, 3.0)),
    Row(MeaninglessCheckError, FLAT, gradcheck,
        on=lambda: (lambda x: np.floor(x) + 1e-3 * x, X + 0.5, lambda w: 1e-3 * w)),
    Row(MeaninglessCheckError,
        "gradcheck: the gradient of x[:, 0] is 0, or lost in rounding ... alone",
        lambda dx: gradcheck(lambda x: np.append(batch_norm(x)[:, 1:], batch_norm(x).sum()),
                             SAMPLES, dx), (np.zeros((6, 3)),)),
    Row(MeaninglessCheckError,
        "gradcheck: the differences of x[:, 1] are not exact enough ...", gradcheck,
        on=lambda: (lambda x: batch_norm(x) * [1, 1e-8, 1] + 1, SAMPLES,
                    lambda w: right(SAMPLES)(w * [1, 1e-8, 1]))),
    Row(MeaninglessCheckError, "gradcheck: ...truncation ...; ... move x away from a kink",
        lambda: gradcheck(np.abs, KINK, lambda w: w * np.sign(KINK), step=1e-5)),
    Row(MeaninglessCheckError, VAGUE + "choose step...",
        lambda step: gradcheck(np.sin, SAMPLES, lambda w: w * np.cos(SAMPLES), step=step),
        (0.5, 1e-13)),
    Row(MeaninglessCheckError, "gradcheck: two calls of f gave different ...",
        lambda: gradcheck(lambda x: x * RNG.random(4), draw(4), np.ones(4))),
    Row(MeaninglessCheckError, "gradcheck: ...", gradcheck,
        on=lambda: (np.tanh, SATURATED, lambda w: w / np.cosh(SATURATED) ** 2)),
]
# fmt: on


@each_row(of_every_check(), STEPS, OTHERS, MEANINGLESS)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


@pytest.mark.parametrize("call", [1, 2, 4 * X.size + 3])
def test_every_call_of_f_is_checked(call):
    f = Mock(side_effect=lambda x: (x**2).astype("f" if f.call_count == call else "d"))
    with pytest.raises(TypeError, match=r"^gradcheck: f\(x\) must be float64, got float32"):
        gradcheck(f, X, lambda w: 2 * X * w)


def test_f_is_called_as_often_as_documented():
    f = Mock(side_effect=np.square)
    assert gradcheck(f, X, lambda w: 2 * X * w)
    assert f.call_count == 4 * X.size + 18


@pytest.mark.parametrize("channels", [1, 5, 8, 30])
def test_two_samples_in_batch_norm_are_refused(channels):
    """CS231n's network check: there a right backward pass shows errors of 1e-4."""
    for seed in range(10):
        x = draw(2, channels, seed=seed)
        with pytest.raises(MeaninglessCheckError, match=r"of N = 2 is so|exact enough|lost in"):
            gradcheck(batch_norm, x, right(x), seed=seed)


def test_the_sum_of_squares_of_a_normalized_output_is_refused():
    """CMU 10-714 tests so: the gradient is of the size of eps."""
    x = draw(64, 3)
    with pytest.raises(MeaninglessCheckError, match=r"of the loss is 0|not exact enough"):
        gradcheck(lambda x: np.sum(batch_norm(x) ** 2), x,
                  lambda w: 2 * w * right(x)(batch_norm(x)))  # fmt: skip


def test_a_function_need_not_be_defined_where_x_is_shuffled():
    """Every arrangement but the given one is outside its domain."""
    x = np.array([1.0, 5.0, 9.0])
    assert gradcheck(lambda x: np.log(np.diff(x)), x, lambda w: np.array(
        [-w[0] / 4, w[0] / 4 - w[1] / 4, w[1] / 4]
    ))  # fmt: skip


def test_functions_that_change_their_argument_do_no_harm():
    def doubled(x):
        x *= 2
        return x

    x = draw(4)
    before = x.copy()
    assert gradcheck(doubled, x, doubled)
    np.testing.assert_array_equal(x, before)
