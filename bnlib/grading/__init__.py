"""Grade exercise sheets: rebuild submissions, run them in a sandbox, judge them here.

`python -m bnlib.grading grade SUBMISSIONS -o grades.csv` does all of it.
"""

from bnlib.grading.batch import Settings, Submission, find_submissions, grade_all, read_sheets
from bnlib.grading.marking import Row, grade
from bnlib.grading.rebuild import Rebuilt, rebuild
from bnlib.grading.sandbox import Limits, NoSandboxError, find_bubblewrap
from bnlib.grading.sheets import blank, read_notebook, tasks

__all__ = [
    "Limits",
    "NoSandboxError",
    "Rebuilt",
    "Row",
    "Settings",
    "Submission",
    "blank",
    "find_bubblewrap",
    "find_submissions",
    "grade",
    "grade_all",
    "read_notebook",
    "read_sheets",
    "rebuild",
    "tasks",
]
