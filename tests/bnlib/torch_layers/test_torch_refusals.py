"""What the modules, `fold` and `recalibrate` refuse; then nothing has changed."""

import copy
import itertools
import math

import pytest
import torch
from refusals import NonFiniteError, Row, each_row
from torch import nn
from torch_folds import pair as fold_pair
from torch_folds import trained
from torch_pairs import pair, tensor

from bnlib import torch_layers
from bnlib.layers import BatchNorm
from bnlib.torch_layers import BatchNorm1d, fold, recalibrate

RANKS = {"BatchNorm1d": (2, 3), "BatchNorm2d": (4,), "BatchNorm3d": (5,)}
SHAPES = {1: (4,), 2: (6, 4), 3: (6, 4, 2), 4: (6, 4, 2, 2), 5: (6, 4, 2, 2, 2), 6: (2, 4) * 3}
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
MODES = (True, False)
NO_STATISTICS = {"affine": False, "track_running_stats": False}
X = tensor(6, 4)


def forward(ours, x):
    """Call our module; PyTorch's, with the same state, must raise the same type of error."""
    theirs = copy.deepcopy(ours)
    theirs.__class__ = getattr(nn, type(ours).__name__)
    with pytest.raises(Exception) as expected:  # noqa: PT011
        theirs(x)
    with pytest.raises(expected.type) as caught:
        ours(x)
    assert ours.num_batches_tracked in (None, 0)
    raise caught.value


def module(name="BatchNorm1d", training=True, without=None, **options):
    """Return a function that builds the module, in one mode, without one of its buffers."""

    def on():
        ours = pair(name, training=training, **options)[0]
        if without:
            setattr(ours, without, None)
        return ours

    return on


def fits(given, held):
    """Tell whether inputs of one dtype go with parameters of another."""
    return given == held or (given.itemsize == 2 and held == torch.float32)


# fmt: off
INPUTS = [
    *[Row(ValueError,
          f"{name}: expected an input of shape {getattr(torch_layers, name).shapes}, got "
          f"{shape}; add the batch axis with ...", forward, (tensor(*shape),), module(name))
      for name in RANKS for rank, shape in SHAPES.items() if rank not in RANKS[name]],
    *[Row(RuntimeError,
          f"BatchNorm1d: {first} holds 4 channels, got an input of shape (6, 3) with 3 on "
          "axis 1; check num_features", forward, (tensor(6, 3),),
          module(training=training, affine=first == "weight"))
      for first in ("weight", "running_mean") for training in MODES],
    *[Row(ValueError,
          f"{name}: needs more than 1 value per channel when training, got an input of shape "
          f"{shape}; use a larger batch or eval()", forward, (tensor(*shape),),
          module(name, training, track_running_stats=training))
      for name, shape in {"BatchNorm1d": (1, 4), "BatchNorm2d": (1, 4, 1, 1)}.items()
      for training in MODES],
    *[Row(ValueError,
          "BatchNorm1d: eps must be positive in training and not negative in evaluation, got "
          f"{eps}; use 1e-5", forward, (X,), module(training=training, eps=eps))
      for eps, training in [(0.0, True), (-1.0, True), (-1.0, False)]],
    Row(NotImplementedError, "BatchNorm1d: not implemented for {0.dtype}; ...", forward,
        tuple(torch.ones(6, 4, dtype=d) for d in (torch.int64, torch.bool, torch.complex128)),
        module()),
    *[Row(RuntimeError, f"BatchNorm1d: weight has {held}, the input {given}; mixed ...",
          forward, (tensor(6, 4, dtype=given),), module(training=training, dtype=held))
      for given, held in itertools.product(DTYPES, DTYPES) if not fits(given, held)
      for training in MODES],
    *[Row(RuntimeError, "BatchNorm1d: evaluation needs ..., got only one of them; set ...",
          forward, (X,), module("BatchNorm1d", False, gone, affine=False))
      for gone in ("running_mean", "running_var")],
    Row(TypeError, "BatchNorm1d: expected a Tensor, got {0.__class__.__name__}; ...",
        lambda ours, x: ours(x), ([[1.0, 2.0]], X.numpy(), None, 3.0), module()),
]


class Clipped(nn.BatchNorm1d):
    """Batch normalization and ReLU in one."""

    def forward(self, x):
        """Return no negative value."""
        return super().forward(x).relu()


class OwnClipped(BatchNorm1d):
    """The same of ours."""

    def forward(self, x):
        """Return no negative value."""
        return super().forward(x).relu()


class Cosine(nn.Linear):
    """A layer that is not affine."""

    def forward(self, x):
        """Return the output for an input of length 1."""
        return super().forward(x / x.norm())


def spoiled(name, value):
    """Return a function that builds a pair with one bad statistic, in channel 2."""

    def on():
        layer, bn, _ = fold_pair("Linear", eps=0.0)
        if value is None:
            setattr(bn, name, None)
        else:
            getattr(bn, name)[2] = value
        return layer, bn

    return on


def on_fold(name, bn):
    """Return a function that builds a layer, and the batch normalization after it."""
    return lambda: (fold_pair(name)[0], bn())


OTHERS = [  # the layer, what follows it, and whether they stand the wrong way round
    (nn.BatchNorm1d(2).eval(), nn.Linear(2, 2), True),
    (nn.BatchNorm2d(2).eval(), nn.Conv2d(2, 2, 1), True),
    (nn.BatchNorm1d(3), nn.Linear(3, 3), True),
    (nn.ReLU(), nn.BatchNorm1d(2).eval(), False),
    (nn.Linear(2, 3), nn.Linear(2, 3), False),
    (nn.BatchNorm1d(3), nn.BatchNorm1d(3), False),
    (nn.Linear(2, 2), nn.LayerNorm(2).eval(), False),
    (nn.Linear(2, 2), nn.InstanceNorm1d(2, track_running_stats=True).eval(), False),
    (nn.Sequential(nn.Linear(2, 2)), nn.BatchNorm1d(2).eval(), False),
    (nn.Linear(2, 2), None, False),
]
NORMS = {1: nn.BatchNorm1d, 2: torch_layers.BatchNorm2d, 3: nn.BatchNorm3d}
FINITE = "fold: expected finite statistics, got NaN or infinity in channels [2]; look ..."
NO_RUNNING = "fold: bn keeps no running statistics, so it normalizes by ...; build ..."
FOLD = [
    Row(ValueError, "fold: bn is in training mode, where it ... is no fixed map; call ...",
        fold, on=on_fold("Conv2d", lambda: trained(nn.BatchNorm2d).train())),
    Row(ValueError, NO_RUNNING, fold,
        on=on_fold("Linear", lambda: trained(nn.BatchNorm1d, track_running_stats=False))),
    *[Row(ValueError, NO_RUNNING, fold, on=spoiled(name, None))
      for name in ("running_mean", "running_var")],
    *[Row(TypeError,
          "fold: expected a Linear, Conv or ConvTranspose and the BatchNorm that follows it, "
          "got {0[0].__class__.__name__} and {0[1].__class__.__name__}; "
          f"{'only a BatchNorm after the layer' if back else 'nothing else'} can be folded",
          lambda two: fold(*two), tuple(two for *two, order in OTHERS if order is back))
      for back in (True, False)],
    Row(ValueError, "fold: bn has 3 channels, Conv2d gives 4; pass the BatchNorm that ...",
        fold, on=on_fold("Conv2d", lambda: trained(nn.BatchNorm2d, 3))),
    Row(ValueError, "fold: bn has 6 channels, ConvTranspose1d gives 4; pass the ...", fold,
        on=on_fold("ConvTranspose1d", lambda: trained(nn.BatchNorm1d, 6))),
    *[Row(ValueError, f"fold: {name} and {other.__name__} work on different ranks; they ...",
          fold, on=on_fold(name, lambda other=other: trained(other)))
      for name, own in {"Linear": 1, "Conv1d": 1, "Conv2d": 2, "Conv3d": 3}.items()
      for rank, other in NORMS.items() if rank != own],
    *[Row(TypeError, f"fold: {name} defines its own {method}, which need not be affine; ...",
          fold, on=on)
      for name, method, on in [
          ("Clipped", "forward", on_fold("Linear", lambda: trained(Clipped))),
          ("OwnClipped", "forward", on_fold("Linear", lambda: trained(OwnClipped))),
          ("Cosine", "forward", lambda: (Cosine(2, 4), trained(BatchNorm1d)))]],
    Row(ValueError, "fold: the weights of LazyLinear are not made yet; call it once",
        lambda: fold(nn.LazyLinear(4), trained(nn.BatchNorm1d))),
    *[Row(NonFiniteError, FINITE, fold, on=spoiled(name, value))
      for name in ("running_mean", "running_var") for value in (math.nan, math.inf)],
    Row(ValueError, "fold: a variance cannot be negative, got -1 in channel 2; compute ...",
        fold, on=spoiled("running_var", -1.0)),
    Row(ValueError, "fold: channel 2 is constant (variance 0) and eps is 0, ...; use ...",
        fold, on=spoiled("running_var", 0.0)),
]


def network():
    """Return a network of three batch normalizations in different modes."""
    norms = (BatchNorm1d(4), BatchNorm1d(6, momentum=None), BatchNorm1d(6))
    net = nn.Sequential(norms[0], nn.Linear(4, 6), norms[1], nn.ReLU(), norms[2]).double()
    net.eval()[0].train()
    return net


def unused():
    """Return a network with a layer that it never calls."""
    net = network()
    net[0].unused = BatchNorm1d(3)
    return net


def half():
    """Return a layer with one of its two statistics."""
    layer = BatchNorm1d(4)
    layer.running_var = None
    return layer


def broken(model):
    """Recalibrate with data that end too early."""

    def batches():
        yield X
        raise KeyError("the data ended too early")

    recalibrate(model, batches())


UNSEEN = "recalibrate: {} BatchNorm layers saw no batch; give at least one batch, and ..."
RECALIBRATE = [
    Row(ValueError, UNSEEN.format("3 of 3"), recalibrate, ([],), network),
    Row(ValueError, UNSEEN.format("1 of 4"), recalibrate, ([X],), unused),
    Row(ValueError, "BatchNorm1d: needs more than 1 value per channel ...; ...", recalibrate,
        ([X, tensor(1, 4)],), network),
    Row(RuntimeError, "BatchNorm1d: weight holds 4 channels, got an input of shape ...; ...",
        recalibrate, ([X, tensor(6, 3)],), network),
    Row(KeyError, "'the data ended too early'", broken, on=network),
    Row(NonFiniteError, "...: expected finite statistics, ...; ...", recalibrate,
        ([X, X * torch.nan],), network),
    Row(TypeError, "recalibrate: expected an iterable ..., got {0.__class__.__name__}; ...",
        recalibrate, (X, None), network),
    Row(ValueError, "recalibrate: {0.__class__.__name__} has no BatchNorm with ...; ...",
        lambda model: recalibrate(model, [X]),
        (nn.Sequential(BatchNorm1d(4, **NO_STATISTICS)), nn.Linear(4, 4), half())),
    Row(TypeError, "recalibrate: model must be a PyTorch module, got BatchNorm; NumPy ...",
        lambda model: recalibrate(model, [X]), (BatchNorm(4),)),
]
# fmt: on


@each_row(INPUTS, FOLD, RECALIBRATE)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


@pytest.mark.parametrize("training", MODES)
def test_what_is_not_refused(training):
    for given, held in itertools.product(DTYPES, DTYPES):
        if fits(given, held):
            ours = module(training=training, dtype=held)()
            assert ours(tensor(6, 4, dtype=given)).dtype == given
    x = tensor(6, 3)  # where nothing has a width PyTorch takes any, and so do we
    assert module(training=training, **NO_STATISTICS)()(x).shape == x.shape


def test_the_count_of_pytorch_moves_before_its_error():
    """FIELD: batch size 1 gives NaN or an error; ours leaves the count alone."""
    theirs = nn.BatchNorm1d(4)
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        theirs(torch.ones(1, 4))
    assert theirs.num_batches_tracked == 1


def test_parameters_on_another_device_are_refused():
    ours = pair("BatchNorm1d", dtype=torch.float32)[0]
    with pytest.raises((RuntimeError, NotImplementedError)):
        ours(torch.ones(6, 4, device="meta"))
    assert ours.num_batches_tracked == 0
