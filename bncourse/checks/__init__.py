"""Check answers to the exercises: `require` for readers, `score` for graded cells.

`python -m bncourse.checks ex05_q2 my_file.py` checks a function that stands in a file.
"""

from bncourse.checks.exercise import Exercise, Part
from bncourse.checks.judge import Report, Verdict
from bncourse.checks.registry import EXERCISES, find
from bncourse.checks.run import NotYetError, report, require, score

__all__ = [
    "EXERCISES",
    "Exercise",
    "NotYetError",
    "Part",
    "Report",
    "Verdict",
    "find",
    "report",
    "require",
    "score",
]
