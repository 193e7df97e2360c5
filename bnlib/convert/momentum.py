"""Momentum: the same word for the weight of the new value and for that of the old one."""

import numbers

from bnlib.convert.table import convention


def to_torch_momentum(framework: str, momentum: float | None = None) -> float:
    """Return PyTorch's momentum, the weight of the new value, for another library's.

    Parameters
    ----------
    framework : "torch", "keras", "flax", "mxnet" or "darknet"
    momentum : float or None
        As that library means it, from 0 to 1; ``None`` takes its default.

    Raises
    ------
    TypeError
        If ``momentum`` is not a number.
    ValueError
        If it is outside [0, 1], or the library is not in the table.

    Examples
    --------
    >>> round(to_torch_momentum("keras", 0.9), 12), round(to_torch_momentum("flax"), 12)
    (0.1, 0.01)
    """
    op = "to_torch_momentum"
    row = convention(op, framework)
    momentum = row.momentum if momentum is None else _check(op, momentum)
    return momentum if row.weighs == "new" else 1 - momentum


def from_torch_momentum(framework: str, momentum: float) -> float:
    """Return another library's momentum for PyTorch's, the weight of the new value.

    Parameters
    ----------
    framework : "torch", "keras", "flax", "mxnet" or "darknet"
    momentum : float
        PyTorch's, from 0 to 1. ``None``, by which PyTorch averages all batches alike, is no
        constant and has no counterpart.

    Raises
    ------
    TypeError
        If ``momentum`` is not a number.
    ValueError
        If it is outside [0, 1], or the library is not in the table.

    Examples
    --------
    >>> from_torch_momentum("keras", 0.1)
    0.9
    """
    op = "from_torch_momentum"
    row = convention(op, framework)
    momentum = _check(op, momentum)
    return momentum if row.weighs == "new" else 1 - momentum


def _check(op: str, momentum: float) -> float:
    """Return ``momentum`` as a float, or raise unless it is a number from 0 to 1."""
    if isinstance(momentum, bool) or not isinstance(momentum, numbers.Real):
        raise TypeError(
            f"{op}: momentum must be a number, got {momentum!r}; where PyTorch's is None, it "
            "averages all batches alike, which no constant does"
        )
    if not 0 <= momentum <= 1:
        raise ValueError(f"{op}: momentum must lie between 0 and 1, got {momentum}")
    return float(momentum)
