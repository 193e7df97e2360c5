"""The arrays of a saved batch normalization, from one library's conventions to another's."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bnlib.arguments import USUAL_EPS, check_number, check_real
from bnlib.convert.table import Convention, convention
from bnlib.convert.variance import OP, same_estimate, same_std

State = dict[str, npt.NDArray[Any]]
COUNT = "num_batches_tracked"  # PyTorch alone has it


def convert_state(
    state: Mapping[str, npt.ArrayLike],
    source: str,
    target: str,
    keep: Literal["outputs", "estimate"] = "outputs",
    *,
    source_eps: float | None = None,
    target_eps: float | None = None,
    m: int | None = None,
    remaining: float = 0.0,
) -> State:
    r"""Return a layer's arrays by another library's names and conventions.

    Parameters
    ----------
    state : mapping of names to arrays, each of shape (C,)
        By the source's names: running mean and variance, and gamma and beta if the layer
        has them. PyTorch's ``num_batches_tracked`` may be there.
    source, target : "torch", "keras", "flax", "mxnet" or "darknet"
    keep : "outputs" or "estimate"
        "outputs": the target computes in evaluation mode what the source does. The variance
        is copied if both use the same eps in the same place; else it takes up the
        difference. "estimate": the target gets the running statistics that it would have
        found itself on the same batches, for training on; the variance changes by
        m / (m - 1) where one library averages biased variances and the other unbiased ones.
    source_eps, target_eps : float or None
        For "outputs"; ``None`` takes each library's default.
    m : int or None
        For "estimate": values per channel behind each batch's statistic, at least 2.
    remaining : float
        For "estimate": the weight that the initial running statistics still have,
        ``(1 - a) ** updates`` with a as in `Convention`; 0 after long training. They differ
        between the libraries, and m / (m - 1) does not apply to them.

    Returns
    -------
    dict of str to ndarray, shape (C,)
        New arrays, float32 where the source's is float32, else float64. PyTorch's
        ``num_batches_tracked`` is the source's, or 0.

    Raises
    ------
    TypeError
        If ``state`` is not a mapping, or a value or setting is not a number.
    ValueError
        If a name is missing or unknown, shapes differ, a value is not finite, a variance is
        negative, or a setting is out of range; if no variance gives the same outputs with
        ``target_eps``; if ``m`` is needed and missing.

    Notes
    -----
    "outputs" solves ``std_target(var') = std_source(var)``, where ``std`` is
    ``sqrt(var + eps)`` or ``sqrt(var) + eps``. "estimate" is, with r for ``remaining``,
    ``var' = (var - r * initial_source) * factor + r * initial_target``, where the factor is
    1, m / (m - 1) or (m - 1) / m; likewise the mean, with factor 1.

    Examples
    --------
    >>> layer = {"running_mean": np.zeros(2), "running_var": np.array([1.0, 4.0])}
    >>> convert_state(layer, "torch", "keras", target_eps=1e-5)["moving_variance"]
    array([1., 4.])
    >>> convert_state(layer, "torch", "keras", "estimate", m=5)["moving_variance"]
    array([0.8, 3.2])
    """
    old, new = convention(OP, source), convention(OP, target)
    arrays = _read(state, source, old)
    mean, var = (arrays[name].astype(np.float64) for name in old.names[2:])
    if keep == "outputs":
        eps = (_eps("source_eps", source_eps, old), _eps("target_eps", target_eps, new))
        var = same_std(var, old, new, *eps)
    elif keep == "estimate":
        mean, var = same_estimate(mean, var, old, new, m, remaining)
    else:
        raise ValueError(f"{OP}: keep must be 'outputs' or 'estimate', got {keep!r}")
    values = {**arrays, old.names[2]: mean, old.names[3]: var}
    converted = {
        there: values[here].astype("f4" if arrays[here].dtype == np.float32 else "f8")
        for here, there in zip(old.names, new.names, strict=True)
        if here in arrays
    }
    count = {COUNT: np.array(arrays.get(COUNT, 0))} if target == "torch" else {}
    return converted | count


def _read(state: Mapping[str, npt.ArrayLike], source: str, row: Convention) -> State:
    """Return the state's arrays, or say which name or value is wrong."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"{OP}: state must be a mapping of names to arrays, got {type(state).__name__}"
        )
    known = {*row.names, COUNT} if source == "torch" else {*row.names}
    missing, unknown = set(row.names[2:]) - state.keys(), state.keys() - known
    if missing or unknown:
        raise ValueError(
            f"{OP}: expected {source}'s names {row.names}; missing {sorted(missing)}, "
            f"unknown {sorted(unknown, key=str)}; pass one layer's arrays, without a prefix"
        )
    shape, hint = np.shape(state[row.names[2]]), "each array has one value per channel"
    arrays = {
        name: check_real(OP, name, value, () if name == COUNT else shape, hint)
        for name, value in state.items()
    }
    if len(shape) != 1:
        raise ValueError(f"{OP}: every array must have shape (C,), got {shape}")
    if (arrays[row.names[3]] < 0).any():
        raise ValueError(f"{OP}: {row.names[3]} cannot be negative")
    return arrays


def _eps(name: str, eps: float | None, row: Convention) -> float:
    """Return an eps that is given, or the library's default."""
    return row.eps if eps is None else check_number(OP, name, eps, hint=USUAL_EPS)
