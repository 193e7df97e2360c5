"""How cost grows with the batch, the channels and the spatial size: fitted slopes."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.problem import Shape

SERIES: dict[str, tuple[Shape, ...]] = {
    "N": tuple((n, 64, 28, 28) for n in (8, 16, 32, 64, 128)),
    "C": tuple((32, c, 28, 28) for c in (16, 32, 64, 128, 256)),
    "H·W": tuple((32, 64, s, s) for s in (14, 20, 28, 40, 56)),
}
DTYPE = "float32"


def size(axis: str, shape: Shape) -> int:
    """Return how large ``shape`` is along one of the names in `SERIES`.

    Examples
    --------
    >>> [size(axis, (2, 3, 4, 5)) for axis in SERIES]
    [2, 3, 20]
    """
    return {"N": shape[0], "C": shape[1], "H·W": int(np.prod(shape[2:]))}[axis]


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the exponent ``p`` of the power law ``time = a * size**p`` that fits best.

    Least squares on logarithms: 1 is cost in proportion to size, 2 four times the cost
    for twice the size, 0 a constant.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def shapes(series: Iterable[Sequence[Shape]]) -> list[Shape]:
    """Return every shape of all series once, in the order of first use."""
    return list(dict.fromkeys(shape for row in series for shape in row))
