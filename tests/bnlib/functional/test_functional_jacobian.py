"""The Jacobian: beside autograd and the closed form, its rank and size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from reference import assert_close
from strategies import cases
from torch.nn import functional

from bnlib.functional import batch_norm_backward, batch_norm_train, jacobian
from bnlib.functional.jacobians import MAX_BYTES

X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]])


def matrices(case):
    return jacobian(case.x, case.gamma, case.eps, case.axis)


def unit(case):
    """Return gamma / std of each channel, the size of its matrix."""
    cache = batch_norm_train(*case.forward)[1]
    return (cache.gamma * cache.inv_std)[:, None, None]


@settings(max_examples=25)
@given(cases())
def test_rows_are_the_closed_form_backward_of_unit_vectors(case):
    J, cache = matrices(case), batch_norm_train(*case.forward)[1]
    C = case.x.shape[case.axis]
    assert J.shape == (C, case.m, case.m)
    for i in range(case.m):
        dy = np.zeros((C, case.m))
        dy[:, i] = 1
        moved = np.moveaxis(case.x, case.axis, 0).shape
        dy = np.moveaxis(dy.reshape(moved), 0, case.axis)
        dx = batch_norm_backward(np.ascontiguousarray(dy), cache)[0]
        rows = np.moveaxis(dx, case.axis, 0).reshape(C, case.m)
        assert_close((J[:, i] / unit(case)[:, 0]), rows / unit(case)[:, 0], size=1.0)


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


def test_one_channel_gives_one_matrix():
    x = np.array([1.0, 3.0, 4.0])
    J = jacobian(x, np.array([2.0]), eps=0.5)
    assert J.shape == (3, 3)
    np.testing.assert_array_equal(J, jacobian(x[:, None], np.array([2.0]), 0.5)[0])
    assert_close(J, 2 * jacobian(x, eps=0.5))
    np.testing.assert_array_equal(jacobian(x), jacobian(x, eps=1e-5))


@settings(max_examples=40)
@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_stays_float32_and_near_float64(case):
    J = matrices(case)
    exact = jacobian(case.x.astype(np.float64), case.gamma, case.eps, case.axis)
    assert J.dtype == np.float32
    assert exact.dtype == np.float64
    assert_close(J / unit(case), exact / unit(case), tol=1e-5, size=1.0)


def test_a_result_beyond_float32_is_not_finite_without_a_warning():
    J = jacobian(np.array([1.0, 2.0, 4.0], np.float32), np.array([1e40]))
    assert np.isinf(J).all()


def test_the_largest_result_is_allowed(monkeypatch):
    monkeypatch.setattr("bnlib.functional.jacobians.MAX_BYTES", 8 * 2 * 9)
    assert jacobian(X).shape == (2, 3, 3)
    monkeypatch.setattr("bnlib.functional.jacobians.MAX_BYTES", 8 * 2 * 9 - 1)
    with pytest.raises(ValueError, match="2 x 3 x 3 values"):
        jacobian(X)
    assert MAX_BYTES == 64 * 2**20
