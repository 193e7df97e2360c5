"""The capstone: from the broken network of the study notes to one that trains."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.capstone_forward import FORWARD

Rng = np.random.Generator
Kind = tuple[int | None, int, int, int]  # channels out, kernel, stride, padding


def conv_size(n: int, kernel: int, stride: int, padding: int) -> int:
    """Return how many windows fit side by side."""
    if kernel > n + 2 * padding:
        raise ValueError(f"a window of {kernel} does not fit into {n}, padding {padding}")
    return (n + 2 * padding - kernel) // stride + 1


def fixed(*cases: tuple[int, int, int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls, each with the image and the window larger by the same random number."""
    return lambda rng: [
        (n + more, kernel + more, *rest)
        for (n, kernel, *rest), more in zip(cases, rng.integers(0, 4, len(cases)), strict=True)
    ]


SIZE = Exercise(
    name="exC_q1",
    function="conv_size",
    points=2,
    results=("size",),
    reference=conv_size,
    parts=(
        Part("stride 1, no padding", 1, fixed((28, 5, 1, 0), (9, 3, 1, 0), (6, 6, 1, 0))),
        Part("padding", 1, fixed((28, 5, 1, 1), (9, 3, 1, 3), (12, 3, 1, 2))),
        Part("stride", 2, fixed((24, 2, 2, 0), (9, 2, 2, 1), (20, 3, 3, 2), (12, 2, 4, 0))),
        Part("a window that does not fit is refused", 1,
             fixed((4, 5, 2, 0), (3, 6, 1, 1), (2, 9, 1, 3)),
             refuses="a window that is larger than the image with its padding"),
    ),
    mistakes={
        "the + 1 left out: the first window counts, too":
            lambda n, k, s, p: (n + 2 * p - k) // s,
        "padding on one side only": lambda n, k, s, p: (n + p - k) // s + 1,
        "padding left out": lambda n, k, s, p: (n - k) // s + 1,
        "padding taken away": lambda n, k, s, p: (n - 2 * p - k) // s + 1,
        "stride left out": lambda n, k, s, p: n + 2 * p - k + 1,
        "a last window that does not fit":
            lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1,
        "half a window: round down": lambda n, k, s, p: (n + 2 * p - k) / s + 1,
        "a + 1 before the division": lambda n, k, s, p: (n + 2 * p - k + 1) // s,
        "only 2 * padding divided by the stride": lambda n, k, s, p: n - k + 2 * p // s + 1,
        "the size of the image over the stride, whatever the window":
            lambda n, k, s, p: n // s,
        "the window left out": lambda n, k, s, p: (n + 2 * p) // s,
        "stride and padding in each other's place":
            lambda n, k, s, p: (n + 2 * s - k) // max(p, 1) + 1,
        "the number of windows in two dimensions":
            lambda n, k, s, p: conv_size(n, k, s, p) ** 2,
    },
)  # fmt: skip


def flat_features(
    channels: int,
    side: int,
    layers: list[Kind],
    count: Callable[[list[int], list[int]], int] = lambda C, sides: C[-1] * sides[-1] ** 2,
    pools: bool = True,
    size: Callable[..., int] = conv_size,
    none: int | None = None,
) -> int:
    """Return the number of values behind the last layer. The keywords make mistakes."""
    all_channels, sides = [channels], [side]
    for out, *window in layers:
        if out is not None or pools:
            sides.append(size(sides[-1], *window))
        kept = all_channels[-1] if none is None else none
        all_channels.append(kept if out is None else out)
    return count(all_channels, sides)


def networks(*cases: tuple[int, int, list[Kind]]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls, each with a few more channels everywhere."""

    def more(layers: list[Kind], extra: int) -> list[Kind]:
        return [(out and out + extra, *window) for out, *window in layers]  # type: ignore[misc]

    return lambda rng: [
        (channels, side, more(layers, int(rng.integers(0, 5))))
        for channels, side, layers in cases
    ]


POOL: Kind = (None, 2, 2, 0)
FEATURES = Exercise(
    name="exC_q2",
    function="flat_features",
    points=3,
    results=("features",),
    reference=flat_features,
    parts=(
        Part("one convolution", 1, networks((1, 12, [(4, 3, 1, 0)]), (3, 10, [(8, 3, 2, 1)]))),
        Part("a convolution and pooling", 2,
             networks((1, 28, [(6, 5, 1, 0), POOL]), (3, 15, [(4, 3, 1, 0), POOL]))),
        Part("several layers", 2, networks(
            (1, 32, [(6, 5, 1, 0), POOL, (16, 5, 1, 0), POOL]),
            (3, 20, [(12, 3, 1, 1), (8, 3, 2, 1), POOL, (5, 3, 1, 0)]),
            (1, 12, [(4, 3, 1, 0), POOL, (7, 5, 1, 0)]),
        )),
        Part("a window that does not fit is refused", 1,
             networks((1, 6, [(4, 5, 1, 0), POOL, (8, 3, 1, 0)])),
             refuses="a layer whose window is larger than its input"),
    ),
    mistakes={
        "one side, not the square": partial(flat_features, count=lambda C, n: C[-1] * n[-1]),
        "one map only, without the channels":
            partial(flat_features, count=lambda C, n: n[-1] ** 2),
        "the product of all channels":
            partial(flat_features, count=lambda C, n: math.prod(C) * n[-1] ** 2),
        "the sum of all channels":
            partial(flat_features, count=lambda C, n: sum(C) * n[-1] ** 2),
        "the channels of the input":
            partial(flat_features, count=lambda C, n: C[0] * n[-1] ** 2),
        "the channels of the first layer":
            partial(flat_features, count=lambda C, n: C[1] * n[-1] ** 2),
        "the largest number of channels":
            partial(flat_features, count=lambda C, n: max(C) * n[-1] ** 2),
        "the size of the input": partial(flat_features, count=lambda C, n: C[-1] * n[0] ** 2),
        "the size behind the first layer":
            partial(flat_features, count=lambda C, n: C[-1] * n[1] ** 2),
        "pooling left out": partial(flat_features, pools=False),
        "pooling that leaves one channel": partial(flat_features, none=1),
        "pooling that leaves no channel": partial(flat_features, none=0),
        "a side that forgets the + 1":
            partial(flat_features, size=SIZE.mistakes[next(iter(SIZE.mistakes))]),
        "stride left out": partial(flat_features, size=SIZE.mistakes["stride left out"]),
        "padding left out": partial(flat_features, size=SIZE.mistakes["padding left out"]),
    },
)  # fmt: skip

EXERCISES = (SIZE, FEATURES, FORWARD)
