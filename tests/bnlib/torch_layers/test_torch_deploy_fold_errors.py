"""What cannot be folded, in which words, and that nothing changes."""

import copy
import math
import re

import pytest
from torch import nn
from torch.nn.utils import parametrizations
from torch_folds import pair, trained

from bnlib import torch_layers
from bnlib.arguments import NonFiniteError
from bnlib.torch_layers import fold


def refused(layer, bn, error, message):
    """Hold `fold` to its words, and to leaving both modules alone."""
    modules = [m for m in (layer, bn) if isinstance(m, nn.Module)]
    before = str([m.state_dict() for m in modules])
    with pytest.raises(error, match="^fold: " + re.escape(message)):
        fold(layer, bn)
    assert str([m.state_dict() for m in modules]) == before


def test_a_batch_normalization_in_training_mode():
    """FIELD: left in training mode, the outputs of a forum thread differed by 0.14."""
    layer, bn, x = pair("Conv2d")
    assert (fold(layer, bn)(x) - bn.train()(layer(x))).abs().max() > 0.1
    message = (
        "bn is in training mode, where it normalizes by its batch and is no fixed map; "
        "call bn.eval() first"
    )
    refused(layer, bn, ValueError, message)


@pytest.mark.parametrize("gone", ["running_mean", "running_var", None])
def test_no_running_statistics(gone):
    layer, bn, _ = pair("Linear", track_running_stats=gone is not None)
    if gone:
        setattr(bn, gone, None)
    message = (
        "bn keeps no running statistics, so it normalizes by its batch in every mode; "
        "build it with track_running_stats=True"
    )
    refused(layer, bn, ValueError, message)


@pytest.mark.parametrize(
    ("layer", "bn", "hint"),
    [
        (nn.BatchNorm1d(2).eval(), nn.Linear(2, 2), "only a BatchNorm after the layer"),
        (nn.BatchNorm2d(2).eval(), nn.Conv2d(2, 2, 1), "only a BatchNorm after the layer"),
        (nn.ReLU(), nn.BatchNorm1d(2).eval(), "nothing else"),
        (nn.Linear(2, 2), nn.LayerNorm(2).eval(), "nothing else"),
        (
            nn.Linear(2, 2),
            nn.InstanceNorm1d(2, track_running_stats=True).eval(),
            "nothing else",
        ),
        (nn.Sequential(nn.Linear(2, 2)), nn.BatchNorm1d(2).eval(), "nothing else"),
        (nn.Linear(2, 2), None, "nothing else"),
    ],
)
def test_other_modules_and_the_wrong_order(layer, bn, hint):
    message = (
        "expected a Linear, Conv or ConvTranspose and the BatchNorm that follows it, "
        f"got {type(layer).__name__} and {type(bn).__name__}; {hint} can be folded"
    )
    refused(layer, bn, TypeError, message)


def test_another_number_of_channels():
    message = "bn has 3 channels, Conv2d gives 4; pass the BatchNorm that follows the layer"
    refused(pair("Conv2d")[0], trained(nn.BatchNorm2d, 3), ValueError, message)
    message = "bn has 6 channels, ConvTranspose1d gives 4; pass the BatchNorm that"
    refused(pair("ConvTranspose1d")[0], trained(nn.BatchNorm1d, 6), ValueError, message)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Conv2d", nn.BatchNorm1d),
        ("Linear", torch_layers.BatchNorm2d),
        ("Conv1d", nn.BatchNorm3d),
    ],
)
def test_another_rank(name, kind):
    message = f"{name} and {kind.__name__} work on different ranks; they do not belong together"
    refused(pair(name)[0], trained(kind), ValueError, message)


def test_weights_that_something_else_computes():
    layer, bn, _ = pair("Linear")
    hooked = copy.deepcopy(layer)
    hooked.register_forward_pre_hook(lambda *_: None)
    for module in (parametrizations.weight_norm(layer), hooked):
        message = (
            f"the weight of {type(module).__name__} is computed by a parametrization or a "
            "hook, which would undo the fold; remove it first"
        )
        refused(module, bn, ValueError, message)
    lazy = nn.LazyLinear(4)
    with pytest.raises(
        ValueError, match="fold: the weights of LazyLinear are not made yet; call"
    ):
        fold(lazy, bn)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("running_mean", math.nan, NonFiniteError, "expected finite statistics, got NaN"),
        ("running_var", math.inf, NonFiniteError, "expected finite statistics, got NaN or inf"),
        ("running_var", -1.0, ValueError, "a variance cannot be negative, got -1 in channel 2"),
        ("running_var", 0.0, ValueError, "channel 2 is constant (variance 0) and eps is 0"),
    ],
)
def test_statistics_that_cannot_be_divided_by(name, value, error, message):
    layer, bn, _ = pair("Linear", eps=0.0)
    getattr(bn, name)[2] = value
    refused(layer, bn, error, message)
