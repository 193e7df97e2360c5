"""Chan's formula: the statistics of two parts of the data, joined."""

from bnlib.axes import Vector


def combine(
    n_a: int, mean_a: Vector, m2_a: Vector, n_b: int, mean_b: Vector, m2_b: Vector
) -> tuple[int, Vector, Vector]:
    """Return count, mean and summed squared deviation of two parts together.

    `bnlib.stats.merge` with nothing checked; Chan, Golub & LeVeque (1983).

    Examples
    --------
    >>> import numpy as np
    >>> zero = np.zeros(1)
    >>> combine(0, zero, zero, 3, zero + 5, zero + 2)
    (3, array([5.]), array([2.]))
    """
    n = n_a + n_b
    share = n_b / n if n else 0.0
    delta = mean_b - mean_a
    return n, mean_a + delta * share, m2_a + m2_b + delta * delta * (n_a * share)
