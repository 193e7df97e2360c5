"""How one submission is marked, with the child's work done in this process."""

import ast
from dataclasses import replace

import pytest
from grading_cases import FULL, RIGHT, SHEET, submission
from grading_inside import inside, work  # noqa: F401

from bncourse.checks import EXERCISES
from bncourse.checks.exercises import ex08_in_practice
from bncourse.checks.values import encode
from bncourse.grading import Limits, Rebuilt, Row, blank, grade, marking, tasks
from bncourse.grading.sandbox import Ended

pytestmark = pytest.mark.usefixtures("inside")
TASKS = {task.name: task for task in tasks(SHEET)}
EXERCISE = EXERCISES["ex04_q1"]
LOOP = "def standardize(x, eps):\n    while True:\n        pass"


def rows(notebook, seed=1, **options):
    """Return the rows of a submission by exercise."""
    return {r.exercise: r for r in grade(notebook, SHEET, seed, **options)[0]}


def test_a_row_has_the_points_the_status_and_the_report():
    judged = rows(submission())
    assert list(judged) == list(TASKS)
    for name, row in judged.items():
        task = TASKS[name]
        assert (row.kind, row.most) == (task.kind, task.points)
        if task.by_code:
            assert (row.points, row.status) == (task.points, "graded")
            assert row.message.endswith(f"{name}: {task.points:g} of {task.points:g} points")
        else:
            assert row == Row(name, task.kind, 0.0, task.points, "to mark", "")


def test_blank_missing_and_undefined_answers_are_told_apart():
    assert {row.status for row in rows(blank(SHEET)).values()} == {"blank"}
    assert {row.status for row in rows({"cells": []}).values()} == {"missing"}
    row = rows(submission({"ex04_q1": "other = 1"}))["ex04_q1"]
    message = "the notebook does not define standardize"
    assert row == Row("ex04_q1", "code", 0.0, 3.0, "graded", message)
    row = rows(submission({"ex04_q1": "1 / 0"}))["ex04_q1"]
    assert row.message == "ZeroDivisionError: division by zero"


def test_a_call_that_runs_too_long_costs_its_exercise_alone():
    judged = rows(submission({**RIGHT, "ex04_q1": LOOP}), limits=Limits(cell=0.2))
    assert judged["ex04_q1"] == Row(
        "ex04_q1", "code", 0.0, 3.0, "timed out", "a call runs too long"
    )
    assert judged["ex04_q2"].points == 4.0


def test_the_seed_changes_the_calls_and_the_limits_and_the_sandbox_are_passed_on(monkeypatch):
    seen = []

    def run(job, *rest):
        seen.append((job["exercises"]["ex04_q1"]["calls"], *rest))
        return work(job, *rest)

    monkeypatch.setattr(marking, "run", run)
    limits = Limits(cell=3.0)
    assert rows(submission(), 1, limits=limits, program="bwrap")["ex04_q1"].points == 3.0
    grade(submission(), SHEET)
    assert seen[0][1:] == (replace(limits, total=limits.total / 2), "bwrap")
    assert seen[1][1:] == (Limits(total=30.0), None)
    first, zero = ([[encode(given) for given in part] for part in marking.plan(EXERCISE, seed)]
                   for seed in (1, 0))  # fmt: skip
    assert first != zero
    assert [calls for calls, *_ in seen] == [first, zero]


@pytest.mark.parametrize("how", ["crashed", "timed out"])
def test_a_child_that_ends_early_is_followed_by_one_for_each_exercise(monkeypatch, how):
    jobs = []

    def run(job, *rest):
        jobs.append((job, *rest))
        ends_early = "ex04_q1-answer" in dict(job["cells"])
        return Ended(how) if ends_early else work(job, *rest)

    monkeypatch.setattr(marking, "run", run)
    limits = Limits(cell=2.0)
    judged = rows(submission(), 5, limits=limits, program="bwrap")
    assert {n: judged[n].points for n in FULL} == {**FULL, "ex04_q1": 0.0}
    assert judged["ex04_q1"] == Row("ex04_q1", "code", 0.0, 3.0, how, "")
    assert [list(job["exercises"]) for job, *_ in jobs] == [list(FULL), *([n] for n in FULL)]
    assert {(job[1].cell, job[2]) for job in jobs} == {(2.0, "bwrap")}
    assert sum(job[1].total for job in jobs[:2]) < limits.total
    first = jobs[0][0]
    for (job, *_), name in zip(jobs[1:], FULL, strict=True):
        assert job["exercises"][name] == first["exercises"][name]
        others = {f"{n}-answer" for n in FULL if n != name}
        assert job["cells"] == [cell for cell in first["cells"] if cell[0] not in others]


RESULTS = [
    None, {"outcomes": {}},
    {"outcomes": {"ex04_q1": [[]]}, "faults": {}},
    {"outcomes": {"ex04_q1": 5}, "faults": {}},
    {"outcomes": {"ex04_q1": None}, "faults": 5},
    {"outcomes": {"ex04_q1": [[{"value": {"nobody": 1}, "given": []}], [{}] * 2, [{}]]},
     "faults": {}},
]  # fmt: skip


@pytest.mark.parametrize("result", RESULTS, ids=range(len(RESULTS)))
def test_a_damaged_result_settles_nothing_and_is_asked_for_once_more(monkeypatch, result):
    assert marking.judged(Ended("done", result), [TASKS["ex04_q1"]], 0) == {}
    monkeypatch.setattr(marking, "run", lambda *a: Ended("done", result))
    row = rows(submission({"ex04_q1": RIGHT["ex04_q1"]}))["ex04_q1"]
    assert row == Row("ex04_q1", "code", 0.0, 3.0, "crashed", "")


def test_only_what_is_done_and_there_is_settled():
    asked = [TASKS["ex04_q2"], TASKS["ex04_q1"]]  # one without a result hides no other
    result = {"outcomes": {"ex04_q1": None}, "faults": {"ex04_q1-answer": 7}}
    assert marking.judged(Ended("crashed", result), asked, 0) == {}
    (row,) = marking.judged(Ended("done", result), asked, 0).values()
    assert (row.exercise, row.message) == ("ex04_q1", "7")


def test_the_outcome_of_a_call_is_read_from_json():
    assert marking.outcome({"error": "x" * 400}, ()).error == "x" * 400
    form = {"value": encode(2.0), "given": [encode(1), encode(2), encode(float("nan"))]}
    outcome = marking.outcome(form, (1, 3, float("nan")))
    assert (outcome.value, outcome.changed, outcome.error) == (2.0, (1,), "")


def test_a_driver_travels_with_the_functions_that_it_uses():
    sent = marking.source(ex08_in_practice.teach, {})
    assert set(sent) == {"teach", "as_numbers", "flat", "is_buffer"}
    assert all(text.startswith(f"def {name}(") for name, text in sent.items())


@pytest.mark.parametrize("name", EXERCISES)
def test_a_job_holds_calls_and_tools_and_no_right_answer(name):
    exercise = EXERCISES[name]
    job = marking.job(Rebuilt({}, code=[("a", "x = 1")]), [exercise], 0)
    assert job["cells"] == [("a", "x = 1")]
    asked = job["exercises"][name]
    assert asked["function"] == exercise.function
    assert asked["drive_name"] == exercise.drive.__name__
    made = marking.plan(exercise, 0)
    assert asked["calls"] == [[encode(given) for given in part] for part in made]
    defined = {node.name for node in ast.parse(asked["drive"]).body}
    values = [value for part in made for given in part for value in given]
    assert {value.__name__ for value in values if callable(value)} <= defined
    assert exercise.reference.__name__ not in defined
