"""State: saving and loading both ways, and the running statistics by their definition."""

import copy

import pytest
import torch
from torch import nn
from torch_pairs import KINDS, OPTIONS, assert_same_state, assert_same_step, pair, tensor

from bnlib import torch_layers
from bnlib.torch_layers import BatchNorm1d

each_option = pytest.mark.parametrize("options", OPTIONS, ids=str)
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@each_option
def test_states_move_both_ways(kind, options):
    name, shape = KINDS[kind]
    ours, theirs = pair(name, **options)
    theirs(tensor(*shape))
    ours.load_state_dict(theirs.state_dict())
    assert_same_state(ours, theirs, tol=0)
    ours(7 + tensor(*shape, seed=1))
    theirs.load_state_dict(ours.state_dict())
    assert_same_state(ours, theirs, tol=0)
    assert_same_step(ours, theirs, tensor(*shape, seed=2), tensor(*shape, seed=3))


@each_kind
@each_option
def test_a_new_module_looks_like_pytorchs(kind, options):
    name = KINDS[kind][0]
    ours, theirs = (getattr(module, name)(3, **options) for module in (torch_layers, nn))
    assert_same_state(ours, theirs, tol=0)
    assert repr(ours) == repr(theirs)
    for attribute in ("num_features", "eps", "momentum", "affine", "track_running_stats"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    arguments = (5, 0.1, 0.3, False, True, "cpu", torch.float64)
    ours, theirs = (getattr(module, name)(*arguments) for module in (torch_layers, nn))
    assert repr(ours) == repr(theirs)
    assert_same_state(ours, theirs, tol=0)


def test_states_from_before_the_count_of_batches_load():
    """Version 1 had no num_batches_tracked; a state without a version is of that time."""
    state = pair("BatchNorm1d")[0].state_dict()
    del state["num_batches_tracked"]
    results = []
    for module in pair("BatchNorm1d", seed=1):
        old = copy.deepcopy(state)
        with pytest.raises(RuntimeError, match="num_batches_tracked"):
            module.load_state_dict(old)
        old._metadata[""]["version"] = 1
        module.load_state_dict(old)
        del old._metadata
        module.load_state_dict(old)
        results.append(module)
    assert_same_state(*results, tol=0)


@pytest.mark.parametrize("missing", ["weight", "bias", "running_mean", "running_var"])
def test_incomplete_and_foreign_states_are_refused(missing):
    ours = pair("BatchNorm1d")[0]
    state = ours.state_dict()
    del state[missing]
    with pytest.raises(RuntimeError, match=rf'Missing key\(s\) in state_dict: "{missing}"'):
        ours.load_state_dict(state)
    with pytest.raises(RuntimeError, match="size mismatch"):
        ours.load_state_dict(BatchNorm1d(5).state_dict())


def test_without_a_count_of_batches_there_is_no_plain_average():
    ours, theirs = pair("BatchNorm1d", momentum=None)
    for module in (ours, theirs):
        module.num_batches_tracked = None
        module(tensor(6, 4))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)


def test_half_precision_statistics_are_moved_in_float32():
    x, (half, wide) = (
        tensor(5, 50).half(),
        (BatchNorm1d(50, momentum=0.3, dtype=d) for d in (torch.float16, torch.float32)),
    )
    for module in (half, wide):
        module.running_mean.copy_(tensor(50, seed=1).half())
        module(x)
    assert torch.equal(half.running_mean, wide.running_mean.half())
    assert torch.equal(half.running_var, wide.running_var.half())
