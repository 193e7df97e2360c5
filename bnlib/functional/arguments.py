"""The check that every backward pass shares: a gradient looks like what it belongs to."""

from bnlib.shapes import Array, check_float


def check_like(op: str, name: str, array: Array, x: Array) -> None:
    """Raise unless ``array`` is a float array with the shape and the dtype of ``x``.

    Raises
    ------
    TypeError
        If ``array`` is not float32 or float64, or has another dtype than ``x``.
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> check_like("f", "dy", np.zeros((2, 3)), np.ones((2, 3)))
    """
    check_float(op, name, array)
    if array.shape != x.shape or array.dtype != x.dtype:
        kind = ValueError if array.shape != x.shape else TypeError
        raise kind(
            f"{op}: {name} must match x, shape {x.shape} and {x.dtype}, "
            f"got shape {array.shape} and {array.dtype}; pass the gradient of the same batch"
        )
