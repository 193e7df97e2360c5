"""The engine that judges exercises: what it accepts, what it says, what it never does."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from bncourse import checks
from bncourse.checks import Exercise, Part
from bncourse.checks.judge import examine, plan


def double(x):
    return 2 * x, x.sum()


def numbers(rng):
    return [(rng.normal(1, 1, (3, 2)),), (rng.normal(1, 1, (4, 2)),)]


def small(rng):
    return [(np.zeros((0, 2)),)]


MADE_UP = Exercise(
    name="ex99_q1",
    function="double",
    points=5,
    results=("y", "total"),
    reference=double,
    parts=(
        Part("values", 3, numbers, looks_at=("y",)),
        Part("the sum", 1, numbers, looks_at=("total",)),
        Part("nothing to double", 1, small, refuses="an empty array"),
    ),
    mistakes={"a square, not a double": lambda x: (x * x, x.sum())},
)


def right(x):
    if len(x) == 0:
        raise ValueError("empty")
    return x + x, float(np.add.reduce(x, axis=None))


def messages(answer, exercise=MADE_UP):
    return [v.message for v in examine(answer, exercise).verdicts]


def test_a_right_answer_earns_all_points():
    found = examine(right, MADE_UP)
    assert found.passed
    assert found.score == 5.0
    assert type(found.score) is float
    assert str(found).splitlines()[-1] == "ex99_q1: 5 of 5 points"


def test_parts_earn_their_share():
    assert examine(lambda x: (2 * x, 0.0), MADE_UP).score == 3.0
    assert examine(lambda x: (x, x.sum()), MADE_UP).score == 1.0
    assert examine(double, MADE_UP).score == 4.0  # accepts an empty array


def not_written(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: None, "returned nothing; double must return y, total"),
        (lambda x: x, "returned 1 results, expected 2: y, total"),
        (lambda x: (x, x, x), "returned 3 results, expected 2: y, total"),
        (lambda x: ("no", 1), "y is a str, expected numbers"),
        (lambda x: (object(), 1), "y is a object, expected numbers"),
        (lambda x: ([[1], [2, 3]], 1), "y is a list, expected numbers"),
        (lambda x: (x.T, x.sum()), "y has shape (2, 3), expected (3, 2)"),
        (lambda x: (x * np.nan, x.sum()), "y has 6 values that are NaN or infinite"),
        (lambda x: (x * x, x.sum()), "looks like a square, not a double"),
        (lambda x: (2 * x + 1, x.sum()), "y is off by up to 1"),
        (lambda x: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda x: exit(), "raised SystemExit"),
        (not_written, "not written yet"),
        (lambda: 1, "raised TypeError"),
    ],
)
def test_the_message_names_the_fault(answer, message):
    assert message in messages(answer)[0]


def test_a_change_of_the_input_is_seen():
    def in_place(x):
        x *= 2
        return x, x.sum() / 2

    assert messages(in_place)[0] == "changes the array that it is given; work on a copy"


def test_a_refusal_counts_only_for_an_answer_that_is_right():
    assert examine(not_written, MADE_UP).score == 0.0
    assert messages(not_written)[2] == "counts once the parts before it are right"
    assert messages(double)[2].startswith("accepts an empty array; raise an error")


def test_the_right_numbers_are_never_told():
    calls = plan(MADE_UP, 0)
    values = [v for part in calls[:2] for (x,) in part for v in np.ravel(2 * x)]
    texts = str(examine(lambda x: (x, 0.0), MADE_UP))
    assert not [v for v in values if f"{v:.3g}" in texts]


def test_another_seed_changes_every_call():
    for one, two in zip(plan(MADE_UP, 0)[:2], plan(MADE_UP, 1)[:2], strict=True):
        for (a,), (b,) in zip(one, two, strict=True):
            assert not np.isclose(a, b).any()
    again = plan(MADE_UP, 1)
    assert np.array_equal(again[0][0][0], plan(MADE_UP, 1)[0][0][0])


def test_a_fixed_answer_to_one_seed_fails_on_another():
    first = double(plan(MADE_UP, 0)[0][0][0])

    def remembered(x):
        return first if x.shape == first[0].shape else double(x)

    assert "off by" in str(examine(remembered, MADE_UP, seed=1))


def test_float32_lists_and_tensors_are_numbers():
    torch = pytest.importorskip("torch")

    def in_torch(x):
        t = torch.tensor(x, requires_grad=True)
        return 2 * t, t.sum()

    assert examine(in_torch, MADE_UP).score == 4.0
    assert examine(lambda x: ((2 * x).tolist(), x.sum()), MADE_UP).score == 4.0
    assert examine(lambda x: ((2 * x).astype(np.float32), x.sum()), MADE_UP).score == 4.0


def test_prints_and_warnings_of_an_answer_are_swallowed(capsys):
    def noisy(x):
        print("here")
        sys.stdout.write("here")
        sys.stderr.write("here")
        np.array([1.0]) / 0
        return double(x)

    assert examine(noisy, MADE_UP).score == 4.0
    assert capsys.readouterr() == ("", "")


def test_require_prints_or_raises(capsys):
    with pytest.raises(checks.NotYetError, match="not yet one feature") as error:
        checks.require("ex04_q1", lambda x, eps: x)
    assert error.value._render_traceback_() == [str(error.value)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["ex04_q99", "", None, 4])
def test_an_unknown_exercise_is_an_error(name):
    for ask in (checks.find, lambda n: checks.require(n, 1), lambda n: checks.score(n, 1)):
        with pytest.raises(ValueError, match=r"there is no exercise .* choose one of ex"):
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
        lambda *a: Hostile(), Hostile(), None, 3.0, lambda *a: True,
        lambda *a: np.float64(np.nan), lambda *a: [Hostile()] * 2, lambda *a: -np.inf,
        lambda *a: np.ma.masked_all((6, 4)),
    ],
    ids=str,
)  # fmt: skip
def test_score_is_a_float_of_at_least_zero_whatever_comes(answer):
    for name, exercise in checks.EXERCISES.items():
        mark = checks.score(name, answer)
        assert type(mark) is float
        assert mark == 0.0, exercise.name


def test_the_seed_of_a_graded_cell_comes_from_the_environment(monkeypatch):
    seen = []

    def answer(x, eps):
        seen.append(float(x.sum()))
        return x

    for secret in ("0", "5", "5"):
        monkeypatch.setenv("BNLIB_CHECKS_SEED", secret)
        checks.score("ex04_q1", answer)
    third = len(seen) // 3
    assert seen[third : 2 * third] == seen[2 * third :]
    assert not np.isclose(seen[0], seen[third])


def test_nan_everywhere_has_no_name():
    diverges = replace(MADE_UP, mistakes={"too large a step": lambda x: (x * np.nan, np.nan)})
    found = examine(lambda x: (x * np.nan, np.nan), diverges)
    assert "NaN" in str(found)
    assert "looks like" not in str(found)
