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
# first line is for what cells have printed, the others for nbgrader's pages.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {"markdown2html": "bncourse.grading.pages.markdown"}
c.HTMLExporter.preprocessors = ["bncourse.grading.pages.preprocess"]

# Feedback shows the answers and the points, not the hidden tests.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# `nbgrader zip_collect SHEET` takes in the archives of Canvas and of Moodle, with limits.
c.ZipCollectApp.extractor_plugin = "bncourse.grading.archives.Extractor"
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/]+)/(?P<file_id>[^/]+\.ipynb)$"

# The kernel runs in a sandbox without a network, so it is reached over sockets in a folder.
c.KernelManager.transport = "ipc"
c.KernelManager.ip = os.path.join(tempfile.mkdtemp(prefix="nbgrader-"), "kernel")
