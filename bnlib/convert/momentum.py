"""Momentum: the same word for the weight of the new value and for that of the old one."""

from bnlib.arguments import check_momentum
from bnlib.convert.table import convention

HINT = "no constant does what PyTorch's None does, the average of all batches"


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
    momentum = row.momentum if momentum is None else check_momentum(op, momentum, HINT)
    return momentum if row.weighs == "new" else 1 - momentum


def from_torch_momentum(framework: str, momentum: float) -> float:
    """Return another library's momentum for PyTorch's, the weight of the new value.

    Arguments and errors as in `to_torch_momentum`, but for ``None``: by it PyTorch averages
    all batches alike, which is no constant and has no counterpart.

    Examples
    --------
    >>> from_torch_momentum("keras", 0.1)
    0.9
    """
    op = "from_torch_momentum"
    row = convention(op, framework)
    momentum = check_momentum(op, momentum, HINT)
    return momentum if row.weighs == "new" else 1 - momentum
