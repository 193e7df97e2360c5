"""Chapter 7: a layer with running statistics and two modes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bnlib.axes import Array, broadcast_shape, reduction_axes

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
        if self.training and x.size == x.shape[1]:
            raise ValueError("one value per channel")
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        if self.moves():
            self.track(mean, var * self.factor(x))
        mean, var = self.pick(mean, var, x)
        y: Array = (x - mean.reshape(shape)) / self.std(var).reshape(shape)
        return y

    def moves(self) -> bool:
        """Return whether this call moves the running statistics."""
        return self.training

    def factor(self, x: Array) -> float:
        """Return Bessel's factor."""
        return m_of(x) / max(m_of(x) - 1, 1)

    def track(self, mean: Array, var: Array) -> None:
        """Move the running statistics."""
        self.num_batches_tracked += 1
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


def from_zero(num_features: int, eps: float, momentum: float | None) -> Layer:
    """Return a layer whose running variance starts at 0."""
    layer = Layer(num_features, eps, momentum)
    layer.running_var = np.zeros(num_features)
    return layer


def use(
    answer: Answer, momentum: float | None, eps: float, batches: list[Array],
    mean: Array, var: Array, images: Array,
) -> tuple[Any, ...]:  # fmt: skip
    """Train a new layer on batches, give it statistics, and use it in evaluation mode."""
    layer = answer(len(mean), eps, momentum)
    y_train = [layer(x) for x in batches][-1]
    found = (np.array(layer.running_mean), np.array(layer.running_var))
    count = np.array(layer.num_batches_tracked)
    layer.running_mean, layer.running_var, layer.training = mean.copy(), var.copy(), False
    y_eval = layer(images)
    counted = [layer.num_batches_tracked - count]
    moved = [layer.running_mean - mean, layer.running_var - var, counted]
    return y_train, *found, count, y_eval, np.concatenate(moved)


def lives(
    shapes: Sequence[tuple[int, ...]], momenta: Sequence[float | None] = (0.1, 0.3)
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls: a layer's batches, its statistics for evaluation, images to evaluate."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for momentum in momenta:
            C = shapes[0][1]
            batches = [rng.normal(rng.normal(0, 2), 2.0, shape) for shape in shapes]
            images = rng.normal(1.0, 2.0, (1, *shapes[0][1:]))
            mean, var = rng.normal(size=C), rng.uniform(0.5, 3, C)
            found.append((momentum, 0.1, batches, mean, var, images))
        return found

    return calls


ROWS = lives([(4, 3), (6, 3), (2, 3)])
MAPS = lives([(2, 3, 2, 2), (3, 3, 2, 2)])

LAYER = Exercise(
    name="ex07_q3",
    function="BatchNorm",
    points=4,
    results=("y in training", "running_mean", "running_var", "num_batches_tracked",
             "y in evaluation", "the change by evaluation"),
    reference=Layer,
    drive=use,
    parts=(
        Part("training: the output", 1, ROWS, ("y in training",)),
        Part("training: running_mean", 1, ROWS, ("running_mean", "num_batches_tracked")),
        Part("training: running_var", 2, ROWS, ("running_var",)),
        Part("training: feature maps", 1, MAPS,
             ("y in training", "running_mean", "running_var")),
        Part("momentum=None: all batches weigh the same", 1,
             lives([(4, 3), (6, 3), (2, 3)], [None]), ("running_mean", "running_var")),
        Part("evaluation: one image", 1, ROWS, ("y in evaluation",)),
        Part("evaluation changes nothing", 1, ROWS, ("the change by evaluation",), last=True),
        Part("a training batch of one is refused", 1, lives([(1, 3)]),
             refuses="a batch of one in training mode"),
    ),
    mistakes={
        "a biased running variance": mistaken(factor=lambda self, x: 1.0),
        "a factor (m - 1) / m, which makes the variance smaller still":
            mistaken(factor=lambda self, x: (m_of(x) - 1) / m_of(x)),
        "a factor that counts examples, not all values of a channel":
            mistaken(factor=lambda self, x: len(x) / (len(x) - 1)),
        "the unbiased variance used to normalize the batch": mistaken(
            pick=lambda self, mean, var, x:
                Layer.pick(self, mean, var * Layer.factor(self, x), x)
        ),
        "momentum as the weight of the old value":
            mistaken(weight=lambda self: 1 - (self.momentum or 0.0)),
        "the running statistics used in training, too": mistaken(
            pick=lambda self, mean, var, x: (self.running_mean, self.running_var)
        ),
        "the batch's statistics used in evaluation, too":
            mistaken(pick=lambda self, mean, var, x: (mean, var)),
        "running statistics that move in evaluation, too":
            mistaken(moves=lambda self: True),
        "eps outside the root":
            mistaken(std=lambda self, var: np.sqrt(var) + self.eps),
        "a division without eps": mistaken(std=lambda self, var: np.sqrt(var)),
        "a running variance that starts at 0, not at 1": from_zero,
        "the latest batch's statistics, without an average":
            mistaken(weight=lambda self: 1.0),
        "momentum 0.1 where momentum is None":
            mistaken(weight=lambda self: 0.1 if self.momentum is None else self.momentum),
        "a first weight of 1/2 where momentum is None": mistaken(
            weight=lambda self: self.momentum or 1 / (self.num_batches_tracked + 1)
        ),
    },
)  # fmt: skip
