"""Chapter 7: a layer with running statistics and two modes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator


class Layer:
    """Batch normalization without gamma and beta; `mistaken` replaces single methods."""

    training = True
    num_batches_tracked = 0

    def __init__(self, num_features: int, eps: float, momentum: float | None) -> None:
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def __call__(self, x: Array) -> Array:
        """Normalize ``x``, shape (N, C) or (N, C, H, W)."""
        axes, shape = reduction_axes(x.ndim), broadcast_shape(x.shape)
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        if self.training and self.refused(x):
            raise ValueError("one value per channel")
        if self.moves(x):
            self.count()
            self.track(mean, var * self.factor(x))
        mean, var = self.pick(mean, var, x)
        y: Array = (x - mean.reshape(shape)) / self.std(var).reshape(shape)
        return y

    def refused(self, x: Array) -> bool:
        """Return whether a training batch is refused."""
        return m_of(x) < 2

    def moves(self, x: Array) -> bool:
        """Return whether this call moves the running statistics."""
        return self.training

    def factor(self, x: Array) -> float:
        """Return Bessel's factor."""
        return m_of(x) / max(m_of(x) - 1, 1)

    def count(self) -> None:
        """Count a batch."""
        self.num_batches_tracked += 1

    def track(self, mean: Array, var: Array) -> None:
        """Move the running statistics."""
        a = self.weight()
        self.running_mean = (1 - a) * self.running_mean + a * mean
        self.running_var = (1 - a) * self.running_var + a * var

    def weight(self) -> float:
        """Return the weight of the new value."""
        return 1 / self.num_batches_tracked if self.momentum is None else self.momentum

    def pick(self, mean: Array, var: Array, x: Array) -> tuple[Array, Array]:
        """Return the statistics to normalize by, of the batch's and the running ones."""
        return (mean, var) if self.training else (self.running_mean, self.running_var)

    def std(self, var: Array) -> Array:
        """Return what to divide by."""
        std: Array = np.sqrt(var + self.eps)
        return std


def m_of(x: Array) -> int:
    """Return the number of values behind a statistic."""
    return int(x.size // x.shape[1])


def mistaken(**methods: Any) -> Callable[..., Layer]:
    """Return the layer with some methods replaced."""
    return type("Layer", (Layer,), methods)


def batch_if(condition: Callable[[Array], bool]) -> Callable[..., Layer]:
    """Return a layer that takes the batch's statistics in evaluation, too, on a condition."""
    return mistaken(
        pick=lambda self, mean, var, x:
            (mean, var) if condition(x) else Layer.pick(self, mean, var, x)
    )  # fmt: skip


def refuses_late(self: Layer, x: Array) -> bool:
    """Move the running statistics, then say whether the batch is refused."""
    if m_of(x) < 2:
        self.count()
        self.track(x.mean(axis=reduction_axes(x.ndim)), 0 * self.running_var)
    return m_of(x) < 2


def from_zero(C: int, eps: float, momentum: float | None) -> Layer:
    """Return a layer whose running variance starts at 0."""
    layer = Layer(C, eps, momentum)
    layer.running_var = np.zeros(C)
    return layer


def use(
    answer: Answer,
    task: str,
    momentum: float | None,
    batches: list[Array],
    mean: Array,
    var: Array,
) -> tuple[Any, ...]:
    """Train a new layer, or give it running statistics and evaluate or be refused.

    Given statistics, so that a mistake in training does not count twice. Only a ValueError
    counts as a refusal.
    """
    layer = answer(len(mean), 0.1, momentum)
    if task != "train":
        layer.running_mean, layer.running_var = mean.copy(), var.copy()
        layer.training = task == "refuse"
    names = ("running_mean", "running_var", "num_batches_tracked")
    before = [np.array(getattr(layer, name), float) for name in names]
    y, refusals = 0.0, 0
    for x in batches:
        try:
            y = layer(x)
        except ValueError:
            if task != "refuse":
                raise
            refusals += 1
    after = [np.array(getattr(layer, name), float) for name in names]
    change = [np.ravel(a - b) for a, b in zip(after, before, strict=True)]
    return y if task != "refuse" else 0.0, *after, np.concatenate(change), refusals


def lives(
    task: str,
    *shapes: Sequence[tuple[int, ...]],
    momenta: Sequence[float | None] = (0.1, 0.3),
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls: for each momentum and each list of shapes, a layer's batches."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for momentum in momenta:
            for life in shapes:
                batches = [rng.normal(rng.normal(0, 2), 2.0, shape) for shape in life]
                C = life[0][1]
                mean, var = rng.normal(3, 1, C), rng.uniform(0.5, 3, C)
                calls.append((task, momentum, batches, mean, var))
        return calls

    return calls


ROWS = [(4, 3), (6, 3), (2, 3)]
TRAIN = lives("train", ROWS)
MAPS = lives("train", [(2, 3, 2, 2), (3, 3, 2, 1)], [(1, 3, 2, 2)])
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
EVALUATE = ([(5, 3)], [(2, 3)], [(1, 3)])
EVALUATE_MAPS = ([(3, 3, 2, 2)], [(1, 3, 2, 2)], [(2, 3, 1, 1)], [(1, 3, 1, 1)])
REFUSED = lives("refuse", [(1, 3)], [(1, 3, 1, 1)], momenta=(0.1, None))
BOTH_KINDS = lives("evaluate", *EVALUATE, *EVALUATE_MAPS, momenta=(0.1, None))

LAYER = Exercise(
    name="ex07_q3",
    function="BatchNorm",
    points=4,
    results=("the output", *STATISTICS, "the change of the statistics", "the refusal"),
    reference=Layer,
    drive=use,
    parts=(
        Part("training: the output", 1, TRAIN, ("the output",)),
        Part("training: running_mean", 1, TRAIN, ("running_mean",)),
        Part("training: running_var", 2, TRAIN, ("running_var",)),
        Part("training: num_batches_tracked", 1, TRAIN, ("num_batches_tracked",)),
        Part("training: feature maps, also of one image", 1, MAPS,
             ("the output", "running_mean", "running_var")),
        Part("momentum 0, 1 and None", 1, lives("train", ROWS, momenta=(0, 1, None)),
             ("running_mean", "running_var")),
        Part("evaluation: several rows, and one", 1, lives("evaluate", *EVALUATE),
             ("the output",)),
        Part("evaluation: feature maps", 1, lives("evaluate", *EVALUATE_MAPS),
             ("the output",)),
        Part("evaluation changes nothing", 1, BOTH_KINDS, ("the change of the statistics",),
             last=True),
        Part("one value per channel is refused in training", 1, REFUSED, ("the refusal",),
             last=True),
        Part("a refusal changes nothing", 1, REFUSED,
             ("the change of the statistics", "the refusal"), last=True),
    ),
    mistakes={
        "a biased running variance": mistaken(factor=lambda self, x: 1.0),
        "a factor (m - 1) / m, which makes the variance smaller still":
            mistaken(factor=lambda self, x: (m_of(x) - 1) / m_of(x)),
        "a factor that counts examples, not all values of a channel":
            mistaken(factor=lambda self, x: len(x) / max(len(x) - 1, 1)),
        "the unbiased variance used to normalize the batch": mistaken(
            pick=lambda self, mean, var, x:
                Layer.pick(self, mean, var * Layer.factor(self, x), x)
        ),
        "momentum as the weight of the old value": mistaken(
            weight=lambda self: 1 - Layer.weight(self)
        ),
        "the running statistics used in training, too": mistaken(
            pick=lambda self, mean, var, x: (self.running_mean, self.running_var)
        ),
        "the batch's statistics used in evaluation, too": batch_if(lambda x: True),
        "the batch's statistics used in evaluation if m is 2 or more":
            batch_if(lambda x: m_of(x) > 1),
        "running statistics that move in evaluation, too":
            mistaken(moves=lambda self, x: True),
        "running statistics that move whenever m is 2 or more, in evaluation, too":
            mistaken(moves=lambda self, x: m_of(x) > 1),
        "a layer that starts in evaluation mode": mistaken(training=False),
        "num_batches_tracked that never counts": mistaken(count=lambda self: None),
        "num_batches_tracked that counts in evaluation, too": mistaken(
            pick=lambda self, mean, var, x:
                (self.training or self.count(), Layer.pick(self, mean, var, x))[1]
        ),
        "num_batches_tracked that counts a refused batch":
            mistaken(refused=lambda self, x: m_of(x) < 2 and not self.count()),
        "eps outside the root": mistaken(std=lambda self, var: np.sqrt(var) + self.eps),
        "a division without eps": mistaken(std=lambda self, var: np.sqrt(var)),
        "a running variance that starts at 0, not at 1": from_zero,
        "the latest batch's statistics, without an average":
            mistaken(weight=lambda self: 1.0),
        "the latest batch's statistics where momentum is None": mistaken(
            weight=lambda self: 1.0 if self.momentum is None else self.momentum
        ),
        "statistics that never move where momentum is None": mistaken(
            weight=lambda self: 0.0 if self.momentum is None else self.momentum
        ),
        "momentum 0.1 where momentum is None":
            mistaken(weight=lambda self: 0.1 if self.momentum is None else self.momentum),
        "a first weight of 1/2 where momentum is None": mistaken(
            weight=lambda self: 1 / (self.num_batches_tracked + 1)
            if self.momentum is None else self.momentum
        ),
        "momentum 0 taken for None": mistaken(
            weight=lambda self: self.momentum or 1 / self.num_batches_tracked
        ),
        "a training batch of one value per channel that is accepted":
            mistaken(refused=lambda self, x: False),
        "rows are refused, and maps of one image and one position are accepted":
            mistaken(refused=lambda self, x: x.shape[0] < 2 and x.ndim == 2),
        "statistics that move before the refusal": mistaken(refused=refuses_late),
    },
)  # fmt: skip
