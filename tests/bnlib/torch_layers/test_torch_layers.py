"""The modules against PyTorch's, in all modes, options, ranks, dtypes and memory formats."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
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

from bnlib.torch_layers import BatchNorm1d, BatchNorm2d, function

each_kind = pytest.mark.parametrize("kind", KINDS)
each_option = pytest.mark.parametrize("options", OPTIONS, ids=str)
each_mode = pytest.mark.parametrize("training", [True, False])
each_half = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@each_kind
@each_option
@each_mode
@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_values_gradients_and_state_are_pytorchs(kind, options, training, dtype, tol):
    name, shape = KINDS[kind]
    models = pair(name, **options, training=training, dtype=dtype)
    for step in range(3):
        x, dy = (tensor(*shape, seed=s, dtype=dtype) for s in (step, 9 + step))
        assert_same_step(*models, x, dy, forward=tol, backward=100 * tol)


@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=5).filter(
        lambda s: torch.Size(s).numel() > s[1]
    ),
    training=st.booleans(),
    momentum=st.none() | st.floats(-2, 1),
    scale=st.integers(-3, 3),
    seed=st.integers(0, 99),
)
def test_any_shape_scale_and_momentum(shape, training, momentum, scale, seed):
    name = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}[len(shape)]
    ours, theirs = pair(
        name, shape[1], seed, momentum=momentum, eps=1e-5 * 100.0**scale, training=training
    )
    x = 10.0**scale * tensor(*shape, seed=seed)
    assert_same_step(ours, theirs, x, tensor(*shape, seed=seed + 1))


@pytest.mark.parametrize("kind", ["2d", "3d"])
@each_mode
def test_channels_last_stays_channels_last(kind, training):
    name, shape = KINDS[kind]
    ours, theirs = pair(name, training=training)
    x, dy = tensor(*shape, last=True), tensor(*shape, seed=1)
    assert_same_step(ours, theirs, x, dy)
    last = torch.channels_last if kind == "2d" else torch.channels_last_3d
    assert ours(x).is_contiguous(memory_format=last)
    assert run(ours, x, dy)[1].is_contiguous(memory_format=last)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x[:, :, ::2],
        lambda x: x[:1].expand(5, -1, -1, -1),
        lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    ],
)
def test_other_strides_give_a_contiguous_result(make):
    ours, theirs = pair("BatchNorm2d")
    x = make(tensor(5, 4, 4, 4))
    assert_same_step(ours, theirs, x, torch.ones(()).double().expand(x.shape))


@each_half
@pytest.mark.parametrize("wide", [True, False])
@each_mode
def test_half_precision_inputs(dtype, wide, training):
    """With float32 or half parameters; two steps of the dtype from PyTorch."""
    ours, theirs = pair("BatchNorm2d", dtype=torch.float32 if wide else dtype)
    x, dy = (tensor(5, 4, 3, 2, seed=s, dtype=dtype) for s in (0, 1))
    tol = 2 * torch.finfo(dtype).eps
    assert_same_step(ours, theirs, x, dy, forward=tol, backward=4 * tol)


@each_half
def test_half_precision_statistics_are_computed_in_float32(dtype):
    """A sum of 4096 squares of 30 is beyond float16, and 30.25 has no bfloat16."""
    x = (30 + tensor(4096, 2, dtype=torch.float32)).to(dtype)
    ours = BatchNorm1d(2, momentum=1.0)
    y = ours(x)
    exact = BatchNorm1d(2, momentum=1.0)
    wanted = exact(x.float())
    assert y.dtype == dtype
    assert_near(y, wanted.to(dtype), tol=2 * torch.finfo(dtype).eps)
    assert_same_state(ours, exact, tol=1e-6)


@each_mode
@pytest.mark.parametrize("shape", [(0, 4, 3, 2), (5, 4, 0, 2)])
def test_empty_batches(shape, training):
    """The count of batches moves, the statistics do not, the gradients are zero."""
    ours, theirs = pair("BatchNorm2d", training=training)
    before = ours.running_mean.clone(), ours.running_var.clone()
    assert_same_step(ours, theirs, tensor(*shape), tensor(*shape))
    assert torch.equal(ours.running_mean, before[0])
    assert torch.equal(ours.running_var, before[1])
    assert ours.num_batches_tracked == training


def test_nan_passes_through_as_in_pytorch():
    ours, theirs = pair("BatchNorm1d")
    x = tensor(6, 4)
    x[2, 1] = torch.nan
    y = ours(x)
    assert torch.equal(y.isnan(), theirs(x).isnan())
    assert torch.equal(ours.running_mean.isnan(), theirs.running_mean.isnan())
    assert y[:, 1].isnan().all()
    assert not y[:, 0].isnan().any()


def test_pytorchs_own_arithmetic_is_not_used(monkeypatch):
    def fail(*_):
        raise AssertionError("torch.batch_norm was called")

    monkeypatch.setattr(torch, "batch_norm", fail)
    with pytest.raises(AssertionError, match="was called"):
        nn.BatchNorm2d(4)(tensor(5, 4, 3, 2, dtype=torch.float32))
    for training in (True, False):
        BatchNorm2d(4).train(training)(tensor(5, 4, 3, 2, dtype=torch.float32))


def test_another_device_takes_torch_operations():
    """The meta device computes shapes alone: no statistic may be read on the way."""
    ours = BatchNorm2d(4, device="meta")
    x = torch.empty(64, 4, 30, 30, device="meta", requires_grad=True)
    y = ours(x)
    y.sum().backward()
    assert (y.shape, y.device.type) == (x.shape, "meta")
    assert x.grad.shape == x.shape


def test_statistics_are_not_differentiable():
    x = tensor(6, 4).requires_grad_()
    y, *statistics = function.normalize(x, None, None, None, None, 1)
    assert y.requires_grad
    assert not any(s.requires_grad for s in statistics)


@pytest.mark.parametrize("ratio", [1e3, 1e4])
@pytest.mark.parametrize("last", [True, False])
def test_variance_of_many_float32_values(ratio, last):
    """Rows and images; PyTorch's is wrong by a factor of 90 for rows at mean/std 1000."""
    x = torch.randn(2**20, 2, generator=torch.Generator().manual_seed(0)) + ratio
    x = x.view(16, 256, 256, 2).permute(0, 3, 1, 2)
    if not last:
        x = x.contiguous()
    exact = (x.double() - ratio).var((0, 2, 3), correction=0)
    var = function.normalize(x, None, None, None, None, 1e-5)[2].double()
    assert_near(var / exact, torch.ones(2).double(), tol=1e-5 if ratio == 1e3 else 1e-4)


@each_half
@each_mode
def test_gradients_of_float32_parameters_keep_their_digits(dtype, training):
    """The input's dtype has three digits; the sums over it have six."""
    ours, theirs = pair("BatchNorm1d", dtype=torch.float32)
    ours, exact = ours.train(training), theirs.double().train(training)
    x, dy = (tensor(200, 4, seed=s, dtype=dtype) for s in (0, 1))
    got, want = run(ours, x, dy), run(exact, x.double(), dy.double())
    assert [g.dtype for g in got] == [dtype, dtype, torch.float32, torch.float32]
    for a, b in zip(got[2:], want[2:], strict=True):
        assert_near(a.double(), b, tol=2e-6)


@pytest.mark.parametrize("bias", [None, torch.full((4,), 2e-4)])
def test_what_a_rounded_mean_loses_moves_into_the_shift(bias):
    x = 1e4 + tensor(101, 4, dtype=torch.float32)
    weight = torch.full((4,), 1e-3)
    y, mean, _ = function.normalize(x, weight, bias, None, None, 1e-5)
    wide = x.double()
    assert (mean.double() - wide.mean(0)).abs().max() > 1e-5
    exact = 1e-3 * (wide - wide.mean(0)) / (wide.var(0, correction=0) + 1e-5).sqrt()
    exact = exact if bias is None else exact + bias.double()
    assert_near(1e3 * y.double(), 1e3 * exact, tol=1e-5)


@pytest.mark.parametrize("shape", [(2, 1, 3, 3), (2, 3, 1, 1), (2, 3, 4), (2, 1, 3, 3, 3)])
def test_what_is_contiguous_both_ways_stays_plain(shape):
    """A result's strides are PyTorch's, where they could be read as channels-last, too."""
    for x in (torch.ones(shape), torch.ones(shape).transpose(0, 1)):
        ours, theirs = pair(f"BatchNorm{max(1, x.ndim - 2)}d", x.shape[1], dtype=x.dtype)
        assert ours(x).stride() == theirs(x).stride()
