"""Small networks for the experiments."""

import itertools
from collections.abc import Sequence

import numpy as np

from bnlib.layers import BatchNorm, Layer, Linear, ReLU, Sequential, Sigmoid, Tanh

ACTIVATIONS = {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}
NORMS = ("none", "before", "after")


def mlp(
    sizes: Sequence[int],
    norm: str = "none",
    activation: str = "relu",
    std: float | None = None,
    bias: bool = True,
    seed: int = 0,
) -> Sequential:
    """Build a fully connected network; the last layer is linear, without normalization.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, at least two.
    norm : "none", "before" or "after"
        Where batch normalization stands: nowhere, before or after each activation.
    activation : "relu", "sigmoid" or "tanh"
    std : float or None
        Standard deviation of the initial weights; ``None`` takes ``sqrt(2 / fan_in)``.
    bias : bool
        Whether hidden linear layers have a bias (the last layer always has one).
    seed : int
        The same seed gives the same weights for every ``norm``.

    Raises
    ------
    ValueError
        If a name is unknown or there are fewer than two sizes.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mlp([64, 100, 10], norm="before").layers]
    ['Linear', 'BatchNorm', 'ReLU', 'Linear']
    """
    if norm not in NORMS or activation not in ACTIVATIONS:
        raise ValueError(
            f"mlp: expected norm in {NORMS} and activation in {tuple(ACTIVATIONS)}, "
            f"got {norm!r} and {activation!r}"
        )
    if len(sizes) < 2:
        raise ValueError(f"mlp: needs an input and an output width, got sizes {list(sizes)}")
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
        block: list[Layer] = [ACTIVATIONS[activation]()]
        if norm != "none":
            block.insert(0 if norm == "before" else 1, BatchNorm(fan_out))
        layers += [Linear(fan_in, fan_out, bias=bias, std=std, seed=rng), *block]
    return Sequential(*layers, Linear(sizes[-2], sizes[-1], std=std, seed=rng))
