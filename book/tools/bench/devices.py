"""One layer in several processes: what it costs that they share their statistics.

Each process has a part of the batch. `DistributedDataParallel` joins the gradients in any
case; `SyncBatchNorm` sends statistics besides, `BatchNorm2d` does not.
"""

import os
import statistics
import time
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.problem import Run, Shape, by, digits
from bnlib import processes, torch_layers

SIZES = (1, 2, 4)  # processes
SHAPES: tuple[Shape, ...] = ((32, 64, 28, 28), (32, 512, 7, 7))  # of each process's part
ROUNDS = 30
LAYERS = {"BatchNorm2d": torch_layers.BatchNorm2d, "SyncBatchNorm": torch_layers.SyncBatchNorm}
HEAD = (
    "processes", "part of each", "BatchNorm2d, ms", "SyncBatchNorm, ms", "ratio",
    "bytes of gradients", "of statistics",
)  # fmt: skip


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
    parts = [call.args[1] for call in gather.call_args_list]
    return {
        "gradients": sum(p.grad.nbytes for p in model.parameters() if p.grad is not None),
        "statistics": sum(part.nbytes for part in parts),
    }


def measure_shape(shape: Shape, rounds: int) -> Run:
    """Return the row of one shape: each layer once in each round, in random order."""
    x, dy = torch.randn((2, *shape), generator=torch.Generator().manual_seed(dist.get_rank()))
    models = {
        name: DistributedDataParallel(kind(shape[1]), forward_sync_buffers=False)
        for name, kind in LAYERS.items()
    }
    ms: dict[str, list[float]] = {name: [] for name in models}
    rng = np.random.default_rng(0)  # the same order in all processes
    for _ in range(rounds + 1):
        for name in rng.permutation(list(models)):
            ms[name].append(take_step(models[name], x, dy))
    return {
        "processes": dist.get_world_size(), "shape": list(shape),
        "ms": {name: digits(statistics.median(times[1:])) for name, times in ms.items()},
        "bytes": sent(models["SyncBatchNorm"], x, dy),
    }  # fmt: skip


def measure_shapes(shapes: tuple[Shape, ...], rounds: int) -> list[Run]:
    """Return the rows of all shapes, in one of the processes."""
    return [measure_shape(shape, rounds) for shape in shapes]


def measure(
    sizes: tuple[int, ...] = SIZES, shapes: tuple[Shape, ...] = SHAPES, rounds: int = ROUNDS
) -> Run:
    """Return the rows of all numbers of processes, one thread in each."""
    rows: list[Run] = []
    before = os.getloadavg()[0]
    for size in sizes:
        rows += processes.run(measure_shapes, size, shapes, rounds, deadline=600)[0]
    load = [round(value, 1) for value in (before, os.getloadavg()[0])]
    return {"settings": {"rounds": rounds, "load": load, "cores": os.cpu_count()}, "rows": rows}


def title(suite: Run) -> str:
    """Return what the table is about, and how busy the machine was."""
    before, after = suite["settings"]["load"]
    return (
        "Several processes: one layer in DistributedDataParallel, float32, "
        f"with a load of {before} before and {after} after"
    )


def cells(suite: Run) -> Iterator[list[str]]:
    """Yield the rows of the table, which `HEAD` heads."""
    for row in suite["rows"]:
        alone, together = (row["ms"][name] for name in LAYERS)
        times = [f"{alone:.3g}", f"{together:.3g}", f"{together / alone:.2f}"]
        nbytes = [f"{row['bytes'][what]:,}" for what in ("gradients", "statistics")]
        yield [str(row["processes"]), by(row["shape"]), *times, *nbytes]
