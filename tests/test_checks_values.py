"""Values cross the sandbox's border as JSON, and nothing else does."""

import json

import numpy as np
import pytest

from bnlib.checks.values import DamagedError, changed, decode, encode, same

VALUES = [
    None, True, "text", 0, -(10**30), 2.5, float("inf"), (), [1, (2.0, None)],
    np.arange(6.0).reshape(2, 3), np.float32([1.5]), np.array(3), np.zeros((0, 4)),
    {"a": np.ones(2), 3: [True]}, np.array([True, False]), np.float64(2.0),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_what_is_written_can_be_read(value):
    form = json.loads(json.dumps(encode(value)))
    back = decode(form)
    if isinstance(value, dict):
        assert list(back) == list(value)
        value, back = list(value.values()), list(back.values())
    assert same(value, back)
    if isinstance(value, np.ndarray):
        assert (back.dtype, back.shape) == (value.dtype, value.shape)
        back[...] = back  # writeable


def test_nan_survives():
    assert same(decode(encode(np.array([np.nan, 1.0]))), np.array([np.nan, 1.0]))
    assert np.isnan(decode(encode(float("nan"))))


def test_tensors_become_arrays():
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, 3, requires_grad=True)
    assert same(decode(encode(tensor)), np.ones((2, 3), np.float32))


@pytest.mark.parametrize("value", [object(), len, {1, 2}, 1j, np.array([1j]), np.array(["a"])])
def test_anything_else_is_only_named(value):
    back = decode(encode(value))
    assert repr(back) == f"<{type(value).__name__}>"
    assert back != decode(encode(value))


@pytest.mark.parametrize(
    "form",
    [
        5, 2.5, [], {}, {"array": "AAAA"}, {"nobody": 1}, {"int": "x"}, {"float": "x"},
        {"array": "!!", "dtype": "<f8", "shape": [1]},
        {"array": "", "dtype": "<f8", "shape": [-1]},
        {"array": "", "dtype": "O", "shape": [0]},
        {"array": "", "dtype": "<f8", "shape": [10**9]},
        {"array": "AAAA", "dtype": "<f8", "shape": [3]},
        {"list": 5}, {"dict": [[1]]}, {"tuple": [{"nobody": 1}]},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_forms_are_refused(form):
    with pytest.raises(DamagedError):
        decode(form)


def test_changes_of_arguments_are_found():
    before = (np.ones(2), [1, np.zeros(1)], 3, object())
    after = (np.array([1.0, 2.0]), [1, np.ones(1)], 3, before[3])
    assert changed(before, after) == (0, 1)
    assert changed(before, before) == ()

    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    assert changed((Odd(),), (Odd(),)) == ()
