"""Steps, weights and the V-curve of the finite differences."""

import numpy as np
import pytest
from gradcheck_cases import batch_norm, draw, right
from reference import assert_close

from bnlib.gradcheck import gradcheck, numeric_gradient, projection, step_sweep


@pytest.mark.parametrize("step", [3e-3, 1e-3])
def test_a_given_step_is_taken_and_the_tolerance_grows_with_it(step):
    x = draw(6, 3)
    verdict = gradcheck(np.sin, x, lambda w: w * np.cos(x), step=step)
    assert verdict.ok
    assert verdict.step == step
    assert_close(
        verdict.truncation, abs(projection((6, 3)) * np.cos(x)).max() * step**2 / 6, 0.2
    )
    assert_close(verdict.error, verdict.truncation / verdict.size, 0.01)


def test_the_weights_are_not_what_the_same_seed_gives_the_reader():
    """With w = x the gradient of batch norm is 0: the check would see nothing."""
    for seed in range(3):
        x, w = draw(6, 3, seed=seed), projection((6, 3), seed)
        assert abs(np.corrcoef(x.ravel(), w.ravel())[0, 1]) < 0.7
    np.testing.assert_array_equal(projection((6, 3)), projection((6, 3), seed=0))
    assert (projection((6, 3), 1) != projection((6, 3), 2)).all()


def test_numeric_gradient_is_a_plain_loop_of_differences():
    x, w, h = draw(2, 3), draw(2, 3, seed=1), 1e-4
    expected = np.zeros_like(x)
    for i in range(2):
        for j in range(3):
            d = np.zeros_like(x)
            d[i, j] = h
            expected[i, j] = ((w * (np.exp(x + d) - np.exp(x - d))).sum()) / (2 * h)
    assert_close(numeric_gradient(np.exp, x, w, h), expected, 1e-10)
    assert_close(expected, w * np.exp(x), 1e-7)


def test_the_sweep_draws_a_v():
    x = draw(5, 3)
    steps, errors = step_sweep(batch_norm, x, right(x))
    assert len(steps) == len(errors) == 11
    assert_close(steps, x.std() * 10.0 ** np.arange(-1, -12, -1), 1e-12)
    best = errors.argmin()
    assert 3 <= best <= 5
    assert errors[best] < 1e-8
    assert_close(np.log10(errors[1] / errors[2]), 2.0, 0.1)  # the square of the step
    assert errors[-1] > 1e3 * errors[best]  # the inverse of the step


def test_the_sweep_of_a_wrong_gradient_levels_off():
    x = draw(5, 3)
    steps, errors = step_sweep(np.sin, x, lambda w: 1.01 * w * np.cos(x), [1e-3, 1e-5], seed=3)
    assert steps.tolist() == [1e-3, 1e-5]
    assert_close(errors, np.full(2, 0.01 / 1.01), 1e-3)


def test_the_sweep_leaves_out_steps_that_x_cannot_see():
    x = draw(5, 3, mean=1e6)
    steps, errors = step_sweep(lambda x: x - 1e6, x, lambda w: w)
    assert steps.min() > 1e-9
    assert 4 <= len(steps) == len(errors) < 11
    assert (errors < 1e-6).all()


@pytest.mark.parametrize(
    "x", [np.full(3, 5.0), np.array([-0.25]), np.zeros((2, 1)), np.array(2.0)]
)
def test_a_point_without_spread_gets_a_step_of_its_size(x):
    verdict = gradcheck(np.sin, x, lambda w: w * np.cos(x))
    assert verdict
    assert_close(verdict.step, 2.0 ** (-52 / 3) * (abs(x).max() or 1.0), 1e-12)
