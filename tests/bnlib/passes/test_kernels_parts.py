"""What the compiled functions are made of: layouts, parts, compiler; and life without numba."""

import subprocess
import sys

import numpy as np
import pytest
from kernel_ways import WAYS, walking
from reference import assert_close

from bnlib import kernels
from bnlib.passes.compiled import compiler, forward, rows, slabs
from bnlib.passes.compiled.layout import fold_of, layout_of


@pytest.mark.parametrize(
    ("order", "axis", "shape", "fold"),
    [
        ((0, 1, 2, 3), 1, (4, 5, 48), 0),
        ((0, 2, 3, 1), 1, (192, 5, 1), 32),
        ((1, 0, 2, 3), 1, (1, 5, 192), 0),
        ((3, 2, 1, 0), 3, (1, 8, 120), 0),
        ((3, 2, 1, 0), 0, (240, 4, 1), 16),
        ((2, 0, 1, 3), 1, (24, 5, 8), 4),
    ],
)
def test_arrays_without_gaps_are_walked_in_place(order, axis, shape, fold):
    """Whatever the order of the axes in memory."""
    sizes = (4, 5, 6, 8)
    memory = np.arange(960.0).reshape([sizes[i] for i in order])
    x = memory.transpose(np.argsort(order))
    layout = layout_of(x, axis)
    assert (layout.order, layout.shape, layout.fold) == (order, shape, fold)
    walked = layout.walk(x)
    assert np.shares_memory(walked, x)
    assert not walked.flags["WRITEABLE"]
    np.testing.assert_array_equal(walked.ravel(), memory.ravel())
    y, out = layout.like(x)
    out[...] = walked
    np.testing.assert_array_equal(y, x)
    assert y.strides == x.strides


@pytest.mark.parametrize("x", [np.ones((4, 6))[:, ::2], np.ones((4, 3))[::-1], np.ones((1, 3))])
def test_arrays_with_gaps_are_copied(x):
    layout = layout_of(np.broadcast_to(x, (4, 3)), 1)
    walked = layout.walk(np.broadcast_to(x, (4, 3)))
    assert layout.order == (0, 1)
    assert walked.flags["C_CONTIGUOUS"]
    assert not np.shares_memory(walked, x)


def test_an_array_that_is_not_aligned_is_copied():
    raw = np.zeros(4 * 3 * 8 + 1, np.uint8)[1:].view(np.float64).reshape(4, 3)
    assert not raw.flags["ALIGNED"]
    assert layout_of(raw, 1).walk(raw).flags["ALIGNED"]


@pytest.mark.parametrize(
    ("rows", "width", "fold"),
    [(6, 3, 2), (7, 3, 1), (8, 3, 8), (64, 4, 64), (64, 5, 32), (64, 256, 1), (96, 2, 32)],
)
def test_short_rows_are_joined(rows, width, fold):
    assert fold_of(rows, width, 256) == fold


@pytest.mark.parametrize(("dtype", "fold"), [(np.float32, 16), (np.float64, 8)])
def test_rows_are_joined_up_to_2048_bytes(dtype, fold):
    assert layout_of(np.ones((64, 24), dtype), 1).walked[1] == 24 * fold


@pytest.mark.parametrize("width", [5, 16, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_begin_off_a_cache_line(dtype, width):
    """16 bytes past its start, wherever the memory lies."""
    layout = layout_of(np.ones((3, width), dtype), 1)
    tables = [layout.spread([np.arange(width), np.ones(width)], np.dtype(dtype)) for _ in "123"]
    for table in tables:
        assert table.ctypes.data % 64 == 16
        assert table.flags["C_CONTIGUOUS"]
        np.testing.assert_array_equal(table, [np.arange(width), np.ones(width)])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(5, 3, 7), (1, 2, 9), (3, 1, 8), (130, 2, 1), (600, 2, 1)])
def test_moments_of_parts_are_those_of_the_whole(way, shape, monkeypatch):
    monkeypatch.delattr(forward, "passes_for")  # NumPy need not help
    x = np.random.default_rng(0).normal(5, 1, shape)
    with walking(way):
        mu, var = forward.moments(x, 1)
    assert_close(mu, x.mean(axis=(0, 2)), tol=1e-14)
    assert_close(var, x.var(axis=(0, 2)), tol=1e-13)


def test_more_columns_than_a_tile():
    """Each tile of columns has its own task."""
    count = rows.BLOCK + rows.AT_ONCE + 4
    x = np.random.default_rng(0).normal(5, 1, (count, rows.TILE + 3))
    for launch in (compiler.launch, lambda loop, *arguments: loop(*arguments)):
        out, sums = np.empty((2, 1, x.shape[1])), np.empty((2, 1, x.shape[1]))
        x.flags.writeable = False
        launch(rows.moments, x, out)
        assert_close(out[0, 0], x.mean(axis=0), tol=1e-14)
        assert_close(out[1, 0], count * x.var(axis=0), tol=1e-13)
        launch(rows.products, x, x, x.mean(axis=0), 0.5, sums)
        assert_close(sums[0, 0], x.sum(axis=0), tol=1e-14)
        assert_close(sums[1, 0], 0.5 * count * x.var(axis=0), tol=1e-12)


def test_pieces_and_rows_are_all_counted():
    for A, B, chunk, group in [(1, 1, 1, 1), (3, 7, 2, 1), (4, 8, 8, 3), (2, 9, 9, 5)]:
        counts = forward.slab_counts(A, B, chunk, group)
        assert counts.sum() == A * B
        assert len(counts) == -(-A // group) * -(-B // chunk)
    for count in (1, 255, 256, 511, 512, 10**6):
        assert forward.row_counts(count).sum() == count
    assert len(forward.row_counts(10**6)) == 64


def test_counts_that_are_kept_cannot_be_written_to():
    given = np.arange(3)
    for counts in (
        forward.kept(given),
        forward.row_counts(100),
        forward.slab_counts(3, 7, 2, 1),
    ):
        with pytest.raises(ValueError, match="read-only"):
            counts[0] = 1


@pytest.mark.parametrize("values", [[1e31], [-1e31], [1e-31], [1.0, np.nan], [np.inf]])
def test_what_is_out_of_range_of_float32(values):
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    assert not forward.in_range(np.array(values), single)
    assert forward.in_range(np.array(values), double) == np.isfinite(values).all()


def test_loops_compile_where_no_cache_can_be_written(monkeypatch):
    given = []

    def njit(**options):
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function")
        return lambda loop: loop

    monkeypatch.setattr(compiler.numba, "njit", njit)
    assert compiler.compiled.__wrapped__(slabs.apply) is slabs.apply
    assert [options.pop("cache", None) for options in given] == [True, None]
    assert given[0] == given[1] == {"parallel": True, "fastmath": compiler.FASTMATH}
    assert not compiler.FASTMATH & {"nnan", "ninf", "fast", "afn"}


def test_without_numba_the_functions_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not kernels.available()
    message = (
        r"bnlib\.kernels\.batch_norm_train: needs numba, which is not installed; "
        r"run `pip install numba`, or use bnlib\.functional"
    )
    with pytest.raises(ImportError, match=message):
        from bnlib.kernels import batch_norm_train  # noqa: F401
    with pytest.raises(AttributeError, match=r"'bnlib\.kernels' has no attribute 'fast'"):
        kernels.fast  # noqa: B018


def test_numba_is_imported_by_the_first_function_alone():
    program = (
        "import sys, bnlib.kernels as k; assert k.available(); "
        "assert 'numba' not in sys.modules; k.batch_norm_train; assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
