"""The training loop: batches, history, divergence and the mode it leaves behind."""

import math
import os
import time

import numpy as np
import pytest
import torch
from reference import assert_close, assert_same_state, torch_twin, untouched
from refusals import NonFiniteError, Row
from torch.nn import functional

from bnlib.data import Split
from bnlib.layers import BatchNorm, Linear, Sequential
from bnlib.models import mlp
from bnlib.train import History, accuracy, fit, mini_batches, sweep


@pytest.fixture
def data():
    """Return three classes in the plane: 50 training samples, 30 test samples."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 80)
    x = rng.normal(size=(80, 2)) + 2 * np.stack([np.cos(2 * y), np.sin(2 * y)], axis=1)
    return Split(x[:50], y[:50], x[50:], y[50:])


@pytest.fixture
def net():
    return mlp([2, 8, 3], norm="before", seed=0)


def test_mini_batches_cover_each_epoch_once_and_drop_the_ragged_batch():
    batches = list(mini_batches(n=10, batch_size=4, steps=6, seed=0))
    assert len(batches) == 6
    assert {len(rows) for rows in batches} == {4}
    epochs = np.reshape(batches, (3, 8))
    for epoch in epochs:
        assert len(set(epoch)) == 8
        assert set(epoch) <= set(range(10))
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert set(epochs.ravel()) == set(range(10))


def test_mini_batches_follow_the_seed():
    first, same, other = (np.array(list(mini_batches(50, 5, 10, s))) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_fit_is_the_loop_that_one_writes_in_torch(data, norm):
    net = mlp([2, 8, 3], norm=norm, seed=0)
    twin = torch_twin(net).train()
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.2, weight_decay=0.01)
    losses = []
    for rows in mini_batches(50, 16, steps=12, seed=5):
        x, y = torch.tensor(data.x_train[rows]), torch.tensor(data.y_train[rows])
        loss = functional.cross_entropy(twin(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    history = fit(net, data, lr=0.2, steps=12, batch_size=16, seed=5, weight_decay=0.01)
    assert_close(history.loss, losses)
    assert_same_state(net, twin)
    predicted = twin.eval()(torch.tensor(data.x_test)).argmax(dim=1).numpy()
    assert history.accuracy == [float((predicted == data.y_test).mean())]


def test_fit_learns_and_takes_batches_of_64_from_seed_0_by_default(data, net):
    data = Split(*(np.concatenate([part] * 3) for part in data[:4]))
    history = fit(net, data, lr=0.1, steps=30)
    expected = fit(mlp([2, 8, 3], norm="before"), data, 0.1, 30, 64, 0, None, 0.0, False)
    assert history == expected
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.final_accuracy > 0.8
    assert not history.diverged


def test_history_holds_every_loss_and_the_evaluations_asked_for(data, net):
    history = fit(net, data, lr=0.1, steps=10, batch_size=16, eval_every=4)
    assert len(history.loss) == 10
    assert history.steps == [4, 8, 10]
    assert len(history.accuracy) == 3
    assert history.final_accuracy == accuracy(net, data.x_test, data.y_test)
    assert [type(value) for value in history.loss + history.accuracy] == [float] * 13


def test_fit_evaluates_on_the_validation_part_where_there_is_one(data):
    model = mlp([2, 8, 3])
    other = data._replace(x_val=data.x_train, y_val=(data.y_train + 1) % 3)
    history = fit(model, other, lr=0.1, steps=50, batch_size=50, progress=False)
    assert history.final_accuracy == accuracy(model, other.x_val, other.y_val)
    assert history.final_accuracy < accuracy(model, data.x_test, data.y_test)


@pytest.mark.parametrize("training", [True, False])
def test_fit_leaves_the_model_in_evaluation_mode(data, net, training):
    fit(net.train(training), data, lr=0.1, steps=2, batch_size=16)
    assert not any(layer.training for layer in (net, *net.layers))


@pytest.mark.parametrize("training", [True, False])
def test_accuracy_is_measured_in_evaluation_mode_and_keeps_the_mode(data, net, training):
    net(data.x_train)
    predicted = net.eval()(data.x_test).argmax(axis=1)
    with untouched(net.train(training)):
        share = accuracy(net, data.x_test, data.y_test)
    assert share == np.mean(predicted == data.y_test)


def test_a_loss_that_is_not_finite_ends_the_run(data):
    net = mlp([2, 8, 8, 3])
    history = fit(net, data, lr=1e200, steps=50, batch_size=16, eval_every=1)
    assert history.diverged
    assert len(history.loss) < 50
    assert np.isfinite(history.loss[:-1]).all()
    assert not np.isfinite(history.loss[-1])
    assert history.final_accuracy == 0.0
    assert net.training is False


def test_a_statistic_that_is_not_finite_ends_the_run(data, net):
    data.x_train[:] = math.inf
    history = fit(net, data, lr=0.1, steps=5, batch_size=16)
    assert history == History(diverged=True)
    assert net.training is False


def test_an_evaluation_that_is_not_finite_ends_the_run(data):
    net = Sequential(BatchNorm(2, track_running_stats=False), Linear(2, 3))
    data.x_test[0] = math.nan
    history = fit(net, data, lr=0.1, steps=5, batch_size=16, eval_every=2)
    assert history.diverged
    assert len(history.loss) == 2
    assert history.steps == history.accuracy == []
    assert history.steps_to(0.5) == math.inf
    assert net.training is False
    with untouched(net.train()), pytest.raises(NonFiniteError, match="finite statistics"):
        accuracy(net, data.x_test, data.y_test)


@pytest.mark.parametrize(("steps", "batch_size"), [(0, 16), (-1, 16), (5, 0), (5, 51)])
def test_fit_needs_a_step_and_a_full_batch(data, net, steps, batch_size):
    wrong = f"steps must be at least 1, got {steps}; each step ..."
    if steps > 0:
        wrong = f"batch_size must lie between 1 and 50, got {batch_size}; a batch ..."
    Row(ValueError, f"fit: {wrong}",
        lambda net: fit(net, data, lr=0.1, steps=steps, batch_size=batch_size),
        on=lambda: net).check()  # fmt: skip


@pytest.mark.parametrize("batch_size", [1, 50])
def test_fit_takes_the_smallest_and_the_largest_batch(data, batch_size):
    assert len(fit(mlp([2, 3]), data, lr=0.1, steps=1, batch_size=batch_size).loss) == 1


@pytest.mark.parametrize(
    ("target", "steps"), [(0.0, 10), (0.5, 20), (0.7, 20), (0.71, math.inf)]
)
def test_steps_to_counts_until_the_target_is_first_reached(target, steps):
    history = History(steps=[10, 20, 30], accuracy=[0.3, 0.7, 0.6])
    assert history.steps_to(target) == steps
    assert history.final_accuracy == 0.6


def test_sweep_without_seeds_has_empty_rows():
    assert sweep(lambda lr, seed: lr, [0.1, 0.2], [], progress=False) == [[], []]


def test_sweep_has_a_row_a_rate_and_a_column_a_seed():
    rates, seeds = iter([0.1, 0.2, 0.3]), iter([7, 8])
    results = sweep(lambda lr, seed: (lr, seed), rates, seeds, progress=False)
    assert results == [[(lr, seed) for seed in (7, 8)] for lr in (0.1, 0.2, 0.3)]


def test_workers_are_other_processes_and_results_keep_their_places():
    def run(lr, seed):
        time.sleep(0.3 * ((lr, seed) == (0.1, 7)))  # the first is not the first to end
        return lr, seed, os.getpid()

    rows = sweep(run, [0.1, 0.2, 0.3], [7, 8], progress=False, workers=2)
    assert [[one[:2] for one in row] for row in rows] == [
        [(lr, seed) for seed in (7, 8)] for lr in (0.1, 0.2, 0.3)
    ]
    assert os.getpid() not in {process for row in rows for *_, process in row}


def test_one_worker_is_the_caller():
    assert sweep(lambda lr, seed: os.getpid(), [0.1], [0], progress=False) == [[os.getpid()]]


def test_a_sweep_without_workers_is_refused():
    with pytest.raises(ValueError, match=r"^sweep: workers must be at least 1, got 0; "):
        sweep(lambda lr, seed: lr, [0.1], [0], workers=0)
