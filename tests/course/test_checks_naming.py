"""What is said of a wrong answer: the mistake that it makes, where one fits and no other."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_checks import BOTH, ONE, messages

from bncourse.checks import Part
from bncourse.checks.general import general


def test_a_mistake_is_named_only_if_all_results_that_count_agree_in_all_calls():
    wrong = {
        "a mistake that fails": lambda x: 1 / 0,
        "half": lambda x: (x / 2, x.sum()) if len(x) == 3 else (x, x.sum()),
        "too much": lambda x: (3 * x, 0.0),
        "too much again": lambda x: (3 * x, x.sum()),
    }
    exercise = replace(BOTH, mistakes=wrong)
    for answer, ending in (
        (lambda x: (3 * x, x.sum()), "; looks like too much again"),
        (lambda x: (x / 2, x.sum()), "of the largest value"),
        (lambda x: (3 * x, 1.0) if len(x) == 3 else (3 * x,), "of the largest value"),
    ):
        assert messages(answer, exercise)[0].endswith(ending)


def test_two_mistakes_are_named_each_where_its_results_fail():
    wrong = {
        "three times": lambda x: (3 * x, x.sum()),
        "the mean, not the sum": lambda x: (2 * x, x.mean()),
        "one more": lambda x: (2 * x + 1, x.sum()),
        "one more, in other words": lambda x: (2 * x + 1, x.sum()),
    }
    exercise = replace(BOTH, mistakes=wrong)
    y, total = messages(lambda x: (3 * x, x.mean()), exercise)
    assert y.endswith("; looks like three times")
    assert total.endswith("; looks like the mean, not the sum")
    assert "looks like" not in messages(lambda x: (3 * x, x.max()), exercise)[1]
    assert "looks like" not in messages(lambda x: (2 * x + 1, x.sum()), exercise)[0]


def test_a_mistake_must_fit_what_is_right_as_well():
    exercise = replace(BOTH, mistakes={"no sum, and 3 for 2": lambda x: (3 * x, 0.0)})
    assert "3 for 2" not in messages(lambda x: (2 * x, 0.0), exercise)[1]


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


def test_a_mistake_is_named_although_one_call_comes_to_nan_alone():
    """As a division by 1 - momentum**0 in the first of several batches does."""

    def times(factor, x):
        return (x * np.nan, np.nan) if len(x) == 3 else (factor * x, x.sum())

    mistakes = {f"times {i}": partial(times, i) for i in (3, 4)}
    exercise = replace(BOTH, mistakes=mistakes)
    for name, answer in mistakes.items():
        assert messages(answer, exercise)[0].endswith(f"NaN or infinite; looks like {name}")


def test_nan_everywhere_has_no_name():
    diverges = replace(BOTH, mistakes={"too large a step": lambda x: (x * np.nan, np.nan)})
    (text, _) = messages(lambda x: (x * np.nan, np.nan), diverges)
    assert "NaN" in text
    assert "looks like" not in text


def test_zeros_are_called_zeros_and_are_no_sign_of_a_second_mistake():
    """Of several mistakes that give 0, none is guessed; one that gives all results is."""
    mistakes = {"x is not used": lambda x: (0 * x, x.sum())}
    exercise = replace(BOTH, mistakes=mistakes)
    assert messages(lambda x: (0 * x, 1.0), exercise)[0] == "y is 0 everywhere"
    assert messages(lambda x: (0 * x, x.sum()), exercise)[0].endswith("x is not used")
    assert messages(lambda x: 0 * x, ONE)[0] == "y is 0 everywhere"


def test_a_mistake_that_an_answer_makes_in_some_calls_is_named_where_no_other_fits():
    """As one that guards against a case, or guesses from a shape; what is right must fit."""
    some = replace(ONE, mistakes={"a square": lambda x: x * x})
    assert messages(lambda x: x * x if len(x) == 3 else 2 * x, some)[0].endswith("a square")
    assert "square" not in messages(lambda x: x * x if len(x) == 3 else 3 * x, some)[0]
    guarded = replace(ONE, mistakes={"a square": lambda x: x * x / (len(x) < 4)})
    text = messages(lambda x: x * x if len(x) == 3 else x, guarded)[0]
    assert text.endswith("a square")


def crashes(sizes, x):
    return x * x if len(x) in sizes else x[99]


def test_an_answer_that_mostly_crashes_is_named_only_if_the_mistake_does_so_too():
    def sizes(*counts):
        return (Part("y", 1, lambda rng: [(rng.normal(1, 1, (m, 2)),) for m in counts]),)

    some = replace(ONE, mistakes={"a square": lambda x: x * x}, parts=sizes(3, 4))
    assert messages(partial(crashes, [3]), some)[0].endswith("; looks like a square")
    many = replace(some, parts=sizes(3, 4, 5))
    assert "looks like" not in messages(partial(crashes, [3]), many)[0]
    alike = replace(many, mistakes={"a square": partial(crashes, [3])})
    assert messages(partial(crashes, [3]), alike)[0].endswith("; looks like a square")


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
