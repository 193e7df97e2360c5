"""What the modules refuse, with PyTorch's exceptions; then nothing has changed."""

import copy
import itertools

import pytest
import torch
from refusals import Row, each_row
from torch import nn
from torch_pairs import each_mode, pair, tensor

from bnlib import torch_layers

RANKS = {"BatchNorm1d": (2, 3), "BatchNorm2d": (4,), "BatchNorm3d": (5,)}
SHAPES = {1: (4,), 2: (6, 4), 3: (6, 4, 2), 4: (6, 4, 2, 2), 5: (6, 4, 2, 2, 2), 6: (2, 4) * 3}
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
MODES = (True, False)
X = tensor(6, 4)


def forward(ours, x):
    """Call our module; PyTorch's, with the same state, must raise the same type of error."""
    theirs = copy.deepcopy(ours)
    theirs.__class__ = getattr(nn, type(ours).__name__)
    with pytest.raises(Exception) as expected:  # noqa: PT011
        theirs(x)
    with pytest.raises(expected.type) as caught:
        ours(x)
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
@each_row(
    [Row(ValueError,
         f"{name}: expected an input of shape {getattr(torch_layers, name).shapes}, got "
         f"{shape}; add the batch axis with ...", forward, (tensor(*shape),), module(name))
     for name in RANKS for rank, shape in SHAPES.items() if rank not in RANKS[name]],
    [Row(RuntimeError,
         f"BatchNorm1d: {first} holds 4 channels, got an input of shape (6, 3) with 3 on "
         "axis 1; check num_features", forward, (tensor(6, 3),),
         module(training=training, affine=first == "weight"))
     for first in ("weight", "running_mean") for training in MODES],
    [Row(ValueError,
         f"{name}: needs more than 1 value per channel when training, got an input of shape "
         f"{shape}; use a larger batch or eval()", forward, (tensor(*shape),),
         module(name, training, track_running_stats=training))
     for name, shape in {"BatchNorm1d": (1, 4), "BatchNorm2d": (1, 4, 1, 1)}.items()
     for training in MODES],
    [Row(ValueError,
         "BatchNorm1d: eps must be positive in training and not negative in evaluation, got "
         f"{eps}; use 1e-5", forward, (X,), module(training=training, eps=eps))
     for eps, training in [(0.0, True), (-1.0, True), (-1.0, False)]],
    Row(NotImplementedError, "BatchNorm1d: not implemented for {0.dtype}; ...", forward,
        tuple(torch.ones(6, 4, dtype=d) for d in (torch.int64, torch.bool, torch.complex128)),
        module()),
    [Row(RuntimeError, f"BatchNorm1d: weight has {held}, the input {given}; mixed ...",
         forward, (tensor(6, 4, dtype=given),), module(training=training, dtype=held))
     for given, held in itertools.product(DTYPES, DTYPES) if not fits(given, held)
     for training in MODES],
    [Row(RuntimeError, "BatchNorm1d: evaluation needs ..., got only one of them; set ...",
         forward, (X,), module("BatchNorm1d", False, gone, affine=False))
     for gone in ("running_mean", "running_var")],
    Row(TypeError, "BatchNorm1d: expected a Tensor, got {0.__class__.__name__}; ...",
        lambda ours, x: ours(x), ([[1.0, 2.0]], X.numpy(), None, 3.0), module()),
)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
# fmt: on


@each_mode
def test_what_is_not_refused(training):
    for given, held in itertools.product(DTYPES, DTYPES):
        if fits(given, held):
            ours = module(training=training, dtype=held)()
            assert ours(tensor(6, 4, dtype=given)).dtype == given
    x = tensor(6, 3)  # where nothing has a width PyTorch takes any, and so do we
    anything = module(training=training, affine=False, track_running_stats=False)()
    assert anything(x).shape == x.shape


def test_the_count_of_pytorch_moves_before_its_error():
    """FIELD: batch size 1 gives NaN or an error; ours leaves the count alone."""
    theirs = nn.BatchNorm1d(4)
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        theirs(torch.ones(1, 4))
    assert theirs.num_batches_tracked == 1
