"""Running statistics estimated anew after training, from data and without a momentum."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bnlib.axes import Array, values_per_channel
from bnlib.functional import BatchNormCache
from bnlib.layers import BatchNorm, Layer
from bnlib.stats import DatasetPass


def recalibrate(model: Layer, batches: Iterable[Array]) -> None:
    """Replace all running statistics by exact ones over ``batches``, in one pass.

    Parameters
    ----------
    model : Layer
        Changed in place: the running statistics of every `BatchNorm` in it that keeps
        some, and the count of batches. Parameters, gradients and modes stay.
    batches : iterable of ndarray
        Inputs as the model takes them, from the training data; read once. Large batches
        are best.

    Raises
    ------
    TypeError
        If ``model`` is not a layer, or ``batches`` is one array or not iterable.
    ValueError
        If the model has no running statistics, or if a layer saw no batch. This and any
        error of the model leave all statistics and modes as they were.

    Notes
    -----
    For each layer, ``running_mean`` and ``running_var`` become the mean and the unbiased
    variance of *all* values that reached it, pooled over the batches (Chan, Golub &
    LeVeque 1983): the spread between batches counts, and a small last batch weighs little.

    What is estimated: during the pass every `BatchNorm` normalizes by its own batch, as in
    training. For the first one the statistics are therefore exactly those of the data. A
    deeper one sees inputs that earlier layers normalized by their batches, and in evaluation
    mode it will see inputs that were normalized by pooled statistics. The two agree for
    large batches, not for small ones.

    Training on with ``momentum=None`` and no updates averages the variances of the batches
    instead, and so leaves out the spread between them. Wu & Johnson (2021), section 3, call
    the pooled estimate precise batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0], [2.0], [4.0], [10.0]])
    >>> layer = BatchNorm(1)
    >>> recalibrate(layer, [x[:2], x[2:]])
    >>> layer.running_mean, layer.running_var.round(4), int(layer.num_batches_tracked)
    (array([4.]), array([18.6667]), 2)
    """
    if not isinstance(model, Layer):
        raise TypeError(
            f"recalibrate: model must be a NumPy layer, got {type(model).__name__}; "
            "PyTorch modules have their own function in bnlib.torch_layers"
        )
    layers = [n for n in model.named_layers().values() if isinstance(n, BatchNorm)]
    layers = [n for n in layers if n.running_mean is not None]
    check_task(model, batches, layers)
    rules = [DatasetPass() for _ in layers]
    with _collecting(layers, rules):
        for batch in batches:
            model(batch)
    _replace(layers, rules)


@contextmanager
def _collecting(layers: list[BatchNorm], rules: list[DatasetPass]) -> Iterator[None]:
    """Let the layers normalize by their batches, and feed the rules instead of their state."""
    modes = [layer.training for layer in layers]
    try:
        for layer, rule in zip(layers, rules, strict=True):
            layer.training = True
            vars(layer)["_track"] = partial(_feed, rule)
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode
            vars(layer).pop("_track", None)


def _feed(rule: DatasetPass, cache: BatchNormCache) -> None:
    """Tell a rule what a layer has just seen."""
    rule.update(cache.mu, cache.var, values_per_channel(cache.x.shape, cache.channel_axis))


def _replace(layers: list[BatchNorm], rules: list[DatasetPass]) -> None:
    """Write what the rules found into the layers: all of it, or nothing."""
    check_all_used(rules)
    statistics = [(rule.mean, rule.var, rule.num_batches) for rule in rules]
    for layer, values in zip(layers, statistics, strict=True):
        for buffer, value in zip(layer.own_buffers().values(), values, strict=True):
            buffer[...] = value


def check_task(model: object, batches: object, layers: Sequence[object]) -> None:
    """Raise unless there are batches to iterate over and ``layers`` to recalibrate."""
    if hasattr(batches, "shape") or not isinstance(batches, Iterable):
        raise TypeError(
            f"recalibrate: expected an iterable of batches, got {type(batches).__name__}; "
            "pass [x] for a single batch"
        )
    if not layers:
        raise ValueError(
            f"recalibrate: {type(model).__name__} has no BatchNorm with running statistics; "
            "build it with track_running_stats=True"
        )


def check_all_used(rules: list[DatasetPass]) -> None:
    """Raise unless every layer's rule has seen a batch."""
    unused = sum(rule.num_batches == 0 for rule in rules)
    if unused:
        raise ValueError(
            f"recalibrate: {unused} of {len(rules)} BatchNorm layers saw no batch; give at "
            "least one batch, and call every layer in the model's forward"
        )
