"""The modules against PyTorch's, in all modes, options, ranks, dtypes and memory formats."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch_pairs import (
    KINDS,
    assert_all_near,
    assert_near,
    assert_same_state,
    assert_same_step,
    each_kind,
    each_mode,
    each_option,
    pair,
    run,
    tensor,
)

from bnlib.torch_layers import BatchNorm1d, function

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
    assert all(result.is_contiguous(memory_format=last) for result in run(ours, x, dy)[:2])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x[:1].expand(5, -1, -1, -1),
        lambda x: x[:, :1].transpose(0, 1),
        lambda x: x[:, :, :1, :1],  # contiguous, and channels-last, too
        lambda x: x[:, 0].transpose(1, 2),  # channels-last, of rank 3
    ],
)
def test_other_strides_give_the_strides_of_pytorch(make):
    x = make(tensor(5, 4, 4, 4))
    ours, theirs = pair(f"BatchNorm{x.ndim - 2}d", x.shape[1])
    assert_same_step(ours, theirs, x, torch.ones(()).double().expand(x.shape))


@each_half
@pytest.mark.parametrize("wide", [True, False])
@each_mode
def test_half_precision_inputs(dtype, wide, training):
    """With float32 or half parameters; two steps of the dtype from PyTorch."""
    ours, theirs = pair(
        "BatchNorm2d", training=training, dtype=torch.float32 if wide else dtype
    )
    x, dy = (tensor(5, 4, 3, 2, seed=s, dtype=dtype) for s in (0, 1))
    tol = 2 * torch.finfo(dtype).eps
    assert_same_step(ours, theirs, x, dy, forward=tol, backward=4 * tol)


@each_half
def test_half_precision_statistics_are_computed_in_float32(dtype):
    """A sum of 4096 squares of 30 is beyond float16, and 30.25 has no bfloat16."""
    x = (30 + tensor(4096, 2, dtype=torch.float32)).to(dtype)
    ours, exact = (BatchNorm1d(2, momentum=1.0) for _ in range(2))
    assert_near(ours(x), exact(x.float()).to(dtype), tol=2 * torch.finfo(dtype).eps)
    assert_same_state(ours, exact, tol=1e-6)


@each_half
@each_mode
def test_gradients_of_float32_parameters_keep_their_digits(dtype, training):
    """The input's dtype has three digits; the sums over it have six."""
    ours, theirs = pair("BatchNorm1d", dtype=torch.float32, training=training)
    x, dy = (tensor(200, 4, seed=s, dtype=dtype) for s in (0, 1))
    got, want = run(ours, x, dy), run(theirs.double(), x.double(), dy.double())
    assert [g.dtype for g in got] == [dtype, dtype, torch.float32, torch.float32]
    assert_all_near([g.double() for g in got[2:]], want[2:], tol=2e-6)


@each_mode
@pytest.mark.parametrize("shape", [(0, 4, 3, 2), (5, 4, 0, 2)])
def test_empty_batches(shape, training):
    """The count of batches moves, the statistics do not, the gradients are zero."""
    ours, theirs = pair("BatchNorm2d", training=training)
    before = ours.running_mean.clone(), ours.running_var.clone()
    assert_same_step(ours, theirs, tensor(*shape), tensor(*shape))
    assert_all_near((ours.running_mean, ours.running_var), before, tol=0)
    assert ours.num_batches_tracked == training


def test_nan_passes_through_as_in_pytorch():
    ours, theirs = pair("BatchNorm1d")
    x = tensor(6, 4)
    x[2, 1] = torch.nan
    y = ours(x)
    assert y.isnan().any(0).tolist() == [False, True, False, False]
    assert torch.equal(y.isnan(), theirs(x).isnan())
    assert torch.equal(ours.running_mean.isnan(), theirs.running_mean.isnan())


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


@pytest.mark.parametrize(("dtype", "tol"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
def test_where_the_variance_overflows_the_result_is_the_bias(dtype, tol):
    scale = torch.tensor([1, 1e16, 1e18, 1e22, 1e30, 1e37])
    x = tensor(50, 6, dtype=dtype) * scale.to(dtype)
    model = BatchNorm1d(6, momentum=1.0)
    nn.init.constant_(model.bias, 0.5)
    y, wide = model(x), x.double()
    exact = (wide - wide.mean(0)) / (wide.var(0, correction=0) + 1e-5).sqrt() + 0.5
    assert_near(y[:, :3].double(), exact[:, :3], tol)
    assert torch.equal(y[:, 3:], torch.full((50, 3), 0.5, dtype=dtype))
    assert model.running_var.isinf().tolist() == 3 * [False] + 3 * [True]
    assert_near(model.running_mean.double() / scale, wide.mean(0) / scale, tol=1e-6)


def test_gradients_of_large_float32_values():
    """PyTorch's sums overflow here; in float64 they do not."""
    x, dy = (tensor(200, 2, seed=s, dtype=torch.float32) for s in (0, 1))
    ours, exact, scale = BatchNorm1d(2), nn.BatchNorm1d(2).double(), 1e18
    _, dx, *got = run(ours, scale * x, dy)
    _, wanted, *want = run(exact, scale * x.double(), dy.double())
    assert_near(scale * dx.double(), scale * wanted, tol=1e-5)
    assert_all_near([g.double() for g in got], want, tol=1e-5)


@each_mode
def test_the_layout_of_mkldnn_stays(training):
    ours, theirs = pair("BatchNorm2d", training=training, dtype=torch.float32)
    x = tensor(4, 4, 6, 5, dtype=torch.float32).to_mkldnn()
    got, want = ours(x), theirs(x)
    assert got.is_mkldnn
    assert_near(got.to_dense(), want.to_dense(), tol=1e-5)
    assert_same_state(ours, theirs, tol=1e-6)
