"""What can be folded and what cannot: everything that may change what a module computes."""

import copy
import functools
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torch_folds import pair, trained
from torch_pairs import assert_near, tensor

from bnlib import deploy, layers
from bnlib.torch_layers import BatchNorm2d, fold

REMOVE = "; remove it first$"
UNDONE = r"fold: the weight of \w+ is computed by a parametrization or a hook, .*" + REMOVE
LOST = r"fold: \w+ has a (for|back)ward hook or a parametrization, which .* lose" + REMOVE


def on(index, change):
    """Return a function that changes the first or the second module of a pair."""
    return lambda two: change(two[index])


def set_forward(module, forward):
    """Let a module, not its class, have a forward of its own."""
    module.forward = forward


COMPUTED = {
    "weight norm": (on(0, weight_norm), UNDONE),
    "spectral norm": (on(0, spectral_norm), UNDONE),
    "new weight norm": (on(0, parametrizations.weight_norm), UNDONE),
    "parametrized norm": (
        on(1, lambda m: parametrizations.weight_norm(m, dim=None)), LOST),
    "pruned weight": (on(0, lambda m: prune.l1_unstructured(m, "weight", 0.5)), UNDONE),
    "pruned bias": (on(0, lambda m: prune.random_unstructured(m, "bias", 0.5)), UNDONE),
    "pruned norm": (on(1, lambda m: prune.l1_unstructured(m, "weight", 0.5)), LOST),
    **{
        f"{hook} {place}": (
            on(place, lambda m, hook=hook: getattr(m, f"register_{hook}")(lambda *_: None)),
            UNDONE if (hook, place) == ("forward_pre_hook", 0) else LOST,
        )
        for hook in (
            "forward_hook", "forward_pre_hook", "backward_hook", "full_backward_hook",
            "full_backward_pre_hook",
        )
        for place in (0, 1)
    },
}  # fmt: skip
OWN = {
    "forward of the layer": on(
        0, lambda m: set_forward(m, lambda x: nn.Conv2d.forward(m, x).relu())
    ),
    "forward of the norm": on(1, lambda m: set_forward(m, torch.relu)),
    "a module's forward": on(1, lambda m: set_forward(m, nn.ReLU().forward)),
    "a partial": on(0, lambda m: set_forward(m, functools.partial(nn.Conv2d.forward, m))),
    "a method": on(1, lambda m: set_forward(m, types.MethodType(lambda m, x: x, m))),
    "its call": on(0, lambda m: setattr(m, "_call_impl", torch.relu)),
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", COMPUTED)
def test_computed_weights_and_hooks_are_refused(kind, own):
    two = pair("Conv2d", own)[:2]
    change, message = COMPUTED[kind]
    change(two)
    with pytest.raises(ValueError, match=message):
        fold(*two)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", OWN)
def test_what_an_object_computes_in_its_own_way_is_refused(kind, own):
    two = pair("Conv2d", own)[:2]
    OWN[kind](two)
    with pytest.raises(TypeError, match="defines its own"):
        fold(*two)


def test_hooks_on_all_modules_are_refused():
    two = pair("Conv2d")[:2]
    handle = nn.modules.module.register_module_forward_hook(lambda m, x, y: 2 * y)
    try:
        with pytest.raises(ValueError, match="a global hook" + ".*" + REMOVE):
            fold(*two)
    finally:
        handle.remove()
    fold(*two)


def test_subclasses_that_change_a_step_of_the_call_are_refused():
    class Doubling(BatchNorm2d):
        def _check_input_dim(self, x):
            x *= 2

    class Padded(nn.ConvTranspose2d):
        def _output_padding(self, *arguments):
            return [1, 1]

    class Standardized(nn.Conv2d):
        def _conv_forward(self, x, weight, bias):
            return super()._conv_forward(x, weight - weight.mean(), bias)

    norm = trained(nn.BatchNorm2d)
    for layer, bn in [
        (nn.Conv2d(3, 4, 3).double(), trained(Doubling)),
        (Padded(3, 4, 3, stride=2), norm),
        (Standardized(3, 4, 3), norm),
    ]:
        with pytest.raises(TypeError, match=r"defines its own _\w+, which need not be affine"):
            fold(layer, bn)


def test_complex_weights_are_refused():
    with pytest.raises(TypeError, match=r"real floating dtype, got torch\.complex64"):
        fold(nn.Conv2d(3, 4, 3, dtype=torch.complex64), trained(nn.BatchNorm2d))


def lazy():
    """Return a lazy convolution that has seen its first input."""
    layer = nn.LazyConv2d(6, 3, dtype=torch.float64)
    layer(tensor(2, 3, 5, 6))
    return layer


def double(kind, *arguments, **options):
    """Return a function that builds a layer in float64."""
    return lambda: kind(*arguments, dtype=torch.float64, **options)


FOLDABLE = {
    "depthwise": double(nn.Conv2d, 3, 6, 3, groups=3, bias=False),
    "circular": double(nn.Conv2d, 3, 6, 3, padding=1, padding_mode="circular"),
    "same": double(nn.Conv2d, 3, 6, (3, 2), padding="same", dilation=2),
    "output padding": double(nn.ConvTranspose2d, 3, 6, 3, stride=2, output_padding=1),
    "transposed groups": double(
        nn.ConvTranspose2d, 3, 6, 3, stride=3, groups=3, output_padding=2, bias=False
    ),
    "lazy": lazy,
}


@pytest.mark.parametrize("kind", FOLDABLE)
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}], ids=str)
def test_other_layers_fold(kind, options):
    layer, bn, x = FOLDABLE[kind](), trained(BatchNorm2d, 6, **options), tensor(2, 3, 5, 6)
    assert_near(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)
    again = copy.deepcopy(layer)
    assert_near(fold(again, bn)(x), fold(layer, bn)(x), tol=0)


def test_state_hooks_compute_nothing_and_a_shared_norm_is_left_alone():
    layer, bn, x = pair("Conv2d")
    layer.register_state_dict_pre_hook(lambda *_: None)
    bn.register_load_state_dict_post_hook(lambda *_: None)
    wanted = bn(layer(x))
    for _ in range(2):
        assert_near(fold(layer, bn)(x), wanted, tol=1e-12)
    assert_near(bn(layer(x)), wanted, tol=0)


@pytest.mark.parametrize("place", [0, 1])
def test_a_forward_on_the_object_is_refused_in_numpy_too(place):
    two = layers.Linear(3, 2), layers.BatchNorm(2).eval()
    two[place].forward = lambda x: np.maximum(x, 0)
    with pytest.raises(TypeError, match="defines its own forward"):
        deploy.fold(*two)
    two[place].forward = layers.ReLU().forward
    with pytest.raises(TypeError, match="defines its own forward"):
        deploy.fold(*two)
