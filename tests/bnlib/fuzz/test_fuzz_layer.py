"""The layer, over random sequences of calls: outputs, gradients and running statistics."""

from decimal import Decimal

import numpy as np
from fuzz import EPS, FLOATS, arrays, legal, outcome
from fuzz_exact import DOUBLE, compare, exact, largest, textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import untouched

from bnlib.layers import BatchNorm

POWERS = (-12, 12)  # of ten: the scale of the batches


class Running:
    """Exact running statistics of one channel, and how far float64 ones may be off."""

    def __init__(self):
        self.mean, self.var = Decimal(0), Decimal(1)
        self.mean_bound = self.var_bound = Decimal(0)

    @exact
    def update(self, channel, momentum, dtype):
        """Follow Ioffe & Szegedy's Algorithm 2 as an exponential average."""
        u, m, w = Decimal(float(np.finfo(dtype).eps)), len(channel.x), Decimal(momentum)
        a = largest(channel.x)
        unbiased = channel.var * m / (m - 1)
        mean_off = (m + 8) * DOUBLE * a
        var_off = 32 * u * (unbiased + (u * a) ** 2) + mean_off * mean_off
        self.mean = (1 - w) * self.mean + w * channel.mu
        self.var = (1 - w) * self.var + w * unbiased
        rounding = 4 * DOUBLE
        self.mean_bound += w * mean_off + rounding * (abs(self.mean) + a)
        self.var_bound += w * var_off + rounding * (self.var + unbiased)


@st.composite
def layers(draw):
    """Draw a layer in training or evaluation mode."""
    layer = BatchNorm(
        draw(st.integers(1, 3)),
        eps=draw(EPS),
        momentum=draw(st.sampled_from([0.1, 0.5, 0.0, 1.0, None])),
        affine=draw(st.booleans()),
        track_running_stats=draw(st.booleans()),
        channel_axis=draw(st.integers(-4, 4)),
    )
    for parameter in layer.parameters():
        parameter.value[...] = draw(arrays(np.float64, parameter.value.shape, (-3, 3), False))
    return layer


@st.composite
def batches(draw, layer):
    """Draw a batch that mostly fits, its gradient, and a mode."""
    dtype = draw(st.sampled_from(FLOATS))
    shape = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    if -len(shape) <= layer.channel_axis < len(shape) and draw(st.integers(0, 7)):
        shape[layer.channel_axis] = layer.num_features
    if draw(st.integers(0, 7)) == 0:
        shape = None
    x = draw(arrays(dtype, shape, POWERS))
    return x, draw(arrays(dtype, x.shape, POWERS)), draw(st.booleans())


@settings(max_examples=100)
@given(st.data(), layers())
def test_batch_norm(data, layer):
    running = [Running() for _ in range(layer.num_features)]
    axis, steps = layer.channel_axis, 0
    for _ in range(3):
        x, dy, training = data.draw(batches(layer))
        layer.train(training)
        before = layer.state_dict()
        y, tracked = checked_call(layer, x)
        if isinstance(y, Exception):
            assert tracked == before.get("num_batches_tracked", 0)
            continue
        own = not training and layer.running_mean is not None
        stats = (before["running_mean"], before["running_var"]) if own else ()
        gamma, beta = (None if p is None else p.value for p in (layer.gamma, layer.beta))
        channels = textbook(x, gamma, beta, layer.eps, axis, dy, *stats)
        gradients = backward(layer, dy)
        compare(y, gradients, channels, axis)
        if not training or layer.running_mean is None:
            np.testing.assert_equal(layer.state_dict(), before)
            continue
        steps += 1
        assert tracked == steps
        momentum = 1 / steps if layer.momentum is None else layer.momentum
        for exact_one, channel in zip(running, channels, strict=True):
            exact_one.update(channel, momentum, x.dtype)
        follow(layer, running)


def checked_call(layer, x):
    """Call a layer; return the output or the documented error, and the batch count."""
    op = "batch_norm_(train|eval)|BatchNorm"
    fits = legal(x, layer.channel_axis, 1)
    fits = fits and x.shape[layer.channel_axis] == layer.num_features
    before = kept(layer)
    y = outcome(f"({op})", layer, x)
    if isinstance(y, Exception):
        np.testing.assert_equal(kept(layer), before)
    else:
        assert fits
    count = layer.num_batches_tracked
    return y, 0 if count is None else int(count)


def kept(layer):
    """Return all that a failed call must leave alone."""
    grads = [parameter.grad.copy() for parameter in layer.parameters()]
    return layer.training, layer.state_dict(), grads


def backward(layer, dy):
    """Return dx and, where gamma and beta are learned, dgamma and dbeta; no state changes."""
    with untouched(dy):
        before = layer.state_dict()
        dx = layer.backward(dy)
        np.testing.assert_equal(layer.state_dict(), before)
    return dx, *(parameter.grad for parameter in layer.parameters())


@exact
def follow(layer, running):
    """Hold the running statistics to their bounds."""
    for i, wanted in enumerate(running):
        mean, var = (Decimal(float(a[i])) for a in (layer.running_mean, layer.running_var))
        assert abs(mean - wanted.mean) <= wanted.mean_bound, (mean, wanted.mean)
        assert abs(var - wanted.var) <= wanted.var_bound, (var, wanted.var)
        assert var >= 0
