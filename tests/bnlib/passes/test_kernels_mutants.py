"""The compiled kernels: what mutation testing found unproved."""

import re

import numpy as np
import pytest
from kernel_ways import walking
from reference import assert_close

from bnlib import functional, kernels
from bnlib.passes.compiled import backward, compiler, forward, layout, pooling, rows, slabs
from bnlib.stats import mean_var

NEW = np.random.default_rng(0)


@pytest.fixture
def launched(monkeypatch):
    """Record which loops are launched with which arguments; they fill arrays with 1."""
    seen = []

    def launch(loop, *arguments):
        seen.append((loop, arguments))
        for each in arguments:
            if isinstance(each, np.ndarray) and each.flags.writeable:
                each[...] = 1

    for module in (passes, gradients):
        monkeypatch.setattr(module, "launch", launch)
    return seen


def numbers(arguments):
    """Return the arguments of a loop that are not arrays."""
    return [each for each in arguments if not isinstance(each, np.ndarray)]


def test_parts_of_loops_may_be_compiled_with_the_same_freedom(monkeypatch):
    given = []

    def register(**options):
        given.append(options)
        return lambda part: part

    monkeypatch.setattr(compiler.numba.extending, "register_jitable", register)
    assert compiler.inlined(abs) is abs
    assert given == [{"fastmath": compiler.FASTMATH}]


def test_one_caller_at_a_time_runs_loops(monkeypatch):
    held = []
    monkeypatch.setattr(compiler, "compiled", lambda loop: loop)
    compiler.launch(lambda *a: held.append((compiler._one_at_a_time.locked(), a)), 1, 2)
    assert held == [(True, (1, 2))]
    assert not compiler._one_at_a_time.locked()


@pytest.mark.parametrize(
    ("size", "tasks"), [(1, 1), (2**17 - 1, 1), (2**17, 2), (2**22, 64), (2**30, 64)]
)
def test_tasks_share_an_array_by_its_size(size, tasks):
    assert forward.task_count(size) == tasks


@pytest.mark.parametrize(
    ("count", "parts"),
    [(1, [1]), (511, [511]), (512, [256, 256]), (770, [256, 257, 257]), (2**14, [256] * 64)],
)
def test_rows_are_cut_into_parts_of_256_or_more(count, parts):
    assert forward.row_counts(count).tolist() == parts
    assert forward.row_counts(2**14 + 256).size == 64


def test_the_last_part_of_a_run_and_of_the_images_is_smaller():
    assert forward.slab_counts(A=2, B=5, chunk=2, group=1).tolist() == [2, 2, 1, 2, 2, 1]
    assert forward.slab_counts(A=5, B=3, chunk=3, group=2).tolist() == [6, 6, 3]
    assert forward.slab_counts(A=4, B=4, chunk=4, group=2).dtype == np.float64


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 1e30), (np.float64, 1e290)])
def test_the_range_of_a_dtype_is_open(dtype, limit):
    dtype = np.dtype(dtype)
    for value in (limit, 1 / limit):
        assert not forward.in_range(np.array([1.0, value]), dtype)
    assert forward.in_range(np.array([0.999 * limit, -1.001 / limit, 0.0]), dtype)


@pytest.mark.parametrize(
    ("m2", "exact"),
    [(10.0, 0), (0.1, 0), (9.99, 1), (0.1001, 1), (0.0, 1), (np.nan, 0), (np.inf, 0)],
)
def test_pooling_says_which_variances_are_exact(m2, exact):
    out = np.empty((3, 2))
    pooling.pool(np.array([[[0.0, 0.0]], [[m2, 1.0]]]), np.ones(1), 2, 1, 10.0, out)
    assert out[2].tolist() == [exact, 1]


@pytest.mark.parametrize("run", [100, 5000])
def test_long_runs_are_cut_into_pieces(launched, run):
    """Of 2048 values; of shorter runs as many join as make up that many."""
    chunk, group, parts = (100, 20, 2) if run == 100 else (2048, 1, 24 * 3)
    x = np.ones((24, 2, run))
    forward.moments(x, 1)
    forward.scale_shift(x, *np.zeros((3, 2)), 1)
    backward.gradients(x, x, *np.ones((3, 2)), 1)
    loops = [loop for loop, _ in launched]
    assert loops == [slabs.moments, pooling.pool, slabs.apply, slabs.products, slabs.combine]
    called = [numbers(arguments) for _, arguments in launched]
    assert called == [[chunk, group], [2, 1, 1e290], [], [2.0, chunk], []]
    assert launched[0][1][-1].shape == (2, parts, 2)
    assert launched[3][1][-1].shape == (2, 1 if run == 100 else 3, 2)
    backward.gradients(x[:2], x[:2], *np.ones((3, 2)), 1)
    assert launched[5][1][-1].shape == (2, 1, 2)


@pytest.mark.parametrize("count", [100, 1024])
def test_rows_are_summed_in_parts(launched, count):
    x = np.ones((count, 512))
    forward.moments(x, 1)
    backward.gradients(x, x, *np.ones((3, 512)), 1)
    loops = [loop for loop, _ in launched]
    assert loops == [rows.moments, pooling.pool, rows.products, rows.combine]
    for i in (0, 2):
        assert launched[i][1][-1].shape == (2, max(1, count // 256), 512)


def test_pieces_are_taken_about_centers_of_their_own_dtype(monkeypatch):
    kinds = set()

    def sums(x, a, c, start, stop, center):
        kinds.add(center.dtype)
        return 0.0, 0.0

    monkeypatch.setattr(slabs, "sums", sums)
    slabs.moments(np.ones((3, 2, 4), np.float32), 2, 1, np.full(6, 2.0), np.empty((2, 6, 2)))
    assert kinds == {np.dtype(np.float32)}


def test_pooling_knows_which_columns_belong_to_a_channel(launched):
    forward.moments(np.ones((8, 2, 5), np.float32), 1)
    assert launched[1][0] is pooling.pool
    assert numbers(launched[1][1]) == [2, 5, 1e30]
    assert launched[1][1][-1].shape == (3, 2)


@pytest.mark.parametrize("through", [True, False])
@pytest.mark.parametrize(("loops", "run"), [(rows, 1), (slabs, 100)])
def test_whether_statistics_depend_on_x_reaches_the_loops(launched, through, loops, run):
    x = np.ones((3, 2, run))
    backward.gradients(x, x, *np.ones((3, 2)), 1, through)
    last = loops.combine if through else loops.apply
    assert [loop for loop, _ in launched] == [loops.products, last]


@pytest.mark.parametrize("through", [True, False])
def test_all_that_the_loops_read_has_the_dtype_of_x(launched, monkeypatch, through):
    x = np.ones((3, 2), np.float32)
    for name in ("sum_block", "product_block"):
        monkeypatch.setattr(rows, name, lambda *given: launched.append((None, given)))
    rows.moments(x, np.empty((2, 1, 2)))
    rows.products(x, x, x[0], 1.0, np.empty((2, 1, 2)))
    backward.gradients(x, x, *np.ones((3, 2)), 1, through)
    forward.scale_shift(x, *np.ones((3, 2)), 1)
    arrays = [it for _, given in launched for it in given[:-1] if isinstance(it, np.ndarray)]
    arrays += [given[-1] for loop, given in launched if loop is not rows.products]
    assert {it.dtype for it in arrays} == {np.dtype(np.float32)}
    assert len(launched) == 5


@pytest.mark.parametrize("largest", [0.75, 1.0, 3.0, 1e-9])
def test_products_are_scaled_by_a_power_of_two_near_the_largest_slope(launched, largest):
    inv_std = np.array([largest, largest / 100])
    x = np.ones((3, 2))
    backward.gradients(x, x, np.zeros(2), inv_std, np.ones(2), 1)
    (unit,) = numbers(launched[0][1])
    assert np.frexp(unit)[0] == 0.5
    assert largest < unit <= 2 * largest


@pytest.mark.parametrize(
    ("factor", "joined"), [(0.9, True), (1.0, True), (1.1, False), (-1.1, False)]
)
def test_a_mean_near_0_joins_the_shift(launched, factor, joined):
    var = np.array([4.0, 1.0])
    mu = np.array([factor * 2 * passes.NEAR, 0.0])
    x = np.ones((3, 2))
    for given, columns in ((var, 2 if joined else 3), (None, 3)):
        forward.scale_shift(x, mu, np.ones(2), np.zeros(2), 1, given)
        assert launched[-1][1][1].shape == (columns, 2)
    forward.scale_shift(np.ones((3, 2, 40)), mu, np.ones(2), np.zeros(2), 1, var)
    assert launched[-1][1][1].shape == (3, 2)


@pytest.mark.parametrize(
    ("center", "columns"), [(0.99, 3), (1.0, 3), (1.01, 4), (-1.0, 3), (-1.01, 4)]
)
def test_a_mean_near_0_spares_the_backward_pass_a_column(launched, center, columns):
    """A quarter of what each row reads again; feature maps have one number a run anyway."""
    x, inv_std = np.ones((3, 2)), np.array([0.5, 1.0])
    mu = np.array([2 * center * passes.NEAR, 0.0])
    backward.gradients(x, x, mu, inv_std, np.ones(2), 1)
    assert launched[-1][1][2].shape == (columns, 2)
    wide = np.ones((3, 2, 40))
    backward.gradients(wide, wide, mu, inv_std, np.ones(2), 1)
    assert launched[-1][1][2].shape == (4, 2)


@pytest.mark.parametrize(("scale", "columns"), [(1e-25, 4), (1e25, 4), (0.0, 3), (1.0, 3)])
def test_products_out_of_range_are_not_put_into_the_table(scale, columns, monkeypatch):
    """A slope times a scale may leave float32's range, where neither does."""
    seen = []

    def launch(loop, *arguments):
        loop(*arguments)
        seen.append(arguments)

    monkeypatch.setattr(backward, "launch", launch)
    size = 1e-10 if scale < 1e-20 else 1e10
    x, dy = NEW.normal(size=(2, 40, 3)).astype(np.float32)
    dy *= np.float32(size)
    mu, var = mean_var(x)
    scales = np.full(3, scale)
    dx = backward.gradients(dy, x, mu, 1 / np.sqrt(var), scales, 1)[0]
    assert len(seen[-1][2]) == columns
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    x_hat = (x - mu) / np.sqrt(var)
    wanted = dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0)
    assert_close(dx / (scale or 1.0) / size, wanted / size * bool(scale), tol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0.0, 3.9, 4.5])
def test_the_short_table_gives_the_same_gradient(dtype, mean):
    x, dy = NEW.normal(size=(2, 400, 3)).astype(dtype)
    cache = functional.batch_norm_train(x + dtype(mean), np.array([1.0, -2.0, 0.0]), None)[1]
    got = kernels.batch_norm_backward(dy, cache)
    tol = 2e-6 if dtype == np.float32 else 1e-14
    for ours, theirs in zip(got, functional.batch_norm_backward(dy, cache), strict=True):
        assert_close(ours, theirs, tol=tol, size=float(np.abs(theirs).max()))


@pytest.mark.parametrize("way", ["rows in Python", "slabs in Python"])
def test_a_variance_out_of_range_is_computed_by_numpy(way):
    x = (1e-20 * NEW.normal(size=(40, 3))).astype(np.float32)
    for axis in (0, 1):
        with walking(way):
            found = forward.moments(x, axis)
        for got, want in zip(found, mean_var(x, axis), strict=True):
            np.testing.assert_array_equal(got, want)


def test_gradients_out_of_range_are_left_to_numpy():
    one, zero = np.ones(1), np.zeros(1)
    x = np.array([[-1.0], [1.0]], np.float32)
    message = "gradients: a sum is not finite; use bnlib.functional"
    for dy in (x * np.inf, x * np.float32(3e38) * x):
        with pytest.raises(FloatingPointError, match=f"^{re.escape(message)}$"):
            backward.gradients(dy, x, zero, one, one, 1, False)
    message = "gradients: a slope is out of range; use bnlib.functional"
    with pytest.raises(FloatingPointError, match=f"^{re.escape(message)}$"):
        backward.gradients(x * np.float32(1e31), x, zero, one, one, 1)
    backward.gradients(x * np.float32(1e31), x, zero, one, one, 1, False)
    backward.gradients(0 * x, x, zero, one, one, 1)


@pytest.mark.parametrize("shape", [(130, 3), (64, 40), (2, 3, 70), (5, 2, 4)])
@pytest.mark.parametrize("mean", [0.0, 1e6])
def test_evaluation_keeps_large_means_apart(shape, mean):
    x = (mean + NEW.normal(size=shape)).astype(np.float32)
    C = shape[1]
    for way in ("as it comes", "rows in Python", "slabs in Python"):
        statistics = np.full(C, mean + 1 / 3), np.full(C, 2.0), 1e-3
        with walking(way):
            y = kernels.batch_norm_eval(x, np.full(C, 3.0), np.full(C, 0.5), *statistics)
        exact = 3 * (x.astype(np.float64) - mean - 1 / 3) / np.sqrt(2.001) + 0.5
        assert_close(y, exact.astype(np.float32), tol=1e-6)


@pytest.mark.parametrize("way", ["rows in Python", "slabs in Python"])
def test_evaluation_has_its_own_gradient(way):
    x, dy = NEW.normal(1e3, 1, (2, 130, 3))
    cache = functional.batch_norm_train(x, np.array([1.0, -2.0, 3.0]), None)[1]
    with walking(way):
        got = kernels.batch_norm_eval_backward(dy, cache)
    for ours, theirs in zip(got, functional.batch_norm_eval_backward(dy, cache), strict=True):
        assert_close(ours, theirs, tol=1e-11)


def test_layouts_are_kept_for_the_next_array():
    """By order, sizes and place, so that the same shape costs nothing the second time."""
    x = np.ones((2, 3, 40))
    assert layout.layout_of(x, 1) is layout.layout_of(x + 1, 1)
    assert layout.layout_of(x, 1).m == 80
    assert layout.layout_of(x[..., : layout.SHORT].copy(), 1).fold == 0
