"""The capstone: in which order the layers of the repaired network are called."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator
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
