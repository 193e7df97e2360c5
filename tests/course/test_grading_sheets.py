"""Every sheet's own solutions earn all their points in the sandbox, where bnlib is not."""

import pytest
from grading_cases import BUBBLEWRAP, needs_sandbox
from house import ROOT

from bncourse.grading import blank, grade, read_sheets

SHEETS = read_sheets(ROOT / "chapters" / "exercises")


@needs_sandbox
@pytest.mark.parametrize("name", SHEETS)
def test_right_answers_earn_everything_and_blank_ones_nothing(name):
    sheet = SHEETS[name]
    rows, notes = grade(sheet, sheet, seed=3, program=BUBBLEWRAP)
    judged = [row for row in rows if row.kind in ("code", "repair")]
    assert len(judged) >= 2
    for row in judged:
        assert (row.points, row.status) == (row.most, "graded"), row.message
    assert not notes
    rows, _ = grade(blank(sheet), sheet, seed=3, program=BUBBLEWRAP)
    assert {(row.points, row.status) for row in rows} == {(0.0, "blank")}
