"""Check answers to the exercises: `require` for readers, `score` for graded cells.

`python -m bnlib.checks ex05_q2 my_file.py` checks a function that stands in a file.
"""

from bnlib.checks.exercise import Exercise, Part
from bnlib.checks.judge import Report, Verdict
from bnlib.checks.registry import EXERCISES, find
from bnlib.checks.run import NotYetError, report, require, score

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
