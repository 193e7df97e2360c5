"""Who is measured: the two paths of `bnlib`, textbook NumPy, and torch."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.problem import EPS, Array, Problem

OPERATIONS = ("forward", "backward", "inference")
LABELS = {
    "torch": "torch, native kernel",
    "textbook": "textbook NumPy",
    "numpy": "bnlib, NumPy",
    "compiled": "bnlib, compiled",
    "limit": "streaming limit",
}
SHORT = {
    "torch": "torch",
    "textbook": "textbook",
    "numpy": "NumPy",
    "compiled": "compiled",
    "limit": "limit",
}
Operations = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Candidate:
    """A way to compute batch normalization.

    ``operations(problem, reuse)`` returns a call without arguments for each of
    `OPERATIONS`; ``variance(x)`` each channel's variance as the forward pass finds it.
    """

    name: str
    operations: Callable[[Problem, bool], Operations]
    variance: Callable[[Array], Array]


def of_bnlib(name: str, module: str) -> Candidate:
    """Return one path of bnlib, from the module that holds its functions."""
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
        var: Array = train(x, None, None, EPS)[1].var
        return var

    return Candidate(name, operations, variance)


def of_textbook() -> Candidate:
    """Return textbook NumPy."""
    from bench import textbook

    def operations(p: Problem, reuse: bool) -> Operations:
        steps = textbook.forward(p.x, p.gamma, p.beta)[1]
        return {
            "forward": lambda: textbook.forward(p.x, p.gamma, p.beta),
            "backward": lambda: textbook.backward(p.dy, steps),
            "inference": lambda: textbook.inference(p.x, p.gamma, p.beta, p.mean, p.var),
        }

    return Candidate("textbook", operations, textbook.variance)


def of_torch() -> Candidate:
    """Return torch; imported only here, since it takes a second or two."""
    native = importlib.import_module("bench.torch_native")
    return Candidate("torch", native.operations, native.variance)


MAKERS: dict[str, Callable[[], Candidate]] = {
    "torch": of_torch,
    "textbook": of_textbook,
    "numpy": lambda: of_bnlib("numpy", "bnlib.functional"),
    "compiled": lambda: of_bnlib("compiled", "bnlib.kernels"),
}


def gather(names: tuple[str, ...] = tuple(MAKERS)) -> tuple[list[Candidate], list[str]]:
    """Return the candidates that can run here, and a note for the compiled path if not."""
    found, notes = [], []
    for name in names:
        try:
            found.append(MAKERS[name]())
        except ImportError as error:
            if name != "compiled":  # the others have to be there
                raise
            notes.append(f"the {SHORT[name]} path was left out: {error}")
    return found, notes
