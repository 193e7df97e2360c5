"""State that moves both ways, and the modules in use: copies, utilities, a network."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch_pairs import (
    KINDS,
    assert_all_near,
    assert_near,
    assert_same_state,
    assert_same_step,
    each_kind,
    each_mode,
    each_option,
    pair,
    tensor,
)

from bnlib import torch_layers


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
    name, arguments = KINDS[kind][0], (5, 0.1, 0.3, False, True, "cpu", torch.float64)
    for build in (lambda kind: kind(3, **options), lambda kind: kind(*arguments)):
        ours, theirs = (build(getattr(module, name)) for module in (torch_layers, nn))
        assert repr(ours) == repr(theirs)
        assert_same_state(ours, theirs, tol=0)


def test_without_a_count_of_batches_there_is_no_plain_average():
    ours, theirs = pair("BatchNorm1d", momentum=None)
    for module in (ours, theirs):
        module.num_batches_tracked = None
        module(tensor(6, 4))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_equal_and_apart(copied):
    ours, theirs = pair("BatchNorm2d")
    made, before = copied(ours), copied(ours)
    assert type(made) is torch_layers.BatchNorm2d
    assert_same_step(made, theirs, tensor(5, 4, 3, 2), tensor(5, 4, 3, 2, seed=1))
    assert_same_state(ours, before, tol=0)


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"])
def test_our_layers_are_pytorchs(name):
    """FIELD: freezing by type did nothing, without a word."""
    ours = pair(name)[0]
    assert isinstance(ours, getattr(nn, name))
    others = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d"} - {name}
    assert not any(isinstance(ours, getattr(nn, other)) for other in others)


def test_pytorchs_utilities_know_the_module():
    ours, theirs = (nn.Sequential(m) for m in pair("BatchNorm1d"))
    batches = [tensor(6, 4, seed=s) for s in range(3)]
    for model in (ours, theirs):
        update_bn(batches, model)
    assert_same_state(ours, theirs)
    synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(ours)[0].eval()
    assert isinstance(synchronized, nn.SyncBatchNorm)
    assert_near(synchronized(batches[0]), ours.eval()(batches[0]), tol=1e-12)


@each_mode
def test_the_output_may_be_changed_in_place(training):
    results = []
    for model in pair("BatchNorm2d", training=training):
        x = tensor(5, 4, 3, 2).requires_grad_()
        model(x).relu_().pow(3).sum().backward()
        results.append([x.grad, *(p.grad for p in model.parameters())])
    assert_all_near(*results, tol=1e-11)


def convolutional(module):
    """Return a small network with the batch normalizations of ``module``."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), module.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), module.BatchNorm2d(8, momentum=None), nn.ReLU(), nn.Flatten(),
        nn.Linear(8 * 9, 10), module.BatchNorm1d(10, affine=False), nn.Linear(10, 3),
    ).double()  # fmt: skip


def test_a_network_trains_step_by_step_as_pytorchs():
    """Losses of 30 steps of SGD with momentum and weight decay, and the state at the end."""
    ours, theirs = (convolutional(module) for module in (torch_layers, nn))
    losses = []
    for model in (ours, theirs):
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-3)
        losses.append([])
        for step in range(30):
            x = tensor(8, 1, 12, 12, seed=step)
            labels = (x[:, 0, 0, :3].sum(1) - 9).sign().long() + 1
            loss = nn.functional.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert min(losses[0][-5:]) < 0.8 * losses[0][0]
    assert losses[0] == pytest.approx(losses[1], abs=1e-10)
    assert_same_state(ours, theirs, tol=1e-9)
    x = tensor(8, 1, 12, 12, seed=99)
    assert_near(ours.eval()(x), theirs.eval()(x), tol=1e-9)
