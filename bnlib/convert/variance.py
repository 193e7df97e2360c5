"""What becomes of a running variance between two libraries."""

import numpy as np

from bnlib.arguments import check_integer, check_number
from bnlib.axes import Vector
from bnlib.convert.table import Convention
from bnlib.stats import bessel

OP = "convert_state"  # whose errors these are


def same_std(
    var: Vector, old: Convention, new: Convention, old_eps: float, new_eps: float
) -> Vector:
    """Return the variance by which the new library divides as the old one does by ``var``.

    Raises ``ValueError`` where there is none: its eps alone is already too large.

    Examples
    --------
    >>> from bnlib.convert.table import CONVENTIONS
    >>> torch, darknet = CONVENTIONS["torch"], CONVENTIONS["darknet"]
    >>> same_std(np.array([4.0]), darknet, torch, 1.0, 0.0)  # sqrt(4) + 1 is 3
    array([9.])
    """
    if old.eps_place == new.eps_place and old_eps == new_eps:
        return var
    std = np.sqrt(var + old_eps) if old.eps_place == "inside" else np.sqrt(var) + old_eps
    rest = std * std - new_eps if new.eps_place == "inside" else std - new_eps
    if (rest < 0).any():
        worst = int(rest.argmin())
        raise ValueError(
            f"{OP}: no variance gives the same outputs with target_eps={new_eps:g}, got "
            f"variance {var[worst]:.4g} and source_eps={old_eps:g} in channel {worst}; give "
            f"the target layer a smaller eps, for example {old_eps:g}, and pass it here"
        )
    return rest if new.eps_place == "inside" else rest * rest


def same_estimate(
    mean: Vector, var: Vector, old: Convention, new: Convention, m: int | None, r: float
) -> tuple[Vector, Vector]:
    """Return the statistics that the new library would have found on the same batches.

    ``m`` is the number of values per channel in a batch, ``r`` the weight that the initial
    statistics still have. Raises ``TypeError`` or ``ValueError`` as `convert_state`.

    Examples
    --------
    >>> from bnlib.convert.table import CONVENTIONS
    >>> torch, darknet = CONVENTIONS["torch"], CONVENTIONS["darknet"]
    >>> same_estimate(np.array([2.0]), np.array([3.0]), torch, darknet, None, 0.5)
    (array([2.]), array([2.5]))
    """
    r = check_number(OP, "remaining", r, 0, 1, "it is (1 - a) ** updates")
    factor = _factor(old, new, m)
    from_batches = var - r * old.initial[1]
    if (from_batches < -1e-6 * np.abs(var)).any():
        raise ValueError(
            f"{OP}: a variance of {var.min():.4g} is less than the initial value's part, "
            f"{r} * {old.initial[1]}; check remaining, (1 - a) ** updates"
        )
    var = np.maximum(from_batches, 0.0) * factor + r * new.initial[1]
    return mean + r * (new.initial[0] - old.initial[0]), var


def _factor(old: Convention, new: Convention, m: int | None) -> float:
    """Return what the batches' part of the running variance is multiplied by."""
    if old.running_var == new.running_var:
        return 1.0
    if m is None:
        raise ValueError(
            f"{OP}: m is needed, the number of values per channel in a batch: one library "
            "averages biased variances and the other unbiased ones"
        )
    factor = bessel(check_integer(OP, "m", m, 2, "it counts the values per channel in a batch"))
    return factor if new.running_var == "unbiased" else 1 / factor
