"""Batch normalization moved into the layer before it, where it costs nothing."""

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import is_parametrized

from bnlib.arguments import check_statistics
from bnlib.deploy.folding import check_fixed_map, check_forward_is_ours

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Foldable = nn.Linear | Conv | Transposed
Layer = TypeVar("Layer", bound=Foldable)


@torch.no_grad()
def fold(layer: Layer, bn: nn.Module) -> Layer:
    """Return one layer that computes ``bn(layer(x))`` in evaluation mode.

    Parameters
    ----------
    layer : Linear, Conv1d/2d/3d or ConvTranspose1d/2d/3d
        Not changed. A Linear layer's inputs are (N, C).
    bn : BatchNorm1d/2d/3d or SyncBatchNorm, ours or torch's
        In evaluation mode, with running statistics; it stands right after ``layer``, with
        nothing between. Not changed.

    Returns
    -------
    nn.Module
        A copy of ``layer`` in evaluation mode, with a bias; same dtype and device. Equal to
        the pair up to rounding, 1e-12 in float64 unless a scale is huge.

    Raises
    ------
    TypeError
        If ``layer`` or ``bn`` is of another type, also in wrong order, or has a forward of
        its own, be it of a subclass or set on the object; if the weight is complex.
    ValueError
        If ``bn`` is in training mode, keeps no running statistics, or has another number of
        channels or another rank than ``layer`` gives; if one of the two has a parametrization
        (also an old one: pruning, weight normalization) or a hook of its passes; if a
        variance is negative, or 0 with eps 0; if a statistic is not finite
        (`bnlib.arguments.NonFiniteError`).

    Notes
    -----
    With ``scale = gamma / sqrt(running_var + eps)``, one value per output channel,
    ``weight' = scale * weight`` and ``bias' = scale * (bias - running_mean) + beta``,
    computed in float64; Jacob et al. (2018), section 3.2.

    Examples
    --------
    >>> layer, bn = nn.Linear(3, 2), nn.BatchNorm1d(2).eval()
    >>> x = torch.ones(4, 3)
    >>> bool((fold(layer, bn)(x) - bn(layer(x))).abs().max() < 1e-6)
    True
    """
    norm, mean, var = _check(layer, bn)
    check_statistics("fold", mean.numpy(), var.numpy(), norm.eps)
    scale = (var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * wide(norm.weight)
    bias: Tensor | float = 0.0 if layer.bias is None else wide(layer.bias)
    shift: Tensor | float = 0.0 if norm.bias is None else wide(norm.bias)
    folded = copy.deepcopy(layer).eval()
    folded.weight = like(layer.weight, wide(layer.weight) * along_outputs(scale, layer))
    folded.bias = like(layer.weight, scale * (bias - mean) + shift)
    return cast(Layer, folded)


def wide(t: Tensor) -> Tensor:
    """Return a float64 copy of ``t`` on the CPU."""
    return t.detach().to("cpu", torch.float64)


def like(weight: Tensor, value: Tensor) -> nn.Parameter:
    """Return ``value`` as a parameter with the dtype, device and flag of ``weight``."""
    return nn.Parameter(value.to(weight.device, weight.dtype), weight.requires_grad)


def along_outputs(scale: Tensor, layer: Foldable) -> Tensor:
    """Return ``scale`` in a shape that multiplies each output channel of the weight.

    A transposed convolution's weight is (in, out / groups, *kernel); the others have the
    output channels first.

    Examples
    --------
    >>> along_outputs(torch.ones(6), nn.ConvTranspose2d(4, 6, 3, groups=2)).shape
    torch.Size([4, 3, 1, 1])
    """
    ones = [1] * (layer.weight.ndim - 2)
    if not isinstance(layer, Transposed):
        return scale.view(-1, 1, *ones)
    groups = layer.groups
    split = scale.view(groups, 1, -1).expand(-1, layer.weight.shape[0] // groups, -1)
    return split.reshape(layer.weight.shape[0], -1, *ones)


def dims(module: nn.Module) -> int | None:
    """Return how many spatial dimensions a module works on; None where it takes any."""
    if isinstance(module, Conv | Transposed):
        return len(module.kernel_size)
    ranks = (n for n, norm in enumerate(NORMS, start=1) if isinstance(module, norm))
    return next(ranks, 1 if isinstance(module, nn.Linear) else None)


def _check(layer: object, bn: object) -> tuple[_BatchNorm, Tensor, Tensor]:
    """Return ``bn`` and its running statistics in float64, or say why nothing can be folded."""
    if not isinstance(layer, Foldable) or not isinstance(bn, _BatchNorm):
        swapped = isinstance(layer, _BatchNorm) and isinstance(bn, Foldable)
        hint = "only a BatchNorm after the layer" if swapped else "nothing else"
        raise TypeError(
            "fold: expected a Linear, Conv or ConvTranspose and the BatchNorm that follows "
            f"it, got {type(layer).__name__} and {type(bn).__name__}; {hint} can be folded"
        )
    check_forward_is_ours(layer, bn)
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    mean, var = check_fixed_map(layer, bn, outputs)
    _check_parameters(layer, bn)
    if dims(bn) not in (None, dims(layer)):
        raise ValueError(
            f"fold: {type(layer).__name__} and {type(bn).__name__} work on different ranks; "
            "they do not belong together"
        )
    return bn, wide(mean), wide(var)


def _check_parameters(layer: Foldable, bn: _BatchNorm) -> None:
    """Raise unless both modules compute with plain parameters, and nothing else."""
    name = type(layer).__name__
    if isinstance(layer.weight, UninitializedParameter):
        raise ValueError(f"fold: the weights of {name} are not made yet; call it once")
    if not layer.weight.is_floating_point():
        raise TypeError(
            f"fold: the weight of {name} must be of a real floating dtype, got "
            f"{layer.weight.dtype}; no batch normalization follows such a layer"
        )
    if is_parametrized(layer) or layer._forward_pre_hooks:
        raise ValueError(
            f"fold: the weight of {name} is computed by a parametrization or a hook, which "
            "would undo the fold; remove it first"
        )
    if every._global_forward_hooks or every._global_forward_pre_hooks:
        raise ValueError("fold: a global hook may change what layers give; remove it first")
    for module in (layer, bn):
        for kind in ("forward", "backward"):
            hooks = (v for k, v in vars(module).items() if k.startswith(f"_{kind}_"))
            if is_parametrized(module) or any(hooks):
                raise ValueError(
                    f"fold: {type(module).__name__} has a {kind} hook or a parametrization, "
                    "which a fold would lose; remove it first"
                )
