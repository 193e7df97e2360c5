"""Central differences that know their errors, each entry with a step of its own."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bnlib.arguments import ROUNDING, check_step
from bnlib.axes import Vector
from bnlib.gradcheck.differences import difference
from bnlib.gradcheck.inputs import Function

Part = tuple[slice | int, ...]  # an index
SAFETY = 10.0  # times the estimated error of the differences
COARSEST = 1e-4  # a check that cannot see a relative error of this size is refused
SHRINK = 0.01  # of a step, at most at once
TRIES = 8


class Slopes:
    """The numeric gradient of ``sum(w * f(x))`` with the estimated error of each entry."""

    def __init__(self, f: Function, x: Vector, y: Vector, w: Vector, step: float) -> None:
        self.f, self.x, self.y, self.w = f, x, y, w
        self.steps = np.full(x.shape, check_step("numeric_gradient", x, step))
        self.numeric, self.truncation = np.empty_like(x), np.empty_like(x)
        self.moved = np.empty((x.size, y.size), bool)  # which y a step in x changes
        self.measure(np.ones(x.shape, bool))

    def measure(self, which: npt.NDArray[np.bool_]) -> None:
        """Take the differences of some entries, at their steps and at twice these."""
        for n, i in enumerate(np.ndindex(self.x.shape)):
            if which[i]:
                step = float(self.steps[i])
                slope, moved = difference(self.f, self.x, self.w, step, i)
                double = difference(self.f, self.x, self.w, 2 * step, i)[0]
                self.numeric[i], self.moved[n] = slope, moved.ravel()
                self.truncation[i] = abs(double - slope) / 3
        self.rounding = self._rounding()

    def _rounding(self) -> Vector:
        """Return the norms of ``w * y`` that an entry moves, and of what moves it, by step."""
        of_y, of_x = (self.w * self.y).ravel() ** 2, (self.x * self.numeric).ravel() ** 2
        sources = np.zeros(of_y.size)
        for moved, square in zip(self.moved, of_x, strict=True):
            sources[moved] += square
        known = [
            np.sqrt(of_y[moved].sum()) + np.sqrt(sources[moved].max(initial=0.0))
            for moved in self.moved
        ]
        rounding: Vector = ROUNDING * np.reshape(known, self.x.shape) / self.steps
        return rounding


def parts(shape: tuple[int, ...]) -> Iterator[Part]:
    """Yield what selects the whole, and each part with one index on one axis.

    Examples
    --------
    >>> [np.arange(6).reshape(2, 3)[part].tolist() for part in parts((2, 3))]
    [[[0, 1, 2], [3, 4, 5]], [0, 1, 2], [3, 4, 5], [0, 3], [1, 4], [2, 5]]
    """
    yield ()
    for axis, length in enumerate(shape):
        for k in range(length):
            yield (slice(None),) * axis + (k,)


def vague(slopes: Slopes) -> list[Part]:
    """Return the parts whose differences are too coarse for their size.

    A single number may be small by chance: it only has to be more than its noise.
    """
    noise, coarse = SAFETY * (slopes.rounding + slopes.truncation), []
    for part in parts(slopes.x.shape):
        size = abs(slopes.numeric[part])
        limit = (COARSEST if size.size > 1 else 1.0) * size.max()
        if noise[part].max() > limit or (not part and limit == 0):
            coarse.append(part)
    return coarse


def refine(slopes: Slopes) -> None:
    """Shrink the steps of vague parts until truncation is no more than rounding."""
    for _ in range(TRIES):
        which = np.zeros(slopes.x.shape, bool)
        for part in vague(slopes):
            which[part] = True
        which &= slopes.truncation > slopes.rounding
        if not which.any():
            return
        ratio = slopes.rounding[which] / slopes.truncation[which]
        least = 8 * ROUNDING * abs(slopes.x).max()
        slopes.steps[which] *= np.maximum(np.cbrt(ratio / 2), SHRINK)
        slopes.steps[which] = np.maximum(slopes.steps[which], least)
        slopes.measure(which)
