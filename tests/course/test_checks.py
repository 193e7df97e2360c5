"""The engine that judges exercises: what it accepts, what it says, what it never does."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from bncourse import checks
from bncourse.checks import Exercise, Part, Report, Verdict, compare
from bncourse.checks.judge import examine, plan
from bncourse.checks.outcomes import Outcome, observe, observe_all
from bncourse.checks.run import guarded


def double(x):
    return 2 * x, x.sum()


def numbers(rng):
    return [(rng.normal(1, 1, (3, 2)),), (rng.normal(1, 1, (4, 2)),)]


VALUES = Part("values", 3, numbers, looks_at=("y",))
SUM = Part("the sum", 1, numbers, looks_at=("total",))
EMPTY = Part(
    "nothing to double", 1, lambda rng: [(np.zeros((0, 2)),)], refuses="an empty array"
)
MADE_UP = Exercise(
    "ex99_q1", "double", 5, ("y", "total"), double, (VALUES, SUM, EMPTY),
    mistakes={"a square, not a double": lambda x: (x * x, x.sum())},
)  # fmt: skip
BOTH = replace(MADE_UP, parts=(VALUES, SUM), mistakes={})
ONE = replace(BOTH, results=("y",), reference=lambda x: 2 * x, parts=(Part("y", 1, numbers),))


def right(x):
    if len(x) == 0:
        raise ValueError("empty")
    return x + x, float(np.add.reduce(x, axis=None))


def raises(error):
    raise error


def not_written(x):
    raise NotImplementedError


def messages(answer, exercise=MADE_UP):
    return [v.message for v in examine(answer, exercise).verdicts]


# Points.


def test_a_right_answer_earns_all_points():
    report = examine(right, MADE_UP)
    assert report.passed
    assert report.score == 5.0
    assert type(report.score) is float
    assert str(report).splitlines()[-1] == "ex99_q1: 5 of 5 points"
    assert examine(double, MADE_UP).score == 4.0  # accepts an empty array
    assert examine(lambda x: (2 * x, 0.0), MADE_UP).score == 3.0
    assert examine(lambda x: (x, x.sum()), MADE_UP).score == 1.0


def test_a_report_has_one_line_for_each_part_and_points_to_two_decimals():
    verdicts = (Verdict("one", 1, True), Verdict("two", 2, False, "why"))
    report = Report("ex99_q1", 7, verdicts)
    assert (report.score, report.passed) == (2.33, False)
    lines = str(report).splitlines()
    assert lines == ["right   one", "not yet two: why", "ex99_q1: 2.33 of 7 points"]


def test_what_counts_as_numbers():
    for value in (True, 3, 2.5, np.float32(2), [[1, 2]], np.uint8([1]), (1, 2)):
        array = compare.as_array(value)
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, value)
    for other in (1j, "1", [None], object(), np.array(["1"]), [[1], [1, 2]]):
        assert compare.as_array(other) is None
    tensor = pytest.importorskip("torch").ones(2, requires_grad=True)
    np.testing.assert_array_equal(compare.as_array(tensor), [1, 1])


@pytest.mark.parametrize(("error", "passed"), [(0.9e-5, True), (1.1e-5, False)])
def test_an_error_is_measured_against_the_largest_value(error, passed):
    exercise = replace(ONE, reference=lambda x: np.array([0.0, -100.0]))
    for answer in ([100 * error + 1e-7, -100.0], [0.0, -100.0 * (1 + error)]):
        assert examine(lambda x, y=answer: np.array(y), exercise).passed is passed
    small = replace(ONE, reference=lambda x: np.array([1e-3, 0.0]))
    assert not examine(lambda x: np.array([1e-3, 2e-7]), small).passed
    exercise = replace(exercise, reference=lambda x: np.zeros(2), atol=1.0)
    assert examine(lambda x: np.array([0.9, -1.0]), exercise).passed
    assert not examine(lambda x: np.array([0.9, -1.1]), exercise).passed


# What the reader is told.


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: None, "returned nothing; double must return y, total"),
        (lambda x: x, "returned 1 results, expected 2: y, total"),
        (lambda x: (x, x, x), "returned 3 results, expected 2: y, total"),
        (lambda x: ("no", 1), "y is a str, expected numbers"),
        (lambda x: (x.T, x.sum()), "y has shape (2, 3), expected (3, 2)"),
        (lambda x: (x / (x < x.max()), 0), "y has 1 values that are NaN or infinite"),
        (lambda x: (0 * x, x.sum()), "y is 0 everywhere"),
        (lambda x: (x * x, x.sum()), "looks like a square, not a double"),
        (lambda x: (2 * x + 1, x.sum()), "y is off by up to 1, that is"),
        (lambda x: (1.5 * x, 0), "that is 0.25 of the largest value"),
        (lambda x: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda x: exit(), "raised SystemExit"),
        (not_written, "not written yet"),
        (lambda: 1, "raised TypeError"),
        (lambda x: raises(ValueError("too few")), "this call must be accepted"),
    ],
    ids=range(15),
)
def test_the_message_names_the_fault(answer, message):
    assert message in messages(answer)[0]


def test_a_difference_from_zero_has_no_share():
    for nothing in (0.0, 1e-17):  # 0, and 0 after rounding
        exercise = replace(ONE, reference=lambda x, y=nothing: 0 * x + y)
        (message,) = messages(lambda x: 0 * x + 0.5, exercise)
        assert message.split(";")[0] == "y is off by up to 0.5"


def test_where_infinity_is_right_it_must_be_there():
    def reference(x):
        y = 2 * x
        y[0, 0], y[1, 0] = np.inf, np.nan
        return y

    exercise = replace(ONE, reference=reference)
    assert examine(reference, exercise).passed
    for answer, message in (
        (lambda x: reference(x) + 1, "off by up to 1, "),
        (lambda x: 2 * x, "finite values where none is right"),
        (lambda x: np.where(np.isinf(reference(x)), -np.inf, reference(x)), "of another kind"),
        (lambda x: reference(x) * np.nan, "4 values that are NaN or infinite"),
    ):
        assert message in messages(answer, exercise)[0]
    exercise = replace(ONE, reference=lambda x: np.array([np.nan]))
    assert "of another kind" in messages(lambda x: np.array([np.inf]), exercise)[0]


def test_the_right_numbers_are_never_told():
    calls = plan(MADE_UP, 0)
    values = [v for part in calls[:2] for (x,) in part for v in np.ravel(2 * x)]
    text = str(examine(lambda x: (x, 0.0), MADE_UP))
    assert not [v for v in values if f"{v:.3g}" in text]


# Parts that wait for others.


def test_a_refusal_counts_only_for_an_answer_that_is_right():
    assert examine(not_written, MADE_UP).score == 0.0
    wrong = messages(lambda x: x if len(x) else raises(ValueError("no")))
    assert wrong[2] == "counts once the parts before it are right"
    assert messages(not_written)[2] == "not written yet"
    assert messages(double)[2].startswith("accepts an empty array; raise a ValueError")


REFUSAL = replace(BOTH, parts=(Part("empty", 1, numbers, refuses="an empty array"),))


def refuses_inside(x):
    try:
        x / {}
    except TypeError as error:
        with np.errstate(all="ignore"):
            raises(np.linalg.LinAlgError("an empty array").with_traceback(None))
        raise ValueError from error


def asserts(x):
    assert x is None


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        (lambda x: raises(ValueError("empty")), True), (refuses_inside, True),
        (lambda x: raises(ValueError("three")) if len(x) == 3 else double(x), False),
        (lambda x: raises(RuntimeError("empty")), False), (asserts, False),
        (lambda x: int("empty"), False), (lambda x: x.reshape(7, 9), False),
        (lambda x: np.stack([]), False), (lambda x: np.linalg.inv(np.zeros((2, 2))), False),
        (lambda x: x[9], False), (lambda x: empty, False),  # noqa: F821
    ],
    ids=range(11),
)  # fmt: skip
def test_a_refusal_is_the_exception_that_is_asked_for_raised_on_purpose(answer, passed):
    assert examine(answer, REFUSAL).passed is passed
    other = replace(REFUSAL, parts=(replace(REFUSAL.parts[0], raises="TypeError"),))
    (message,) = messages(answer, other)
    assert message.endswith("; refuse it yourself: `raise TypeError(...)`")


def test_an_error_says_where_the_answer_was():
    def mean(x):
        return x.mean(axis=5)

    line = mean.__code__.co_firstlineno + 1
    assert messages(lambda x: mean(x), ONE)[0].endswith(f"(in mean, line {line})")


def test_one_array_may_hold_all_results():
    exercise = replace(BOTH, results=("low", "high"), reference=lambda x: (x.min(0), x.max(0)),
                       parts=(Part("both", 1, numbers),))  # fmt: skip
    assert examine(lambda x: np.stack([x.min(0), x.max(0)]), exercise).passed
    assert messages(lambda x: np.stack([x.max(0)] * 3), exercise) == [
        "returned 1 results, expected 2: low, high"]  # fmt: skip


def test_a_last_part_waits_for_all_before():
    last = Part("last", 1, numbers, looks_at=("y",), last=True)
    exercise = replace(BOTH, parts=(VALUES, SUM, last))
    verdicts = examine(lambda x: (2 * x, 0.0), exercise).verdicts
    assert [v.passed for v in verdicts] == [True, False, False]
    assert verdicts[2].message == "counts once the parts before it are right"
    everything = replace(exercise, parts=(VALUES, SUM, replace(last, looks_at=())))
    assert messages(lambda x: (2 * x, 0.0), everything)[2] == "total is 0"
    assert examine(double, exercise).passed


# The calls.


def test_calls_depend_on_the_seed_the_part_and_the_exercise():
    other = replace(BOTH, name="ex99_q2")
    first = [plan(e, s)[i][0][0][0, 0] for e in (BOTH, other) for s in (0, 1) for i in (0, 1)]
    assert len(set(first)) == 8
    seen = []
    examine(lambda x: seen.append(x[0, 0]), BOTH)
    assert seen[::2] == first[:2]
    examine(lambda x: seen.append(x[0, 0]), BOTH, seed=1)
    assert seen[::2] == first[:4]


def test_a_call_gives_its_value_its_error_and_the_arguments_that_it_changed():
    x = np.ones(3)
    outcome = observe(lambda v: v.__setitem__(0, 5) or v, ONE, (x,))
    assert (outcome.error, outcome.changed, outcome.value[0], x[0]) == ("", (0,), 5, 1)
    outcome = observe(lambda v: {}["y" * 999], ONE, (x,))
    assert outcome.error.startswith("KeyError: '" + "y" * 289 + " (in <lambda>, line ")
    assert (outcome.value, outcome.refusal, outcome.changed) == (None, (), ())
    (message, *_) = messages(lambda v: (v.__imul__(2), v.sum() / 2))
    assert message == "changes the array that it is given; work on a copy"
    three = Outcome(3.0)
    assert observe_all(np.sum, ONE, [[(x,), (x,)], [(x,)]]) == [[three, three], [three]]


def test_prints_and_warnings_are_swallowed_for_the_answer_alone(capsys):
    def noisy(x):
        print("here")
        sys.stdout.write("here")
        sys.stderr.write("here")
        np.array([1.0]) / 0
        return double(x)

    with np.errstate(all="raise"):
        assert examine(noisy, BOTH).passed
        with pytest.raises(FloatingPointError):
            np.array([1.0]) / 0
    assert capsys.readouterr() == ("", "")


# What readers and graded cells call.


def test_require_prints_or_raises(capsys):
    with pytest.raises(checks.NotYetError, match="not yet one feature") as error:
        checks.require("ex04_q1", lambda x, eps: x)
    assert error.value._render_traceback_() == [str(error.value)]
    assert capsys.readouterr().out == ""

    right = checks.find("ex04_q1").reference
    checks.require("ex04_q1", right)
    assert capsys.readouterr().out == f"{checks.report('ex04_q1', right)}\n"
    message = checks.report("ex04_q1", np.ones(3)).verdicts[0].message  # a value, no function
    assert message == "x_hat has shape (3,), expected (9, 1)"


def test_an_unknown_exercise_is_an_error():
    for ask in (checks.find, lambda n: checks.require(n, 1), lambda n: checks.score(n, 1)):
        for name in ("ex04_q99", "", None, 4):
            with pytest.raises(ValueError, match=r"no exercise .* choose one of ex"):
                ask(name)


class Hostile:
    """Equal to everything, and broken at every touch."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def __array__(self, *_, **__):
        raise RuntimeError("no")

    def __getattr__(self, name):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "answer",
    [
        lambda *a: Hostile(), Hostile(), None, lambda *a: np.float64(np.nan),
        lambda *a: [Hostile()] * 2, lambda *a: np.ma.masked_all((6, 4)),
    ],
    ids=range(6),
)  # fmt: skip
def test_score_is_a_float_of_at_least_zero_whatever_comes(answer):
    for name in [*checks.EXERCISES][::8]:  # all would take long
        mark = checks.score(name, answer)
        assert type(mark) is float
        assert mark == 0.0, name
    assert (guarded(lambda: 2.5), guarded(lambda: 1 / 0)) == (2.5, 0.0)


def test_readers_get_the_cases_of_seed_0_and_graded_cells_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("BNLIB_CHECKS_SEED", "7")

    def first(ask, *seed):
        """Return the first number that an answer is called with."""
        seen = []
        ask("ex04_q1", lambda x, eps: seen.append(float(x[0, 0])) or x, *seed)
        return seen[0]

    assert first(checks.report) == first(checks.report, 0)
    assert first(checks.score) == first(checks.report, 7) == first(checks.score)
    assert first(checks.score, 1) == first(checks.report, 1)
    assert len({first(checks.report, seed) for seed in (0, 1, 7)}) == 3
