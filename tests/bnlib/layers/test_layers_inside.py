"""Layers in the attributes of layers: mode, parameters, state and training reach them."""

import numpy as np
import torch
from reference import assert_close
from torch import nn

from bnlib.data import Split
from bnlib.layers import BatchNorm, Layer, Linear, Parameter, ReLU, Sequential
from bnlib.train import fit


class Residual(Layer):
    """``x`` plus what two layers make of it, times a scale that is trained."""

    def __init__(self, width, seed=0):
        super().__init__()
        self.linear = Linear(width, width, seed=seed)
        self.bn = BatchNorm(width)
        self.scale = Parameter(np.ones(width))

    def forward(self, x):
        """Return the sum."""
        self.inside = self.bn(self.linear(x))
        return x + self.scale.value * self.inside

    def backward(self, dy):
        """Return dx; set the gradients of all that is inside."""
        self.scale.grad = (dy * self.inside).sum(axis=0)
        return dy + self.linear.backward(self.bn.backward(self.scale.value * dy))


class Twin(nn.Module):
    """The same for PyTorch."""

    def __init__(self, width):
        super().__init__()
        self.linear, self.bn = nn.Linear(width, width), nn.BatchNorm1d(width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        """Return the sum."""
        return x + self.scale * self.bn(self.linear(x))


class Block(Layer):
    """Blocks in a list, in a dictionary, and in a block."""

    def __init__(self):
        super().__init__()
        self.several = [Residual(4, seed=1), (ReLU(), Residual(4, seed=2))]
        self.named = {"last": Residual(4, seed=3)}
        self.head = Linear(4, 3, seed=4)
        self.order = [self.several[0], *self.several[1], self.named["last"], self.head]

    def forward(self, x):
        """Apply one after the other."""
        for layer in self.order:
            x = layer(x)
        return x

    def backward(self, dy):
        """Go back."""
        for layer in reversed(self.order):
            dy = layer.backward(dy)
        return dy


def nets():
    """Return one net for NumPy and one for PyTorch, with the same numbers."""
    ours = Sequential(Linear(4, 4, seed=5), Residual(4), ReLU(), Residual(4, 6), Linear(4, 3))
    theirs = nn.Sequential(nn.Linear(4, 4), Twin(4), nn.ReLU(), Twin(4), nn.Linear(4, 3))
    theirs.double().load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def test_the_mode_reaches_every_layer():
    for net in (nets()[0], Block()):
        x = np.random.default_rng(0).normal(size=(8, 4))
        net(x)
        assert not any(layer.training for layer in net.eval().named_layers().values())
        state, whole = net.state_dict(), net(x)
        assert_close(np.vstack([net(x[:3]), net(x[3:])]), whole, tol=1e-14)
        np.testing.assert_equal(net.state_dict(), state)
        assert all(layer.training for layer in net.train().named_layers().values())
        assert net.train(0).training is False


def test_names_gradients_and_state_are_pytorchs():
    ours, theirs = nets()
    x, dy = np.random.default_rng(1).normal(size=(2, 8, 4))
    y = ours(x)
    ours.backward(dy[:, :3])
    wanted = theirs(torch.tensor(x))
    wanted.backward(torch.tensor(dy[:, :3]))
    assert_close(y, wanted.detach().numpy(), tol=1e-12)
    grads = {n: p.grad.numpy() for n, p in theirs.named_parameters()}
    assert list(ours.named_parameters()) == list(grads)
    for name, parameter in ours.named_parameters().items():
        assert_close(parameter.grad, grads[name], tol=1e-12, size=abs(dy).max())
    fresh = nets()[0]
    fresh.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert_close(fresh.eval()(x), theirs.eval()(torch.tensor(x)).detach().numpy(), tol=1e-12)


def test_fit_trains_everything():
    rng, net = np.random.default_rng(0), Block()
    y = np.arange(180) % 3
    x = rng.normal(size=(180, 4)) + 3 * np.eye(4)[y]
    before = net.state_dict()
    data = Split(x[:90], y[:90], x[90:], y[90:])
    history = fit(net, data, lr=0.05, steps=60, batch_size=30, progress=False)
    assert history.final_accuracy > 0.9
    assert history.loss[-1] < 0.5 * history.loss[0]
    for name, array in net.state_dict().items():
        assert not np.array_equal(array, before[name]), name


def test_names_say_the_way_through_lists_and_dictionaries():
    assert list(Block().named_parameters())[::5] == [
        "several.0.scale", "several.1.1.scale", "named.last.scale", "head.weight"
    ]  # fmt: skip


def test_shared_layers_and_shared_parameters_count_once():
    net = Residual(4)
    net.again, net.tied = net.bn, Linear(4, 4)
    net.tied.weight = net.linear.weight
    assert len(net.parameters()) == len(set(map(id, net.parameters()))) == 6
    assert [name for name in net.named_parameters() if "again" in name] == []
    assert "again.running_mean" not in net.state_dict()


def test_a_layer_inside_itself_does_not_hang():
    net = Residual(4)
    net.bn.owner, net.me = net, [net]
    assert set(net.state_dict()) == set(Residual(4).state_dict())
    assert not net.eval().bn.training
    assert net.train().bn.training
    assert vars(net).keys() == vars(Residual(4)).keys() | {"me"}
    assert set(net.bn.named_parameters()) >= {"weight", "bias", "owner.linear.weight"}
