"""nbgrader's settings for this course; see README.md beside it for the reasons."""

import os
import tempfile

c = get_config()  # noqa: F821  (nbgrader defines it)
c.CourseDirectory.course_id = "batch-normalization"
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))

# What students write may loop, print without end, or be large.
c.Execute.timeout = 15
c.Execute.iopub_timeout = 60
c.Execute.raise_on_iopub_timeout = True
c.Execute.startup_timeout = 120
c.LimitOutput.max_lines = 200

# What students write is shown to whoever marks: nothing of it may act in the browser. The
# first line is for what cells have printed; nbgrader's pages leave Markdown as it is.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.preprocessors = ["bncourse.grading.clean.preprocess"]

# Feedback shows the answers and the points, not the hidden tests.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# Files in the archives of Canvas (NAME_[LATE_]ID_NUMBER_FILE) and of Moodle
# (NAME_ID_assignsubmission_file_/FILE): `nbgrader zip_collect SHEET` takes them in.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/[^/]*?_(?:LATE_)?(?P<student_id>\d+)_"
    r"(?:assignsubmission_file_/?|\d+_)(?P<file_id>[^/]+)\.ipynb$"
)

# The kernel runs in a sandbox without a network, so it is reached over sockets in a folder.
c.KernelManager.transport = "ipc"
c.KernelManager.ip = os.path.join(tempfile.mkdtemp(prefix="nbgrader-"), "kernel")
