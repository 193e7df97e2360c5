"""Batch normalization moved into the layer before it, where it costs nothing."""

from typing import Any, TypeVar, cast

import numpy as np

from bnlib.arguments import check_statistics, check_vectors, quiet
from bnlib.axes import Vector
from bnlib.layers import BatchNorm, Linear, Parameter
from bnlib.layers.conv import Conv2d

KNOWN = ("bnlib.", "torch.nn.modules.")  # whose classes are what they are called
COMPUTING = (  # methods that a call runs through
    "__call__", "_wrapped_call_impl", "_call_impl", "_slow_forward", "forward",
    "_conv_forward", "_output_padding", "_check_input_dim",
)  # fmt: skip
Affine = TypeVar("Affine", Linear, Conv2d)


@quiet
def fold(layer: Affine, bn: BatchNorm) -> Affine:
    """Return one layer that computes ``bn(layer(x))`` in evaluation mode.

    Parameters
    ----------
    layer : Linear or Conv2d
        Not changed.
    bn : BatchNorm
        In evaluation mode, with running statistics; it stands right after ``layer``, with
        nothing between. Not changed.

    Returns
    -------
    Linear or Conv2d
        New, in evaluation mode, with a bias. Equal to the pair up to rounding, 1e-12 in
        float64 unless a scale is huge.

    Raises
    ------
    TypeError
        If ``layer`` is no Linear or Conv2d, or ``bn`` no BatchNorm; also in wrong order; if
        one of the two has a forward of its own, be it of a subclass or set on the object.
    ValueError
        If ``bn`` is in training mode, keeps no running statistics, has another number of
        channels than ``layer`` gives, or another channel axis; if a variance is negative,
        or 0 with eps 0; if a statistic is not finite (`bnlib.arguments.NonFiniteError`).

    Notes
    -----
    With ``scale = gamma / sqrt(running_var + eps)``, one value per output channel,
    ``weight' = scale * weight`` and ``bias' = scale * (bias - running_mean) + beta``;
    Jacob et al. (2018), section 3.2.

    Examples
    --------
    >>> layer, bn = Linear(3, 2), BatchNorm(2).eval()
    >>> x = np.ones((4, 3))
    >>> bool(abs(fold(layer, bn)(x) - bn(layer(x))).max() < 1e-12)
    True
    """
    mean, var = _check(layer, bn)
    C = bn.num_features
    gamma = np.ones(C) if bn.gamma is None else bn.gamma.value
    beta = np.zeros(C) if bn.beta is None else bn.beta.value
    gamma, shift = check_vectors("fold", C, gamma=gamma, beta=beta)
    scale = gamma / np.sqrt(var + bn.eps)
    bias = 0.0 if layer.bias is None else layer.bias.value
    weight = layer.weight.value
    folded = cast(Affine, _twin(layer))
    folded.weight = Parameter(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)))
    folded.bias = Parameter(scale * (bias - mean) + shift)
    return folded.eval()


def _twin(layer: Linear | Conv2d) -> Linear | Conv2d:
    """Return a new layer of the same kind and sizes, whose weights do not matter."""
    if isinstance(layer, Linear):
        out_features, in_features = layer.weight.value.shape
        return Linear(in_features, out_features)
    out_channels, in_channels = layer.weight.value.shape[:2]
    geometry = layer.kernel_size, layer.stride, layer.padding
    return Conv2d(in_channels, out_channels, *geometry)


def _check(layer: object, bn: object) -> tuple[Vector, Vector]:
    """Return the statistics that ``bn`` evaluates with, or say why nothing can be folded."""
    if not isinstance(layer, Linear | Conv2d) or not isinstance(bn, BatchNorm):
        swapped = isinstance(layer, BatchNorm) and isinstance(bn, Linear | Conv2d)
        hint = "only a BatchNorm after the layer" if swapped else "nothing else"
        raise TypeError(
            "fold: expected a Linear or Conv2d and the BatchNorm that follows it, "
            f"got {type(layer).__name__} and {type(bn).__name__}; {hint} can be folded"
        )
    check_forward_is_ours(layer, bn)
    mean, var = check_fixed_map(layer, bn, outputs=len(layer.weight.value))
    if bn.channel_axis not in (1, 1 - layer.weight.value.ndim):
        raise ValueError(
            f"fold: bn has channel_axis {bn.channel_axis}, {type(layer).__name__} has its "
            "channels on axis 1; they do not belong together"
        )
    check_statistics("fold", mean, var, bn.eps)
    return mean, var


def check_forward_is_ours(*layers: object) -> None:
    """Raise unless each layer computes as the class does that it is known by.

    Serves the layers of `bnlib.layers` and those of PyTorch.
    """
    for layer in layers:
        base = next(c for c in type(layer).__mro__ if c.__module__.startswith(KNOWN))
        for name in COMPUTING:
            theirs = getattr(type(layer), name, None)
            if name in vars(layer) or theirs is not getattr(base, name, None):
                raise TypeError(
                    f"fold: {type(layer).__name__} defines its own {name}, which need not be "
                    "affine; only layers that compute as their base class can be folded"
                )


def check_fixed_map(layer: object, bn: Any, outputs: int) -> tuple[Any, Any]:
    """Return the running statistics of ``bn``, or raise unless it is a map for ``layer``.

    It must be in evaluation mode, with a channel for each output of ``layer``.

    Serves the layers of `bnlib.layers` and those of PyTorch.
    """
    if bn.training:
        raise ValueError(
            "fold: bn is in training mode, where it normalizes by its batch and is no fixed "
            "map; call bn.eval() first"
        )
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(
            "fold: bn keeps no running statistics, so it normalizes by its batch in every "
            "mode; build it with track_running_stats=True"
        )
    if bn.num_features != outputs:
        raise ValueError(
            f"fold: bn has {bn.num_features} channels, {type(layer).__name__} gives {outputs}; "
            "pass the BatchNorm that follows the layer"
        )
    return bn.running_mean, bn.running_var
