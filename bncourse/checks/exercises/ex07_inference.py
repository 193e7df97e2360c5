"""Chapter 7: population statistics, running averages, a layer with two modes, and folding."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Pair = tuple[Array, Array]


def pooled(means: Array, variances: Array, sizes: Array) -> Pair:
    """Return the population's mean and variance from batches of any sizes: (7.4)."""
    if sizes.max() < 2:
        raise ValueError("no batch has two values, so the variance is unknown")
    return weighted(sizes, means), (sizes @ variances) / (sizes - 1).sum()


def weighted(weights: Array, values: Array) -> Array:
    """Return the weighted mean of the rows of ``values``."""
    average: Array = weights @ values / weights.sum()
    return average


def spread(total: Callable[[Array, Array, Array], Any]) -> Callable[..., Pair]:
    """Return a `pooled` whose mean is right and whose variance is ``total(mu, v, m)``."""
    return lambda mu, v, m: (weighted(m, mu), total(mu, v, m))


def everything(mu: Array, v: Array, m: Array, ddof: int) -> Array:
    """Return the variance of all values, the spread between batches included: (7.5)."""
    total: Array = (m @ v + m @ (mu - weighted(m, mu)) ** 2) / (m.sum() - ddof)
    return total


def own_factors(v: Array, m: Array) -> Array:
    """Return each batch's unbiased variance; a batch of one value keeps its 0."""
    unbiased: Array = v * (m / np.maximum(m - 1, 1))[:, None]
    return unbiased


def epochs(sizes: Callable[[Rng], Sequence[int]]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the statistics of two epochs, cut into batches of these sizes."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for _ in range(2):
            m = np.array(sizes(rng))
            parts = [rng.normal(rng.normal(0, 3, 3), 2.0, (n, 3)) for n in m]
            statistics = [(p.mean(axis=0), p.var(axis=0)) for p in parts]
            found.append((*map(np.array, zip(*statistics, strict=True)), m))
        return found

    return calls


POOLED = Exercise(
    name="ex07_q1",
    function="pooled",
    points=3,
    results=("mean", "var"),
    reference=pooled,
    parts=(
        Part("batches of one size", 1, epochs(lambda rng: [int(rng.integers(3, 7))] * 4)),
        Part("a ragged last batch: the mean", 1, epochs(lambda rng: [6, 6, 6, 2]), ("mean",)),
        Part("a ragged last batch: the variance", 2, epochs(lambda rng: [6, 6, 2]), ("var",)),
        Part("a last batch of one value", 1, epochs(lambda rng: [5, 5, 5, 1])),
        Part("batches of one value only are refused", 1, epochs(lambda rng: [1, 1, 1]),
             refuses="batches that all have one value"),
    ),
    mistakes={
        "the biased variance: no correction by m - 1": spread(lambda mu, v, m: weighted(m, v)),
        "a plain average of the biased variances": spread(lambda mu, v, m: v.mean(axis=0)),
        "one common factor m / (m - 1) for all batches":
            spread(lambda mu, v, m: v.mean(axis=0) * m[0] / (m[0] - 1)),
        "own factors, averaged as if all batches told the same":
            spread(lambda mu, v, m: own_factors(v, m).mean(axis=0)),
        "corrected variances that weigh m, not what a variance of m values tells":
            spread(lambda mu, v, m: weighted(m, own_factors(v, m))),
        "uncorrected variances that weigh m - 1": spread(lambda mu, v, m: weighted(m - 1, v)),
        "one degree of freedom lost in all, not one in each batch":
            spread(lambda mu, v, m: m @ v / (m.sum() - 1)),
        "the variance of all values: the spread between the batches is counted, too":
            spread(partial(everything, ddof=1)),
        "the biased variance of all values": spread(partial(everything, ddof=0)),
        "the batches' means without weights":
            lambda mu, v, m: (mu.mean(axis=0), pooled(mu, v, m)[1]),
        "means that weigh m - 1": lambda mu, v, m: (weighted(m - 1, mu), pooled(mu, v, m)[1]),
        "neither the means nor the variances weighed":
            lambda mu, v, m: (mu.mean(axis=0), own_factors(v, m).mean(axis=0)),
        "a standard deviation": spread(lambda mu, v, m: np.sqrt(m @ v / (m - 1).sum())),
    },
)  # fmt: skip


def exponential(
    values: Array, momentum: float, new: float | None = None, start: float = 0.0
) -> Pair:
    """Return the running values and the same without the weight of the start: (7.6)."""
    new = 1 - momentum if new is None else new
    running, rows = np.full(values.shape[1:], start), []
    for value in values:
        running = momentum * running + new * value
        rows.append(running)
    k = np.arange(1, len(values) + 1)[:, None]
    course = np.array(rows).reshape(values.shape)
    return course, course / (1 - momentum**k)


def divided(by: Callable[[Any, float], Any]) -> Callable[..., Pair]:
    """Return an `exponential` whose second result is divided by ``by(k, momentum)``."""

    def answer(values: Array, momentum: float) -> Pair:
        k = np.arange(1, len(values) + 1)[:, None]
        running = exponential(values, momentum)[0]
        return running, running / by(k, momentum)

    return answer


def from_first(values: Array, momentum: float) -> Pair:
    """Start from the first batch instead of zero."""
    first, rest = values[:1], values[1:]
    k = np.arange(len(values))[:, None]
    later = exponential(rest, momentum)[0] + first * momentum ** k[1:]
    running = np.concatenate([first, later])
    return running, running / (1 - momentum ** (k + 1))


def plain(values: Array, momentum: float) -> Pair:
    """Return the cumulative average."""
    average: Array = np.cumsum(values, axis=0) / np.arange(1, len(values) + 1)[:, None]
    return average, average


def courses(rng: Rng) -> Sequence[Arguments]:
    """Return batch statistics over time, and momenta far from 1/2."""
    sizes = ((5, 3, 0.9), (1, 2, 0.8), (30, 2, 0.95))
    return [(rng.normal(4, 2, (K, C)), momentum) for K, C, momentum in sizes]


EXPONENTIAL = Exercise(
    name="ex07_q2",
    function="exponential",
    points=3,
    results=("running", "corrected"),
    reference=exponential,
    parts=(
        Part("the running values", 2, courses, ("running",)),
        Part("without the cold start", 1, courses, ("corrected",)),
    ),
    mistakes={
        "momentum that multiplies the new value": lambda v, a: exponential(v, 1 - a),
        "a start from the first batch, not from zero": from_first,
        "a start from one, not from zero": partial(exponential, start=1.0),
        "a new value with its full weight": partial(exponential, new=1.0),
        "an old value that is never multiplied down":
            lambda v, a: ((1 - a) * np.cumsum(v, axis=0), exponential(v, a)[1]),
        "the plain average of all batches so far": plain,
        "weights in each other's place in the divisor only":
            divided(lambda k, a: 1 - (1 - a) ** k),
        "no correction: the start still counts": divided(lambda k, a: 1.0),
        "a power of k + 1, one batch too many": divided(lambda k, a: 1 - a ** (k + 1)),
        "a power of k - 1, one batch too few": divided(lambda k, a: 1 - a ** (k - 1)),
        "a division by the weight of the start": divided(lambda k, a: a**k),
        "the same divisor for every batch": divided(lambda k, a: 1 - a ** k.max()),
        "a division by 1 - momentum at every batch": divided(lambda k, a: 1 - a),
        "the results in each other's place": lambda v, a: exponential(v, a)[::-1],
    },
)  # fmt: skip


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


EXERCISES = (POOLED, EXPONENTIAL, LAYER, FOLD)
