"""Chapter 4: the running statistics of one channel after another."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex03_stream import LOST

Rng = np.random.Generator
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Array]  # (var, eps) -> what x - mu is divided by
Gamma = Callable[[Array, float, Array], Array]  # (var, eps, std) -> gamma

FAR = 1e8  # standard deviations: where the mean of the squares has lost its digits
ONE_PASS = "the mean of the squares minus the square of the mean, which is rounding far from 0"


def new_weight(step: int, momentum: float | None) -> float:
    """Return the weight of the new value; without momentum all batches count alike."""
    return 1 / step if momentum is None else momentum


def track(
    batches: Sequence[Array],
    momentum: float | None,
    *,
    weight: Callable[[int, float | None], float] = new_weight,
    start: tuple[float, float] | None = (0.0, 1.0),
    factor: Callable[[Array, int], float] = lambda x, m: m / (m - 1),
    power: float = 1.0,
    mean_of_squares: bool = False,
) -> Pair:
    """Return the running statistics, (4.5) and (4.6). The keywords make mistakes."""
    running: Any = None if start is None else np.multiply.outer(start, np.ones(3))
    for step, x in enumerate(batches, 1):
        over, m = reduction_axes(x.ndim), x.size // 3
        mu, var = x.mean(axis=over), x.var(axis=over)
        if mean_of_squares:
            var = (x * x).mean(axis=over) - mu**2
        batch = np.stack([mu, (factor(x, m) * var) ** power])
        new = weight(step, momentum)
        running = batch if running is None else (1 - new) * running + new * batch
    return running[0], running[1]


def pooled(batches: Sequence[Array], momentum: float | None) -> Pair:
    """Treat all batches as one where there is no momentum."""
    if momentum is not None:
        return track(batches, momentum)
    values = np.concatenate([np.moveaxis(x, 1, 0).reshape(3, -1) for x in batches], axis=1)
    return values.mean(axis=1), values.var(axis=1, ddof=1)


def from_running_mean(batches: Sequence[Array], momentum: float | None) -> Pair:
    """Take the distances from the running mean, not from the batch's."""
    mean, var = np.zeros(3), np.ones(3)
    for step, x in enumerate(batches, 1):
        new, axes, m = new_weight(step, momentum), reduction_axes(x.ndim), x.size // 3
        mean = (1 - new) * mean + new * x.mean(axis=axes)
        d = x - mean.reshape(broadcast_shape(x.shape))
        var = (1 - new) * var + new * (d * d).sum(axis=axes) / (m - 1)
    return mean, var


def training(
    momenta: Sequence[float | None], *shapes: tuple[int, ...], shift: float = 0.0
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with batches of these shapes and each momentum."""
    return lambda rng: [
        ([rng.normal(rng.normal(2, 1) + shift, 2, shape) for shape in shapes], momentum)
        for momentum in momenta
    ]


def with_one_value(rng: Rng) -> Sequence[Arguments]:
    """Return lists in which some batch has one value for each channel."""
    good = rng.normal(size=(4, 3))
    return [([batch, good], 0.1) for batch in (good[:1], good[:1, :, None, None])] + [
        ([good, good[1:2]], None)
    ]


# What to say, and the keywords of `track` that make the mistake.
RUNNING: Mapping[str, Mapping[str, Any]] = {
    "the biased variance, where (4.6) has the factor m / (m - 1)":
        {"factor": lambda x, m: 1.0},
    "N in the place of m in the factor m / (m - 1)":
        {"factor": lambda x, m: len(x) / (len(x) - 1)},
    "the factor m / (m - 1) used twice": {"factor": lambda x, m: (m / (m - 1)) ** 2},
    "momentum as the weight of the old value":
        {"weight": lambda t, p: 1 / t if p is None else 1 - p},
    "old and new value in each other's place":
        {"weight": lambda t, p: 1 - new_weight(t, p)},
    "momentum 0.1 where momentum is None": {"weight": lambda t, p: 0.1 if p is None else p},
    "1 / t whatever momentum is given": {"weight": lambda t, p: 1 / t},
    "momentum 0 taken for None": {"weight": lambda t, p: p or 1 / t},
    "1 / (t + 1) in the place of 1 / t":
        {"weight": lambda t, p: 1 / (t + 1) if p is None else p},
    "old and new value in each other's place, where momentum is None":
        {"weight": lambda t, p: 1 - 1 / t if p is None else p},
    "a running variance that starts at 0": {"start": (0.0, 0.0)},
    "a running mean that starts at 1": {"start": (1.0, 1.0)},
    "the first batch taken as the start": {"start": None},
    "standard deviations, where variances are asked for": {"power": 0.5},
    ONE_PASS: {"mean_of_squares": True},
}  # fmt: skip
TRACK = Exercise(
    name="ex04_q7",
    function="running_statistics",
    points=3,
    results=("running_mean", "running_var"),
    reference=track,
    parts=(
        Part("batches (N, C)", 2, training((0.1, 0.6), (5, 3), (2, 3), (8, 3))),
        Part("feature maps (N, C, H, W)", 1,
             training((0.1, 0.3), (2, 3, 2, 2), (3, 3, 1, 4))),
        Part("one image, and images of one pixel", 1,
             training((0.1,), (1, 3, 2, 2), (3, 3, 1, 1), (1, 3, 1, 2))),
        Part("momentum is None", 2, lambda rng: [
            *training((None,), (4, 3), (2, 3), (9, 3), (3, 3))(rng),
            *training((None,), (5, 3))(rng),
        ]),
        Part("momentum 0 and 1", 1, training((0.0, 1.0), (3, 3), (4, 3)), last=True),
        Part("channels far from 0", 1, training((0.5,), (6, 3), (5, 3), shift=FAR),
             last=True, alone=LOST),
        Part("a batch with one value per channel is refused", 1, with_one_value,
             refuses="a batch with a single value per channel"),
    ),
    mistakes={
        **{text: partial(track, **how) for text, how in RUNNING.items()},
        "all batches pooled to one, where momentum is None": pooled,
        "distances from the running mean, not from the batch's": from_running_mean,
        "the last batch alone": lambda batches, momentum: track(batches[-1:], momentum),
        "running_mean and running_var in each other's place": lambda *given: (
            track(*given)[::-1]
        ),
    },
)  # fmt: skip
