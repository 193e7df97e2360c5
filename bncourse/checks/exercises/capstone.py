"""The capstone: sizes and calls of the network of the study notes, repaired."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

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


LINEAR = ("fc1", "fc2", "fc3")


def forward(net: Any, x: Array) -> Any:
    """Run the repaired network."""
    return head(net, flat(stem(net, x)))


def stem(net: Any, x: Array, order: str = "conv1 bn1 relu pool") -> Any:
    """Call the layers of the convolutional part in this order."""
    for name in order.split():
        x = getattr(net, name)(x)
    return x


def flat(x: Array) -> Array:
    """Return one row for each image."""
    return x.reshape(len(x), -1)


def head(net: Any, x: Array, order: str = "fc1 relu fc2 relu fc3") -> Any:
    """Call the layers of the fully connected part in this order."""
    return stem(net, x, order)


def convolved(x: Array, kernels: Array) -> Array:
    """Return a convolution of one channel, (N, 1, H, W), with kernels (C, k, k)."""
    size = kernels.shape[1:]
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], size, axis=(1, 2))
    y: Array = np.einsum("nhwij,cij->nchw", windows, kernels)
    return y


def normalized(x: Array, gamma: Array, beta: Array) -> Array:
    """Return batch norm of feature maps by their own batch."""
    d = x - x.mean(axis=(0, 2, 3), keepdims=True)
    std = np.sqrt((d * d).mean(axis=(0, 2, 3), keepdims=True) + 1e-5)
    y: Array = gamma.reshape(-1, 1, 1) * d / std + beta.reshape(-1, 1, 1)
    return y


def pooled(x: Array) -> Array:
    """Return the maximum of each 2 x 2 square."""
    N, C, H, W = x.shape
    y: Array = x.reshape(N, C, H // 2, 2, W // 2, 2).max(axis=(3, 5))
    return y


def use(answer: Answer, x: Array, weights: Array, outputs: list[Array]) -> tuple[Any, ...]:
    """Run an answer on a net whose linear layers note what comes in and give fixed outputs."""
    from types import SimpleNamespace  # here, since this function travels into the sandbox

    inputs: dict[str, Any] = {}

    def linear(name: str, y: Array) -> Callable[[Any], Array]:
        def layer(v: Any) -> Array:
            inputs[name] = v
            return y.copy()

        return layer

    names = ("fc1", "fc2", "fc3")
    layers = {n: linear(n, y) for n, y in zip(names, outputs, strict=True)}
    layers["conv1"] = lambda v: convolved(v, weights[:, 0, :5])
    layers["bn1"] = lambda v: normalized(v, weights[:, 0, 5, 0], weights[:, 0, 5, 1])
    net = SimpleNamespace(relu=lambda v: np.maximum(v, 0), pool=pooled, **layers)
    logits = answer(net, x)
    for name in names:
        if name not in inputs:
            raise ValueError(f"the forward pass never calls {name}")
    return (*(inputs[name] for name in names), logits)


def batches(rng: Rng) -> Sequence[Arguments]:
    """Return images of 28x28, the weights of the first part, and what fc1 to fc3 answer."""
    return [
        (rng.normal(size=(n, 1, 28, 28)), rng.normal(size=(6, 1, 6, 5)),
         [rng.normal(size=(n, width)) for width in (120, 84, 10)]) for n in (2, 4)
    ]  # fmt: skip


def softmax(logits: Array) -> Array:
    """Return probabilities."""
    e = np.exp(logits)
    p: Array = e / e.sum(axis=1, keepdims=True)
    return p


def stems(order: str) -> Answer:
    """Return a forward pass with another order in its first part."""
    return lambda net, x: head(net, flat(stem(net, x, order)))


def heads(order: str) -> Answer:
    """Return a forward pass with another order in its second part."""
    return lambda net, x: head(net, flat(stem(net, x)), order)


def flattened(how: Callable[[Array], Array]) -> Answer:
    """Return a forward pass that makes rows of the images in another way."""
    return lambda net, x: head(net, how(stem(net, x)))


def gap(x: Array) -> Array:
    """Return the mean of each map."""
    mean: Array = x.mean(axis=(2, 3))
    return mean


FIRST, SECOND, THIRD = (f"input of {name}" for name in LINEAR)
FORWARD = Exercise(
    name="exC_q3",
    function="forward",
    points=4,
    results=(FIRST, SECOND, THIRD, "logits"),
    reference=forward,
    drive=use,
    parts=(
        Part("from the images to fc1", 2, batches, (FIRST,)),
        Part("from fc1 to fc2", 1, batches, (SECOND,)),
        Part("from fc2 to fc3", 1, batches, (THIRD,)),
        Part("from fc3 to the logits", 1, batches, ("logits",), last=True),
    ),
    mistakes={
        "16 * 6 * 6 inputs for fc1: the number must fit what the pooling gives":
            flattened(lambda x: x.reshape(-1, 16 * 6 * 6)),
        "images that were never made into rows": flattened(lambda x: x),
        "the whole batch in one row": flattened(lambda x: x.reshape(1, -1)),
        "rows with the channels last, not as reshape gives them":
            flattened(lambda x: flat(np.moveaxis(x, 1, -1))),
        "columns, where each image needs a row": flattened(lambda x: flat(x).T),
        "the mean of each map": flattened(gap),
        "no pooling": stems("conv1 bn1 relu"),
        "no normalization": stems("conv1 relu pool"),
        "no activation behind the normalization": stems("conv1 bn1 pool"),
        "an activation before the normalization": stems("conv1 relu bn1 pool"),
        "a second activation before the normalization": stems("conv1 relu bn1 relu pool"),
        "the normalization behind the pooling": stems("conv1 pool bn1 relu"),
        "the normalization behind activation and pooling": stems("conv1 relu pool bn1"),
        "normalization twice": stems("conv1 bn1 relu bn1 pool"),
        "no activation here: two linear layers in a row are one": heads("fc1 fc2 fc3"),
        "an activation behind the last layer": heads("fc1 relu fc2 relu fc3 relu"),
        "probabilities: softmax belongs to the loss": lambda net, x: softmax(forward(net, x)),
        "another kind of activation than net.relu": partial(
            lambda net, x, act: net.fc3(act(net.fc2(act(net.fc1(flat(stem(net, x))))))),
            act=np.tanh,
        ),
    },
)  # fmt: skip


EXERCISES = (SIZE, FEATURES, FORWARD)
