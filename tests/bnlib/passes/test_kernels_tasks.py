"""The compiled loops task by task: what each one sums and writes, and how parts are pooled."""

import numpy as np
import pytest
from reference import assert_close

from bnlib.passes.compiled import compiler, forward, pooling, rows, slabs


@pytest.mark.parametrize("task", range(3))
def test_a_task_writes_its_own_part_alone(monkeypatch, task):
    """A row of ``rows``; of ``slabs`` an image, or its share of the channels."""
    tasks = []
    for module in (rows, slabs):
        monkeypatch.setattr(module, "prange", lambda count: tasks.append(count) or [task])
    x, table = np.ones((7, 4)), np.repeat([[0.0], [0.0], [1.0], [0.0]], 4, axis=1)
    y, z = np.zeros((2, 7, 4)), np.zeros((4, 7, 4))
    rows.apply(x, table[1:], y[0])
    rows.combine(x, x, table[[0, 1, 3, 2]], y[1])
    np.testing.assert_array_equal(y[..., 0], [[i == task for i in range(7)]] * 2)
    monkeypatch.setattr(slabs, "TASKS", 14)  # two for each image
    slabs.apply(x[..., None], table[1:], z[0, ..., None])
    slabs.combine(x[..., None], x[..., None], table[[0, 1, 3, 2]], z[1, ..., None])
    monkeypatch.setattr(slabs, "TASKS", 7)
    slabs.apply(x[..., None], table[1:], z[2, ..., None])
    slabs.combine(x[..., None], x[..., None], table[[0, 1, 3, 2]], z[3, ..., None])
    half = [[2 * a + (c > 1) == task for c in range(4)] for a in range(7)]
    whole = [[a == task] * 4 for a in range(7)]
    np.testing.assert_array_equal(z, [half, half, whole, whole])
    assert tasks == [7, 7, 14, 14, 7, 7]


@pytest.mark.parametrize("task", range(4))
def test_a_task_sums_its_own_part_alone(monkeypatch, task):
    """Here one of two groups of images and one of two shares of the channels."""
    for module in (slabs, pooling):
        monkeypatch.setattr(module, "prange", lambda count: [task])
    monkeypatch.setattr(slabs, "TASKS", 4)
    monkeypatch.setattr(pooling, "TILE", 2)
    x = np.ones((4, 4, 3))
    parts, sums, out = (np.full(shape, np.nan) for shape in ((2, 2, 4), (2, 2, 4), (3, 7)))
    slabs.moments(x, 3, 2, np.full(2, 6.0), parts)
    slabs.products(x, x, np.zeros(4), 1.0, 3, sums)
    written = [[(s, c // 2) == divmod(task, 2) for c in range(4)] for s in range(2)]
    np.testing.assert_array_equal(np.isfinite([*parts, *sums]), [written] * 4)
    pooling.pool(np.ones((2, 1, 7)), np.ones(1), 7, 1, 10.0, out)
    np.testing.assert_array_equal(np.isfinite(out), [[c // 2 == task for c in range(7)]] * 3)


def test_pooling_has_a_task_for_each_tile(monkeypatch):
    tasks = []
    monkeypatch.setattr(pooling, "prange", lambda count: tasks.append(count) or range(count))
    monkeypatch.setattr(pooling, "TILE", 4)
    for C in (1, 4, 5, 8):
        pooling.pool(np.ones((2, 1, C)), np.ones(1), C, 1, 10.0, np.empty((3, C)))
    assert tasks == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("parts", "C", "split"), [(16, 8, 1), (15, 8, 1), (8, 8, 2), (1, 8, 8), (1, 64, 16)]
)
def test_few_images_share_out_their_channels(parts, C, split):
    assert slabs.shares(parts, C) == split


@pytest.mark.parametrize("A", [1, 3, 40])
@pytest.mark.parametrize(("B", "chunk", "group"), [(5, 5, 2), (6, 2, 1), (6, 6, 7)])
def test_every_share_of_every_part_is_summed(monkeypatch, A, B, chunk, group):
    counts = []
    monkeypatch.setattr(slabs, "prange", lambda count: counts.append(count) or range(count))
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
    groups = -(-A // group)
    assert counts == [groups * slabs.shares(groups, 3), 2 * slabs.shares(2, 3)]


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
