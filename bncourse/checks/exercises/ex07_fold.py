"""Chapter 7: batch normalization folded into the linear layer after it."""

from collections.abc import Callable, Sequence

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator
Pair = tuple[Array, Array]


def fold_before(
    gamma: Array, beta: Array, mean: Array, var: Array, eps: float, weight: Array, bias: Array
) -> Pair:
    """Return the weight and the bias of a linear layer that holds the layer before it, too."""
    scale = gamma / np.sqrt(var + eps)
    return weight * scale, bias + weight @ (beta - scale * mean)


def folded(
    scale: Callable[..., Array] = lambda gamma, std: gamma / std,
    W: Callable[..., Array] = lambda weight, s: weight * s,
    b: Callable[..., Array] = lambda w, b, s, beta, mu: b + w @ (beta - s * mu),
    std: Callable[..., Array] = lambda var, eps: np.sqrt(var + eps),
) -> Callable[..., Pair]:
    """Return `fold_before` with one step replaced."""

    def answer(
        gamma: Array, beta: Array, mean: Array, var: Array, eps: float, *layer: Array
    ) -> Pair:
        weight, bias = layer
        s = scale(gamma, std(var, eps))
        return W(weight, s), b(weight, bias, s, beta, mean)

    return answer


def pairs(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the arrays of a batch norm and the linear layer (out, in) after it."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        return [
            (*rng.normal(1, 1, (3, n)), rng.uniform(0.3, 2, n), eps, rng.normal(size=(m, n)),
             rng.normal(size=m)) for eps, (m, n) in zip((0.2, 1e-3), sizes, strict=True)
        ]  # fmt: skip

    return calls


SQUARE = pairs((4, 4), (3, 3))
FOLD = Exercise(
    name="ex07_q4",
    function="fold_before",
    points=2,
    results=("weight", "bias"),
    reference=fold_before,
    parts=(
        Part("as many outputs as inputs: the weight", 1, SQUARE, ("weight",)),
        Part("as many outputs as inputs: the bias", 1, SQUARE, ("bias",)),
        Part("other sizes", 2, pairs((2, 5), (6, 3))),
    ),
    mistakes={
        "a scale of the rows: that folds a layer that comes after":
            folded(W=lambda weight, s: weight * s[:, None]),
        "a weight that stays as it is": folded(W=lambda weight, s: weight),
        "a division by the scale": folded(W=lambda weight, s: weight / s),
        "gamma left out": folded(scale=lambda gamma, std: 1 / std),
        "the standard deviation left out": folded(scale=lambda gamma, std: gamma),
        "a division by the variance, not by its root": folded(std=lambda var, eps: var + eps),
        "a division without eps": folded(std=lambda var, eps: np.sqrt(var)),
        "eps outside the root": folded(std=lambda var, eps: np.sqrt(var) + eps),
        "the bias of a fold into the layer before":
            folded(b=lambda w, b, s, beta, mu: s * (b - mu) + beta),
        "the shift added without the layer's weight":
            folded(b=lambda w, b, s, beta, mu: b + beta - s * mu),
        "the folded weight used for the bias: the scale counts twice":
            folded(b=lambda w, b, s, beta, mu: b + w * s @ (beta - s * mu)),
        "a mean that is not scaled":
            folded(b=lambda w, b, s, beta, mu: b + w @ (beta - mu)),
        "beta scaled, too":
            folded(b=lambda w, b, s, beta, mu: b + w @ (s * (beta - mu))),
        "beta left out": folded(b=lambda w, b, s, beta, mu: b - w @ (s * mu)),
        "the mean left out": folded(b=lambda w, b, s, beta, mu: b + w @ beta),
        "the mean added, not subtracted":
            folded(b=lambda w, b, s, beta, mu: b + w @ (beta + s * mu)),
        "the layer's own bias left out":
            folded(b=lambda w, b, s, beta, mu: w @ (beta - s * mu)),
        "a bias that stays as it is": folded(b=lambda w, b, s, beta, mu: b),
        "the weight's transpose in the bias":
            folded(b=lambda w, b, s, beta, mu: b + w.T @ (beta - s * mu)),
    },
)  # fmt: skip
