"""Three suites that chapters draw: what whitening costs, what folding saves, several processes.

Whitening is timed beside standardization, part by part, and how each part grows with d.
Folding compares small stacks of convolutions with batch normalization and without. Of
several processes each has a part of the batch. `DistributedDataParallel` joins the gradients
in any case; `SyncBatchNorm` sends statistics besides, `BatchNorm2d` does not.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from statistics import median
from unittest.mock import patch

import numpy as np
import torch
import torch.distributed as dist
from scipy.stats import quantile_test
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.problem import EPS, Array, Run, Shape, digits, moved
from bench.timing import Clockwork, Samples, interleave
from bnlib import processes
from bnlib.stats import mean_var
from bnlib.torch_layers import BatchNorm2d, SyncBatchNorm, fold
from bnlib.whitening import inverse_sqrt_newton_schulz

SAMPLES = 2048
DIMENSIONS = (32, 64, 128, 256, 512, 1024)
ROUNDS, PAIRS = 3, 9  # however long they take
ONCE, MOST = 512, 20  # from this d on a part is computed once; below, up to so often
LAST = 3  # a slope is fitted to so many of the largest d
SIDE = 8  # of the images, which have one channel, like the digits
STACKS = {"16-16-32-32": (16, 16, 32, 32), "8 × 32": (32,) * 8, "6 × 64": (64,) * 6}
BATCHES = (1, 32, 256)
ENOUGH = 16  # images: a smaller batch is computed several times for one measurement
LEVEL = 0.95  # of the intervals
# Time for all of whitening, and for a case of folding, beside that of a shape; an interval
# wants more repetitions.
WHITENING, FOLDING, MORE_PAIRS = 1.5, 0.22, 5
SIZES = (1, 2, 4)  # processes
SHAPES: tuple[Shape, ...] = ((32, 64, 28, 28), (32, 512, 7, 7))  # of each process's part
STEPS = 30
LAYERS = (BatchNorm2d, SyncBatchNorm)


def covariance(x: Array) -> Array:
    """Return the biased covariance of the rows of ``x``."""
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def standardize(x: Array) -> Array:
    """Return each column of ``x`` with mean 0 and variance 1."""
    mu, var = mean_var(x)
    return (x - mu) / np.sqrt(var + EPS)


# The parts of whitening; ``x`` is (m, d), ``cov`` its covariance. What is applied is ``cov``
# itself: which d x d matrix it is does not matter.
PARTS = {
    "standardize": lambda x, cov: standardize(x),
    "covariance": lambda x, cov: covariance(x),
    "eigh": lambda x, cov: np.linalg.eigh(cov),
    "apply": lambda x, cov: x @ cov,
    "cholesky": lambda x, cov: np.linalg.cholesky(cov),
    "newton_schulz_5": lambda x, cov: inverse_sqrt_newton_schulz(cov, 5),
    "newton_schulz_10": lambda x, cov: inverse_sqrt_newton_schulz(cov, 10),
}


def draw(d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return correlated samples in rows and their covariance."""
    mixing = np.eye(d) + rng.standard_normal((d, d)) / (2 * np.sqrt(d))
    x = rng.standard_normal((SAMPLES, d)) @ mixing
    return x, covariance(x)


def whitening(how: Clockwork, dimensions: Sequence[int] = DIMENSIONS) -> Run:
    """Return milliseconds of each part at each d, and the slopes at the largest."""
    rng, how = np.random.default_rng(0), replace(how, seconds=how.seconds * WHITENING)
    drawn = {d: draw(d, rng) for d in dimensions}

    def timed(key: tuple[str, int]) -> float:
        op, d = key
        x, cov = (moved(a, rng) for a in drawn[d])
        return how.timed(partial(PARTS[op], x, cov), min(MOST, max(1, ONCE // d) ** 2))

    samples = interleave(list(product(PARTS, dimensions)), lambda: timed, how, rng, ROUNDS)
    ms = {op: [digits(median(samples[op, d])) for d in dimensions] for op in PARTS}
    last = dimensions[-LAST:]
    # The exponent p of ms = a * d**p: least squares on logarithms.
    fits = {op: np.polyfit(np.log(last), np.log(t[-LAST:]), 1) for op, t in ms.items()}
    return {
        "settings": {
            "threads": how.threads, "clock": how.name, "samples": SAMPLES, "dtype": "float64",
            "rounds": len(samples["eigh", last[0]]), "slope_over": list(last),
        },
        "d": list(dimensions),
        "ms": ms,
        "slope": {op: digits(exponent) for op, (exponent, _) in fits.items()},
    }  # fmt: skip


def multiply_adds(channels: Sequence[int]) -> tuple[int, int]:
    """Return multiply-adds for one image, before folding and after.

    ``channels`` are those of each block's output. A padded 3x3 convolution has ``9 * C_in``
    for each output value, and batch normalization one. The bias of a folded convolution is
    where its sum starts.
    """
    conv = sum(9 * before * after for before, after in pairwise((1, *channels))) * SIDE**2
    return conv + sum(channels) * SIDE**2, conv


def build(channels: Sequence[int]) -> tuple[nn.Module, nn.Module]:
    """Return blocks of conv3x3, batch normalization (drawn, eval) and ReLU, and them folded."""
    rng = torch.Generator().manual_seed(0)
    blocks, folded = [], []
    for before, after in pairwise((1, *channels)):
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        bn = nn.BatchNorm2d(after).eval()
        nn.init.kaiming_normal_(conv.weight, generator=rng)
        for values in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            nn.init.uniform_(values, 0.5, 1.5, generator=rng)
        blocks += [conv, bn, nn.ReLU()]
        folded += [fold(conv, bn), nn.ReLU()]
    return nn.Sequential(*blocks).eval(), nn.Sequential(*folded).eval()


def measure_folding(channels: Sequence[int], batch: int, how: Clockwork) -> Samples:
    """Measure both nets in pairs: on the same images, which lie in new memory for each pair."""
    rng = np.random.default_rng([batch, *channels])
    nets = dict(zip(("unfolded", "folded"), build(channels), strict=True))
    images = rng.standard_normal((batch, 1, SIDE, SIDE), dtype=np.float32)

    def prepare() -> Callable[[str], float]:
        x = torch.from_numpy(moved(images, rng))
        return lambda name: how.timed(partial(nets[name], x), max(1, ENOUGH // batch))

    with torch.inference_mode():
        return interleave(list(nets), prepare, how, rng, PAIRS)


def folding(how: Clockwork) -> Run:
    """Return what folding saves, for each stack and batch size."""
    how = replace(how, seconds=how.seconds * FOLDING, rounds=how.rounds * MORE_PAIRS)
    rows = []
    for (stack, channels), batch in product(STACKS.items(), BATCHES):
        unfolded, folded = measure_folding(channels, batch, how).values()
        ratios = [a / b for a, b in zip(unfolded, folded, strict=True)]
        bounds = quantile_test(ratios).confidence_interval(LEVEL)  # order statistics
        before, after = multiply_adds(channels)
        rows.append({
            "batch": batch, "stack": stack, "ratio": digits(median(ratios)),
            "low": digits(bounds.low), "high": digits(bounds.high), "pairs": len(folded),
            "folded_ms": digits(median(folded)),
            "multiply_adds_before": before, "multiply_adds_after": after,
        })  # fmt: skip
    settings = {
        "threads": how.threads, "clock": how.name, "dtype": "float32",
        "image": [1, SIDE, SIDE], "interval": LEVEL,
    }  # fmt: skip
    return {"settings": settings, "rows": rows}


def take_step(model: nn.Module, x: Tensor, dy: Tensor) -> float:
    """Return the milliseconds of forward and backward; all processes start together."""
    model.zero_grad()
    leaf = x.detach().requires_grad_()
    dist.barrier()
    start = time.perf_counter_ns()
    model(leaf).backward(dy)
    return (time.perf_counter_ns() - start) / 1e6


def sent(model: nn.Module, x: Tensor, dy: Tensor) -> Run:
    """Return the bytes that one process gives the others in a step."""
    with patch.object(dist, "all_gather", wraps=dist.all_gather) as gather:
        take_step(model, x, dy)
    return {
        "gradients": sum(p.grad.nbytes for p in model.parameters() if p.grad is not None),
        "statistics": sum(call.args[1].nbytes for call in gather.call_args_list),
    }


def measure_shape(shape: Shape, steps: int) -> Run:
    """Return the row of one shape: each layer once in each round, in random order."""
    x, dy = torch.randn((2, *shape), generator=torch.Generator().manual_seed(dist.get_rank()))
    models = {
        kind.__name__: DistributedDataParallel(kind(shape[1]), forward_sync_buffers=False)
        for kind in LAYERS
    }
    ms: dict[str, list[float]] = {name: [] for name in models}
    rng = np.random.default_rng(0)  # the same order in all processes
    for _ in range(steps + 1):
        for name in rng.permutation(list(models)):
            ms[name].append(take_step(models[name], x, dy))
    return {
        "processes": dist.get_world_size(), "shape": list(shape),
        "ms": {name: digits(median(times[1:])) for name, times in ms.items()},
        "bytes": sent(models["SyncBatchNorm"], x, dy),
    }  # fmt: skip


def measure_shapes(shapes: Sequence[Shape], steps: int) -> list[Run]:
    """Return the rows of all shapes, in one of the processes."""
    return [measure_shape(shape, steps) for shape in shapes]


def devices(
    sizes: Sequence[int] = SIZES, shapes: Sequence[Shape] = SHAPES, steps: int = STEPS
) -> Run:
    """Return what a layer costs in each number of processes, one thread in each."""
    rows: list[Run] = []
    before = os.getloadavg()[0]
    for size in sizes:
        rows += processes.run(measure_shapes, size, shapes, steps, deadline=600)[0]
    load = [round(value, 1) for value in (before, os.getloadavg()[0])]
    return {"settings": {"rounds": steps, "load": load, "cores": os.cpu_count()}, "rows": rows}
