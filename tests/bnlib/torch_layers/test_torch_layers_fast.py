"""The compiled path: when it is taken, and that it gives what torch operations give."""

import sys

import pytest
import torch
from torch_pairs import (
    KINDS,
    OPTIONS,
    assert_near,
    assert_same_state,
    assert_same_step,
    pair,
    run,
    tensor,
)

import bnlib.kernels
from bnlib.torch_layers import BatchNorm1d, BatchNorm2d, fast, fast_path, function, ops

BIG = {
    "1d": (4000, 4),
    "1d with length": (40, 4, 100),
    "2d": (20, 4, 14, 12),
    "3d": (9, 4, 7, 8, 8),
}
each_path = pytest.mark.parametrize("path", ["compiled", "torch"])
each_mode = pytest.mark.parametrize("training", [True, False])


@pytest.fixture
def path(request, monkeypatch):
    """Switch the compiled path on or off, and fail where the other one computes."""
    compiled = request.param == "compiled"
    monkeypatch.setenv("BNLIB_FAST", "1" if compiled else "0")

    def fail(*_):
        raise AssertionError("the other path was taken")

    for name in ("moments", "scale_shift", "gradients"):
        monkeypatch.setattr(ops if compiled else fast, name, fail)
    return request.param


each_path = pytest.mark.parametrize("path", ["compiled", "torch"], indirect=True)


@each_path
@pytest.mark.parametrize("kind", KINDS)
@each_mode
@pytest.mark.parametrize("last", [True, False])
def test_large_tensors_match_pytorch(path, kind, training, last):
    shape = BIG[kind]
    ours, theirs = pair(KINDS[kind][0], training=training)
    last = last and len(shape) > 3
    for step in range(2):
        x, dy = tensor(*shape, seed=step, last=last), tensor(*shape, seed=9 + step)
        assert_same_step(ours, theirs, x, dy)


@each_path
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_on_large_tensors(path, options):
    ours, theirs = pair("BatchNorm2d", **options)
    assert_same_step(ours, theirs, tensor(*BIG["2d"]), tensor(*BIG["2d"], seed=1))


@each_path
def test_strides_of_inputs_and_gradients(path):
    ours, theirs = pair("BatchNorm2d")
    x = tensor(32, 20, 14, 4).permute(1, 3, 0, 2)[:, :, ::2]
    assert_same_step(ours, theirs, x, torch.ones(()).double().expand(x.shape), backward=1e-9)


@each_path
@pytest.mark.parametrize("ratio", [1e3, 1e4])
@pytest.mark.parametrize("last", [True, False])
def test_variance_of_many_float32_values(path, ratio, last):
    """Rows and images; PyTorch's is wrong by a factor of 90 for rows at mean/std 1000."""
    x = torch.randn(2**20, 2, generator=torch.Generator().manual_seed(0)) + ratio
    x = x.view(16, 256, 256, 2).permute(0, 3, 1, 2)
    if not last:
        x = x.contiguous()
    exact = (x.double() - ratio).var((0, 2, 3), correction=0)
    var = function.statistics_of(x)[2].double()
    assert_near(var / exact, torch.ones(2).double(), tol=1e-5 if ratio == 1e3 else 1e-4)


@each_path
def test_second_derivatives_of_large_tensors(path):
    results = []
    for module in pair("BatchNorm1d", eps=0.1):
        x = tensor(4000, 4).requires_grad_()
        (g,) = torch.autograd.grad(module(x).pow(3).sum(), x, create_graph=True)
        results.append(torch.autograd.grad(g.pow(2).sum(), x)[0])
    assert_near(*results, tol=1e-10)


def test_both_paths_give_the_same(monkeypatch):
    """In float32; a gradient to a parameter is a sum of m values of either sign."""
    x, dy = (tensor(40, 4, 20, 20, seed=s, dtype=torch.float32) for s in (0, 1))
    runs = []
    for value in ("0", "1"):
        monkeypatch.setenv("BNLIB_FAST", value)
        module = BatchNorm2d(4)
        runs.append((run(module, x, dy), module))
    m = x.numel() // 4
    for unit, got, want in zip((1, 1, m, m), *(results for results, _ in runs), strict=True):
        assert_near(got / unit, want / unit, tol=1e-6)
    assert_same_state(runs[1][1], runs[0][1], tol=1e-6)


@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (lambda: torch.ones(100, 250), True),
        (lambda: torch.ones(100, 249), False),
        (lambda: torch.ones(100, 125, dtype=torch.float64), True),
        (lambda: torch.nn.Parameter(torch.ones(100, 250)), True),
        (lambda: torch.ones(100, 999, dtype=torch.float16), False),
        (lambda: torch.ones(100, 250, device="meta"), False),
        (lambda: torch.ones(100, 250).as_subclass(type("Own", (torch.Tensor,), {})), False),
    ],
)
def test_the_fast_path_is_for_large_plain_tensors(make, taken, monkeypatch):
    monkeypatch.delenv("BNLIB_FAST", raising=False)
    assert fast_path(make()) is taken
    monkeypatch.setenv("BNLIB_FAST", "0")
    assert not fast_path(make())


@pytest.mark.parametrize("broken", [False, True])
def test_without_a_working_numba_torch_operations_compute(broken, monkeypatch):
    """Missing, or refusing to be imported, as with a NumPy newer than itself."""
    for name in [name for name in sys.modules if name.startswith("bnlib.kernels.")]:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delattr(bnlib.kernels, name.rpartition(".")[2])
    monkeypatch.setattr("bnlib.kernels.available", lambda: broken)
    fast.loops.cache_clear()
    try:
        assert not fast_path(torch.ones(100, 250))
        ours, theirs = pair("BatchNorm1d")
        assert_same_step(ours, theirs, tensor(4000, 4), tensor(4000, 4, seed=1))
    finally:
        fast.loops.cache_clear()


def test_float32_sums_that_overflow_are_computed_in_float64():
    """Like PyTorch, which sums float32 in float64; on both paths."""
    for rows in (100, 20_000):
        x = 1e18 * tensor(rows, 2, dtype=torch.float32)
        ours, theirs = (kind(2) for kind in (BatchNorm1d, torch.nn.BatchNorm1d))
        exact = torch.nn.BatchNorm1d(2).double()
        dy = tensor(rows, 2, seed=1, dtype=torch.float32)
        got, want = run(ours, x, dy), run(exact, x.double(), dy.double())
        for a, b in zip(got, want, strict=True):
            assert_near(a.double(), b, tol=1e-5)
        assert torch.equal(ours(x).isfinite(), theirs(x).isfinite())


def test_gradients_beyond_float32_take_torch_operations():
    x = 1e-3 * tensor(20_000, 2, dtype=torch.float32)
    dy = 1e-36 * tensor(20_000, 2, seed=1, dtype=torch.float32)
    got, want = (run(kind(2), x, dy) for kind in (BatchNorm1d, torch.nn.BatchNorm1d))
    for a, b in zip(got[1:], want[1:], strict=True):
        assert_near(1e30 * a, 1e30 * b, tol=1e-5)


def test_compiled_passes_give_the_dtypes_of_torch_operations():
    x, dy = (tensor(40, 4, seed=s, dtype=torch.float32) for s in (0, 1))
    statistics = torch.cat([ops.moments(x), ops.moments(x)[2:].rsqrt()])
    arguments = {
        "moments": (x,),
        "scale_shift": (x, *statistics[:3]),
        "gradients": (dy, x, statistics, statistics[3], True),
    }
    for name, given in arguments.items():
        compiled, plain = (getattr(module, name)(*given) for module in (fast, ops))
        if name != "gradients":
            compiled, plain = [compiled], [plain]
        for got, want in zip(compiled, plain, strict=True):
            assert_near(got, want, tol=1e-5)
