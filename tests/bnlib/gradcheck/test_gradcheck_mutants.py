"""What mutants of `bnlib.gradcheck` showed to be untested: scales, sizes and whole messages."""

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

X = np.array([[1.0, 2.0], [4.0, -3.0]])


class Counted:
    """The square, which counts its calls and does something else at one of them."""

    def __init__(self, at=None, instead=None):
        self.calls, self.at, self.instead = 0, at, instead

    def __call__(self, x):
        """Return the square of `x`, or what stands in for it."""
        self.calls += 1
        return self.instead(x) if self.calls == self.at else x**2


def test_a_sweep_draws_its_weights_from_the_seed():
    for options in ({}, {"seed": 3}):
        w = projection(X.shape, **options)
        assert step_sweep(np.square, X, 2 * X * w, [1e-5], **options)[1] < 1e-8


def test_steps_are_returned_in_float64():
    steps, _ = step_sweep(np.square, X, lambda w: 2 * X * w, [1, 2])
    assert steps.dtype == np.float64


def test_the_default_steps_end_where_rounding_leaves_nothing():
    x = np.array([5298.6, 5300.6])  # spread 1; 1e-11 is between 8 and 9 roundings of x
    steps, _ = step_sweep(lambda x: x, x, lambda w: w)
    np.testing.assert_allclose(steps, 10.0 ** np.arange(-1, -12, -1), rtol=1e-9)


def test_a_claim_of_0_gets_advice():
    message = r"^step_sweep: dx is 0 everywhere, .*; use another f, or gradcheck$"
    with pytest.raises(MeaninglessCheckError, match=message):
        step_sweep(np.square, X, lambda w: 0 * w)


def test_a_gradient_of_0_gets_advice():
    with pytest.raises(MeaninglessCheckError, match=r"whole output instead of its sum$"):
        gradcheck(lambda x: 0 * x, X, lambda w: 0 * w)


def test_a_place_is_an_index():
    verdict = gradcheck(np.square, X, lambda w: 2 * X * w * np.array([[1, 1], [1, 2]]))
    assert "worst at dx[1, 1]: claimed" in str(verdict)


def test_f_is_called_as_often_as_documented():
    f = Counted()
    gradcheck(f, X, lambda w: 2 * X * w)
    assert f.calls == 4 * X.size + 18


@pytest.mark.parametrize("call", [1, 2, 4 * X.size + 3])
def test_every_call_of_f_is_checked_by_name(call):
    f = Counted(call, lambda x: x.astype(np.float32))
    with pytest.raises(TypeError, match=r"^gradcheck: f\(x\) must be float64, got float32"):
        gradcheck(f, X, lambda w: 2 * X * w)


def test_a_second_call_that_is_not_finite_is_refused_by_name():
    with pytest.raises(NonFiniteError, match=r"^gradcheck: expected finite values in f\(x\)"):
        gradcheck(Counted(2, lambda x: x * np.nan), X, lambda w: 2 * X * w)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("f", [np.square, lambda x: np.sum(x**2).reshape(1)])
def test_the_size_of_f_does_not_matter(f, scale):
    assert gradcheck(lambda x: scale * f(x), X, lambda w: 2 * scale * X * w)


def test_a_gradient_may_be_0_almost_everywhere():
    def first(x):
        return x[:1, 0] ** 2

    assert gradcheck(first, X, lambda w: np.array([[2 * X[0, 0] * w[0], 0.0], [0.0, 0.0]]))


def test_a_sum_of_many_values_is_not_flat():
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(2, 400))
    assert gradcheck(lambda x: np.sum(c * x**2).reshape(1), x, lambda w: 2 * c * x * w)


def test_a_step_at_the_bound_is_refused():
    bound = 4 * np.finfo(float).eps
    with pytest.raises(ValueError, match=r"^numeric_gradient: step must be finite and above"):
        numeric_gradient(np.square, np.ones(1), np.ones(1), bound)
    assert numeric_gradient(np.square, np.ones(1), np.ones(1), 2 * bound) == 2


@pytest.mark.parametrize("call", [1, 2, 7, 8])
def test_every_value_of_a_numeric_gradient_is_checked_by_name(call):
    f = Counted(call, lambda x: x * np.nan)
    with pytest.raises(NonFiniteError, match=r"^numeric_gradient: expected finite values in f"):
        numeric_gradient(f, X, np.ones((2, 2)), 1e-5)


def test_wrong_types_get_advice_to_the_end():
    with pytest.raises(TypeError, match=r"digits at best, so check in float64$"):
        gradcheck(np.square, X.astype(np.float32), lambda w: w)
    with pytest.raises(TypeError, match=r"that returns several gradients needs \[0\]$"):
        gradcheck(np.square, X, lambda w: (w, w))


def test_refusals_name_the_check():
    with pytest.raises(
        MeaninglessCheckError, match=r"^gradcheck: the gradient of the loss is 0"
    ):
        gradcheck(lambda x: 0 * x, X, lambda w: 0 * w)
    with pytest.raises(MeaninglessCheckError, match=r"^gradcheck: most of .* or another seed$"):
        gradcheck(lambda x: np.floor(x) + 1e-3 * x, X + 0.5, lambda w: 1e-3 * w)
