"""Tables of calls that must be refused: with which error, in which words, nothing changed."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from reference import untouched
from strategies import BAD_EPS, REFUSED
from torch import nn

from bnlib.arguments import NonFiniteError
from bnlib.layers import Layer

__all__ = ["NonFiniteError", "Row", "each_row", "no_eps", "no_float_array", "ones"]

FOREIGN = (NotImplementedError, KeyError)  # Python's and the caller's, in their own words


@dataclass(frozen=True)
class Row:
    """A bad call, or one call for each of several bad values, and the error that it raises.

    In ``message`` "..." stands for any words and ``{0}`` for the bad value, as in `str.format`;
    what comes after "; " says what to do. ``on`` makes the object, or a tuple of objects, that
    the call is made on: they come first, and like the bad value they must not be changed.
    """

    error: type[Exception]
    message: str
    call: Callable[..., Any]
    bad: tuple[Any, ...] = ()
    on: Callable[[], Any] | None = None

    def check(self, *bad: Any) -> None:
        """Make the call; hold the error to its type and words, all else to what it was."""
        made = () if self.on is None else self.on()
        made = made if isinstance(made, tuple) else (made,)
        arrays = [a for a in bad if isinstance(a, np.ndarray | Layer | nn.Module)]
        with untouched(*made, *arrays), pytest.raises(self.error) as caught:
            self.call(*made, *bad)
        assert type(caught.value) is self.error
        text = self.message.format(*bad) if bad else self.message
        pattern = ".+".join(re.escape(part.strip(" ")) for part in text.split("..."))
        assert re.fullmatch(pattern, str(caught.value), re.DOTALL), str(caught.value)
        if self.error not in FOREIGN:
            assert re.match(r"[\w.]+: [^ ]", str(caught.value)), "the operation comes first"
        assert not str(caught.value).endswith("; None"), "the advice comes last"


def each_row(*rows: Row | Iterable[Row]) -> Any:
    """Return a decorator: the test gets ``row`` and ``bad``, the arguments of `Row.check`."""
    flat = [row for part in rows for row in ([part] if isinstance(part, Row) else part)]
    cases = [
        pytest.param(row, bad, id=row.message[:60])
        for row in flat
        for bad in [(value,) for value in row.bad] or [()]
    ]
    return pytest.mark.parametrize(("row", "bad"), cases)


def ones(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return arrays of ones of several shapes."""
    return tuple(np.ones(shape) for shape in shapes)


def no_float_array(op: str, name: str, call: Callable[..., Any], on: Any = None) -> list[Row]:
    """Return the rows of an argument that must be a plain array of float32 or float64."""
    others = [a for a in REFUSED.values() if type(a) is not np.ndarray]
    dtypes = [a for a in REFUSED.values() if type(a) is np.ndarray]
    kind = f"{op}: {name} must be a NumPy array of float32 or float64"
    kind += ", got {0.__class__.__name__}"
    dtype = f"{op}: {name} must be float32 or float64, got dtype {{0.dtype}}"
    cures = f"np.asarray({name}, dtype=np.float64)", f"{name}.astype(np.float32)"
    return [
        Row(TypeError, f"{kind}; convert it with {cures[0]}", call, tuple(others), on),
        Row(TypeError, f"{dtype}; convert it with {cures[1]}", call, tuple(dtypes), on),
    ]


def no_eps(op: str, call: Callable[..., Any], on: Any = None) -> list[Row]:
    """Return the rows of an eps that is no number, negative or not finite."""
    size = f"{op}: eps must be finite and at least 0, got {{0}}; the usual value is 1e-5"
    number = f"{op}: eps must be a number, got {{0!r}}; the usual value is 1e-5"
    words = {ValueError: size, TypeError: number}
    return [Row(error, words[error], call, bad, on) for error, bad in BAD_EPS.items()]
