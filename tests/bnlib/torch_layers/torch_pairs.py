"""Our PyTorch modules beside PyTorch's own: pairs with equal state, and their comparison."""

import pytest
import torch
from torch import nn

from bnlib import torch_layers

KINDS = {
    "1d": ("BatchNorm1d", (6, 4)),
    "1d with length": ("BatchNorm1d", (6, 4, 3)),
    "2d": ("BatchNorm2d", (5, 4, 3, 2)),
    "3d": ("BatchNorm3d", (3, 4, 2, 3, 2)),
}
OPTIONS = [
    {},
    {"momentum": None},
    {"momentum": 0.7, "eps": 0.1},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False, "momentum": None},
]
FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_option = pytest.mark.parametrize("options", OPTIONS, ids=str)
each_mode = pytest.mark.parametrize("training", [True, False])


def pair(name, channels=4, seed=0, training=True, **options):
    """Return our module and PyTorch's, with the same random parameters, statistics, mode."""
    options = {"dtype": torch.float64} | options
    ours, theirs = (getattr(module, name)(channels, **options) for module in (torch_layers, nn))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(channels, generator=generator, dtype=torch.float64))
        if theirs.running_mean is not None:
            theirs.running_mean.normal_(generator=generator)
            theirs.running_var.uniform_(0.5, 2, generator=generator)
    ours.load_state_dict(theirs.state_dict())
    return ours.train(training), theirs.train(training)


def tensor(*shape, seed=0, dtype=torch.float64, last=False):
    """Return random values with mean 3 and standard deviation 2; channels-last or not."""
    generator = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x.to(dtype)
    return x.contiguous(memory_format=FORMATS[len(shape)]) if last else x


def run(module, x, dy):
    """Return y and the gradients to x and to the parameters, after one forward and backward."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    module.zero_grad()
    y = module(x)
    y.backward(dy)
    return [y.detach(), x.grad, *(p.grad for p in module.parameters())]


def assert_near(ours, theirs, tol):
    """Hold two tensors equal to ``tol`` times the largest value, or 1."""
    assert ours.dtype == theirs.dtype
    size = max(1.0, theirs.abs().max().item()) if theirs.numel() else 1.0
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=0, atol=tol * size)


def assert_all_near(ours, theirs, tol):
    """Hold the tensors of two lists equal, one by one."""
    for got, want in zip(ours, theirs, strict=True):
        assert_near(got, want, tol)


def assert_same_state(ours, theirs, tol=1e-12):
    """Hold two modules' states equal, name by name and in order."""
    states = ours.state_dict(), theirs.state_dict()
    assert list(states[0]) == list(states[1])
    assert states[0]._metadata == states[1]._metadata
    assert_all_near(*(state.values() for state in states), tol)


def assert_same_step(ours, theirs, x, dy, forward=1e-12, backward=1e-10):
    """Hold one forward and one backward pass of two modules equal, and the state after it."""
    (y, *gradients), (wanted, *others) = run(ours, x, dy), run(theirs, x, dy)
    assert_near(y, wanted, forward)
    assert y.stride() == wanted.stride()
    assert_all_near(gradients, others, backward)
    assert_same_state(ours, theirs, forward)
