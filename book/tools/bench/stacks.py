"""The stacks that are folded, counted by formula; without torch, which takes long to load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIDE = 8  # of the images, which have one channel, like the digits
BATCHES = (1, 32, 256)
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Stack:
    """Blocks of conv3x3, batch normalization and ReLU; ``channels`` of each one's output."""

    name: str
    channels: tuple[int, ...]

    @property
    def widths(self) -> list[tuple[int, int]]:
        """Input and output channels of each block."""
        return list(zip((1, *self.channels[:-1]), self.channels, strict=True))

    def multiply_adds(self) -> tuple[int, int]:
        """Return multiply-adds for one image, before folding and after.

        A padded 3x3 convolution has ``9 * C_in`` for each output value, and batch
        normalization one. The bias of a folded convolution is where its sum starts.

        Examples
        --------
        >>> Stack("one block", (16,)).multiply_adds()
        (10240, 9216)
        """
        conv = sum(9 * before * after for before, after in self.widths) * SIDE**2
        return conv + sum(self.channels) * SIDE**2, conv


STACKS = (
    Stack("16-16-32-32", (16, 16, 32, 32)),
    Stack("8 × 32", (32,) * 8),
    Stack("6 × 64", (64,) * 6),
)
CASES = tuple((stack, batch) for stack in STACKS for batch in BATCHES)


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Return the order statistics between which the median lies with probability ``level``.

    The k-th smallest and the k-th largest value, with the largest k for which a binomial
    count of n fair coins falls below k, or as far on the other side, with probability at
    most ``1 - level``. Fewer than 6 values do not suffice for 0.95: they give their range.

    Examples
    --------
    >>> interval(range(1, 11))
    (2, 9)
    """
    ordered, n = sorted(values), len(values)
    k, outside = 0, 2 / 2**n
    while outside <= 1 - level:
        k += 1
        outside += 2 * math.comb(n, k) / 2**n
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]
