"""Saving and loading: to and from PyTorch, and all or nothing."""

import math

import numpy as np
import pytest
import torch
from reference import assert_close, assert_same_state, torch_twin, untouched
from refusals import Row, each_row
from torch import nn

from bnlib.layers import BatchNorm, Linear, ReLU, Sequential

SHAPES = {"BatchNorm1d": (6, 4), "BatchNorm2d": (6, 4, 3, 2)}
OPTIONS = [
    {},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
]


def trained_pair(name, options):
    """Return one of PyTorch's modules after three batches, a batch and a new layer of ours."""
    module = getattr(nn, name)(4, dtype=torch.float64, **options)
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, generator=generator)
    for _ in range(3):
        x = torch.randn(SHAPES[name], generator=generator, dtype=torch.float64)
        module(x)
    return module, x, BatchNorm(4, **options)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_move_from_torch_and_back(name, options):
    module, x, layer = trained_pair(name, options)
    layer.load_state_dict(module.state_dict())
    assert_same_state(layer, module, tol=0)
    assert_close(layer.eval()(x.numpy()), module.eval()(x).detach())
    layer.train()(7 + 5 * x.numpy())
    for parameter in layer.parameters():
        parameter.value += 0.5
    module.load_state_dict({k: torch.from_numpy(v) for k, v in layer.state_dict().items()})
    assert_same_state(layer, module, tol=0)
    assert_close(layer.eval()(x.numpy()), module.eval()(x).detach())


def test_a_saved_state_is_a_copy_with_the_types_of_torch():
    layer = BatchNorm(2)
    state = layer.state_dict()
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(state) == names
    assert state["num_batches_tracked"].dtype == np.int64
    assert state["num_batches_tracked"].shape == ()
    with untouched(layer):
        for array in state.values():
            array += 1
    layer.load_state_dict(state)
    state["weight"] += 1
    np.testing.assert_array_equal(layer.gamma.value, [2, 2])


def test_a_loaded_state_keeps_the_layers_own_arrays_and_types():
    layer = BatchNorm(2)
    value, mean = layer.gamma.value, layer.running_mean
    values = [3, 4], np.ones(2, np.float32), np.array([5, 6]), (0.0, 7.0), 8
    layer.load_state_dict(dict(zip(layer.state_dict(), values, strict=True)))
    assert layer.gamma.value is value
    assert layer.running_mean is mean
    arrays = layer.state_dict().values()
    assert [a.dtype for a in arrays] == 4 * [np.float64] + [np.int64]
    assert [a.tolist() for a in arrays] == [[3, 4], [1, 1], [5, 6], [0, 7], 8]


@pytest.mark.parametrize("prefix", ["", "1."])
def test_a_state_of_before_the_count_of_batches_loads_as_in_torch(prefix):
    """PyTorch counts since 0.4.1; a layer that loads an older state keeps its own count."""
    x = np.random.default_rng(0).normal(size=(4, 3))
    net = Sequential(Linear(3, 3, seed=0), BatchNorm(3)) if prefix else BatchNorm(3)
    net(x)
    twin = torch_twin(net)
    old = {k: v + 1 for k, v in net.state_dict().items() if k != prefix + "num_batches_tracked"}
    net.load_state_dict(old)
    twin.load_state_dict({k: torch.from_numpy(v) for k, v in old.items()})
    assert net.state_dict()[prefix + "num_batches_tracked"] == 1
    assert_same_state(net, twin, tol=0)


BAD_ENTRIES = [
    ("weight", np.ones(3), ValueError, "must have shape (2,), got (3,); build ... width"),
    ("num_batches_tracked", [1], ValueError, "must have shape (), got (1,); build ..."),
    ("weight", [1, math.nan], ValueError, "must be finite, got NaN or infinity"),
    ("running_mean", [math.inf, 1], ValueError, "must be finite, got NaN or infinity"),
    ("running_var", [1, -0.5], ValueError, "cannot be negative, got -0.5"),
    ("num_batches_tracked", -1, ValueError, "cannot be negative, got -1"),
    ("num_batches_tracked", 2.5, ValueError, "does not fit int64, got 2.5"),
    ("num_batches_tracked", 2**64 - 1, ValueError, "does not fit int64, got 1844..."),
    ("weight", ["1", "2"], TypeError, "must hold real numbers, got dtype <U1; convert ..."),
    ("weight", nn.Parameter(torch.ones(2)), TypeError, "is a Parameter that NumPy cannot ..."),
    ("bias", torch.ones(2).bfloat16(), TypeError, "is a Tensor that ...; convert tensors ..."),
]
NAMES = "BatchNorm.load_state_dict: expected the names [...]; missing {}, unknown {}; build ..."
NO_GAMMA, NO_STATISTICS = {"affine": False}, {"track_running_stats": False}
STATISTICS = ["running_mean", "running_var"]
WRONG_NAMES = [  # the layer's options, the saved one's, what else is saved, missing, unknown
    ({}, NO_GAMMA, {}, ["bias", "weight"], []),
    (NO_GAMMA, {}, {}, [], ["bias", "weight"]),
    (NO_GAMMA, NO_STATISTICS, {}, STATISTICS, ["bias", "weight"]),
    ({}, {}, {1: 0, "other": 0}, [], [1, "other"]),
]


def load(layer, bad):
    """Load a state whose entries all differ from those of the layer, but for the bad ones."""
    layer.load_state_dict({k: v + 1 for k, v in layer.state_dict().items()} | bad)


@each_row(
    [
        Row(error, f"load_state_dict: {prefix}{name} {text}", load, ({prefix + name: bad},), on)
        for name, bad, error, text in BAD_ENTRIES
        for prefix, on in [("", lambda: BatchNorm(2)),
                           ("2.", lambda: Sequential(BatchNorm(2), ReLU(), BatchNorm(2)))]
    ],
    [
        Row(ValueError, NAMES.format(missing, unknown), BatchNorm.load_state_dict,
            ({k: v + 1 for k, v in BatchNorm(2, **saved).state_dict().items()} | more,),
            lambda options=options: BatchNorm(2, **options))
        for options, saved, more, missing, unknown in WRONG_NAMES
    ],
    Row(TypeError,
        "BatchNorm.load_state_dict: expected a mapping of names to arrays, got "
        "{0.__class__.__name__}; pass the result of state_dict()", BatchNorm.load_state_dict,
        (None, [1.0], "weight", BatchNorm(2), nn.Linear(1, 1).named_parameters()),
        lambda: BatchNorm(2)),
)  # fmt: skip
def test_a_bad_state_changes_nothing(row, bad):
    row.check(*bad)
