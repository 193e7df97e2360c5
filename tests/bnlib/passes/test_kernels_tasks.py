"""The compiled loops by themselves: what they sum, and how parts are pooled."""

import numpy as np
import pytest
from reference import assert_close

from bnlib.passes.compiled import compiler, forward, pooling, slabs


@pytest.mark.parametrize("A", [1, 3, 40])
@pytest.mark.parametrize(("B", "chunk", "group"), [(5, 5, 2), (6, 2, 1), (6, 6, 7)])
def test_every_share_of_every_part_is_summed(A, B, chunk, group):
    x, dy = np.random.default_rng(0).normal(5, 1, (2, A, 3, B))
    n = forward.slab_counts(A, B, chunk, group)
    parts, sums = np.full((2, len(n), 3), np.nan), np.full((2, 2, 3), np.nan)
    slabs.moments(x, chunk, group, n, parts)
    slabs.products(x, dy, np.full(3, 5.0), 2.0, chunk, sums)
    pieces = [
        x[a : a + group, :, b : b + chunk].swapaxes(0, 1).reshape(3, -1)
        for a in range(0, A, group)
        for b in range(0, B, chunk)
    ]
    assert_close(parts[0], [piece.mean(axis=1) for piece in pieces], tol=1e-14)
    assert_close(parts[1], [piece.size / 3 * piece.var(axis=1) for piece in pieces], tol=1e-12)
    for i, product in enumerate((dy, dy * ((x - 5.0) * 2.0))):
        halves = [product[: A // 2], product[A // 2 :]]
        assert_close(sums[i], [half.sum(axis=(0, 2)) for half in halves], tol=1e-13)


@pytest.mark.parametrize("C", [1, 3, pooling.TILE, pooling.TILE + 1])
@pytest.mark.parametrize(("fold", "B"), [(1, 1), (2, 1), (1, 3), (2, 3)])
def test_pooling_joins_the_columns_of_a_channel(C, fold, B):
    mean = np.random.default_rng(0).normal(1e3, 5, (3, fold, C, B))
    m2 = np.random.default_rng(1).uniform(1, 2, mean.shape)
    n, out = np.array([4.0, 5.0, 6.0]), np.empty((3, C))
    parts = np.array([mean, m2]).reshape(2, 3, -1)
    for launch in (compiler.launch, lambda loop, *arguments: loop(*arguments)):
        launch(pooling.pool, parts, n, C, B, 1e290, out)
        weights = np.broadcast_to(n[:, None, None, None], mean.shape)
        mu = np.average(mean, axis=(0, 1, 3), weights=weights)
        rest = weights * (mean - mu[:, None]) ** 2
        assert_close(out[0], mu, tol=1e-15)
        var = (m2 + rest).sum(axis=(0, 1, 3)) / (n.sum() * fold * B)
        assert_close(out[1] / var, np.ones(C), tol=1e-12)
        assert out[2].all()


def test_parts_are_taken_about_the_mean_of_their_first_values():
    """One value far off, the very first, costs little."""
    x = np.random.default_rng(0).normal(5, 1, (1, 1, 5 * slabs.HEAD)).astype(np.float32)
    assert_close(slabs.middle(x, 0, 0, 0, 99), x[0, 0, : slabs.HEAD].mean(), tol=1e-6)
    assert_close(slabs.middle(x, 0, 0, 3, 5), x[0, 0, 3:5].mean(), tol=1e-6)
    x[0, 0, 0] = 1e4
    out = np.empty((2, 1, 1))
    slabs.moments(x, x.size, 1, np.array([float(x.size)]), out)
    exact = x.astype(np.float64)
    assert_close(out[0, 0, 0], exact.mean(), tol=1e-6)
    assert_close(out[1, 0, 0] / (x.size * exact.var()), 1.0, tol=1e-6)
