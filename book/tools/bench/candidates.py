"""Who is measured: the two paths of `bnlib`, textbook NumPy, and torch."""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

from bench import textbook
from bench.problem import EPS, Array, Operations, Problem
from bnlib import functional, kernels


class Candidate(NamedTuple):
    """A way to compute batch normalization."""

    operations: Callable[[Problem, bool], Operations]  # True: into memory that is there before
    variance: Callable[[Array], Array]  # of each channel, as the forward pass computes it


def of_module(path: ModuleType) -> Candidate:
    """Return the candidate whose three functions a module holds."""
    train, back, fixed = (
        getattr(path, f"batch_norm_{key}") for key in ("train", "backward", "eval")
    )

    def operations(p: Problem, reuse: bool) -> Operations:
        cache = train(p.x, p.gamma, p.beta, EPS)[1]
        return {
            "forward": lambda: train(p.x, p.gamma, p.beta, EPS),
            "backward": lambda: back(p.dy, cache),
            "inference": lambda: fixed(p.x, p.gamma, p.beta, p.mean, p.var, EPS),
        }

    def variance(x: Array) -> Array:
        one, zero = np.ones(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
        return train(x, one, zero, EPS)[1].var

    return Candidate(operations, variance)


def torch_variance(x: Array) -> Array:
    """Return torch's biased variance, from ``running_var`` after one training pass."""
    channels, m = x.shape[1], x.size // x.shape[1]
    mean, var = torch.zeros(channels), torch.ones(channels)
    with torch.no_grad():
        torch.nn.functional.batch_norm(
            torch.from_numpy(x), mean, var, training=True, momentum=1.0, eps=EPS
        )
    return var.numpy().astype(np.float64) * ((m - 1) / m)


def torch_operations(p: Problem, reuse: bool) -> Operations:
    """Return torch's own kernels, without autograd, on tensors that share the arrays' memory.

    `native_batch_norm_backward` cannot write to given memory without a copy, so it makes its
    own.
    """
    aten = torch.ops.aten
    x, dy, gamma, beta, mean, var = map(torch.from_numpy, p)
    native, kept, unused = aten.native_batch_norm.default, {}, {}
    if reuse:
        native, y = aten.native_batch_norm.out, torch.empty_like(x)
        saved, none = torch.empty_like(gamma), gamma.new_empty(0)  # inference saves nothing
        kept = {"out": y, "save_mean": saved, "save_invstd": saved.clone()}
        unused = {"out": y, "save_mean": none, "save_invstd": none.clone()}
    train = (x, gamma, beta, None, None, True, 0.0, EPS)
    fixed = (x, gamma, beta, mean, var, False, 0.0, EPS)
    mu, inv_std = native(*train, **kept)[1:]
    given = (dy, x, gamma, None, None, mu, inv_std, True, EPS, [True, True, True])
    return {
        "forward": lambda: native(*train, **kept),
        "backward": lambda: aten.native_batch_norm_backward(*given),
        "inference": lambda: native(*fixed, **unused)[0],
    }


CANDIDATES = {
    "torch": Candidate(torch_operations, torch_variance),
    "textbook": of_module(textbook),
    "numpy": of_module(functional),
    "compiled": of_module(kernels),
}
