"""The benchmark's candidates: they compute the same, each in its own way."""

import sys

import bench_tool
import numpy as np
import pytest
from bench import candidates, limits, problem, textbook
from reference import assert_close

from bnlib import functional

SHAPES = [(7, 3), (4, 3, 5, 6)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
each_dtype = pytest.mark.parametrize("dtype", bench_tool.DTYPES)


def drawn(shape, dtype="float64"):
    return problem.draw(shape, dtype, np.random.default_rng(0))


def make(name):
    if name == "compiled":
        pytest.importorskip("numba")
    return candidates.MAKERS[name]()


@pytest.mark.parametrize("reuse", [True, False])
@each_shape
@pytest.mark.parametrize("name", candidates.MAKERS)
def test_every_candidate_computes_the_same(name, shape, reuse):
    p = drawn(shape)
    before = [a.copy() for a in vars(p).values()]
    calls = make(name).operations(p, reuse)
    assert tuple(calls) == candidates.OPERATIONS
    y, cache = functional.batch_norm_train(p.x, p.gamma, p.beta, 1e-5)
    fixed = functional.batch_norm_eval(p.x, p.gamma, p.beta, p.mean, p.var, 1e-5)
    for _ in range(2):  # a second call finds outputs that the first has filled
        assert_close(np.asarray(calls["forward"]()[0]), y, 1e-12)
        assert_close(np.asarray(calls["inference"]()), fixed, 1e-12)
        gradients = functional.batch_norm_backward(p.dy, cache)
        for found, wanted in zip(calls["backward"](), gradients, strict=True):
            assert_close(np.asarray(found), wanted, 1e-12)
    np.testing.assert_equal(list(vars(p).values()), before)


@each_shape
@pytest.mark.parametrize("name", candidates.MAKERS)
def test_every_candidate_tells_its_biased_variance(name, shape):
    x = drawn(shape, "float32").x
    axes = tuple(i for i in range(x.ndim) if i != 1)
    assert_close(make(name).variance(x), x.var(axis=axes, dtype=np.float64), 1e-6)


def test_textbook_turns_feature_maps_into_rows_and_back():
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    rows = textbook.as_rows(x)
    assert rows.shape == (40, 3)
    np.testing.assert_array_equal(rows[:20, 1], x[0, 1].ravel())
    np.testing.assert_array_equal(textbook.as_maps(rows, x.shape), x)


def test_textbook_keeps_float32():
    p = drawn((4, 3, 5, 6), "float32")
    y, steps = textbook.forward(p.x, p.gamma, p.beta)
    results = [y, *textbook.backward(p.dy, steps), textbook.inference(p.x, *vectors(p))]
    assert {a.dtype for a in results} == {np.dtype(np.float32)}


def vectors(p):
    return p.gamma, p.beta, p.mean, p.var


def test_without_numba_the_compiled_path_is_left_out_with_a_note(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    found, notes = candidates.gather(("numpy", "compiled"))
    assert [c.name for c in found] == ["numpy"]
    assert len(notes) == 1
    assert notes[0].startswith("the compiled path was left out: bnlib.kernels")
    assert "numba" in notes[0]


def test_without_torch_there_is_no_benchmark(monkeypatch):
    def missing():
        raise ImportError("no torch")

    monkeypatch.setitem(candidates.MAKERS, "torch", missing)
    with pytest.raises(ImportError, match="no torch"):
        candidates.gather(("numpy", "torch"))


@each_dtype
def test_numpy_loops_read_and_write_what_they_say(dtype):
    check_loops(limits.PLAIN, drawn((7, 3), dtype), scaled=lambda x, a: x * a, added=1)


@each_dtype
def test_compiled_loops_read_and_write_what_they_say(dtype):
    """As Python, which is the same loop: compiling them takes seconds."""
    pytest.importorskip("numba")
    from bench import loops

    plain = type("Plain", (), {k: staticmethod(getattr(loops, k).py_func) for k in LOOPS})
    check_loops(plain, drawn((7, 3), dtype), scaled=lambda x, a: x * a + a, added=0.5)


LOOPS = ("total", "dot", "scale", "triad")


def check_loops(loops, p, scaled, added):
    x, dy = p.x.ravel(), p.dy.ravel()
    y, a = np.empty_like(x), x.dtype.type(0.5)
    assert_close(loops.dot(x, dy), np.dot(x, dy), 1e-6)
    assert np.isfinite(loops.total(x))
    loops.scale(x, a, y)
    assert_close(y, scaled(x, a), 1e-6)
    loops.triad(x, dy, a, y)
    assert_close(y, dy + x.dtype.type(added) * x, 1e-6)


def test_the_limit_reads_and_writes_as_often_as_the_operations():
    p, done = drawn((7, 3)), []

    class Loops:
        def __getattr__(self, name):
            return lambda *arrays: done.append((name, *(a.size for a in arrays if a.ndim)))

    calls = limits.limit_operations(p, Loops())
    for op in candidates.OPERATIONS:
        calls[op]()
    n = p.x.size
    forward, backward = [("total", n), ("scale", n, n)], [("dot", n, n), ("triad", n, n, n)]
    assert done == [*forward, *backward, ("scale", n, n)]


def test_without_numba_numpy_measures_the_limit(monkeypatch):
    monkeypatch.setitem(sys.modules, "bench.loops", None)
    assert limits.find_loops() == (limits.PLAIN, "NumPy")


@each_dtype
def test_new_memory_starts_at_different_cache_lines(dtype):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((50, 3)).astype(dtype)
    copies = [problem.moved(values, rng) for _ in range(30)]
    for copy in copies:
        np.testing.assert_array_equal(copy, values)
        assert copy.dtype == dtype
        assert copy.flags.c_contiguous
        assert copy.ctypes.data % problem.LINE == 0
    del copy, copies  # the same memory again and again, if it were asked for alike
    starts = {problem.moved(values, rng).ctypes.data % problem.PAGE for _ in range(30)}
    assert len(starts) > 10


def test_a_problem_is_the_same_each_time_and_moves_without_changing():
    p = drawn((7, 3))
    other = problem.afresh(p, np.random.default_rng(2))
    np.testing.assert_equal(vars(other), vars(drawn((7, 3))))
    assert not np.shares_memory(other.x, p.x)
    assert not np.shares_memory(other.dy, p.dy)
