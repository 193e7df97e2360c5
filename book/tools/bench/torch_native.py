"""PyTorch's own kernels, without autograd, writing to memory made beforehand where they can."""

from typing import Any

import numpy as np
import torch

from bench.problem import EPS, Array, Problem

aten = torch.ops.aten


def operations(problem: Problem, reuse: bool) -> dict[str, Any]:
    """Return the three operations; with ``reuse`` the outputs exist before the call.

    The tensors share their memory with the arrays. ``native_batch_norm_backward`` can
    not write to given memory without a copy, so it makes its own.
    """
    tensors = (problem.x, problem.dy, problem.gamma, problem.beta, problem.mean, problem.var)
    x, dy, gamma, beta, mean, var = map(torch.from_numpy, tensors)
    y, saved = torch.empty_like(x), [torch.empty_like(gamma) for _ in range(2)]
    none = [gamma.new_empty(0) for _ in range(2)]  # inference saves nothing
    if reuse:
        native = aten.native_batch_norm.out
        kept: dict[str, Any] = {"out": y, "save_mean": saved[0], "save_invstd": saved[1]}
        unused: dict[str, Any] = {"out": y, "save_mean": none[0], "save_invstd": none[1]}
    else:
        native, kept, unused = aten.native_batch_norm.default, {}, {}
    train = (x, gamma, beta, None, None, True, 0.0, EPS)
    fixed = (x, gamma, beta, mean, var, False, 0.0, EPS)
    mu, inv_std = native(*train, **kept)[1:]
    given = (dy, x, gamma, None, None, mu, inv_std, True, EPS, [True, True, True])
    return {
        "forward": lambda: native(*train, **kept),
        "backward": lambda: aten.native_batch_norm_backward(*given),
        "inference": lambda: native(*fixed, **unused)[0],
    }


def variance(x: Array) -> Array:
    """Return each channel's biased variance, as training leaves it in ``running_var``."""
    channels, m = x.shape[1], x.size // x.shape[1]
    mean, var = torch.zeros(channels), torch.ones(channels)
    with torch.no_grad():
        torch.nn.functional.batch_norm(
            torch.from_numpy(x), mean, var, training=True, momentum=1.0, eps=EPS
        )
    biased: Array = var.numpy().astype(np.float64) * ((m - 1) / m)
    return biased
