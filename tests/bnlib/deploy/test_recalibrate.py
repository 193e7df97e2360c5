"""Running statistics from one pass over the data, beside plain concatenation and PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, torch_twin
from refusals import NonFiniteError, Row, each_row

from bnlib.deploy import recalibrate
from bnlib.layers import BatchNorm, Conv2d, Layer, Linear, ReLU, Sequential


def sample(*shape, seed=0):
    """Return values with mean 3 and standard deviation 2."""
    return np.random.default_rng(seed).normal(3, 2, shape)


def network():
    """Return a network of three batch normalizations, one of them nested."""
    inner = Sequential(Linear(6, 5, seed=1), BatchNorm(5))
    return Sequential(
        BatchNorm(4), Linear(4, 6, seed=0), BatchNorm(6, momentum=None), ReLU(), inner
    )


@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=5), st.integers(-3, 3), st.integers(0, 9)
)
def test_a_single_layer_gets_the_statistics_of_all_the_data(sizes, scale, seed):
    """However the data are cut into batches, ragged or not."""
    x = sample(sum(sizes), 3, 2, seed=seed) * 10.0**scale
    layer = BatchNorm(3)
    layer.running_mean += 1e6  # leaves no trace
    recalibrate(layer, np.split(x, np.cumsum(sizes)[:-1]))
    assert_close(layer.running_mean, x.mean(axis=(0, 2)))
    assert_close(layer.running_var, x.var(axis=(0, 2), ddof=1))
    assert layer.num_batches_tracked == len(sizes)


@pytest.mark.parametrize("training", [True, False])
def test_deeper_layers_get_what_they_saw_beside_torch(training):
    """The inputs of each layer, caught by hooks in training mode, pooled by concatenation."""
    net, x = network(), sample(60, 4)
    twin = torch_twin(net).train()
    seen = {}
    for name, module in twin.named_modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            seen[name] = []
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: seen[name].append(inputs[0].detach().numpy())
            )
    batches = [x[:16], x[16:32], x[32:40], x[40:]]
    for batch in batches:
        twin(torch.from_numpy(batch))
    recalibrate(net.train(training), iter(batches))
    state = net.state_dict()
    for name, inputs in seen.items():
        pooled = np.concatenate(inputs)
        assert_close(state[f"{name}.running_mean"], pooled.mean(axis=0), size=1.0)
        assert_close(state[f"{name}.running_var"], pooled.var(axis=0, ddof=1))
        assert state[f"{name}.num_batches_tracked"] == 4


def test_parameters_gradients_and_modes_stay():
    net, x = network(), sample(20, 4)
    net.backward(np.cos(net(x)))
    net.layers[0].eval()
    net.layers[2].eval()
    before = [(layer, layer.training) for layer in net.named_layers().values()]
    values = [(p.value.copy(), p.grad.copy()) for p in net.parameters()]
    recalibrate(net, [x])
    assert [(layer, layer.training) for layer in net.named_layers().values()] == before
    for parameter, expected in zip(net.parameters(), values, strict=True):
        np.testing.assert_array_equal((parameter.value, parameter.grad), expected)
    running_mean = net.layers[0].running_mean.copy()
    net.train()(x + 5)
    assert (net.layers[0].running_mean != running_mean).all(), "the layer no longer tracks"


def test_images_and_channels_last():
    net, x = Sequential(Conv2d(2, 3, 3, seed=0), BatchNorm(3)), sample(5, 2, 6, 6)
    recalibrate(net, [x[:2], x[2:]])
    maps = net.layers[0](x)
    assert_close(net.layers[1].running_var, maps.var(axis=(0, 2, 3), ddof=1))
    last = BatchNorm(6, channel_axis=-1)
    recalibrate(last, [x[:2], x[2:]])
    assert_close(last.running_mean, x.mean(axis=(0, 1, 2)))
    assert_close(last.running_var, x.var(axis=(0, 1, 2), ddof=1))


class Branches(Layer):
    """A container of our own: layers in attributes, a list and a dictionary, one twice."""

    def __init__(self):
        super().__init__()
        self.first, self.several, self.named = BatchNorm(2), [BatchNorm(2)], {"a": BatchNorm(2)}
        self.again, self.spare = self.first, None

    def forward(self, x):
        """Run all of them, the first one twice."""
        x = self.named["a"](self.several[0](self.first(x)))
        return self.first(x + 7)


def test_layers_are_found_in_any_container_and_shared_ones_see_all_their_inputs():
    model, x = Branches(), sample(20, 2)
    assert list(model.named_layers().values()) == [
        model,
        model.first,
        model.several[0],
        model.named["a"],
    ]
    recalibrate(model, [x])
    assert model.first.num_batches_tracked == 2
    assert_close(model.first.running_mean, (x.mean(axis=0) + 7) / 2)


def test_layers_without_running_statistics_stay_without():
    net = Sequential(BatchNorm(2, track_running_stats=False), BatchNorm(2))
    recalibrate(net, [sample(9, 2)])
    assert net.layers[0].running_mean is None
    assert net.layers[1].num_batches_tracked == 1


def unused():
    """Return a network with a layer that it never calls."""
    net = network()
    net.unused = BatchNorm(3)
    return net


UNSEEN = "recalibrate: {} BatchNorm layers saw no batch; give at least one batch, and ..."
X = sample(9, 4)


# fmt: off
@each_row(
    Row(ValueError, UNSEEN.format("3 of 3"), recalibrate, ([],), lambda: network().eval()),
    Row(ValueError, UNSEEN.format("1 of 4"), recalibrate, ([X],), unused),
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
)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
# fmt: on


def test_after_an_error_the_layers_track_again():
    net = network()
    with pytest.raises(ValueError, match="saw no batch"):
        recalibrate(net, [])
    count = int(net.layers[0].num_batches_tracked)
    net.train()(X)
    assert net.layers[0].num_batches_tracked == count + 1
