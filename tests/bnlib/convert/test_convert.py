"""Five libraries' rules, each simulated as it is documented, and the conversions."""

import dataclasses
import itertools

import keras_layer
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close

from bnlib.convert import CONVENTIONS, convert_state, from_torch_momentum, to_torch_momentum

PAIRS = list(itertools.product(CONVENTIONS, CONVENTIONS))
each_pair = pytest.mark.parametrize(("source", "target"), PAIRS)
each_library = pytest.mark.parametrize("library", CONVENTIONS)


def run_torch(batches, momentum):
    """Run the library itself."""
    layer = torch.nn.BatchNorm1d(batches.shape[2], momentum=momentum, dtype=torch.float64)
    for x in batches:
        layer(torch.from_numpy(x))
    return layer.running_mean.numpy(), layer.running_var.numpy()


def run_keras(batches, momentum):
    """Start at 0 and 1; ``moving = moving * momentum + batch * (1 - momentum)``."""
    mean, var = np.zeros(batches.shape[2]), np.ones(batches.shape[2])
    for x in batches:
        mean = mean * momentum + x.mean(axis=0) * (1 - momentum)
        var = var * momentum + x.var(axis=0) * (1 - momentum)
    return mean, var


def run_darknet(batches, momentum):
    """Scale the rolling values, add the new ones; from 0, variance over m - 1."""
    mean, var = np.zeros(batches.shape[2]), np.zeros(batches.shape[2])
    for x in batches:
        mean *= momentum
        mean += (1 - momentum) * x.sum(axis=0) / len(x)
        var *= momentum
        var += (1 - momentum) * ((x - x.mean(axis=0)) ** 2).sum(axis=0) / (len(x) - 1)
    return mean, var


RUN = {
    "torch": run_torch, "keras": run_keras, "flax": run_keras, "mxnet": run_keras,
    "darknet": run_darknet,
}  # fmt: skip


def normalize(library, x, state, eps):
    """Evaluate as each library does, given its arrays by its names."""
    gamma, beta, mean, var = (state[name] for name in CONVENTIONS[library].names)
    if library == "darknet":
        return gamma * ((x - mean) / (np.sqrt(var) + eps)) + beta
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def random_state(library, seed=0, channels=3):
    """Return arrays by the library's names."""
    rng = np.random.default_rng(seed)
    values = *rng.normal(size=(3, channels)), rng.uniform(0.1, 3, channels)
    return dict(zip(CONVENTIONS[library].names, values, strict=True))


def test_the_table_says_what_the_libraries_say():
    """The documented defaults, typed in once more."""
    rows = {
        "torch": (0.1, "new", 1e-5, "inside", "biased", "unbiased", (0, 1), 1),
        "keras": (0.99, "old", 1e-3, "inside", "biased", "biased", (0, 1), -1),
        "flax": (0.99, "old", 1e-5, "inside", "biased", "biased", (0, 1), -1),
        "mxnet": (0.9, "old", 1e-5, "inside", "biased", "biased", (0, 1), 1),
        "darknet": (0.99, "old", 1e-6, "outside", "unbiased", "unbiased", (0, 0), 1),
    }
    assert {k: dataclasses.astuple(v)[:8] for k, v in CONVENTIONS.items()} == rows
    assert all(row.varies.endswith((".", "...")) for row in CONVENTIONS.values())


def test_the_table_says_what_torch_does():
    row, layer = CONVENTIONS["torch"], torch.nn.BatchNorm1d(2)
    assert (layer.momentum, layer.eps) == (row.momentum, row.eps)
    assert list(layer.state_dict()) == [*row.names, "num_batches_tracked"]
    assert (layer.running_mean[0], layer.running_var[0]) == row.initial
    x = np.array([[0.0, 2.0], [4.0, 2.5]])
    y = layer.double()(torch.from_numpy(x)).detach().numpy()
    assert_close(y, (x - x.mean(0)) / np.sqrt(x.var(0) + row.eps))


def test_the_table_says_what_keras_does():
    """Keras itself, over PyTorch, on three batches; it computes this layer in float32."""
    row, batches = CONVENTIONS["keras"], np.random.default_rng(0).normal(2, 3, size=(3, 5, 2))
    facts = keras_layer.facts(batches.tolist())
    assert facts["defaults"] == [row.momentum, row.eps, row.channel_axis]
    assert (facts["initial"], facts["weights"]) == (list(row.initial), list(row.names))
    running, last = run_keras(batches, 0.9), batches[-1]
    assert_close(facts["running"], running, tol=1e-6)
    assert_close(facts["trained"], (last - last.mean(0)) / np.sqrt(last.var(0) + row.eps), 1e-6)
    state = dict(zip(row.names, (np.ones(2), np.zeros(2), *running), strict=True))
    assert_close(facts["evaluated"], normalize("keras", batches[0], state, row.eps), tol=1e-6)


@pytest.mark.parametrize("row", CONVENTIONS.values(), ids=CONVENTIONS)
def test_the_table_cannot_be_changed(row):
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.eps = 1.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        CONVENTIONS["torch"] = row


@pytest.mark.parametrize(
    ("library", "theirs", "torchs"),
    [("torch", 0.3, 0.3), ("keras", 0.9, 0.1), ("flax", 1.0, 0.0), ("mxnet", 0.0, 1.0)],
)
def test_momentum_weighs_the_old_value_or_the_new_one(library, theirs, torchs):
    assert to_torch_momentum(library, theirs) == pytest.approx(torchs, abs=1e-15)
    assert from_torch_momentum(library, torchs) == pytest.approx(theirs, abs=1e-15)


@each_library
def test_momentum_defaults_and_round_trips(library):
    default = CONVENTIONS[library].momentum
    assert to_torch_momentum(library) == to_torch_momentum(library, default)
    back = from_torch_momentum(library, to_torch_momentum(library, default))
    assert back == pytest.approx(default, abs=1e-15)


@each_pair
@settings(max_examples=5)
@given(
    share=st.floats(0.001, 1), updates=st.integers(0, 6), m=st.integers(2, 9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_the_estimate_is_what_the_target_would_have_found(
    source, target, share, updates, m, seed
):
    """``share`` is the weight of the new value, the same in both."""
    batches = np.random.default_rng(seed).normal(5, 3, (updates, m, 2))
    there = RUN[source](batches, from_torch_momentum(source, share))
    expected = RUN[target](batches, from_torch_momentum(target, share))
    state = dict(zip(CONVENTIONS[source].names[2:], there, strict=True))
    remaining = (1 - share) ** updates
    actual = convert_state(state, source, target, "estimate", m=m, remaining=remaining)
    for name, values in zip(CONVENTIONS[target].names[2:], expected, strict=True):
        assert_close(actual[name], values, size=10.0)


@each_pair
@settings(max_examples=5)
@given(eps=st.floats(1e-8, 0.05), seed=st.integers(0, 99))
def test_outputs_stay_the_same_in_evaluation(source, target, eps, seed):
    state, x = random_state(source, seed), np.random.default_rng(seed).normal(size=(5, 3))
    expected = normalize(source, x, state, 0.05)
    converted = convert_state(state, source, target, source_eps=0.05, target_eps=eps)
    assert_close(normalize(target, x, converted, eps), expected)
    default = convert_state(state, source, target)
    assert_close(
        normalize(target, x, default, CONVENTIONS[target].eps),
        normalize(source, x, state, CONVENTIONS[source].eps),
    )


@each_pair
def test_equal_eps_in_one_place_copies_the_variance(source, target):
    """No factor m / (m - 1): it would change the outputs."""
    state = random_state(source)
    converted = convert_state(state, source, target, source_eps=1e-5, target_eps=1e-5)
    same = (source == "darknet") == (target == "darknet")
    here, there = (CONVENTIONS[k].names for k in (source, target))
    for a, b in list(zip(here, there, strict=True))[: 4 if same else 3]:
        np.testing.assert_array_equal(converted[b], state[a])
        assert not np.shares_memory(converted[b], state[a])
