"""A small LeNet with batch normalization, trained in NumPy and beside it in PyTorch."""

import numpy as np
import pytest
import torch
from reference import assert_close, assert_same_state, leaf
from torch import nn
from torch.nn import functional

from bnlib.data import digits
from bnlib.layers import (
    SGD,
    BatchNorm,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    softmax_cross_entropy,
)
from bnlib.layers.conv import Conv2d
from bnlib.layers.pool import Flatten, MaxPool2d


def lenet():
    """Return both networks, with the same state, for images of 8 x 8."""
    ours = Sequential(
        Conv2d(1, 4, 3, padding=1, seed=0), BatchNorm(4), ReLU(), MaxPool2d(2),
        Conv2d(4, 8, 3, bias=False, seed=1), BatchNorm(8), Sigmoid(), Flatten(),
        Linear(32, 16, seed=2), BatchNorm(16), ReLU(), Linear(16, 10, seed=3),
    )  # fmt: skip
    theirs = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Sigmoid(), nn.Flatten(),
        nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10),
    ).double()  # fmt: skip
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    return ours, theirs


@pytest.fixture(scope="module")
def data():
    split = digits(seed=0)
    return split.x_train.reshape(-1, 1, 8, 8), split.y_train


def test_every_step_of_training_matches_torch(data):
    """Images start with columns of equal values, so the pooling's ties count."""
    (x, labels), (ours, theirs) = data, lenet()
    optimizer = SGD(ours.parameters(), lr=0.2, momentum=0.5)
    other = torch.optim.SGD(theirs.parameters(), lr=0.2, momentum=0.5)
    losses = []
    for rows in np.arange(20 * 32).reshape(20, 32):
        loss, dlogits = softmax_cross_entropy(ours(x[rows]), labels[rows])
        dx = ours.backward(dlogits)
        x_torch = leaf(x[rows])
        loss_torch = functional.cross_entropy(theirs(x_torch), torch.from_numpy(labels[rows]))
        other.zero_grad()
        loss_torch.backward()
        assert abs(loss - loss_torch.item()) < 1e-10
        assert_close(dx, x_torch.grad.numpy())
        for name, parameter in theirs.named_parameters():
            assert_close(ours.named_parameters()[name].grad, parameter.grad.numpy(), size=1.0)
        optimizer.step()
        other.step()
        losses.append(loss)
    assert_same_state(ours, theirs)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    images = x[:50]
    y_torch = theirs.eval()(torch.from_numpy(images)).detach().numpy()
    assert_close(ours.eval()(images), y_torch)


def test_it_learns_the_digits(data):
    (x, labels), (net, _) = data, lenet()
    optimizer, rng = SGD(net.parameters(), lr=0.3), np.random.default_rng(0)
    for _ in range(120):
        rows = rng.integers(0, 1000, 64)
        net.backward(softmax_cross_entropy(net(x[rows]), labels[rows])[1])
        optimizer.step()
    assert (net.eval()(x[1000:]).argmax(axis=1) == labels[1000:]).mean() > 0.9
