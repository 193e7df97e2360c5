"""What a converted state holds: names, dtypes, missing parts; and Flax itself."""

import sys

import numpy as np
import pytest
import torch
from reference import assert_close

from bnlib.convert import CONVENTIONS, convert_state, to_torch_momentum
from bnlib.layers import BatchNorm

STATE = {
    "weight": np.array([1.0, 2.0]),
    "bias": np.array([3.0, 4.0]),
    "running_mean": np.array([5.0, 6.0]),
    "running_var": np.array([7.0, 8.0]),
}
X = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 2)).astype(np.float32)  # four batches


def test_estimates_need_no_m_where_both_average_the_same():
    darknet = convert_state(STATE, "torch", "darknet", "estimate")
    assert darknet["rolling_variance"].tolist() == [7, 8]


def test_missing_gamma_or_beta_stays_missing():
    state = {k: v for k, v in STATE.items() if k != "weight"}
    names = list(convert_state(state, "torch", "keras"))
    assert names == ["beta", "moving_mean", "moving_variance"]


def test_the_count_of_batches_is_torchs_alone():
    counted = STATE | {"num_batches_tracked": np.array(7)}
    assert "num_batches_tracked" not in convert_state(counted, "torch", "flax")
    assert convert_state(counted, "torch", "torch")["num_batches_tracked"] == 7
    other = convert_state({"running_mean": [1.0], "running_var": [1.0]}, "mxnet", "torch")
    assert other["num_batches_tracked"].shape == ()
    assert other["num_batches_tracked"] == 0


def test_dtypes_are_kept_and_nothing_is_modified():
    """float32 stays float32; integers, half precision and lists become float64."""
    state = {
        "weight": np.array([1, 2]), "bias": [3.0, 4.0], "running_mean": np.ones(2, np.float16),
        "running_var": torch.ones(2).numpy(),
    }  # fmt: skip
    before = {k: np.array(v) for k, v in state.items()}
    converted = convert_state(state, "torch", "keras", target_eps=1e-5)
    assert [a.dtype for a in converted.values()] == [np.float64] * 3 + [np.float32]
    for name, value in before.items():
        np.testing.assert_array_equal(state[name], value)


def test_an_eps_that_is_the_whole_deviation_leaves_the_variance_0():
    state = {"running_mean": np.zeros(1), "running_var": np.zeros(1)}
    converted = convert_state(state, "torch", "darknet", source_eps=1 / 16, target_eps=1 / 4)
    assert converted["rolling_variance"] == 0
    converted = convert_state(state, "mxnet", "keras", source_eps=1 / 16, target_eps=1 / 32)
    assert converted["moving_variance"] == 1 / 32


def test_flax_itself_follows_the_table():
    nn = pytest.importorskip("flax.linen")
    jax = sys.modules["jax"]
    layer, row = nn.BatchNorm(use_running_average=False), CONVENTIONS["flax"]
    variables = layer.init(jax.random.key(0), X[0])
    initial = variables["batch_stats"]
    assert (initial["mean"][0], initial["var"][0]) == row.initial
    for x in X:
        y_train, changed = layer.apply(variables, x, mutable=["batch_stats"])
        variables = variables | changed
    frozen = nn.BatchNorm(use_running_average=True)
    y_eval = frozen.apply(variables, X[0])
    state = {**variables["params"], **variables["batch_stats"]}
    assert (layer.momentum, layer.epsilon, layer.axis) == (row.momentum, row.eps, -1)
    assert set(state) == set(row.names)
    momentum = to_torch_momentum("flax")
    ours = BatchNorm(2, row.eps, momentum, channel_axis=-1)
    outputs = [ours(x) for x in X]
    assert_close(np.asarray(y_train), outputs[-1], tol=1e-5)
    remaining = (1 - momentum) ** len(X)
    estimate = convert_state(state, "flax", "torch", "estimate", m=30, remaining=remaining)
    assert_close(estimate["running_mean"], ours.running_mean, tol=1e-5)
    assert_close(estimate["running_var"], ours.running_var, tol=1e-6)
    ours.load_state_dict(convert_state(state, "flax", "torch", target_eps=row.eps))
    assert_close(np.asarray(y_eval), ours.eval()(X[0]), tol=1e-5)
