"""The same passes by `bnlib.kernels`, for large tensors on a CPU; no value is copied."""

import os
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from bnlib.arguments import quiet
from bnlib.axes import Vector
from bnlib.kernels import available
from bnlib.torch_layers import ops

WORTH = 100_000  # bytes below which a call costs more than it saves


def fast_path(x: Tensor) -> bool:
    """Return whether `bnlib.kernels` computes for ``x``.

    It does where numba is installed and ``BNLIB_FAST`` is not 0 (read at every call), for a
    plain float32 or float64 tensor on a CPU of at least 100 kB.

    Examples
    --------
    >>> fast_path(torch.ones(4, 3))
    False
    """
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.numel() * x.element_size() >= WORTH
        and type(x) in (Tensor, nn.Parameter)
        and os.environ.get("BNLIB_FAST") != "0"
        and not torch.compiler.is_compiling()
        and loops() is not None
    )


@cache
def loops() -> SimpleNamespace | None:
    """Return the compiled passes, or None where numba is missing or does not work here."""
    if not available():
        return None
    try:
        from bnlib.passes.compiled import backward, compiler, forward
    except ImportError:  # numba refuses a NumPy that is newer than itself
        return None
    return SimpleNamespace(
        moments=forward.moments,
        scale_shift=forward.affine,
        gradients=backward.gradients_in_range,
        threads=compiler.threads,
    )


def need_loops() -> SimpleNamespace:
    """Return the compiled passes, which `fast_path` has found to be there."""
    found = loops()
    assert found is not None
    return found


@quiet
def moments(x: Tensor) -> Tensor:
    """Do what `bnlib.torch_layers.ops.moments` does, in one pass over memory."""
    kernels = need_loops()
    with kernels.threads(torch.get_num_threads()):
        mu, var = (torch.from_numpy(v) for v in kernels.moments(x.detach().numpy(), 1))
    center = mu.to(x.dtype)
    return torch.stack([center, (mu - center).to(x.dtype), var.to(x.dtype)])


@quiet
def scale_shift(x: Tensor, center: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Do what `bnlib.torch_layers.ops.scale_shift` does."""
    kernels = need_loops()
    with kernels.threads(torch.get_num_threads()):
        y = kernels.scale_shift(x.detach().numpy(), *vectors(center, scale, shift), 1)
    return torch.from_numpy(y)


@quiet
def gradients(
    dy: Tensor, x: Tensor, statistics: Tensor, scale: Tensor, through: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Do what `bnlib.torch_layers.ops.gradients` does."""
    kernels = need_loops()
    center, rest, _, inv_std, scales = vectors(*statistics, scale)
    arrays = [t.detach().numpy() for t in (dy, x)]
    try:
        with kernels.threads(torch.get_num_threads()):
            found = kernels.gradients(*arrays, center + rest, inv_std, scales, 1, through)
    except FloatingPointError:
        return ops.gradients(dy, x, statistics, scale, through)
    dx, dgamma, dbeta = (torch.from_numpy(a) for a in found)
    return dx, dgamma.to(x.dtype), dbeta.to(x.dtype)


def vectors(*tensors: Tensor) -> list[Vector]:
    """Return values per channel as float64 arrays."""
    return [t.detach().double().numpy() for t in tensors]
