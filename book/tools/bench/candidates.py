"""Who is measured: the two paths of `bnlib`, textbook NumPy, and torch."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from bench.problem import EPS, Array, Operations, Problem

SHORT = {path: path for path in ("torch", "textbook", "numpy", "compiled", "limit")}
SHORT["numpy"] = "NumPy"


class Candidate(NamedTuple):
    """A way to compute batch normalization.

    ``operations(problem, reuse)`` returns a call without arguments for each of
    `OPERATIONS`; ``variance(x)`` each channel's variance as the forward pass computes it.
    """

    name: str
    operations: Callable[[Problem, bool], Operations]
    variance: Callable[[Array], Array]


def of_module(name: str, module: str) -> Candidate:
    """Return the candidate whose three functions a module holds."""
    path = importlib.import_module(module)
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
        var: Array = train(x, one, zero, EPS)[1].var
        return var

    return Candidate(name, operations, variance)


def torch_variance(x: Array) -> Array:
    """Return torch's biased variance, from ``running_var`` after one training pass."""
    channels, m = x.shape[1], x.size // x.shape[1]
    mean, var = torch.zeros(channels), torch.ones(channels)
    with torch.no_grad():
        torch.nn.functional.batch_norm(
            torch.from_numpy(x), mean, var, training=True, momentum=1.0, eps=EPS
        )
    biased: Array = var.numpy().astype(np.float64) * ((m - 1) / m)
    return biased


def of_torch() -> Candidate:
    """Return torch's own kernels, without autograd.

    With ``reuse`` the outputs exist before the call. The tensors share their memory with the
    arrays. ``native_batch_norm_backward`` cannot write to given memory without a copy, so it
    makes its own.
    """
    aten: Any = torch.ops.aten

    def operations(p: Problem, reuse: bool) -> Operations:
        tensors = map(torch.from_numpy, (p.x, p.dy, p.gamma, p.beta, p.mean, p.var))
        x, dy, gamma, beta, mean, var = tensors
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

    return Candidate("torch", operations, torch_variance)


MAKERS: dict[str, Callable[[], Candidate]] = {
    "torch": of_torch,
    "textbook": lambda: of_module("textbook", "bench.textbook"),
    "numpy": lambda: of_module("numpy", "bnlib.functional"),
    "compiled": lambda: of_module("compiled", "bnlib.kernels"),
}
