"""Batch normalization as one differentiable function: forward, backward, and backward again."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bnlib.torch_layers import fast, ops

Gradients = tuple[Tensor, Tensor | None, Tensor | None, None, None, None]


class _Normalize(torch.autograd.Function):
    """See `normalize`."""

    @staticmethod
    def forward(
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor]:
        """Return ``y`` and the statistics that made it, shape (4, C)."""
        if mean is None or var is None:
            statistics = statistics_of(x, eps)
        else:
            rows = torch.stack([mean, torch.zeros_like(mean), var]).to(wide_dtype(x))
            statistics = torch.cat([rows, (rows[2:] + eps).rsqrt()])
        wide = widened(x, statistics.dtype)
        center, rest, _, inv_std = statistics
        scale = inv_std if weight is None else weight.to(wide.dtype) * inv_std
        shift = -rest * scale if bias is None else bias.to(wide.dtype) - rest * scale
        return passes(wide).scale_shift(wide, center, scale, shift).to(x.dtype), statistics

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        """Keep the input and one value per channel: nothing else as large as the input."""
        x, weight, bias, mean, _, ctx.eps = inputs
        ctx.through = mean is None
        ctx.bias_dtype = None if bias is None else bias.dtype
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, weight, output[1])

    @staticmethod
    def backward(ctx: Any, dy: Tensor, _: Tensor) -> Gradients:
        """Return the gradients; as a graph where a second derivative is asked for."""
        x, weight, statistics = ctx.saved_tensors
        dtype = statistics.dtype
        wide, given = widened(x, dtype), dy.to(dtype)
        gamma = None if weight is None else weight.to(dtype)
        if torch.is_grad_enabled():
            found = ops.differentiable_gradients(
                given, wide, gamma, statistics, ctx.eps, ctx.through
            )
        else:
            scale = statistics[3] if gamma is None else gamma * statistics[3]
            found = passes(wide).gradients(given, wide, statistics, scale, ctx.through)
        dx, dgamma, dbeta = found
        dweight = None if weight is None else dgamma.to(weight.dtype)
        dbias = None if ctx.bias_dtype is None else dbeta.to(ctx.bias_dtype)
        return dx.to(x.dtype), dweight, dbias, None, None, None


Normalize = Callable[
    [Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None, float],
    tuple[Tensor, Tensor],
]
_apply: Normalize = _Normalize.apply


def normalize(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor]:
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
    statistics : Tensor, shape (4, C), not differentiable
        Rows ``center``, ``rest``, ``var`` and ``1 / std``; the mean is center + rest. In
        float32 for float16 and bfloat16, and in float64 where float32 sums overflow.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1, and section 3 for the gradient. The backward pass
    is the closed form. A second derivative (``create_graph=True``) takes another way: there
    the backward pass writes the closed form in torch operations on ``x``, ``weight`` and
    ``dy``, with the mean and the variance computed anew, and autograd differentiates those,
    as often as wanted. It costs some arrays as large as ``x``, only where it is used.

    Examples
    --------
    >>> y, statistics = normalize(torch.tensor([[0.0], [2.0]]), None, None, None, None, 0.0)
    >>> y.tolist(), statistics.ravel().tolist()
    ([[-1.0], [1.0]], [1.0, 0.0, 1.0, 1.0])
    """
    return _apply(x, weight, bias, mean, var, eps)


def statistics_of(x: Tensor, eps: float = 0.0) -> Tensor:
    """Return rows ``center``, ``rest``, ``var`` and ``1 / std`` of a batch, shape (4, C).

    Examples
    --------
    >>> statistics_of(torch.tensor([[0.0], [2.0]])).ravel().tolist()
    [1.0, 0.0, 1.0, 1.0]
    """
    wide = widened(x, wide_dtype(x))
    rows = passes(wide).moments(wide)
    if overflows(rows):
        wide = wide.double()
        rows = passes(wide).moments(wide)
    return torch.cat([rows, (rows[2:] + eps).rsqrt()])


def passes(x: Tensor) -> Any:
    """Return the module that computes for ``x``: compiled loops or torch operations."""
    return fast if fast.fast_path(x) else ops


def widened(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``x`` in ``dtype``, without gaps between its values; itself where it can be."""
    return x.contiguous(memory_format=memory_format(x)).to(dtype)


def wide_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype that statistics of ``x`` are computed in."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def memory_format(x: Tensor) -> torch.memory_format:
    """Return the memory format of torch's own result: channels-last stays, else contiguous.

    Examples
    --------
    >>> memory_format(torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last))
    torch.channels_last
    """
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
    if last is None or x.is_contiguous() or not x.is_contiguous(memory_format=last):
        return torch.contiguous_format
    return last


def overflows(rows: Tensor) -> bool:
    """Return whether float32 statistics are not finite; asked on a CPU alone."""
    asked = rows.device.type == "cpu" and rows.dtype == torch.float32
    if not asked or torch.compiler.is_compiling():
        return False
    return not bool(rows.isfinite().all())
