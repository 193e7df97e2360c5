"""What folding saves: small convolutional stacks with batch normalization and without."""

import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from bench.problem import Array, moved
from bench.rounding import digits
from bench.stacks import LEVEL, SIDE, Stack, interval
from bench.targets import Run
from bench.timing import Clockwork, quiet_collector, timed
from bnlib.torch_layers import fold

FEWEST = 9  # pairs, however long they take
SEVERAL = 16  # images: a smaller batch is computed several times for one measurement


def build(stack: Stack, rng: np.random.Generator) -> tuple[nn.Module, nn.Module]:
    """Return a stack in evaluation mode with drawn weights and statistics, and it folded."""
    blocks, folded = [], []
    for before, after in stack.widths:
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        bn = nn.BatchNorm2d(after).eval()
        with torch.no_grad():
            conv.weight.copy_(drawn(rng, conv.weight.shape, math.sqrt(2 / (9 * before))))
            bn.weight.copy_(torch.from_numpy(rng.uniform(0.8, 1.2, after)))
            bn.bias.copy_(drawn(rng, (after,), 0.1))
        bn.running_mean = drawn(rng, (after,), 0.1)
        bn.running_var = torch.from_numpy(rng.uniform(0.5, 2, after).astype(np.float32))
        blocks += [conv, bn, nn.ReLU()]
        folded += [fold(conv, bn), nn.ReLU()]
    return nn.Sequential(*blocks).eval(), nn.Sequential(*folded).eval()


def drawn(rng: np.random.Generator, shape: Sequence[int], std: float) -> torch.Tensor:
    """Return normal numbers as a float32 tensor."""
    values = rng.standard_normal(tuple(shape)) * std
    return torch.from_numpy(values.astype(np.float32))


def measure(
    stack: Stack,
    batch: int,
    how: Clockwork,
    tell: Callable[[str], None] = lambda text: None,
) -> list[tuple[float, float]]:
    """Return pairs of milliseconds, unfolded and folded, on the same images."""
    rng = np.random.default_rng([batch, *stack.channels])
    nets = build(stack, rng)
    images: Array = rng.standard_normal((batch, 1, SIDE, SIDE), dtype=np.float32)
    found: list[tuple[float, float]] = []
    start = time.monotonic()
    with torch.inference_mode(), quiet_collector():
        pair(nets, images, how, rng)  # loads what is loaded at first use; not counted
        for done in range(how.repetitions):
            if done >= FEWEST and time.monotonic() - start > how.seconds:
                break
            tell(f"pair {done + 1}")
            found.append(pair(nets, images, how, rng))
    return found


def pair(
    nets: tuple[nn.Module, nn.Module], images: Array, how: Clockwork, rng: np.random.Generator
) -> tuple[float, float]:
    """Measure both nets once, in random order, on images in new memory."""
    x = torch.from_numpy(moved(images, rng))
    number, ms = max(1, SEVERAL // len(images)), [0.0, 0.0]
    for i in rng.permutation(2):
        ms[i] = timed(lambda net=nets[i]: net(x), number, how.clock)[0]
    return ms[0], ms[1]


def row(stack: Stack, batch: int, pairs: Sequence[tuple[float, float]]) -> Run:
    """Return what was measured for one stack and batch size."""
    ratios = [before / after for before, after in pairs]
    low, high = interval(ratios)
    before, after = stack.multiply_adds()
    return {
        "batch": batch, "stack": stack.name, "ratio": digits(statistics.median(ratios)),
        "low": digits(low), "high": digits(high), "pairs": len(pairs),
        "folded_ms": digits(statistics.median(ms for _, ms in pairs)),
        "multiply_adds_before": before, "multiply_adds_after": after,
    }  # fmt: skip


def settings(how: Clockwork) -> Run:
    """Return how the stacks were measured."""
    return {
        "threads": how.threads, "clock": how.name, "dtype": "float32",
        "image": [1, SIDE, SIDE], "interval": LEVEL,
    }  # fmt: skip
