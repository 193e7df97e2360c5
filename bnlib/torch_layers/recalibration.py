"""Running statistics estimated anew after training, from data and without a momentum."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlib.deploy.recalibration import check_all_used, check_task
from bnlib.stats import DatasetPass
from bnlib.torch_layers.function import moments, widened
from bnlib.torch_layers.sync import group_of, whole


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Any]) -> None:
    """Replace all running statistics by exact ones over ``batches``, in one pass.

    Parameters
    ----------
    model : nn.Module
        Changed in place: the running statistics of every BatchNorm in it that keeps some,
        ours or torch's, and the count of batches. Parameters, gradients, modes and momenta
        stay.
    batches : iterable
        Inputs as the model takes them, on its device, from the training data; read once. Of
        a tuple or a list, such as (images, labels), the first element is taken. Large
        batches are best.

    Raises
    ------
    TypeError
        If ``model`` is not a module, or ``batches`` is one tensor or not iterable.
    ValueError
        If the model has no running statistics, or if a layer saw no batch; if a statistic is
        not finite (`bnlib.arguments.NonFiniteError`). This and any error of the model leave all
        statistics and modes as they were.

    Notes
    -----
    For each layer, ``running_mean`` and ``running_var`` become the mean and the unbiased
    variance of *all* values that reached it, pooled over the batches (Chan, Golub &
    LeVeque 1983). ``momentum=None`` would average the variances of the batches and leave
    out the spread between them. Wu & Johnson (2021), section 3, call the pooled estimate
    precise batch normalization.

    During the pass every BatchNorm normalizes by its own batch, as in training. Other
    modules keep their mode: call ``model.eval()`` first to switch dropout off. A
    `SyncBatchNorm` counts the values of all its processes, which call this together.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [2.0], [4.0], [10.0]])
    >>> layer = nn.BatchNorm1d(1)
    >>> recalibrate(layer, [x[:2], x[2:]])
    >>> layer.running_mean.item(), round(layer.running_var.item(), 4)
    (4.0, 18.6667)
    """
    layers = _check(model, batches)
    rules = [DatasetPass() for _ in layers]
    with _collecting(layers, rules):
        for batch in batches:
            model(batch[0] if isinstance(batch, list | tuple) else batch)
    _replace(layers, rules)


def _check(model: object, batches: object) -> list[_BatchNorm]:
    """Return the layers to recalibrate, or say why there is nothing to do."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"recalibrate: model must be a PyTorch module, got {type(model).__name__}; "
            "NumPy layers have their own function in bnlib.deploy"
        )
    layers = [n for n in model.modules() if isinstance(n, _BatchNorm)]
    layers = [n for n in layers if n.running_mean is not None and n.running_var is not None]
    check_task(model, batches, layers)
    return layers


@contextmanager
def _collecting(layers: list[_BatchNorm], rules: list[DatasetPass]) -> Iterator[None]:
    """Let the layers normalize by their batches, and feed the rules instead of their state."""
    modes = [(layer.training, layer.track_running_stats) for layer in layers]
    hooks = []
    try:
        for layer, rule in zip(layers, rules, strict=True):
            hooks.append(layer.register_forward_hook(partial(_feed, rule), with_kwargs=True))
            layer.training, layer.track_running_stats = True, False
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer, mode in zip(layers, modes, strict=True):
            layer.training, layer.track_running_stats = mode


def _feed(rule: DatasetPass, layer: nn.Module, inputs: Any, named: Any, _: Any) -> None:
    """Tell a rule what a layer has just seen: after the rule, the arguments of a hook."""
    x = inputs[0] if inputs else named["input"]
    m, mean, m2 = whole(x, *moments(widened(x))[1:], group_of(layer))
    if m:
        rule.update(mean.cpu().numpy(), m2.cpu().numpy() / m, m)


def _replace(layers: list[_BatchNorm], rules: list[DatasetPass]) -> None:
    """Write what the rules found into the layers: all of it, or nothing."""
    check_all_used(rules)
    statistics = [(rule.mean, rule.var, rule.num_batches) for rule in rules]
    for layer, (mean, var, seen) in zip(layers, statistics, strict=True):
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean.copy_(torch.from_numpy(mean))
        layer.running_var.copy_(torch.from_numpy(var))
        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked.fill_(seen)
