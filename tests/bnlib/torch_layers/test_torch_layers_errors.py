"""What the modules refuse: PyTorch's exceptions, our words, and nothing changed."""

import re

import pytest
import torch
from torch import nn
from torch_pairs import pair, state, tensor

from bnlib import torch_layers

RANKS = {"BatchNorm1d": (2, 3), "BatchNorm2d": (4,), "BatchNorm3d": (5,)}
SHAPES = {1: (4,), 2: (6, 4), 3: (6, 4, 2), 4: (6, 4, 2, 2), 5: (6, 4, 2, 2, 2), 6: (2, 4) * 3}


def refused(name, x, message, options=None, training=True, change=None):
    """Hold both modules to one exception type; ours to its words and to its state."""
    ours, theirs = pair(name, **(options or {}))
    for module in (ours, theirs):
        module.train(training)
        if change:
            change(module)
    with pytest.raises(Exception) as theirs_error:  # noqa: PT011
        theirs(x)
    before = state(ours)
    with pytest.raises(theirs_error.type, match=re.escape(f"{name}: {message}")):
        ours(x)
    assert str(state(ours)) == str(before)
    assert ours.num_batches_tracked in (None, 0)


@pytest.mark.parametrize(
    ("name", "rank"),
    [(name, rank) for name in RANKS for rank in SHAPES if rank not in RANKS[name]],
)
def test_other_ranks(name, rank):
    shapes = getattr(torch_layers, name).shapes
    message = (
        f"expected an input of shape {shapes}, got {SHAPES[rank]}; "
        "add the batch axis with x[None], or use the module of that rank"
    )
    refused(name, tensor(*SHAPES[rank]), message)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, "weight"),
        ({"affine": False}, "running_mean"),
        ({"affine": False, "track_running_stats": False}, None),
    ],
)
def test_another_number_of_channels(options, first, training):
    x = tensor(6, 3)
    if first is None:  # nothing has a width: PyTorch takes any, and so do we
        assert pair("BatchNorm1d", **options)[0](x).shape == x.shape
        return
    message = (
        f"{first} holds 4 channels, got an input of shape (6, 3) with 3 on axis 1; "
        "check num_features"
    )
    refused("BatchNorm1d", x, message, options, training)


@pytest.mark.parametrize(
    ("name", "shape"), [("BatchNorm1d", (1, 4)), ("BatchNorm2d", (1, 4, 1, 1))]
)
@pytest.mark.parametrize(
    ("options", "training"), [({}, True), ({"track_running_stats": False}, False)]
)
def test_one_value_per_channel(name, shape, options, training):
    """FIELD: batch size 1 gives NaN or an error; in PyTorch's the count moves all the same."""
    message = (
        f"needs more than 1 value per channel when training, got an input of shape {shape}; "
        "use a larger batch or eval()"
    )
    refused(name, tensor(*shape), message, options, training)
    theirs = nn.BatchNorm1d(4)
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        theirs(torch.ones(1, 4))
    assert theirs.num_batches_tracked == 1


@pytest.mark.parametrize(("eps", "training"), [(0.0, True), (-1.0, True), (-1.0, False)])
def test_eps(eps, training):
    message = (
        f"eps must be positive in training and not negative in evaluation, got {eps}; use 1e-5"
    )
    refused("BatchNorm1d", tensor(6, 4), message, {"eps": eps}, training)


def test_eps_0_in_evaluation():
    ours, theirs = pair("BatchNorm1d", eps=0.0)
    x = tensor(6, 4)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex128])
def test_inputs_that_are_not_real_floating_point(dtype):
    message = f"not implemented for {dtype}; convert the input with x.float()"
    refused("BatchNorm1d", torch.ones(6, 4, dtype=dtype), message)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("held", DTYPES)
@pytest.mark.parametrize("training", [True, False])
def test_mixed_dtypes(given, held, training):
    x = tensor(6, 4, dtype=given)
    if given == held or (given.itemsize == 2 and held == torch.float32):
        for module in pair("BatchNorm1d", dtype=held):
            assert module.train(training)(x).dtype == given
        return
    message = (
        f"weight has {held}, the input {given}; mixed dtypes must be a half-precision input "
        "and float32 parameters: use x.to or module.to"
    )
    refused("BatchNorm1d", x, message, {"dtype": held}, training)


@pytest.mark.parametrize("gone", ["running_mean", "running_var"])
def test_one_of_the_statistics_alone(gone):
    message = (
        "evaluation needs running_mean and running_var, got only one of them; "
        "set both, or neither"
    )
    refused(
        "BatchNorm1d", tensor(6, 4), message, {"affine": False}, training=False,
        change=lambda module: setattr(module, gone, None),
    )  # fmt: skip


@pytest.mark.parametrize("x", [[[1.0, 2.0]], tensor(6, 4).numpy(), None, 3.0])
def test_inputs_that_are_no_tensors(x):
    """PyTorch's AttributeError, or whatever comes, is a TypeError here."""
    ours = pair("BatchNorm1d")[0]
    before = state(ours)
    message = rf"BatchNorm1d: expected a Tensor, got {type(x).__name__}; convert it with torch"
    with pytest.raises(TypeError, match=message):
        ours(x)
    assert str(state(ours)) == str(before)


def test_parameters_on_another_device():
    ours = pair("BatchNorm1d", dtype=torch.float32)[0]
    with pytest.raises((RuntimeError, NotImplementedError)):
        ours(torch.ones(6, 4, device="meta"))
    assert ours.num_batches_tracked == 0
