"""`SyncBatchNorm` in two and four processes, beside PyTorch in one with the whole batch."""

import copy
import inspect
import pickle

import pytest
import sync_cases
import torch
from refusals import Row, each_row
from sync_cases import FOUR, TWO, UNEVEN, Case
from torch import nn
from torch.multiprocessing import ProcessExitedException
from torch.nn.utils import parametrizations
from torch_pairs import (
    assert_near,
    assert_same_state,
    assert_same_step,
    each_mode,
    each_option,
    pair,
    tensor,
)

from bnlib import processes
from bnlib.torch_layers import BatchNorm1d, SyncBatchNorm, convert_sync_batchnorm

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-6}  # half precision: some units
CASES = [*TWO, *FOUR]
each_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def two():
    """Return the results of two processes, by rank."""
    return processes.run(sync_cases.two, 2)


@pytest.fixture(scope="module")
def four():
    """Return the results of four processes, by rank."""
    return processes.run(sync_cases.four, 4)


@pytest.fixture
def ran(name, request):
    """Return a case, the ranks that shared a batch, and what they got: for each group."""
    case = (TWO | FOUR)[name]
    results = request.getfixturevalue("two" if name in TWO else "four")
    groups = sorted({tuple(sorted(case.members(rank))) for rank in range(len(results))})
    return case, [(ranks, [results[rank][name] for rank in ranks]) for ranks in groups]


def near(case, got, want, held=False):
    """Hold a tensor equal to the float64 reference, as nearly as its dtype allows."""
    dtype = case.held if held else case.dtype
    assert got.dtype == dtype
    tol = TOLERANCE.get(dtype, 4 * torch.finfo(dtype).eps)
    assert_near(sync_cases.flat(got).double(), want, tol)


def rows(t):
    """Return a tensor as rows of channels."""
    return t.movedim(1, -1).reshape(-1, sync_cases.C)


@each_case
def test_outputs_and_gradients_are_those_of_one_process(name, ran):
    case, groups = ran
    for ranks, results in groups:
        want = sync_cases.reference(case, ranks)
        for kind in ("y", "dx") if case.needs_dx else ("y",):
            for i, wanted in enumerate(want[kind]):
                near(case, torch.cat([result[kind][i] for result in results]), wanted)
        for i, whole in enumerate(want["gradients"]):  # those of parameters come in parts
            total = sum(result["gradients"][i].double() for result in results)
            near(case, total.to(case.held), whole, True)


@pytest.mark.parametrize("name", ["uneven", "empty first", "calls", "four", "pairs"])
def test_gradients_of_parameters_are_each_process_own(name, ran):
    """As in PyTorch; `DistributedDataParallel` adds them."""
    case, groups = ran
    for ranks, results in groups:
        for rank, result in zip(ranks, results, strict=True):
            weight, bias = result["state"]["weight"], result["state"]["bias"]
            dy = torch.cat([rows(dy) for _, dy in case.parts([rank])])
            x_hat = (torch.cat([rows(y) for y in result["y"]]) - bias) / weight
            assert_near(result["gradients"][0], (dy * x_hat).sum(0), 1e-10)
            assert_near(result["gradients"][1], dy.sum(0), 1e-10)


@each_case
def test_statistics_are_those_of_the_whole_batch_and_the_same_bits(name, ran):
    case, groups = ran
    for ranks, results in groups:
        want = sync_cases.reference(case, ranks)["state"]
        for result in results:
            assert list(result["state"]) == list(want)
            for key, value in result["state"].items():
                assert torch.equal(value, results[0]["state"][key])
                if key.startswith("running"):
                    near(case, value, want[key], True)
        assert results[0]["state"].get("num_batches_tracked") == want.get("num_batches_tracked")


def test_evaluation_needs_no_other_process(two):
    """Only one of them calls it."""
    case = Case((3, 2))
    x = case.parts([0])[0][0]
    want = [case.layer(nn.BatchNorm1d, track_running_stats=k).eval()(x) for k in (True, False)]
    for got, wanted in zip(two[0]["evaluate_on_rank_0"], want, strict=True):
        assert_near(got, wanted, 1e-12)


def test_nothing_at_all_changes_the_count_alone(two):
    before = Case((0, 0)).layer().state_dict()
    for result in two:
        state = result["nothing"]["state"]
        assert state.pop("num_batches_tracked") == 1
        assert all(torch.equal(value, before[key]) for key, value in state.items())
        assert result["nothing"]["y"][0].shape == (0, sync_cases.C)
        assert not any(gradient.any() for gradient in result["nothing"]["gradients"])


def test_one_value_in_all_processes_is_refused_by_all(two):
    for error, before, after in (result["one_value"] for result in two):
        assert error == (
            "ValueError: SyncBatchNorm: needs more than 1 value per channel when training, got "
            "1 in all processes together; use a larger batch or eval()"
        )
        assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vmap", "RuntimeError: You tried to vmap over Merged, but it does not have vmap"),
        ("jvp", "NotImplementedError: You must implement the jvp function"),
        ("channels", "RuntimeError: SyncBatchNorm: expected 4 channels on axis 1, got an "
         "input of shape (2, 3); check num_features"),
        ("rank", "ValueError: SyncBatchNorm: expected an input of shape (N, C) or (N, C, "
         "*spatial), got (4,); add the batch axis"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused(two, name, message):
    assert [result["wrong"][name][: len(message)] for result in two] == [message] * 2


def test_second_derivatives_are_those_of_one_process(two):
    case = Case(UNEVEN, (3,))
    dx, *want = sync_cases.penalty(case.layer(nn.BatchNorm1d), *case.data()[0])
    got = [result["penalty"] for result in two]
    assert_near(torch.cat([g[0] for g in got]), dx, 1e-10)
    for parts, wanted in zip(zip(*(g[1:] for g in got), strict=True), want, strict=True):
        assert_near(sum(parts), wanted, 1e-10)


def test_recalibration_takes_the_values_of_all_processes(two):
    """The first layer's input depends on no other layer, so that its statistics are exact."""
    x = sync_cases.network()[0](sync_cases.points())
    for result in two:
        assert_near(result["recalibrated"]["1.running_mean"], x.mean(0), 1e-12)
        assert_near(result["recalibrated"]["1.running_var"], x.var(0), 1e-12)
        for key, value in result["recalibrated"].items():
            assert torch.equal(value, two[0]["recalibrated"][key])


def test_a_process_that_does_not_call_or_dies_gives_the_other_an_error(tmp_path):
    with pytest.raises(ProcessExitedException, match="process 1 terminated with exit code 7"):
        processes.run(sync_cases.failures, 2, tmp_path / "told", deadline=60)
    told = torch.load(tmp_path / "told", weights_only=False)
    for error, seconds, before, after in told:
        assert error.startswith("RuntimeError: ")
        assert seconds < 10
        assert all(torch.equal(after[key], value) for key, value in before.items())
    assert "Timed out" in told[0][0]


# Alone: no process group.


@each_mode
@each_option
def test_alone_it_is_batch_normalization(options, training):
    _, theirs = pair("BatchNorm2d", training=training, **options)
    ours = SyncBatchNorm(4, **{"dtype": torch.float64} | options).train(training)
    ours.load_state_dict(theirs.state_dict())
    assert_same_step(ours, theirs, tensor(5, 4, 3, 2), tensor(5, 4, 3, 2, seed=1))


def test_constructor_state_and_repr_are_pytorchs():
    ours, theirs = (
        [(p.name, p.default, p.kind) for p in inspect.signature(c).parameters.values()]
        for c in (SyncBatchNorm, nn.SyncBatchNorm)
    )
    assert ours == theirs
    given = {"eps": 0.1, "momentum": None, "track_running_stats": True, "process_group": 5}
    ours, theirs = (c(3, **given, bias=False) for c in (SyncBatchNorm, nn.SyncBatchNorm))
    assert repr(ours) == repr(theirs)
    assert ours.process_group == 5
    assert isinstance(ours, nn.modules.batchnorm._BatchNorm)
    assert_same_state(ours, theirs)
    for made in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert type(made) is SyncBatchNorm


# Conversion.


def mixed():
    """Return a model with a layer of each kind, one of them used twice, and hooked."""
    shared = BatchNorm1d(4, momentum=None)
    shared.register_forward_hook(lambda module, inputs, y: y + 1)
    return nn.Sequential(
        nn.BatchNorm1d(4, affine=False), nn.Linear(4, 4), shared, nn.Sequential(shared),
        nn.SyncBatchNorm(4, eps=0.1), nn.InstanceNorm1d(4), SyncBatchNorm(4).eval(),
    ).double()  # fmt: skip


@pytest.mark.parametrize(
    "convert", [convert_sync_batchnorm, SyncBatchNorm.convert_sync_batchnorm]
)
def test_conversion_changes_the_type_and_nothing_else(convert):
    model = mixed()
    before = copy.deepcopy(model)
    layers = list(model.modules())
    assert convert(model, 5) is model
    assert all(a is b for a, b in zip(layers, model.modules(), strict=True))
    assert [type(m).__name__ for m in (model[1], *model[3], model[5])] == [
        "Linear", "SyncBatchNorm", "InstanceNorm1d",
    ]  # fmt: skip
    for i in (0, 2, 4, 6):
        assert (type(model[i]), model[i].process_group) == (SyncBatchNorm, 5)
    assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
    assert_same_state(model, before)
    x = tensor(6, 4)
    for i in (0, 2, 6):
        assert_near(model[i](x), before[i](x), 1e-12)


class Clipped(BatchNorm1d):
    """Batch normalization and ReLU in one."""

    def forward(self, x):
        """Return no negative value."""
        return super().forward(x).relu()


def patched():
    """Return a layer whose forward was replaced."""
    layer = nn.BatchNorm1d(4)
    layer.forward = torch.relu
    return layer


LOST = (
    "convert_sync_batchnorm: {} has a forward of its own or a parametrization, or is lazy; "
    "put a BatchNorm in its place, or call a lazy one once"
)


@each_row(
    Row(TypeError, LOST.format("Clipped"), convert_sync_batchnorm,
        on=lambda: nn.Sequential(nn.BatchNorm1d(3), Clipped(4))),
    Row(TypeError, LOST.format("BatchNorm1d"), convert_sync_batchnorm, on=patched),
    Row(TypeError, LOST.format("LazyBatchNorm1d"), convert_sync_batchnorm,
        on=lambda: nn.Sequential(nn.BatchNorm1d(3), nn.LazyBatchNorm1d())),
    Row(TypeError, LOST.format("ParametrizedBatchNorm1d"), convert_sync_batchnorm,
        on=lambda: parametrizations.weight_norm(nn.BatchNorm1d(4), dim=None)),
    Row(TypeError,
        "convert_sync_batchnorm: module must be a PyTorch module, got {0.__class__.__name__}; "
        "pass the model itself", convert_sync_batchnorm, (None, [3])),
)  # fmt: skip
def test_a_bad_conversion_is_refused(row, bad):
    row.check(*bad)
