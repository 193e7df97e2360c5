"""The PyTorch modules: what mutation testing found unproved."""

import itertools

import pytest
import torch
from torch import nn
from torch_pairs import assert_near, pair, run, tensor

from bnlib.torch_layers import BatchNorm1d, fast, fold, function, ops, recalibrate

CONV = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
NORM = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d]


@pytest.mark.parametrize(("i", "j"), [*itertools.permutations(range(3), 2)])
def test_a_norm_of_another_rank_is_not_folded(i, j):
    message = f"fold: {CONV[i].__name__} and {NORM[j].__name__} work on different ranks; "
    with pytest.raises(ValueError, match=message):
        fold(CONV[i](2, 3, 1), NORM[j](3).eval())


@pytest.mark.parametrize(
    ("layer", "bn", "hint"),
    [
        (nn.Linear(2, 3), nn.Linear(2, 3), "nothing else can be folded"),
        (nn.BatchNorm1d(3), nn.BatchNorm1d(3), "nothing else can be folded"),
        (nn.BatchNorm1d(3), nn.Linear(3, 3), "only a BatchNorm after the layer can be folded"),
    ],
)
def test_what_cannot_be_folded_is_told_apart_from_a_wrong_order(layer, bn, hint):
    names = f"{type(layer).__name__} and {type(bn).__name__}"
    with pytest.raises(TypeError, match=f"^fold: expected .*got {names}; {hint}$"):
        fold(layer, bn)


def test_both_forms_of_the_gradients_take_the_mean_as_center_and_rest():
    x, dy = tensor(6, 4), tensor(6, 4, seed=1)
    statistics = torch.stack([tensor(4, seed=s).abs() for s in range(4)])
    scale = statistics[3]
    plain = ops.gradients(dy, x, statistics, scale, False)
    graph = ops.differentiable_gradients(dy, x, None, statistics, 0.1, False)
    for got, want in zip(graph, plain, strict=True):
        assert_near(got, want, tol=1e-14)


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
def test_a_layer_with_only_one_of_its_statistics_is_not_recalibrated(name):
    half, whole = BatchNorm1d(2, momentum=0.0), BatchNorm1d(2)
    setattr(half, name, None)
    recalibrate(nn.Sequential(half, whole), [tensor(8, 2, dtype=torch.float32)])
    other = half.running_mean if name == "running_var" else half.running_var
    assert other.tolist() == [float(name == "running_mean")] * 2
    assert whole.num_batches_tracked == 1
    with pytest.raises(ValueError, match="has no BatchNorm with running statistics"):
        recalibrate(half, [tensor(8, 2, dtype=torch.float32)])


def test_compiled_passes_give_the_dtypes_of_torch_operations():
    x, dy = (tensor(40, 4, seed=s, dtype=torch.float32) for s in (0, 1))
    statistics = torch.cat([ops.moments(x), ops.moments(x)[2:].rsqrt()])
    arguments = {
        "moments": (x,),
        "scale_shift": (x, *statistics[:3]),
        "gradients": (dy, x, statistics, statistics[3], True),
    }
    for name, given in arguments.items():
        compiled, plain = (getattr(module, name)(*given) for module in (fast, ops))
        if name != "gradients":
            compiled, plain = [compiled], [plain]
        for got, want in zip(compiled, plain, strict=True):
            assert_near(got, want, tol=1e-5)


@pytest.mark.parametrize(
    ("shape", "m"), [((6, 2), 6), ((1, 3), 1), ((2, 3, 4), 8), ((0, 3), 1)]
)
def test_values_per_channel_are_counted(shape, m):
    found = ops.count(torch.ones(shape))
    assert (found, type(found)) == (m, int)


def test_the_variance_makes_up_for_a_mean_that_was_rounded():
    """In float16, where the mean of these is 1001.17 and none of the nearest."""
    x = torch.tensor([[1000.0], [1001.0], [1002.5]], dtype=torch.float16)
    center, rest, var = ops.moments(x).double().squeeze(1)
    assert abs(center + rest - x.double().mean()) < 1e-2
    assert abs(rest) > 0.1
    assert abs(var - x.double().var(correction=0)) < 1e-2


def test_running_statistics_are_moved_in_the_dtype_of_the_new_values():
    layer = BatchNorm1d(50, momentum=0.3, dtype=torch.float16)
    layer.running_mean.normal_(generator=torch.Generator().manual_seed(0))
    statistics = tensor(4, 50, dtype=torch.float32).abs()
    center, rest, var, _ = statistics
    mean = (0.7 * layer.running_mean.float() + 0.3 * (center + rest)).half()
    unbiased = (0.7 * layer.running_var.float() + 0.3 * (var * (5 / 4))).half()
    layer._track(statistics, torch.ones(5, 50, dtype=torch.float16))
    assert torch.equal(layer.running_mean, mean)
    assert torch.equal(layer.running_var, unbiased)


def test_without_a_count_of_batches_there_is_no_plain_average():
    ours, theirs = pair("BatchNorm1d", momentum=None)
    for module in (ours, theirs):
        module.num_batches_tracked = None
        module(tensor(6, 4))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_float32_parameters_keep_their_digits(dtype, training):
    """The input's dtype has three digits; the sums over it have six."""
    ours, theirs = pair("BatchNorm1d", dtype=torch.float32)
    ours, exact = ours.train(training), theirs.double().train(training)
    x, dy = (tensor(200, 4, seed=s, dtype=dtype) for s in (0, 1))
    got, want = run(ours, x, dy), run(exact, x.double(), dy.double())
    assert [g.dtype for g in got] == [dtype, dtype, torch.float32, torch.float32]
    for a, b in zip(got[2:], want[2:], strict=True):
        assert_near(a.double(), b, tol=2e-6)


def test_statistics_have_no_eps_unless_it_is_given():
    x = tensor(6, 4)
    var = x.var(0, correction=0)
    assert_near(function.statistics_of(x)[3], var.rsqrt(), tol=1e-14)
    assert_near(function.statistics_of(x, 0.5)[3], (var + 0.5).rsqrt(), tol=1e-14)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (torch.tensor([1.0, torch.inf]), True),
        (torch.tensor([torch.nan]), True),
        (torch.ones(3), False),
        (torch.tensor([torch.inf], dtype=torch.float64), False),
        (torch.empty(3, device="meta"), False),
    ],
)
def test_only_float32_statistics_overflow(rows, wanted):
    assert function.overflows(rows) is wanted
    assert function.statistics_of(tensor(6, 4, dtype=torch.float32)).dtype == torch.float32


def test_given_statistics_of_half_precision_are_computed_in_float32():
    mean, var = torch.ones(4).half(), torch.full((4,), 3.0).half()
    x = tensor(6, 4, dtype=torch.float16)
    y, statistics = function.normalize(x, None, None, mean, var, 0.0)
    assert (y.dtype, statistics.dtype) == (torch.float16, torch.float32)
    assert_near(statistics[3], torch.full((4,), 3.0).rsqrt(), tol=1e-6)


@pytest.mark.parametrize("bias", [None, torch.full((4,), 2e-4)])
def test_what_a_rounded_mean_loses_moves_into_the_shift(bias):
    x = 1e4 + tensor(101, 4, dtype=torch.float32)
    weight = torch.full((4,), 1e-3)
    y, statistics = function.normalize(x, weight, bias, None, None, 1e-5)
    assert statistics[1].abs().max() > 1e-5
    wide = x.double()
    exact = 1e-3 * (wide - wide.mean(0)) / (wide.var(0, correction=0) + 1e-5).sqrt()
    exact = exact if bias is None else exact + bias.double()
    assert_near(1e3 * y.double(), 1e3 * exact, tol=1e-5)


@pytest.mark.parametrize("shape", [(2, 1, 3, 3), (2, 3, 1, 1), (2, 3, 4), (2, 1, 3, 3, 3)])
def test_what_is_contiguous_both_ways_stays_plain(shape):
    assert function.memory_format(torch.ones(shape)) == torch.contiguous_format
    assert function.memory_format(torch.ones(shape).transpose(0, 1)) == torch.contiguous_format
