"""Batch normalization in plain torch operations, which autograd and every tracer understand.

The channels are axis 1. A mean is held as ``center + rest``: what the dtype can hold of it
and what that loses, so that a large mean costs no accuracy and no float64 is needed.
"""

import math

import torch
from torch import Tensor

UNIT = 2.0**16  # of deviations: exact, and float32 sums of their squares stay in range


def normalize(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize by the batch's statistics, or by given ones; scale and shift.

    Parameters
    ----------
    x : Tensor, shape (N, C, *spatial), floating point
        float16 and bfloat16 are computed in float32.
    weight, bias : Tensor, shape (C,), or None
        ``None`` means 1 and 0.
    mean, var : Tensor, shape (C,), or None
        ``None`` takes the batch's mean and biased variance, and the gradient goes through
        them. Given ones are constants.
    eps : float

    Returns
    -------
    y : Tensor, shape, dtype and memory format of ``x``
    mean, var : Tensor, shape (C,)
        The statistics that made it, constants; in float32 for float16 and bfloat16.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1. Derivatives of any order are autograd's. A variance
    that the dtype cannot hold is infinite, so that ``y`` is the bias, as in torch.

    Examples
    --------
    >>> y, mean, var = normalize(torch.tensor([[0.0], [2.0]]), None, None, None, None, 0.0)
    >>> y.tolist(), mean.tolist(), var.tolist()
    ([[-1.0], [1.0]], [1.0], [1.0])
    """
    wide = widened(x)
    if mean is None or var is None:
        d, center, rest, var = moments(wide)
    else:
        center, var = mean.to(wide.dtype), var.to(wide.dtype)
        d, rest = deviations(wide, center), torch.zeros_like(center)
    y = scaled(d, rest, var, weight, bias, eps)
    return y.to(x.dtype), (center + UNIT * rest).detach(), var.detach()


def scaled(
    d: Tensor, rest: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return ``y`` from deviations and statistics; these may be of a wider dtype than ``d``.

    Examples
    --------
    >>> d, one = torch.tensor([[-1.0], [1.0]]) / UNIT, torch.ones(1)
    >>> scaled(d, 0 * one, one, 2 * one, 3 * one, eps=0.0).tolist()
    [[1.0], [5.0]]
    """
    scale = UNIT / (var + eps).sqrt()
    if weight is not None:
        scale = scale * weight.to(var.dtype)
    shift = -rest * scale
    if bias is not None:
        shift = shift + bias.to(var.dtype)
    shift, scale = (per_channel(v.to(d.dtype), d) for v in (shift, scale))
    return d * scale + shift


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return deviations from ``center``, ``center``, ``rest`` and the biased variance.

    The mean is ``center + UNIT * rest``; any constant would do for ``center``, and it is 0
    where the sum overflows. Of an empty ``x`` all are 0. Chan, Golub & LeVeque (1983),
    equation (1.7).

    Examples
    --------
    >>> d, center, rest, var = moments(torch.tensor([[1.0, 3e38], [3.0, 3e38]]))
    >>> center, UNIT * rest, var
    (tensor([2., 0.]), tensor([0.0000e+00, 3.0000e+38]), tensor([1., inf]))
    """
    axes = [0, *range(2, x.ndim)]
    m = max(1, values_per_channel(x))
    center = x.detach().sum(axes) / m
    center = torch.where(center.isfinite(), center, 0)
    d = deviations(x, center)
    rest = d.sum(axes) / m
    square = (d * d).sum(axes) / m
    var = torch.where(square.isinf(), square, (square - rest * rest).clamp_min(0))
    return d, center, rest, var * UNIT**2


def deviations(x: Tensor, center: Tensor) -> Tensor:
    """Return ``(x - center) / UNIT``, in one pass over ``x``.

    Examples
    --------
    >>> (deviations(torch.tensor([[1.0], [3.0]]), torch.ones(1)) * UNIT).tolist()
    [[0.0], [2.0]]
    """
    return torch.add(per_channel(-center / UNIT, x), x, alpha=1 / UNIT)


def per_channel(v: Tensor, x: Tensor) -> Tensor:
    """Return ``v``, shape (C,), in a shape that broadcasts against ``x``.

    Examples
    --------
    >>> per_channel(torch.ones(3), torch.ones(2, 3, 4, 4)).shape
    torch.Size([1, 3, 1, 1])
    """
    return v.view(1, -1, *[1] * (x.ndim - 2))


def values_per_channel(x: Tensor) -> int:
    """Return ``m``, the number of values behind each channel's statistic."""
    return x.shape[0] * math.prod(x.shape[2:])


def widened(x: Tensor) -> Tensor:
    """Return ``x`` in the dtype of its statistics and without gaps between its values.

    What is channels-last stays so, all else becomes contiguous: as in torch's own results.
    """
    last = x.ndim > 3 and x.movedim(1, -1).is_contiguous()
    dense = x if last else x.contiguous()
    return dense.float() if x.dtype in (torch.float16, torch.bfloat16) else dense
