"""`make bench` grades the same submissions with bncourse.grading and with nbgrader."""

import sys
from types import SimpleNamespace

import pytest
from grading_cases import needs_sandbox
from house import ROOT

sys.path.insert(0, str(ROOT / "book" / "tools"))
from bench import compare, grading, suite_tables, suites

from bncourse.grading import NoSandboxError

RUN = {"grading": {
    "settings": {"sheet": "04_batch_norm", "submissions": 5, "workers": 1},
    "rows": [{"grader": "bncourse.grading", "per_minute": 120.0, "cpu_s": 0.4},
             {"grader": "nbgrader", "per_minute": 10.0, "cpu_s": 1.6}],
}}  # fmt: skip


def test_a_row_is_per_submission():
    assert grading.row("x", 4, 2.0, 1.0) == {"grader": "x", "per_minute": 120.0, "cpu_s": 0.25}


def test_the_table_and_the_comparison_have_both_graders():
    text = "\n".join(suite_tables.grading(RUN))
    assert "| bncourse.grading |" in text
    assert "120" in text
    found = compare.suites(RUN)
    assert found["grading, nbgrader: CPU seconds of a submission"] == 1.6
    assert [heading for heading, _ in suite_tables.sections(RUN)] == [
        "Grading 5 submissions of chapter 4's sheet, one at a time"
    ]


def test_without_a_sandbox_or_submissions_nothing_is_measured(monkeypatch):
    def missing():
        raise NoSandboxError

    bar = SimpleNamespace(set_description=str, update=int)
    assert suites.take_grading(0, bar) == {}
    monkeypatch.setattr(grading, "find_bubblewrap", missing)
    assert suites.take_grading(2, bar) == {}


@needs_sandbox
def test_both_graders_are_measured_on_the_same_submissions():
    pytest.importorskip("nbgrader")
    rows = {row["grader"]: row for row in grading.measure(1)["rows"]}
    assert list(rows) == ["bncourse.grading", "nbgrader"]
    assert all(row["cpu_s"] > 0.01 for row in rows.values())
    assert rows["bncourse.grading"]["per_minute"] > rows["nbgrader"]["per_minute"]
