"""The engine that judges exercises: what mutation testing found unproved."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bncourse import checks
from bncourse.checks import Exercise, Part, Report, Verdict, compare
from bncourse.checks.exercise import call
from bncourse.checks.judge import examine, judge, plan
from bncourse.checks.outcomes import Outcome, observe, observe_all
from bncourse.checks.run import guarded


def double(x):
    return 2 * x, x.sum()


def numbers(rng):
    return [(rng.normal(1, 1, (3, 2)),), (rng.normal(1, 1, (4, 2)),)]


MADE_UP = Exercise(
    "ex99_q1", "double", 3, ("y", "total"), double,
    (Part("values", 1, numbers, looks_at=("y",)), Part("sum", 2, numbers, looks_at=("total",))),
)  # fmt: skip
ONE = replace(
    MADE_UP, results=("y",), reference=lambda x: 2 * x, parts=(Part("y", 1, numbers),)
)


def test_a_driver_calls_an_answer_with_all_arguments():
    assert call(lambda *a: a, 1, 2) == (1, 2)


@pytest.mark.parametrize(
    ("earned", "score"), [((True, True), 7.0), ((True, False), 2.33), ((False, False), 0.0)]
)
def test_a_score_is_the_share_of_the_weights_to_two_decimals(earned, score):
    verdicts = tuple(Verdict("p", w, ok) for w, ok in zip((1, 2), earned, strict=True))
    report = Report("ex99_q1", 7, verdicts)
    assert (report.score, report.passed) == (score, all(earned))
    assert type(report.score) is float


def test_a_report_has_one_line_for_each_part():
    verdicts = (Verdict("one", 1, True), Verdict("two", 1, False, "why"))
    lines = str(Report("ex99_q1", 3, verdicts)).splitlines()
    assert lines == ["right   one", "not yet two: why", "ex99_q1: 1.5 of 3 points"]


def test_calls_depend_on_the_seed_the_part_and_the_exercise():
    other = replace(MADE_UP, name="ex99_q2")
    first = [
        plan(e, s)[i][0][0][0, 0] for e in (MADE_UP, other) for s in (0, 1) for i in (0, 1)
    ]
    assert len(set(first)) == 8
    assert examine(double, MADE_UP).passed
    seen = []
    examine(lambda x: seen.append(x[0, 0]), MADE_UP)
    assert seen[::2] == first[:2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: (1.5 * x, 0), "y is off by up to {:.2g}, that is 0.25 of the largest value"),
        (lambda x: (x / (x < x.max()), 0), "y has 1 values that are NaN or infinite"),
        (lambda x: (2 * x[0], 0), "y has shape (2,), expected (3, 2)"),
        (lambda x: ([["1"]], 0), "y is a list, expected numbers"),
        (lambda x: 5, "returned 1 results, expected 2: y, total"),
    ],
)  # fmt: skip
def test_messages_to_the_letter(answer, message):
    largest = np.abs(plan(MADE_UP, 0)[0][0][0]).max()
    assert examine(answer, MADE_UP).verdicts[0].message == message.format(largest / 2)


def test_a_difference_from_zero_has_no_share():
    exercise = replace(ONE, reference=lambda x: 0 * x)
    verdict = examine(lambda x: 0 * x + 0.5, exercise).verdicts[0]
    assert verdict.message == "y is off by up to 0.5"
    exercise = replace(ONE, reference=lambda x: 0 * x + 0.5)
    verdict = examine(lambda x: 0 * x + 0.75, exercise).verdicts[0]
    assert verdict.message == "y is off by up to 0.25, that is 0.5 of the largest value"


def test_where_infinity_is_right_it_must_be_there():
    def reference(x):
        y = 2 * x
        y[0, 0], y[1, 0] = np.inf, np.nan
        return y

    exercise = replace(ONE, reference=reference)
    assert examine(reference, exercise).passed
    for answer, message in (
        (lambda x: reference(x) + 1, "y is off by up to 1, "),
        (lambda x: 2 * x, "y has finite values where none is right"),
        (lambda x: np.where(np.isinf(reference(x)), -np.inf, reference(x)), "y has NaN or inf"),
        (lambda x: reference(x) * np.nan, "y has 4 values that are NaN or infinite"),
    ):
        assert examine(answer, exercise).verdicts[0].message.startswith(message)
    exercise = replace(ONE, reference=lambda x: np.array([np.nan]))
    (verdict,) = examine(lambda x: np.array([np.inf]), exercise).verdicts
    assert verdict.message == "y has NaN or infinity of another kind"


@pytest.mark.parametrize(("error", "passed"), [(0.9e-5, True), (1.1e-5, False)])
def test_an_error_is_measured_against_the_largest_value(error, passed):
    exercise = replace(ONE, reference=lambda x: np.array([0.0, -100.0]))
    answer = np.array([100 * error + 1e-7, -100.0])
    assert examine(lambda x: answer, exercise).passed is passed
    answer = np.array([0.0, -100.0 * (1 + error)])
    assert examine(lambda x: answer, exercise).passed is passed
    small = replace(ONE, reference=lambda x: np.array([1e-3, 0.0]))
    assert not examine(lambda x: np.array([1e-3, 2e-7]), small).passed
    exercise = replace(exercise, reference=lambda x: np.zeros(2), atol=1.0)
    assert examine(lambda x: np.array([0.9, -1.0]), exercise).passed
    assert not examine(lambda x: np.array([0.9, -1.1]), exercise).passed


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, np.float32(2), [[1, 2]], np.uint8([1]), (1, 2)]
)
def test_what_counts_as_numbers(value):
    array = compare.as_array(value)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, np.array(value, np.float64))
    for other in (1j, "1", [None], object(), np.array(["1"]), [[1], [1, 2]]):
        assert compare.as_array(other) is None


def test_a_name_is_given_only_if_all_results_that_count_agree_in_all_calls():
    wrong = {
        "a mistake that fails": lambda x: 1 / 0,
        "half": lambda x: (x / 2, x.sum()) if len(x) == 3 else (x, x.sum()),
        "too much": lambda x: (3 * x, 0.0),
        "too much again": lambda x: (3 * x, x.sum()),
    }
    exercise = replace(MADE_UP, mistakes=wrong)
    for answer, name in (
        (lambda x: (3 * x, x.sum()), "; looks like too much"),
        (lambda x: (x / 2, x.sum()), ""),
        (lambda x: (3 * x, 1.0) if len(x) == 3 else (3 * x,), ""),
    ):
        message = examine(answer, exercise).verdicts[0].message
        assert message.endswith(name or "of the largest value")


def test_a_name_is_given_although_one_call_comes_to_nan_alone():
    """As a division by 1 - momentum**0 in the first of several batches does."""

    def times(factor, x):
        return (x * np.nan, np.nan) if len(x) == 3 else (factor * x, x.sum())

    mistakes = {f"times {i}": partial(times, i) for i in (3, 4)}
    exercise = replace(MADE_UP, mistakes=mistakes)
    for name, answer in mistakes.items():
        message = examine(answer, exercise).verdicts[0].message
        assert message.endswith(f"NaN or infinite; looks like {name}")


def test_a_last_part_waits_for_all_before():
    parts = (*MADE_UP.parts, Part("last", 1, numbers, last=True))
    exercise = replace(MADE_UP, parts=parts)
    verdicts = examine(lambda x: (2 * x, 0.0), exercise).verdicts
    assert [v.passed for v in verdicts] == [True, False, False]
    assert verdicts[2].message.startswith("total is off by")
    exercise = replace(exercise, parts=(*parts[:2], replace(parts[2], looks_at=("y",))))
    verdicts = examine(lambda x: (2 * x, 0.0), exercise).verdicts
    assert verdicts[2].message == "counts once the parts before it are right"
    assert examine(double, exercise).passed


def test_a_refusal_is_earned_by_any_error():
    exercise = replace(MADE_UP, parts=(Part("empty", 1, numbers, refuses="an empty array"),))
    calls = plan(exercise, 0)
    refused = Outcome(error="ValueError: no")
    assert judge(exercise, calls, [[refused, refused]]).passed
    (verdict,) = judge(exercise, calls, [[refused, Outcome(1)]]).verdicts
    wanted = "accepts an empty array; raise an error that says what to do"
    assert (verdict.passed, verdict.message) == (False, wanted)


def test_what_a_call_came_to():
    x = np.ones(3)
    found = observe(lambda v: v.__setitem__(0, 5) or v, ONE, (x,))
    assert (found.error, found.changed, x[0]) == ("", (0,), 1)
    assert found.value[0] == 5
    found = observe(lambda v: {}["y" * 999], ONE, (x,))
    assert found == Outcome(None, "KeyError: '" + "y" * 289, ())
    three = Outcome(3.0)
    assert observe_all(np.sum, ONE, [[(x,), (x,)], [(x,)]]) == [[three, three], [three]]


def test_the_rest_of_the_program_keeps_its_own_way_with_warnings(capsys):
    with np.errstate(all="raise"):
        found = observe(lambda v: np.array([1.0]) / 0, ONE, (1,))
        assert found.value == [np.inf]
        with pytest.raises(FloatingPointError):
            np.array([1.0]) / 0


def test_marks_of_what_breaks_are_zero():
    assert guarded(lambda: 2.5) == 2.5
    assert guarded(lambda: 1 / 0) == 0.0
    answer = (1, 2)
    assert checks.report("ex04_q1", answer).score == checks.score("ex04_q1", 3, 5) == 0.0
