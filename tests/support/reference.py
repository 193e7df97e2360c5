"""PyTorch's answers to the same questions, and the comparisons that the tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bnlib.layers import BatchNorm, Conv2d, Layer, Linear, MaxPool2d, Sequential


def assert_close(actual: Any, expected: Any, tol: float = 1e-10, size: float = 0.0) -> None:
    """Hold two arrays equal to ``tol`` times ``size`` or the largest expected value."""
    expected = np.asarray(expected)
    assert np.shape(actual) == expected.shape
    size = max(size, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tol * size)


def leaf(array: Any) -> torch.Tensor:
    """Return a float64 tensor that collects a gradient."""
    return torch.tensor(np.array(array, dtype=np.float64, order="C"), requires_grad=True)


def torch_batch_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    dy: Any,
    eps: float,
    axis: int,
    mean: Any = None,
    var: Any = None,
) -> list[Any]:
    """Return y, dx, dgamma and dbeta by ``functional.batch_norm`` and autograd, in float64.

    With ``mean`` and ``var`` in evaluation mode, without them in training mode. PyTorch
    refuses eps = 0 in training; 1e-300 is lost in any variance and so stands for it.
    """
    channels = np.shape(x)[axis]
    x = leaf(x)
    gamma = leaf(np.ones(channels) if gamma is None else gamma)
    beta = leaf(np.zeros(channels) if beta is None else beta)
    given = [None if a is None else torch.tensor(a, dtype=torch.float64) for a in (mean, var)]
    y = functional.batch_norm(
        x.movedim(axis, 1), *given, gamma, beta, training=mean is None, eps=eps or 1e-300
    ).movedim(1, axis)
    y.backward(leaf(dy).detach())
    return [t.detach().numpy() for t in (y, x.grad, gamma.grad, beta.grad)]


class _OfAnyRank(nn.BatchNorm1d):
    def _check_input_dim(self, x: torch.Tensor) -> None:
        """Take images, too."""


def torch_twin(layer: Layer) -> nn.Module:
    """Return the same layer or network in PyTorch, in float64, with the same state."""
    twin = _module(layer).double()
    twin.load_state_dict({k: torch.from_numpy(v) for k, v in layer.state_dict().items()})
    return twin


def _module(layer: Layer) -> nn.Module:
    match layer:
        case Sequential():
            return nn.Sequential(*map(_module, layer.layers))
        case Linear():
            return nn.Linear(*layer.weight.value.shape[::-1], bias=layer.bias is not None)
        case Conv2d():
            out, channels, *kernel = layer.weight.value.shape
            options = (layer.stride, layer.padding)
            return nn.Conv2d(channels, out, kernel, *options, bias=layer.bias is not None)
        case MaxPool2d():
            return nn.MaxPool2d(layer.kernel_size, layer.stride)
        case BatchNorm():
            tracks = layer.running_mean is not None
            affine = layer.gamma is not None
            options = (layer.num_features, layer.eps, layer.momentum, affine, tracks)
            return _OfAnyRank(*options)
    return getattr(nn, type(layer).__name__)()


def assert_same_passes(
    layer: Layer, module: nn.Module, x: Any, tol: float = 1e-10, seed: int = 0
) -> None:
    """Hold the output and all gradients of a layer equal to those of a PyTorch module."""
    x_torch = leaf(x)
    y_torch = module(x_torch)
    dy = np.random.default_rng(seed).normal(size=y_torch.shape).astype(x.dtype)
    module.zero_grad()
    y_torch.backward(leaf(dy).detach())
    with untouched(x, dy):
        y, dx = layer(x), layer.backward(dy)
    assert_close(y, y_torch.detach(), tol)
    assert_close(dx, x_torch.grad, tol, size=1.0)
    for ours, theirs in zip(layer.parameters(), module.parameters(), strict=True):
        assert_close(ours.grad, theirs.grad, tol, size=1.0)


def assert_same_state(layer: Layer, module: nn.Module, tol: float = 1e-10) -> None:
    """Hold a layer's state equal to a PyTorch module's, name by name."""
    ours, theirs = layer.state_dict(), module.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert_close(ours[name], theirs[name].numpy(), tol, size=1.0)


@contextmanager
def untouched(*things: Any) -> Iterator[None]:
    """Fail if the block changes an array, or a layer's, module's or object's state or mode."""
    before = [_snapshot(thing) for thing in things]
    yield
    np.testing.assert_equal([_snapshot(thing) for thing in things], before)


def _snapshot(thing: Any) -> Any:
    if isinstance(thing, nn.Module):
        return [(str(m.state_dict()), m.training, _plain(m)) for m in thing.modules()]
    if not isinstance(thing, Layer):
        return thing.copy() if hasattr(thing, "copy") else _plain(thing)
    modes = [layer.training for layer in (thing, *getattr(thing, "layers", ()))]
    return [modes, thing.state_dict(), [p.grad.copy() for p in thing.parameters()]]


def _plain(thing: Any) -> dict[str, Any]:
    """Return copies of an object's attributes; of its dictionaries, the size."""
    return {
        name: len(value) if isinstance(value, dict) else np.copy(value)
        for name, value in vars(thing).items()
        if not isinstance(value, nn.Module | torch.Tensor)
    }
