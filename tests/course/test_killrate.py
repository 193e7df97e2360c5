"""The exercises' checks accept right answers and catch wrong ones; `make killrate`."""

import os
from dataclasses import replace

import killrate
import pytest

from bncourse.checks import EXERCISES, Exercise, Part

ANSWERS = killrate.read()
SEEDS = int(os.environ.get("BOOK_SEEDS", 1))  # a course grades with a secret one


@pytest.mark.parametrize("name", EXERCISES)
def test_checks_catch_wrong_answers_and_no_right_one(name):
    assert set(ANSWERS) == set(EXERCISES)
    row = killrate.grade(EXERCISES[name], ANSWERS[name], SEEDS)
    assert not row.faults, "\n".join(row.faults)
    assert row.right >= 3
    assert row.mutants >= 1


def triple(x):
    total = 3 * x
    return total + 0


LAX = Exercise(
    "ex98_q1", "triple", 1, ("y",), triple,
    (Part("one number", 1, lambda rng: [(0.0,), (1.0,)]),),
    mistakes={"a double": lambda x: 2 * x},
)  # fmt: skip
WRONG = {f"double {i}": (lambda x: 2 * x, "a double") for i in range(12)}
SAME = "return total + 0 -> return total - 0"
GOOD = {"solution": triple, "right": {}, "wrong": WRONG, "equivalent": {SAME: "adds 0"}}


def test_a_good_set_of_answers_has_no_fault():
    row = killrate.grade(LAX, GOOD)
    assert not row.faults
    assert (row.wrong, row.named, row.mutants, row.survivors) == (12, 12, 4, 1)


def test_points_that_depend_on_the_seed_are_noticed():
    drawn = Part("a number, perhaps 0", 1, lambda rng: [(float(rng.integers(3)),)])
    faults = killrate.grade(replace(LAX, parts=(drawn,)), GOOD, seeds=20).faults
    lucky = {fault.split(":")[1] for fault in faults if "earns all points" in fault}
    assert 1 < len(lucky) < 20


HALF = (lambda x: x / 2, "a half")
CHANGES = [
    ({"right": {"no": lambda x: x}}, "a right answer fails, no"),
    ({"wrong": {**WRONG, "right": (triple, "")}}, "earns all points: right"),
    ({"equivalent": {}}, f"survives without a reason: {SAME}"),
    ({"wrong": {}}, "0 wrong answers, 0 named; expected 12"),
    ({"wrong": {k: (f, "?") for k, (f, _) in WRONG.items()}}, "12 wrong answers, 0 named"),
    ({"wrong": {**WRONG, "half": HALF}}, "half is not named, expected: a half"),
]


@pytest.mark.parametrize(("change", "fault"), CHANGES)
def test_the_tool_says_what_is_not_as_it_must_be(change, fault):
    assert fault in "\n".join(killrate.grade(LAX, {**GOOD, **change}).faults)


def test_a_stub_that_earns_points_is_a_fault():
    lax = Exercise("ex98_q2", "f", 1, ("y",), lambda x: x, LAX.parts)
    assert "the stub unchanged earns 1.0" in "\n".join(killrate.grade(lax, GOOD).faults)


def test_a_known_mistake_that_is_never_named_is_a_fault():
    """One that is right, and two with the same results."""
    never = "ex98_q1: a known mistake is never named: "
    right = {**LAX.mistakes, "no mistake": triple}
    assert killrate.grade(replace(LAX, mistakes=right), GOOD).faults == [f"{never}no mistake"]
    same = {**LAX.mistakes, "twice": lambda x: x + x}
    faults = killrate.grade(replace(LAX, mistakes=same), GOOD).faults
    assert {f"{never}a double", f"{never}twice"} <= set(faults)
