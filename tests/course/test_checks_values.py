"""Values cross the sandbox's border as JSON, and nothing else does."""

import json
from collections import namedtuple

import numpy as np
import pytest

from bncourse.checks import find
from bncourse.checks.exercise import call
from bncourse.checks.values import MOST, DamagedError, changed, decode, encode, same

Pair = namedtuple("Pair", "y total")
VALUES = [
    None, True, "text", 0, -(10**30), 2.5, float("inf"), (), [1, (2.0, None)],
    np.arange(6.0).reshape(2, 3), np.float32([1.5]), np.array(3), np.zeros((0, 4)),
    {"a": np.ones(2), 3: [True]}, np.array([True, False]), np.float64(2.0),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
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


def test_nan_survives_and_a_named_tuple_crosses_as_a_tuple():
    """np.linalg.eigh returns one; the other side does not know its type."""
    assert same(decode(encode(np.array([np.nan, 1.0]))), np.array([np.nan, 1.0]))
    assert np.isnan(decode(encode(float("nan"))))
    back = decode(encode(Pair(np.ones(2), [1])))
    assert type(back) is tuple
    assert same(back, (np.ones(2), [1]))


def test_tensors_become_arrays():
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, 3, requires_grad=True)
    assert same(decode(encode(tensor)), np.ones((2, 3), np.float32))


def test_anything_else_is_only_named():
    for value in (object(), len, {1, 2}, 1j, np.array([1j]), np.array(["a"])):
        back = decode(encode(value))
        assert repr(back) == f"<{type(value).__name__}>"
        assert back != decode(encode(value))
    assert repr(decode({"other": "x" * 99})) == f"<{'x' * 80}>"
    assert decode(encode(np.zeros(MOST, bool))).shape == (MOST,)  # the largest array


def test_changes_of_arguments_are_found_and_what_cannot_be_compared_is_none():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    before = (np.ones(2), [1, np.zeros(1)], 3, Odd(), (2,))
    after = (np.array([1.0, 2.0]), [1, np.ones(1)], 3, Odd(), (2, 3))
    assert changed(before, after) == changed(after, before) == (0, 1, 4)
    assert changed(before, before) == ()
    assert not same(np.array([np.nan]), np.array([1.0]))
    with pytest.raises(ValueError, match="zip"):
        changed((1,), (1, 2))


def test_functions_of_the_checks_are_named_and_others_are_not():
    assert encode(call) == {"function": "call"}
    for value in (json.dumps, [].append, int.__add__, Pair):  # two belong to no module
        assert encode(value) == {"other": type(value).__name__}
    exercise = find("ex04_q1")
    assert encode(exercise) == {"other": "Exercise"}


FORMS = [  # what is wrong, and words of the error
    (5, "TypeError"), (2.5, "TypeError"), ([], "AttributeError"), ({}, "StopIteration"),
    ({"nobody": 1}, "unknown form 'nobody'"), ({"tuple": [{"nobody": 1}]}, "unknown form"),
    ({"int": "x"}, "ValueError"), ({"float": "x"}, "ValueError"), ({"list": 5}, "TypeError"),
    ({"dict": [[1]]}, "ValueError"), ({"array": "AAAA"}, "KeyError"),
    ({"dict": [[i * (2**61 - 1), 0] for i in range(1001)]}, "more than 1000 keys"),  # collide
    ({"array": "!AAAAAAAAAAA=", "dtype": "<f8", "shape": [1]}, "Error: "),
    ({"array": "AAAA", "dtype": "<f8", "shape": [3]}, "ValueError"),
    ({"array": "", "dtype": "O", "shape": [0]}, "an array of object"),
    ({"array": "A" * 22 + "==", "dtype": "<c16", "shape": [1]}, "an array of complex128"),
    ({"array": "", "dtype": "<f8", "shape": [-1]}, r"shape \(-1,\)"),
    ({"array": "", "dtype": "|b1", "shape": [-1, -1]}, r"shape \(-1, -1\)"),
    ({"array": "", "dtype": "|b1", "shape": [MOST + 1]}, "an array of bool"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "words"), FORMS, ids=range(len(FORMS)))
def test_damaged_forms_are_refused(form, words):
    with pytest.raises(DamagedError, match=rf"^decode: .*{words}"):
        decode(form)
