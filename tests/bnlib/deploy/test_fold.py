"""Folding a batch normalization into the layer before it: what can be, what cannot."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, untouched
from refusals import NonFiniteError, Row, each_row

from bnlib.deploy import fold
from bnlib.layers import BatchNorm, Conv2d, Linear, ReLU, Sequential

each_kind = pytest.mark.parametrize("kind", ["Linear", "Conv2d"])


def trained(num_features, rng, **options):
    """Return a batch normalization in evaluation mode with parameters like a trained one's."""
    bn = BatchNorm(num_features, **options).eval()
    state = bn.state_dict()
    for name, array in state.items():
        low = 0.1 if name == "running_var" else -3
        array[...] = rng.uniform(low, 3, num_features) if array.ndim else 7
    bn.load_state_dict(state)
    return bn


def pair(kind="Linear", bias=True, seed=0, **options):
    """Return a layer, the batch normalization after it, and inputs."""
    rng = np.random.default_rng(seed)
    if kind == "Linear":
        layer, x = Linear(5, 4, bias=bias, seed=rng), rng.normal(3, 2, (6, 5))
    else:
        layer = Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(2, 1), bias=bias, seed=rng)
        x = rng.normal(3, 2, (3, 2, 5, 4))
    if bias:
        layer.bias.value += rng.normal(size=4)
    return layer, trained(4, rng, **options), x


@each_kind
@settings(max_examples=40)
@given(bias=st.booleans(), affine=st.booleans(), eps=st.floats(0, 2), seed=st.integers(0, 99))
def test_one_layer_computes_the_same_as_the_two(kind, bias, affine, eps, seed):
    layer, bn, x = pair(kind, bias, seed, affine=affine, eps=eps)
    with untouched(layer, bn):
        folded = fold(layer, bn)
        assert_close(folded(x), bn(layer(x)), tol=1e-12)
    assert type(folded) is type(layer)
    assert folded is not layer
    assert folded.training is False


@each_kind
def test_the_new_layer_shares_nothing_with_the_old_ones(kind):
    layer, bn, x = pair(kind)
    folded = fold(layer, bn)
    y = folded(x)
    for parameter in layer.parameters() + bn.parameters():
        parameter.value += 1
    bn.running_mean += 1
    bn.running_var += 1
    np.testing.assert_array_equal(folded(x), y)


@each_kind
def test_the_new_layer_can_be_trained(kind):
    """Its gradients have the shapes of its parameters, and its backward is its own."""
    layer, bn, x = pair(kind, bias=False)
    folded = fold(layer, bn)
    layer(x)
    with pytest.raises(RuntimeError, match="no forward pass came before"):
        folded.backward(np.ones((1, 4)))
    folded.backward(np.ones_like(folded(x)))
    for parameter in folded.parameters():
        assert parameter.grad.shape == parameter.value.shape
    assert list(folded.named_parameters()) == ["weight", "bias"]


def test_an_overflow_is_infinite_without_a_warning():
    layer, bn, _ = pair()
    bn.gamma.value[:] = 1e308
    layer.weight.value[:] = 1e10
    assert np.isinf(fold(layer, bn).weight.value).all()


def test_negative_axes_count_from_the_end():
    for kind, axis in (("Linear", -1), ("Conv2d", -3)):
        layer, bn, x = pair(kind, channel_axis=axis)
        assert_close(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)


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
    (ReLU(), BatchNorm(2).eval(), False),
    (Linear(2, 2), ReLU(), False),
    (BatchNorm(2).eval(), BatchNorm(2).eval(), False),
    (Sequential(Linear(2, 2)), BatchNorm(2).eval(), False),
    (Linear(2, 2), torch.nn.BatchNorm1d(2).eval(), False),
    (None, None, False),
]


# fmt: off
@each_row(
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
    Row(TypeError, "fold: BatchNorm defines its own forward, which ...; ...", fold,
        on=trained_pair(change=lambda bn: setattr(bn, "forward", abs))),
    *[Row(TypeError, f"fold: {type(layer).__name__} defines its own {method}, which ...; ...",
          fold, on=lambda layer=layer: (layer, BatchNorm(4).eval()))
      for layer, method in [(Cosine(2, 4), "forward"), (Doubled(2, 4, 3), "__call__")]],
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
)
def test_a_pair_that_cannot_be_folded_is_refused(row, bad):
    row.check(*bad)
# fmt: on
