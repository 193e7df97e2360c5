"""Statistics, scale and shift, gradients per channel, in plain torch operations.

The channels are axis 1. A mean is held as ``center + rest``: what the dtype can hold of it
and what that loses, so that a large mean costs no accuracy and no float64 is needed.
"""

import torch
from torch import Tensor


def per_channel(v: Tensor, x: Tensor) -> Tensor:
    """Return ``v``, shape (C,), in a shape that broadcasts against ``x``.

    Examples
    --------
    >>> per_channel(torch.ones(3), torch.ones(2, 3, 4, 4)).shape
    torch.Size([1, 3, 1, 1])
    """
    return v.view(1, -1, *[1] * (x.ndim - 2))


def axes(x: Tensor) -> list[int]:
    """Return the axes that a statistic is taken over: all but the channels' axis 1."""
    return [0, *range(2, x.ndim)]


def count(x: Tensor) -> int:
    """Return ``m``, the number of values per channel; 1 for an empty tensor."""
    return max(1, x.numel() // max(1, x.shape[1]))


def moments(x: Tensor) -> Tensor:
    """Return ``center``, ``rest`` and the biased variance, shape (3, C), in two passes.

    For an empty ``x`` all are 0. Second pass: Chan, Golub & LeVeque (1983), equation (1.7).

    Examples
    --------
    >>> moments(torch.tensor([[1.0, 10.0], [3.0, 10.0]]))
    tensor([[ 2., 10.],
            [ 0.,  0.],
            [ 1.,  0.]])
    """
    m = count(x)
    center = x.sum(axes(x)) / m
    d = x - per_channel(center, x)
    rest = d.sum(axes(x)) / m
    var = d.square_().sum(axes(x)) / m - rest * rest
    return torch.stack([center, rest, var.clamp_min(0)])


def scale_shift(x: Tensor, center: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return ``(x - center) * scale + shift``, all but ``x`` of shape (C,).

    Examples
    --------
    >>> one = torch.ones(1)
    >>> scale_shift(torch.tensor([[1.0], [3.0]]), 2 * one, 10 * one, one).tolist()
    [[-9.0], [11.0]]
    """
    y = x - per_channel(center, x)
    return y.mul_(per_channel(scale, x)).add_(per_channel(shift, x))


def gradients(
    dy: Tensor, x: Tensor, statistics: Tensor, scale: Tensor, through: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``dx``, dgamma and dbeta in closed form.

    ``statistics`` has rows center, rest, var and ``1 / std``; ``scale`` is ``gamma / std``.
    ``through`` says whether the statistics depend on ``x``: true in training.

    Examples
    --------
    >>> statistics = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    >>> dy, x = torch.tensor([[1.0], [0.0]]), torch.tensor([[-1.0], [1.0]])
    >>> dx, dgamma, dbeta = gradients(dy, x, statistics, torch.ones(1), through=True)
    >>> dx.tolist(), dgamma.tolist(), dbeta.tolist()
    ([[0.0], [0.0]], [-1.0], [1.0])
    """
    center, rest, _, inv_std = statistics
    x_hat = scale_shift(x, center, inv_std, -rest * inv_std)
    dbeta = dy.sum(axes(x))
    dgamma = (dy * x_hat).sum(axes(x))
    if not through:
        return dy * per_channel(scale, x), dgamma, dbeta
    dx = x_hat.mul_(per_channel(-dgamma / count(x), x)).add_(dy)
    dx.sub_(per_channel(dbeta / count(x), x)).mul_(per_channel(scale, x))
    return dx, dgamma, dbeta


def differentiable_gradients(
    dy: Tensor, x: Tensor, weight: Tensor | None, statistics: Tensor, eps: float, through: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `gradients` does, as a graph that autograd can differentiate again.

    In training the mean and the variance are computed anew, since they depend on ``x``.

    Examples
    --------
    >>> statistics = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    >>> dy, x = torch.tensor([[1.0], [0.0]]), torch.tensor([[-1.0], [1.0]])
    >>> dx, dgamma, dbeta = differentiable_gradients(dy, x, None, statistics, 0.0, True)
    >>> dx.tolist(), dgamma.tolist(), dbeta.tolist()
    ([[0.0], [0.0]], [-1.0], [1.0])
    """
    center, rest, _, inv_std = statistics
    d = x - per_channel(center, x) - per_channel(rest, x)
    m = count(x)
    if through:
        d = d - per_channel(d.sum(axes(x)) / m, x)
        inv_std = ((d * d).sum(axes(x)) / m + eps).rsqrt()
    x_hat = d * per_channel(inv_std, x)
    dbeta = dy.sum(axes(x))
    dgamma = (dy * x_hat).sum(axes(x))
    scale = inv_std if weight is None else weight * inv_std
    dx = dy
    if through:
        dx = dy - per_channel(dbeta / m, x) - x_hat * per_channel(dgamma / m, x)
    return dx * per_channel(scale, x), dgamma, dbeta
