"""Who is measured: the two paths of `bnlib`, textbook NumPy, and torch."""

from collections.abc import Callable
from functools import partial
from types import ModuleType

import numpy as np
import torch

from bench import textbook
from bench.problem import EPS, Array, Operations, Problem
from bnlib import functional, kernels

# What makes the calls on one problem; True: their outputs go into memory that is there before.
Candidate = Callable[[Problem, bool], Operations]


def operations(path: ModuleType, p: Problem, reuse: bool) -> Operations:
    """Return the three functions of a module as calls; they know no memory to reuse."""
    train, back, fixed = path.batch_norm_train, path.batch_norm_backward, path.batch_norm_eval
    cache = train(p.x, p.gamma, p.beta, EPS)[1]
    return {
        "forward": lambda: train(p.x, p.gamma, p.beta, EPS),
        "backward": lambda: back(p.dy, cache),
        "inference": lambda: fixed(p.x, p.gamma, p.beta, p.mean, p.var, EPS),
    }


def variance(path: ModuleType, x: Array) -> Array:
    """Return the variance of each channel as the forward pass of a module computes it."""
    one, zero = np.ones(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    return path.batch_norm_train(x, one, zero, EPS)[1].var


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


MODULES = {"textbook": textbook, "numpy": functional, "compiled": kernels}
CANDIDATES: dict[str, Candidate] = {"torch": torch_operations}
CANDIDATES |= {name: partial(operations, path) for name, path in MODULES.items()}
VARIANCES: dict[str, Callable[[Array], Array]] = {"torch": torch_variance}
VARIANCES |= {name: partial(variance, path) for name, path in MODULES.items()}
