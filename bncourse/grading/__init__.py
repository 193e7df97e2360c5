"""Grade exercise sheets: rebuild submissions, run them in a sandbox, judge them here.

`python -m bncourse.grading grade SUBMISSIONS -o grades.csv` does all of it.
"""

from bncourse.grading.batch import (
    Settings,
    Submission,
    find_submissions,
    grade_all,
    read_sheets,
)
from bncourse.grading.marking import Row, grade
from bncourse.grading.rebuild import Rebuilt, rebuild
from bncourse.grading.sandbox import Limits, NoSandboxError, find_bubblewrap
from bncourse.grading.sheets import blank, read_notebook, tasks

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
