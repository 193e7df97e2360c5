"""What is said of a wrong answer: the mistake that it makes, where one fits and no other."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_checks import BOTH, ONE, messages

from bncourse.checks import Part
from bncourse.checks.general import general

SOME = {
    "a mistake that fails": lambda x: 1 / 0,
    "half": lambda x: (x / 2 if len(x) == 3 else x, x.sum()),
    "too much": lambda x: (3 * x, 0.0),
    "too much again": lambda x: (3 * x, x.sum()),
}
TWO = {
    "three times": lambda x: (3 * x, x.sum()),
    "the mean, not the sum": lambda x: (2 * x, x.mean()),
    "one more": lambda x: (2 * x + 1, x.sum()),
    "one more, in other words": lambda x: (2 * x + 1, x.sum()),
}
BOTH_WRONG = {"no sum, and 3 for 2": lambda x: (3 * x, 0.0)}
NO_X = {"x is not used": lambda x: (0 * x, x.sum())}
SQUARE = {"a square": lambda x: (x * x, x.sum())}
GUARDED = {"a square": lambda x: (x * x / (len(x) < 4), x.sum())}
NAN = {"too large a step": lambda x: (x * np.nan, np.nan)}
# As a division by 1 - momentum**0 in the first of several batches does.
NAN_IN_ONE = {
    f"times {i}": lambda x, i=i: (x * np.nan, np.nan) if len(x) == 3 else (i * x, x.sum())
    for i in (3, 4)
}


@pytest.mark.parametrize(
    ("mistakes", "answer", "names"),
    [
        (SOME, lambda x: (3 * x, x.sum()), ["too much again", ""]),
        (SOME, lambda x: (x / 2, x.sum()), ["", ""]),
        (SOME, lambda x: (3 * x, 1.0) if len(x) == 3 else (3 * x,), ["", ""]),
        (TWO, lambda x: (3 * x, x.mean()), ["three times", "the mean, not the sum"]),
        (TWO, lambda x: (3 * x, x.max()), ["three times", ""]),
        (TWO, lambda x: (2 * x + 1, x.sum()), ["", ""]),  # two that say so
        (BOTH_WRONG, lambda x: (2 * x, 0.0), ["", ""]),
        # Zeros are no sign of a second mistake.
        (NO_X, lambda x: (0 * x, 1.0), ["", "1 in the place of total"]),
        (NO_X, lambda x: (0 * x, x.sum()), ["x is not used", ""]),
        ({}, lambda x: (0 * x, x.sum()), ["", ""]),
        (NAN_IN_ONE, NAN_IN_ONE["times 3"], ["times 3", "times 3"]),
        (NAN_IN_ONE, NAN_IN_ONE["times 4"], ["times 4", "times 4"]),
        (NAN, NAN["too large a step"], ["", ""]),
        # A mistake in some calls is named where no other fits; what is right must fit.
        (SQUARE, lambda x: (x * x if len(x) == 3 else 2 * x, x.sum()), ["a square", ""]),
        (SQUARE, lambda x: (x * x if len(x) == 3 else 3 * x, x.sum()), ["", ""]),
        (GUARDED, lambda x: (x * x if len(x) == 3 else x, x.sum()), ["a square", ""]),
    ],
    ids=range(16),
)
def test_a_mistake_is_named_where_it_fits_what_counts_and_no_other_does(
    mistakes, answer, names
):
    told = messages(answer, replace(BOTH, mistakes=mistakes))
    assert [text.partition("; looks like ")[2] for text in told] == names


def scaled(x, by, *, factor=2.0, more=0.0, power=1):
    return factor * x**power * by + more


SCALED = replace(
    ONE, reference=scaled,
    parts=(Part("y", 1, lambda rng: [(rng.uniform(1, 2, (m, 2)), 0.7) for m in (3, 4)]),),
    mistakes={
        "3 for 2": partial(scaled, factor=3.0),
        "one more": partial(scaled, more=1.0),
        "a square": partial(scaled, power=2),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda x, by: 2 * x, "1 in the place of by"),
        (lambda x, by: 2 * x * (1 - by), "1 - by in the place of by"),
        (lambda x, by: (2 * x * by) ** 0.5, "y ** 0.5 in the place of y"),
        (lambda x, by: 2 * x * by / len(x), "y / len(x) in the place of y"),
        (lambda x, by: x, "x in the place of y"),
        (lambda x, by: 3 * x * by + 1, "two mistakes: 3 for 2; and one more"),
        (lambda x, by: 2 * x * x + 1, ""),
        (lambda x, by: 3 * x, "two mistakes: 3 for 2; and 1 in the place of by"),
    ],
)
def test_what_no_known_mistake_fits_is_named_by_two_or_by_plain_arithmetic(answer, name):
    (message,) = messages(answer, SCALED)
    assert message.partition("; looks like ")[2] == name


def test_a_part_that_alone_is_wrong_says_what_it_looks_like():
    def large(rng):
        return [(rng.normal(1e9, 1, (3, 2)),)]

    far = Part("far from 0", 1, large, alone="digits lost")
    exercise = replace(ONE, parts=(*ONE.parts, far))
    assert messages(lambda x: 2 * x + (x > 1e6) * 1e7 * x % 7e5, exercise)[1].endswith(
        "; looks like digits lost"
    )
    assert "digits" not in messages(lambda x: 2 * x + x % 7e5 + 1, exercise)[1]


def test_an_answer_that_mostly_crashes_is_named_only_if_the_mistake_does_so_too():
    def crashes(x):
        return x * x if len(x) == 3 else x[99]

    def told(mistake, *sizes):
        part = Part("y", 1, lambda rng: [(rng.normal(1, 1, (m, 2)),) for m in sizes])
        return messages(crashes, replace(ONE, mistakes={"a square": mistake}, parts=(part,)))[0]

    assert told(lambda x: x * x, 3, 4).endswith("; looks like a square")
    assert "looks like" not in told(lambda x: x * x, 3, 4, 5)
    assert told(crashes, 3, 4, 5).endswith("; looks like a square")


def test_a_length_that_never_differs_is_no_evidence():
    texts = {mistake.text for mistake in general(replace(ONE, reference=lambda x: 2 * x))}
    assert "y * len(x) in the place of y" in texts
    always_3 = (Part("y", 1, lambda rng: [(rng.normal(1, 1, (3, 2)),)] * 2),)
    assert "looks like" not in messages(lambda x: 6 * x, replace(ONE, parts=always_3))[0]


def test_a_wrong_result_in_float32_is_called_so():
    texts = [messages(lambda x, t=t: t(3 * x), ONE)[0] for t in (np.float32, np.float64)]
    assert [", in float32" in text for text in texts] == [True, False]
    both = messages(lambda x: (2 * x, np.float32(x.sum() + 1)), BOTH)
    assert [", in float32" in text for text in both] == [False, True]
