"""Join the statistics of two parts of the data without seeing the data again."""

import numpy as np

from bnlib.arguments import check_finite, check_integer, check_vectors, quiet
from bnlib.axes import Vector
from bnlib.passes.merging import combine


@quiet
def merge(
    n_a: int, mean_a: Vector, m2_a: Vector, n_b: int, mean_b: Vector, m2_b: Vector
) -> tuple[int, Vector, Vector]:
    r"""Return count, mean and summed squared deviation of two sets of values together.

    Parameters
    ----------
    n_a, n_b : int
        Number of values per channel in each part; 0 for an empty part.
    mean_a, mean_b : ndarray, shape (C,), float32 or float64
        Each part's mean.
    m2_a, m2_b : ndarray, shape (C,)
        Each part's sum of squared deviations from its own mean, ``n * var``.

    Returns
    -------
    n : int
    mean, m2 : ndarray, shape (C,), float64
        ``m2 / n`` is the biased variance of all ``n`` values.

    Raises
    ------
    TypeError
        If a count is not an integer or an array is not float32 or float64.
    ValueError
        If a count or an ``m2`` is negative, shapes differ, a part that is not empty holds
        NaN or infinity, or the result overflows (`bnlib.arguments.NonFiniteError`).

    Notes
    -----
    ``m2 = m2_a + m2_b + (mean_b - mean_a)**2 * n_a * n_b / n``; Chan, Golub & LeVeque
    (1983). No two large numbers are subtracted, unless they are means.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.array([1.0]), np.array([2.0])
    >>> merge(2, one, two, 2, 3 * one, two)  # {0, 2} and {2, 4}
    (4, array([2.]), array([8.]))
    """
    n_a, mean_a, m2_a = _part("a", n_a, mean_a, m2_a, np.size(mean_a))
    n_b, mean_b, m2_b = _part("b", n_b, mean_b, m2_b, mean_a.size)
    n, mean, m2 = combine(n_a, mean_a, m2_a, n_b, mean_b, m2_b)
    check_finite("merge", "the result", np.stack([mean, m2]))
    return n, mean, m2


def _part(part: str, n: int, mean: Vector, m2: Vector, size: int) -> tuple[int, Vector, Vector]:
    """Return one part's count, mean and m2 as int and float64, or say what is wrong."""
    n = check_integer("merge", f"n_{part}", n, 0, "it counts values")
    mean, m2 = check_vectors("merge", size, **{f"mean_{part}": mean, f"m2_{part}": m2})
    if n == 0:
        return 0, np.zeros(size), np.zeros(size)
    check_finite("merge", f"mean_{part} and m2_{part}", np.stack([mean, m2]))
    if (m2 < 0).any():
        raise ValueError(
            f"merge: m2_{part} is a sum of squares and cannot be negative, got {m2.min():.4g}; "
            "give n * var, with var from bnlib.stats.mean_var"
        )
    return n, mean, m2
