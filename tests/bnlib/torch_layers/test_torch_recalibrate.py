"""Running statistics of PyTorch models from one pass over the data."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import NonFiniteError, Row, each_row
from torch import nn
from torch_pairs import assert_near, tensor

from bnlib import deploy, torch_layers
from bnlib.layers import BatchNorm
from bnlib.torch_layers import BatchNorm1d, BatchNorm2d, recalibrate


def network(module=torch_layers):
    """Return a network of three batch normalizations, one of them nested; and dropout."""
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), module.BatchNorm1d(5))
    return nn.Sequential(
        module.BatchNorm1d(4), nn.Linear(4, 6), module.BatchNorm1d(6, momentum=None),
        nn.ReLU(), inner,
    ).double()  # fmt: skip


def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=5), st.integers(-3, 3), st.integers(0, 9)
)
def test_a_single_layer_gets_the_statistics_of_all_the_data(sizes, scale, seed):
    """However the data are cut into batches, ragged or not; as the NumPy function does."""
    x = tensor(sum(sizes), 3, 2, seed=seed) * 10.0**scale
    layer, plain = BatchNorm1d(3).double(), BatchNorm(3)
    recalibrate(layer, x.split(sizes))
    deploy.recalibrate(plain, [part.numpy() for part in x.split(sizes)])
    assert_near(layer.running_mean / x.abs().max(), x.mean((0, 2)) / x.abs().max(), tol=1e-13)
    assert_near(layer.running_var / x.var((0, 2)), torch.ones(3).double(), tol=1e-12)
    assert_near(layer.running_var, torch.from_numpy(plain.running_var), tol=1e-12)
    assert layer.num_batches_tracked == plain.num_batches_tracked == len(sizes)


@pytest.mark.parametrize("module", [torch_layers, nn])
@pytest.mark.parametrize("training", [True, False])
def test_deeper_layers_get_what_they_saw(module, training):
    """The inputs of each layer, caught by hooks, pooled by concatenation."""
    model = network(module).eval()
    for norm in norms(model):
        norm.train(training)
    seen, x = {}, tensor(60, 4)
    reference = copy.deepcopy(model)
    for norm in norms(reference):
        norm.train().register_forward_pre_hook(
            lambda norm, inputs: seen.setdefault(norm, []).append(inputs[0])
        )
    batches = [x[:16], x[16:32], x[32:40], x[40:]]
    with torch.no_grad():
        for batch in batches:
            reference(batch)
    before = [(m.training, vars(m).get("momentum")) for m in model.modules()]
    recalibrate(model, iter(batches))
    for norm, inputs in zip(norms(model), seen.values(), strict=True):
        pooled = torch.cat(inputs)
        assert_near(norm.running_mean, pooled.mean(0), tol=1e-12)
        assert_near(norm.running_var, pooled.var(0), tol=1e-12)
        assert norm.num_batches_tracked == 4
        assert norm.track_running_stats is True
        assert not norm._forward_hooks
    assert [(m.training, vars(m).get("momentum")) for m in model.modules()] == before
    assert all(p.grad is None for p in model.parameters())


def test_layers_keep_their_dtype_and_half_inputs_count_in_float32():
    x = tensor(2000, 2, dtype=torch.bfloat16)
    for dtype in (torch.float32, torch.bfloat16):
        layer = BatchNorm1d(2, dtype=dtype)
        recalibrate(layer, [x, x[:0], x])
        exact = torch.cat([x, x]).double()
        assert layer.running_mean.dtype == dtype
        assert_near(layer.running_mean.double(), exact.mean(0), tol=torch.finfo(dtype).eps)
        assert_near(layer.running_var.double(), exact.var(0), tol=4 * torch.finfo(dtype).eps)
        assert layer.num_batches_tracked == 2


def test_pairs_of_images_and_labels_and_inputs_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = BatchNorm2d(4).double()

        def forward(self, x):
            return self.norm(input=x)

    x = tensor(6, 4, 3, 2)
    for batches in ([(x, 1)], [[x, 1]], [x]):
        model = Named()
        recalibrate(model, batches)
        assert_near(model.norm.running_mean, x.mean((0, 2, 3)), tol=1e-14)


def test_a_layer_without_a_count_of_batches():
    layer = nn.BatchNorm1d(4).double()
    layer.num_batches_tracked = None
    recalibrate(layer, [tensor(6, 4)])
    assert_near(layer.running_mean, tensor(6, 4).mean(0), tol=1e-14)


def half(without):
    """Return a layer with one of its two statistics."""
    layer = BatchNorm1d(4).double()
    setattr(layer, without, None)
    return layer


def unused():
    """Return a network with a layer that it never calls."""
    net = network()
    net[0].unused = BatchNorm1d(3)
    return net


def broken(model):
    """Recalibrate with data that end too early."""

    def batches():
        yield X
        raise KeyError("the data ended too early")

    recalibrate(model, batches())


X = tensor(6, 4)
UNSEEN = "recalibrate: {} BatchNorm layers saw no batch; give at least one batch, and ..."


# fmt: off
@each_row(
    Row(ValueError, UNSEEN.format("3 of 3"), recalibrate, ([],), network),
    Row(ValueError, UNSEEN.format("1 of 4"), recalibrate, ([X],), unused),
    Row(ValueError, "BatchNorm1d: needs more than 1 value per channel ...; ...", recalibrate,
        ([X, tensor(1, 4)],), network),
    Row(KeyError, "'the data ended too early'", broken, on=network),
    Row(NonFiniteError, "...: expected finite statistics, ...; ...", recalibrate,
        ([X, X * torch.nan],), network),
    Row(TypeError, "recalibrate: expected an iterable ..., got {0.__class__.__name__}; ...",
        recalibrate, (X, None), network),
    Row(ValueError, "recalibrate: {0.__class__.__name__} has no BatchNorm with ...; ...",
        lambda model: recalibrate(model, [X]),
        (nn.Sequential(BatchNorm1d(4, track_running_stats=False)), nn.Linear(4, 4),
         half("running_mean"), half("running_var"))),
    Row(TypeError, "recalibrate: model must be a PyTorch module, got BatchNorm; NumPy ...",
        lambda model: recalibrate(model, [X]), (BatchNorm(4),)),
)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
# fmt: on
