"""Folding a batch normalization into the PyTorch layer before it: what can be, what cannot."""

import copy
import math

import pytest
import torch
from refusals import NonFiniteError, Row, each_row
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch_pairs import assert_near, tensor

from bnlib import torch_layers
from bnlib.torch_layers import BatchNorm1d, BatchNorm2d, convert_sync_batchnorm, fold, folding

LAYERS = {  # a layer with 4 outputs, and the shape of an input
    "Linear": (nn.Linear, (5, 4), {}, (6, 5)),
    "Conv1d": (nn.Conv1d, (6, 4, 3), {"groups": 2, "stride": 2}, (3, 6, 9)),
    "Conv2d": (nn.Conv2d, (3, 4, (3, 2)), {"padding": 1}, (3, 3, 6, 5)),
    "Conv3d": (nn.Conv3d, (2, 4, 2), {"dilation": 2}, (2, 2, 5, 4, 6)),
    "ConvTranspose1d": (nn.ConvTranspose1d, (6, 4, 3), {"groups": 2}, (3, 6, 5)),
    "ConvTranspose2d": (nn.ConvTranspose2d, (3, 4, 2), {"stride": 2}, (3, 3, 4, 5)),
    "ConvTranspose3d": (nn.ConvTranspose3d, (4, 4, 2), {"groups": 4}, (2, 4, 3, 2, 3)),
}


def trained(kind, channels=4, **options):
    """Return a batch normalization in evaluation mode with parameters like a trained one's."""
    bn = kind(channels, **({"dtype": torch.float64} | options)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in bn.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.1, 3, generator=generator)
        if bn.weight is not None:
            bn.weight.neg_()
    return bn


def pair(name, own=True, dtype=torch.float64, layer_bias=True, **options):
    """Return a layer, the batch normalization after it, and inputs."""
    kind, sizes, settings, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = kind(*sizes, bias=layer_bias, dtype=dtype, **settings)
    rank = 1 if name == "Linear" else int(name[-2])
    bn = getattr(torch_layers if own else nn, f"BatchNorm{rank}d")
    return layer, trained(bn, dtype=dtype, **options), tensor(*shape, dtype=dtype)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"bias": False, "eps": 0.0}], ids=str
)
def test_one_layer_computes_the_same_as_the_two(name, bias, own, options):
    layer, bn, x = pair(name, own, layer_bias=bias, **options)
    before = copy.deepcopy((layer.state_dict(), bn.state_dict()))
    folded = fold(layer, bn)
    assert_near(folded(x), bn(layer(x)), tol=1e-12)
    assert type(folded) is type(layer)
    assert folded is not layer
    assert folded.training is False
    assert layer.training is True
    assert str(before) == str((layer.state_dict(), bn.state_dict()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_folding_is_computed_in_float64(dtype):
    """One rounding of each weight, no more; in PyTorch's own there are several."""
    layer, bn, _ = pair("Linear", dtype=dtype)
    folded, exact = fold(layer, bn), fold(layer.double(), bn.double())
    for got, want in zip(folded.parameters(), exact.parameters(), strict=True):
        assert torch.equal(got, want.to(dtype))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_new_layer_shares_nothing_and_keeps_whether_it_learns(frozen):
    layer, bn, x = pair("Conv2d", layer_bias=False)
    layer.weight.requires_grad_(not frozen)
    folded = fold(layer, bn)
    y = folded(x)
    with torch.no_grad():
        for value in [*layer.state_dict().values(), *bn.state_dict().values()]:
            value.add_(1)
    assert torch.equal(folded(x), y)
    assert [p.requires_grad for p in folded.parameters()] == 2 * [not frozen]
    assert set(folded.state_dict()) == {"weight", "bias"}


def test_a_layer_of_another_device_keeps_it():
    """A device that holds no values shows where the result is put."""
    weight = torch.empty(3, 2, device="meta")
    assert folding.like(weight, torch.ones(3, 2).double()).device.type == "meta"


@pytest.mark.parametrize(
    "convert", [convert_sync_batchnorm, nn.SyncBatchNorm.convert_sync_batchnorm]
)
@pytest.mark.parametrize("name", ["Linear", "Conv2d"])
def test_synchronized_batch_normalization_takes_any_rank(name, convert):
    layer, bn, x = pair(name)
    wanted = bn(layer(x))
    assert_near(fold(layer, convert(bn))(x), wanted, tol=1e-12)


def test_subclasses_that_compute_as_their_base_are_folded():
    class Named(nn.Linear):
        """A layer with another name."""

    class Norm(BatchNorm1d):
        """A normalization with another constructor."""

        def __init__(self):
            super().__init__(3, dtype=torch.float64)

    layer, bn, x = Named(4, 3).double(), Norm().eval(), tensor(5, 4)
    bn.running_mean.fill_(0.5)
    assert_near(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)


def test_state_hooks_compute_nothing():
    layer, bn, x = pair("Conv2d")
    layer.register_state_dict_pre_hook(lambda *_: None)
    bn.register_load_state_dict_post_hook(lambda *_: None)
    assert_near(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)


def test_hooks_on_all_modules_are_refused():
    layer, bn, _ = pair("Conv2d")
    handle = nn.modules.module.register_module_forward_hook(lambda m, x, y: 2 * y)
    try:
        with pytest.raises(ValueError, match=r"a global hook .*; remove it first$"):
            fold(layer, bn)
    finally:
        handle.remove()
    fold(layer, bn)


class Clipped(BatchNorm1d):
    """Batch normalization and ReLU in one."""

    def forward(self, x):
        """Return no negative value."""
        return super().forward(x).relu()


class Doubling(BatchNorm2d):
    """Batch normalization that changes its input."""

    def _check_input_dim(self, x):
        x *= 2


class Standardized(nn.Conv2d):
    """A convolution with other weights than it shows."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


class Padded(nn.ConvTranspose2d):
    """A transposed convolution that sets the size of its output."""

    def _output_padding(self, *arguments):
        return [1, 1]


def on_fold(name, norm=None, place=0, change=None, **options):
    """Return a function that builds a layer and what follows it, and changes one of them."""

    def on():
        layer, bn, _ = pair(name, **options)
        two = layer, (norm() if norm else bn)
        if change:
            change(two[place])
        return two

    return on


def spoiled(name, value):
    """Return a function that builds a pair with one bad statistic, in channel 2."""
    change = lambda bn: getattr(bn, name).__setitem__(2, value)  # noqa: E731
    return on_fold("Linear", place=1, change=change, eps=0.0)


OTHERS = [  # the layer, what follows it, and whether they stand the wrong way round
    (nn.BatchNorm2d(2).eval(), nn.Conv2d(2, 2, 1), True),
    (nn.BatchNorm1d(3), nn.Linear(3, 3), True),
    (nn.ReLU(), nn.BatchNorm1d(2).eval(), False),
    (nn.Linear(2, 3), nn.Linear(2, 3), False),
    (nn.BatchNorm1d(3), nn.BatchNorm1d(3), False),
    (nn.Linear(2, 2), nn.InstanceNorm1d(2, track_running_stats=True).eval(), False),
    (nn.Sequential(nn.Linear(2, 2)), nn.BatchNorm1d(2).eval(), False),
    (nn.Linear(2, 2), None, False),
]
OWN = [  # the class, the method, and the pair
    ("Clipped", "forward", on_fold("Linear", lambda: trained(Clipped))),
    ("Doubling", "_check_input_dim", on_fold("Conv2d", lambda: trained(Doubling))),
    ("Standardized", "_conv_forward", lambda: (Standardized(3, 4, 3), trained(BatchNorm2d))),
    ("Padded", "_output_padding", lambda: (Padded(3, 4, 3), trained(BatchNorm2d))),
    ("Conv2d", "forward", on_fold("Conv2d", change=lambda m: setattr(m, "forward", abs))),
    ("BatchNorm2d", "_call_impl",
     on_fold("Conv2d", place=1, change=lambda m: setattr(m, "_call_impl", abs))),
]  # fmt: skip
UNDONE = "fold: the weight of ... is computed by a parametrization or a hook, which ...; ..."
LOST = "fold: {} has a {} hook or a parametrization, which a fold would lose; ..."
CHANGES = [  # which of the two is changed, how, and what then stands in the way
    (0, parametrizations.weight_norm, UNDONE),
    (1, lambda m: parametrizations.weight_norm(m, dim=None),
     LOST.format("ParametrizedBatchNorm2d", "forward")),
    (0, lambda m: prune.l1_unstructured(m, "bias", 0.5), UNDONE),
    (1, lambda m: prune.l1_unstructured(m, "weight", 0.5),
     LOST.format("BatchNorm2d", "forward")),
    *[(place, lambda m, kind=kind: getattr(m, f"register_{kind}_hook")(lambda *_: None),
       LOST.format(("Conv2d", "BatchNorm2d")[place], kind.split("_")[-1]))
      for place in (0, 1) for kind in ("forward", "full_backward")],
]  # fmt: skip
NORMS = {1: nn.BatchNorm1d, 2: BatchNorm2d, 3: nn.BatchNorm3d}
NO_RUNNING = "fold: bn keeps no running statistics, so it normalizes by ...; build ..."


# fmt: off
@each_row(
    Row(ValueError, "fold: bn is in training mode, where it ... is no fixed map; call ...",
        fold, on=on_fold("Conv2d", lambda: trained(nn.BatchNorm2d).train())),
    [Row(ValueError, NO_RUNNING, fold,
         on=on_fold("Linear", place=1, change=lambda bn, name=name: setattr(bn, name, None)))
     for name in ("running_mean", "running_var")],
    [Row(TypeError,
         "fold: expected a Linear, Conv or ConvTranspose and the BatchNorm that follows it, "
         "got {0[0].__class__.__name__} and {0[1].__class__.__name__}; "
         f"{'only a BatchNorm after the layer' if back else 'nothing else'} can be folded",
         lambda two: fold(*two), tuple(two for *two, order in OTHERS if order is back))
     for back in (True, False)],
    Row(ValueError, "fold: bn has 3 channels, Conv2d gives 4; pass the BatchNorm that ...",
        fold, on=on_fold("Conv2d", lambda: trained(nn.BatchNorm2d, 3))),
    Row(ValueError, "fold: bn has 6 channels, ConvTranspose1d gives 4; pass the ...", fold,
        on=on_fold("ConvTranspose1d", lambda: trained(nn.BatchNorm1d, 6))),
    [Row(ValueError, f"fold: {name} and {other.__name__} work on different ranks; they ...",
         fold, on=on_fold(name, lambda other=other: trained(other)))
     for name, own in {"Linear": 1, "Conv1d": 1, "Conv2d": 2, "Conv3d": 3}.items()
     for rank, other in NORMS.items() if rank != own],
    [Row(TypeError, f"fold: {name} defines its own {method}, which need not be affine; ...",
         fold, on=on) for name, method, on in OWN],
    [Row(ValueError, text, fold, on=on_fold("Conv2d", place=place, change=change))
     for place, change, text in CHANGES],
    Row(ValueError, "fold: the weights of LazyLinear are not made yet; call it once",
        lambda: fold(nn.LazyLinear(4), trained(nn.BatchNorm1d))),
    Row(TypeError, "fold: ... a real floating dtype, got torch.complex64; no batch ...",
        lambda: fold(nn.Conv2d(3, 4, 3, dtype=torch.complex64), trained(nn.BatchNorm2d))),
    [Row(NonFiniteError, "fold: expected finite statistics, got ... [2]; look ...", fold,
         on=spoiled(name, math.nan)) for name in ("running_mean", "running_var")],
    Row(ValueError, "fold: channel 2 is constant (variance 0) and eps is 0, ...; use ...",
        fold, on=spoiled("running_var", 0.0)),
)
def test_a_pair_that_cannot_be_folded_is_refused(row, bad):
    row.check(*bad)
# fmt: on
