"""Write arguments and results as JSON, and read them back; nothing is executed.

What students' code returns comes through here. Only numbers, text, lists and arrays of
numbers exist in this form, so a magic object cannot cross. This file is copied into the
sandbox of `bncourse.grading`, so it imports nothing of bnlib.
"""

import base64
import dis
import math
import types
from typing import Any

import numpy as np

KINDS = "biuf"  # of dtypes: booleans, integers, floats
NUMERIC = ("numpy", "scipy")  # their errors are about shapes and matrices, not about a task
TOOLS = (*NUMERIC, "torch", "bncourse", "")  # no reader wrote a function of these
MOST = 5_000_000  # values in one array
KEYS = 1000  # in one dictionary: keys that collide take quadratic time


class DamagedError(ValueError):
    """What came back is no value that `encode` writes."""


def same(a: Any, b: Any) -> bool:
    """Return whether two arguments are equal, NaN included.

    Examples
    --------
    >>> same(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])), same(1, 2)
    (True, False)
    """
    if isinstance(a, np.ndarray):
        alike = isinstance(b, np.ndarray) and (a.dtype, a.shape) == (b.dtype, b.shape)
        if alike and a.dtype.kind in KINDS and a.tobytes() == b.tobytes():
            return True  # as most arguments are after a call; quick
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a is b or a == b)


def changed(before: Any, after: Any) -> tuple[int, ...]:
    """Return the positions of arguments that are not as they were.

    What cannot be compared counts as unchanged.
    """
    positions = []
    for i, (a, b) in enumerate(zip(before, after, strict=True)):
        try:
            positions += [] if same(a, b) else [i]
        except Exception:
            continue
    return tuple(positions)


def frames(error: BaseException) -> list[types.TracebackType]:
    """Return the calls that an error came through, the innermost last."""
    frames, at = [], error.__traceback__
    while at:
        frames.append(at)
        at = at.tb_next
    return frames


def owner(at: types.TracebackType) -> str:
    """Return the package that a call's function stands in, empty for no module."""
    return str(at.tb_frame.f_globals.get("__name__", "")).split(".")[0]


def told(error: BaseException) -> str:
    """Return an error's type and text, and where the reader's own code was."""
    where = [(at.tb_frame.f_code.co_name, at.tb_lineno) for at in frames(error)[1:]
             if owner(at) not in TOOLS]  # fmt: skip
    text = f"{type(error).__name__}: {error}"[:300]
    return f"{text} (in {where[-1][0]}, line {where[-1][1]})" if where else text


def refusal(error: BaseException) -> tuple[str, ...]:
    """Return the names of an error's classes if a `raise` made it, and none for a crash.

    What a call inside NumPy or SciPy complains of is a crash, too.

    Examples
    --------
    >>> for text in ("raise KeyError('no')", "{}[0]"):
    ...     try:
    ...         exec(text, {"__name__": "mine"})
    ...     except LookupError as error:
    ...         print("ValueError" in refusal(error), "LookupError" in refusal(error))
    False True
    False False
    """
    at = ([None, *frames(error)])[-1]
    code = at.tb_frame.f_code.co_code[at.tb_lasti] if at else None
    if code != dis.opmap["RAISE_VARARGS"] or (at and owner(at) in NUMERIC):
        return ()
    return tuple(kind.__name__ for kind in type(error).__mro__)


def encode(value: Any) -> Any:
    """Return ``value`` in the form that JSON can hold; anything unknown as a note of its type.

    Examples
    --------
    >>> decode(encode((1, [2.5, None], np.array([1.0]))))
    (1, [2.5, None], array([1.]))
    """
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in KINDS:
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return {"array": data, "dtype": array.dtype.str, "shape": list(np.shape(value))}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, list | tuple):  # a named tuple crosses as a plain one
        return {"list" if isinstance(value, list) else "tuple": [encode(v) for v in value]}
    if callable(value) and str(getattr(value, "__module__", "")).startswith("bncourse.checks"):
        return {"function": value.__name__}  # its source is sent along
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    return {"other": type(value).__name__}


def decode(form: Any) -> Any:
    """Return the value that `encode` wrote.

    Raises
    ------
    DamagedError
        If ``form`` is nothing that `encode` writes.
    """
    try:
        return _decode(form)
    except DamagedError:
        raise
    except Exception as error:
        raise DamagedError(f"decode: {type(error).__name__}: {error}") from None


def _decode(form: Any) -> Any:
    if form is None or isinstance(form, bool | str):
        return form
    if "array" in form:
        dtype, shape = np.dtype(form["dtype"]), tuple(int(n) for n in form["shape"])
        if dtype.kind not in KINDS or math.prod(shape) > MOST or min(shape, default=0) < 0:
            raise DamagedError(f"decode: an array of {dtype} and shape {shape}")
        data = base64.b64decode(form["array"], validate=True)
        return np.frombuffer(data, dtype).reshape(shape).copy()
    kind, content = next(iter(form.items()))
    if kind == "int":
        return int(content)
    if kind == "float":
        return float.fromhex(content)
    if kind == "list":
        return [_decode(v) for v in content]
    if kind == "tuple":
        return tuple(_decode(v) for v in content)
    if kind == "dict" and len(content) > KEYS:
        raise DamagedError(f"decode: a dictionary of more than {KEYS} keys")
    if kind == "dict":
        return {_decode(k): _decode(v) for k, v in content}
    if kind == "other":
        return Unknown(str(content)[:80])
    raise DamagedError(f"decode: unknown form {kind!r}")


class Unknown:
    """Stands for an object that is not a number; equal to nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        """Return the name of the type that was meant."""
        return f"<{self.name}>"
