"""What `fold` and `recalibrate` refuse; layers and statistics stay as they were."""

import math

import numpy as np
import pytest
import torch
from fold_pairs import pair, sample
from refusals import NonFiniteError, Row, each_row
from torch import nn

from bnlib.deploy import fold, recalibrate
from bnlib.layers import BatchNorm, Conv2d, Linear, ReLU, Sequential


def trained_pair(kind="Linear", change=None, **options):
    """Return a function that builds a layer and its batch normalization, then changes it."""

    def on():
        layer, bn, _ = pair(kind, **options)
        if change:
            change(bn)
        return layer, bn

    return on


def spoiled(name, value):
    """Return a function that builds a pair with one bad statistic, in channel 2."""
    return trained_pair(change=lambda bn: getattr(bn, name).__setitem__(2, value), eps=0.0)


class Clipped(BatchNorm):
    """Batch normalization and ReLU in one."""

    def forward(self, x):
        """Return no negative value."""
        return np.maximum(super().forward(x), 0)


class Cosine(Linear):
    """A layer that is not affine."""

    def forward(self, x):
        """Return the output for an input of length 1."""
        return super().forward(x / np.linalg.norm(x))


class Doubled(Conv2d):
    """A convolution that is called in its own way."""

    def __call__(self, x):
        """Return twice the convolution."""
        return 2 * super().__call__(x)


OTHERS = [  # the layer, what follows it, and whether they stand the wrong way round
    (BatchNorm(2).eval(), Linear(2, 2), True),
    (BatchNorm(2).eval(), Conv2d(2, 2, 1), True),
    (ReLU(), BatchNorm(2).eval(), False),
    (Linear(2, 2), ReLU(), False),
    (BatchNorm(2).eval(), BatchNorm(2).eval(), False),
    (Sequential(Linear(2, 2)), BatchNorm(2).eval(), False),
    (nn.Linear(2, 2), BatchNorm(2).eval(), False),
    (Linear(2, 2), nn.BatchNorm1d(2).eval(), False),
    (None, None, False),
]
# fmt: off
FOLD = [
    Row(ValueError, "fold: bn is in training mode, where it ... is no fixed map; call ...",
        fold, on=trained_pair(change=BatchNorm.train)),
    Row(ValueError, "fold: bn keeps no running statistics, ...; build it with ...", fold,
        on=trained_pair(track_running_stats=False)),
    *[Row(TypeError,
          "fold: expected a Linear or Conv2d and the BatchNorm that follows it, got "
          "{0[0].__class__.__name__} and {0[1].__class__.__name__}; "
          f"{'only a BatchNorm after the layer' if back else 'nothing else'} can be folded",
          lambda two: fold(*two), tuple(two for *two, order in OTHERS if order is back))
      for back in (True, False)],
    *[Row(TypeError, f"fold: {type(two[on]).__name__} defines its own {method}, which ...; ...",
          fold, on=lambda two=two: two)
      for on, method, two in [(1, "forward", (Linear(2, 4), Clipped(4).eval())),
                              (0, "forward", (Cosine(2, 4), BatchNorm(4).eval())),
                              (0, "__call__", (Doubled(2, 4, 3), BatchNorm(4).eval()))]],
    *[Row(ValueError, f"fold: bn has 3 channels, {kind} gives 4; pass the BatchNorm that ...",
          lambda layer, _: fold(layer, BatchNorm(3).eval()), on=trained_pair(kind))
      for kind in ("Linear", "Conv2d")],
    *[Row(ValueError,
          f"fold: bn has channel_axis {axis}, {kind} has its channels on axis 1; they ...",
          fold, on=trained_pair(kind, channel_axis=axis))
      for kind, axis in [("Linear", 0), ("Conv2d", -1), ("Conv2d", 3)]],
    *[Row(NonFiniteError, "fold: expected finite statistics, ... [2]; look ...", fold,
          on=spoiled(name, value))
      for name in ("running_mean", "running_var") for value in (math.nan, math.inf)],
    Row(ValueError, "fold: a variance cannot be negative, got -1 in channel 2; compute ...",
        fold, on=spoiled("running_var", -1.0)),
    Row(ValueError, "fold: channel 2 is constant (variance 0) and eps is 0, ...; use ...",
        fold, on=spoiled("running_var", 0.0)),
    *[Row(ValueError, f"fold: {name} must have one value per channel, ...", fold,
          on=trained_pair(
              change=lambda bn, name=name: setattr(getattr(bn, name), "value", np.ones(3))))
      for name in ("gamma", "beta")],
]


class Lazy(Sequential):
    """A container that never calls its last layer."""

    def forward(self, x):
        """Return the output of all layers but the last."""
        for layer in self.layers[:-1]:
            x = layer(x)
        return x


def network():
    """Return a trained network of three batch normalizations in different modes."""
    norms = BatchNorm(4), BatchNorm(6), BatchNorm(6)
    net = Sequential(norms[0], Linear(4, 6, seed=0), norms[1], ReLU(), norms[2])
    net(sample(9, 4, seed=1))
    norms[1].eval()
    return net


UNSEEN = "recalibrate: {} BatchNorm layers saw no batch; give at least one batch, and ..."
X = sample(9, 4)
RECALIBRATE = [
    Row(ValueError, UNSEEN.format("3 of 3"), recalibrate, ([],), network),
    Row(ValueError, UNSEEN.format("1 of 3"), recalibrate, ([X],),
        lambda: Lazy(*(BatchNorm(4) for _ in range(3)))),
    Row(ValueError, "BatchNorm: expected 4 channels on axis 1, ...; ...", recalibrate,
        ([X, sample(9, 3)],), network),
    Row(NonFiniteError, "...: expected finite statistics, ...; ...", recalibrate,
        ([X, X * np.nan],), network),
    Row(ValueError, "BatchNorm: needs at least 2 values ...; ...", recalibrate,
        ([X, sample(1, 4)],), network),
    Row(TypeError, "BatchNorm: x must be a NumPy array ..., got tuple; ...", recalibrate,
        ([(X, 0)],), network),
    Row(TypeError, "recalibrate: expected an iterable ..., got {0.__class__.__name__}; ...",
        recalibrate, (X, None), network),
    Row(TypeError,
        "recalibrate: model must be a NumPy layer, got {0.__class__.__name__}; PyTorch ...",
        lambda model: recalibrate(model, []), (None, torch.nn.BatchNorm1d(2), BatchNorm)),
    Row(ValueError,
        "recalibrate: {0.__class__.__name__} has no BatchNorm with running statistics; build "
        "it with track_running_stats=True", lambda model: recalibrate(model, [X]),
        (Sequential(ReLU()), BatchNorm(2, track_running_stats=False), Linear(2, 2))),
]
# fmt: on


@each_row(FOLD, RECALIBRATE)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


def test_after_an_error_the_layers_track_again():
    net = network()
    with pytest.raises(ValueError, match="saw no batch"):
        recalibrate(net, [])
    count = int(net.layers[0].num_batches_tracked)
    net.train()(X)
    assert net.layers[0].num_batches_tracked == count + 1
