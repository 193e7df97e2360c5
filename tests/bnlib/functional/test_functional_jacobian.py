"""The Jacobian: beside autograd and the closed form, its rank and size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from reference import assert_close
from strategies import cases
from torch.nn import functional

from bnlib.functional import batch_norm_backward, batch_norm_train, jacobian


def matrices(case):
    return jacobian(case.x, case.gamma, case.eps, case.axis)


def unit(case):
    """Return gamma / std of each channel, the size of its matrix."""
    cache = batch_norm_train(*case.forward)[1]
    return (cache.gamma * cache.inv_std)[:, None, None]


@given(cases())
def test_the_jacobian_times_dy_is_the_closed_form_backward(case):
    cache = batch_norm_train(*case.forward)[1]
    dx, dy = (
        np.moveaxis(a, case.axis, 0).reshape(len(cache.mu), case.m)
        for a in (batch_norm_backward(case.dy, cache)[0], case.dy)
    )
    J = matrices(case)
    assert J.shape == (len(cache.mu), case.m, case.m)
    product = (J @ dy[:, :, None]).squeeze(2)
    size = case.m * np.abs(dy).max()
    assert_close(product / unit(case)[:, 0], dx / unit(case)[:, 0], size=size)


@pytest.mark.parametrize(("shape", "axis"), [((7, 3), 1), ((3, 2, 4), 1), ((3, 2, 4), -1)])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_matrices_match_autograd_and_channels_do_not_mix(shape, axis, eps):
    rng = np.random.default_rng(0)
    x, gamma = rng.normal(2, 3, shape), rng.normal(size=shape[axis])

    def forward(t):
        t = t.movedim(axis, 1)
        y = functional.batch_norm(t, None, None, torch.tensor(gamma), training=True, eps=eps)
        return y.movedim(1, 0).flatten(1)  # (C, m)

    full = torch.autograd.functional.jacobian(forward, torch.tensor(x))  # (C, m, *shape)
    full = full.movedim(2 + axis % len(shape), 2).flatten(3).numpy()  # (C, m, C, m)
    J = jacobian(x, gamma, eps, axis)
    for i in range(shape[axis]):
        for j in range(shape[axis]):
            assert_close(full[i, :, j], J[i] if i == j else np.zeros_like(J[i]), size=1e-3)


@pytest.mark.parametrize(("eps", "rank"), [(0.0, 6), (0.1, 7)])
def test_rank_is_m_minus_2_without_eps_and_m_minus_1_with_it(eps, rank):
    x = np.random.default_rng(0).normal(size=(8, 2))
    assert np.linalg.matrix_rank(jacobian(x, eps=eps), tol=1e-9).tolist() == [rank, rank]


def test_two_values_without_eps_have_a_zero_jacobian():
    """Why a gradient check with N = 2 says nothing: the output is -1 and 1, whatever x is."""
    assert_close(jacobian(np.array([3.0, 7.0]), eps=0.0), np.zeros((2, 2)), size=1.0)
    assert np.abs(jacobian(np.array([3.0, 7.0]), eps=1e-5)).max() < 1e-6


@settings(max_examples=40)
@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_stays_float32_and_near_float64(case):
    J = matrices(case)
    exact = jacobian(case.x.astype(np.float64), case.gamma, case.eps, case.axis)
    assert J.dtype == np.float32
    assert exact.dtype == np.float64
    assert_close(J / unit(case), exact / unit(case), tol=1e-5, size=1.0)


def test_one_channel_gives_one_matrix():
    x, gamma = np.array([1.0, 3.0, 4.0]), np.array([2.0])
    J = jacobian(x, gamma, eps=0.5)
    np.testing.assert_array_equal(J, jacobian(x[:, None], gamma, eps=0.5)[0])
    assert_close(J, 2 * jacobian(x, eps=0.5))


def test_64_mib_are_allowed():
    assert jacobian(np.arange(4096.0).reshape(2048, 2)).nbytes == 2**26
