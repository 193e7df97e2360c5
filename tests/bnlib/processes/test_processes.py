"""Functions that several processes run: results by rank, nothing shared, errors told."""

import os

import pytest
import sync_cases
import torch
from refusals import Row, each_row
from torch import nn
from torch.multiprocessing import ProcessRaisedException
from torch.testing import assert_close

from bnlib import processes
from bnlib.torch_layers import BatchNorm1d, convert_sync_batchnorm

SIZE, N, C, LR = 2, 8, 4, 0.5
ADVICE = "; put the function into a module"


def network():
    """Return a small network in float64, always the same."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(3, C), BatchNorm1d(C), nn.ReLU(), nn.Linear(C, 2))
    return made.double()


def batch():
    """Return x and labels; the two halves have other means."""
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(1)).double()
    return x + torch.arange(N)[:, None], torch.arange(N) % 2


@pytest.fixture(scope="module")
def told():
    """Return what two processes tell of two steps with each kind of statistics."""
    models = {"local": network(), "sync": convert_sync_batchnorm(network())}
    return processes.run(processes.take_steps, SIZE, models, *batch(), 2, LR)


def stepped(model, parts):
    """Return a model after a step in this process, with the batch in some parts."""
    (x, y), loss = batch(), 0
    for rows in torch.arange(N).chunk(parts):
        loss = loss + nn.functional.cross_entropy(model(x[rows]), y[rows]) / parts
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for p, dp in zip(model.parameters(), gradients, strict=True):
            p -= LR * dp
    return gradients


@pytest.mark.parametrize(("name", "parts"), [("local", SIZE), ("sync", 1)])
def test_a_step_is_that_of_one_process_with_the_same_parts(told, name, parts):
    model = network()
    for i in range(2):
        want = stepped(model, parts)
        for result in told:
            for got, wanted in zip(result[name][i]["gradients"], want, strict=True):
                assert_close(got, wanted, rtol=0, atol=1e-12)
            for key, value in model.named_parameters():
                assert_close(result[name][i]["state"][key], value.detach(), rtol=0, atol=1e-12)


def test_running_statistics_are_each_process_own_or_all_the_same(told):
    first, second = ([r[name][0]["state"]["1.running_mean"] for r in told] for name in
                     ("local", "sync"))  # fmt: skip
    x = network()[0](batch()[0]).detach()
    for got, part in zip(first, x.chunk(SIZE), strict=True):
        assert_close(got, 0.1 * part.mean(0), rtol=0, atol=1e-12)
    for got in second:
        assert_close(got, 0.1 * x.mean(0), rtol=0, atol=1e-12)


def test_what_is_sent_is_counted(told):
    for result in told:
        assert [step["sent"] for step in result["sync"]] == [[2 * C + 1, 2 * C]] * 2
        assert [step["sent"] for step in result["local"]] == [[], []]


def test_results_come_by_rank_and_nothing_is_shared(monkeypatch):
    monkeypatch.setenv("BNLIB_TEST", "here")
    x = torch.zeros(2)
    results = processes.run(sync_cases.count, SIZE, x)
    for rank, (changed, *rest) in enumerate(results):
        assert changed.tolist() == [1 + rank] * 2
        assert rest == [rank, SIZE, "here"]
    assert x.tolist() == [0, 0]


def test_an_error_in_a_process_is_told():
    with pytest.raises(ProcessRaisedException, match=r"(?s)Process 1.*KeyError: 'some words'"):
        processes.run(sync_cases.complain, SIZE, "some words")


def test_a_process_that_hangs_is_killed_at_the_deadline():
    with pytest.raises(TimeoutError, match="run: the processes still ran after 1 s"):
        processes.run(sync_cases.hang, SIZE, deadline=1)


@each_row(
    Row(ValueError, "run: size must be at least 1, got {0}; it is the number of processes",
        lambda n: processes.run(os.getpid, n), (0, -1)),
    Row(TypeError, "run: size must be an integer, got {0!r}; it is the number of processes",
        lambda n: processes.run(os.getpid, n), (2.0, "2", None)),
    Row(ValueError, "run: deadline must lie between 0.001 and 1e+06, got {0}; it is in ...",
        lambda t: processes.run(os.getpid, 1, deadline=t), (0, float("nan"))),
    Row(TypeError, "run: expected a worker and arguments that another process can "
        "import, got {0!r} (...)" + ADVICE,
        lambda w: processes.run(w, 1), (lambda: 1, 3, len)),
    Row(TypeError, "run: expected a worker and arguments that another process can "
        "import, got ... (...)" + ADVICE,
        lambda w: processes.run(os.getpid, 1, w), (lambda: 1,)),
)  # fmt: skip
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
