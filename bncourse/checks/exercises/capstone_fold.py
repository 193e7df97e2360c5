"""The capstone's last function: fold a normalization into the convolution before it.

PyTorch is imported where it is used, since the checks of the other sheets need NumPy alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator


def fold(
    conv: Any,
    bn: Any,
    scale: Callable[[Any], Any] = lambda bn: bn.weight / (bn.running_var + bn.eps).sqrt(),
    shift: Callable[[Any, Any, Any], Any] = lambda bn, s, b: (
        bn.bias + s * (b - bn.running_mean)
    ),
    leave: Sequence[str] = (),
    inside: bool = False,
    axis: int = 0,
) -> Any:
    """Return a convolution that does the work of both. The keywords make mistakes."""
    import copy

    import torch

    if bn.training:
        raise ValueError("fold: bn is in training mode; call bn.eval() first")
    new = conv if inside else copy.deepcopy(conv)
    with torch.no_grad():
        s = scale(bn)
        b = torch.zeros_like(s) if conv.bias is None else conv.bias
        along = [-1 if i == axis else 1 for i in range(4)]
        new.weight = torch.nn.Parameter(conv.weight * s.reshape(along))
        new.bias = torch.nn.Parameter(shift(bn, s, b))
    for name in leave:
        setattr(new, name, getattr(torch.nn.Conv2d(1, 1, 3), name))
    return new


def run_fold(
    answer: Answer, x: Array, arrays: list[Array], options: dict[str, Any], training: bool
) -> Any:
    """Fold a normalization into a convolution; return its output, and both layers' state."""
    import torch
    from torch import nn

    values = [torch.tensor(a, dtype=torch.float32) for a in arrays]
    weight, bias, gamma, beta, mean, var = values
    settings = {k: v for k, v in options.items() if k not in ("eps", "square")}
    conv = nn.Conv2d(weight.shape[1] * options.get("groups", 1), len(weight), 3, **settings)
    bn = nn.BatchNorm2d(len(weight), eps=options.get("eps", 1e-5))
    conv.weight.data, bn.weight.data, bn.bias.data = weight, gamma, beta
    if conv.bias is not None:
        conv.bias.data = bias
    bn.running_mean, bn.running_var = mean, var
    conv.eval()
    bn.train(training)
    folded = answer(conv, bn)
    if not isinstance(folded, nn.Conv2d):
        raise TypeError(f"returned a {type(folded).__name__}, expected one nn.Conv2d")
    state = [*conv.state_dict().values(), *bn.state_dict().values()]
    after = torch.cat([v.flatten().double() for v in state])
    return folded(torch.tensor(x, dtype=torch.float32)), after


def convolutions(*options: dict[str, Any], training: bool = False) -> Any:
    """Return calls, each with a convolution of 2 to 4 channels, a normalization, a batch.

    With ``square`` there are 3 channels as in the window's rows and columns, so that a factor
    for each channel fits every axis of the weight.
    """

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for given in options:
            C, out = (3, 3) if "square" in given else (2, 4)
            weight = rng.normal(size=(out, C // given.get("groups", 1), 3, 3))
            pairs = rng.uniform(0.5, 2, out), rng.normal(size=out)  # gamma, beta
            statistics = rng.normal(2, 1, out), np.array([0.01, 0.3, 2.0, 9.0])[:out]
            arrays = [weight, rng.normal(1, 1, out), *pairs, *statistics]
            calls.append((rng.normal(size=(2, C, 9, 9)), arrays, given, training))
        return calls

    return calls


FOLD = Exercise(
    name="exC_q4",
    function="fold",
    points=4,
    results=("the output", "conv and bn afterwards"),
    reference=fold,
    drive=run_fold,
    rtol=1e-4,
    parts=(
        Part("as many channels as rows of the window", 1, convolutions({"square": True}),
             ("the output",)),
        Part("a convolution with a bias", 1, convolutions({}), ("the output",)),
        Part("a convolution without a bias", 1, convolutions({"bias": False}), ("the output",)),
        Part("how the convolution moves", 1, convolutions(
            {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"groups": 2},
            {"padding": 1, "padding_mode": "circular"}), ("the output",)),
        Part("another eps", 1, convolutions({"eps": 0.1}), ("the output",)),
        Part("conv and bn stay as they were", 1,
             convolutions({}, {"bias": False}),
             ("conv and bn afterwards",), last=True),
        Part("a normalization in training mode is refused", 1, convolutions({}, training=True),
             refuses="a normalization in training mode"),
    ),
    mistakes={
        "gamma left out": partial(fold, scale=lambda bn: (bn.running_var + bn.eps).rsqrt()),
        "a division by the variance":
            partial(fold, scale=lambda bn: bn.weight / (bn.running_var + bn.eps)),
        "eps left out": partial(fold, scale=lambda bn: bn.weight / bn.running_var.sqrt()),
        "an eps of 1e-5, whatever the layer's is":
            partial(fold, scale=lambda bn: bn.weight / (bn.running_var + 1e-5).sqrt()),
        "eps outside the root":
            partial(fold, scale=lambda bn: bn.weight / (bn.running_var.sqrt() + bn.eps)),
        "beta left out": partial(fold, shift=lambda bn, s, b: s * (b - bn.running_mean)),
        "the mean left out": partial(fold, shift=lambda bn, s, b: bn.bias + s * b),
        "a mean that is not scaled":
            partial(fold, shift=lambda bn, s, b: bn.bias + s * b - bn.running_mean),
        "a mean with the wrong sign":
            partial(fold, shift=lambda bn, s, b: bn.bias + s * (b + bn.running_mean)),
        "the convolution's own bias dropped":
            partial(fold, shift=lambda bn, s, b: bn.bias - s * bn.running_mean),
        "the convolution's own bias not scaled":
            partial(fold, shift=lambda bn, s, b: bn.bias + b - s * bn.running_mean),
        "beta scaled, too":
            partial(fold, shift=lambda bn, s, b: s * (bn.bias + b - bn.running_mean)),
        "the new bias left out": partial(fold, shift=lambda bn, s, b: 0 * b),
        "the stride forgotten": partial(fold, leave=["stride"]),
        "the padding forgotten": partial(fold, leave=["padding"]),
        "the padding's mode forgotten": partial(fold, leave=["padding_mode"]),
        "the dilation forgotten": partial(fold, leave=["dilation"]),
        "several settings of the convolution forgotten": tuple(
            partial(fold, leave=names) for names in (
                ["stride", "dilation"], ["stride", "padding"], ["padding", "dilation"],
                ["stride", "padding", "dilation"])),
        "the input channels scaled, not the output channels": partial(fold, axis=1),
        "a factor for each column of the window, not for each output channel":
            partial(fold, axis=3),
        "the convolution changed in place": partial(fold, inside=True),
    },
)  # fmt: skip
