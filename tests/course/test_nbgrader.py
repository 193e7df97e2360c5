"""The whole way through the real nbgrader: release, hand in, grade, feedback, export."""

import contextlib
import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
import zipfile
from pathlib import Path

import assignments as tool
import pytest
from grading_cases import FULL, RIGHT, cell_of, hand_in, needs_sandbox

from bncourse.grading import clean, read_notebook
from bncourse.grading.__main__ import main
from bncourse.grading.sheets import source_of

NbGraderApp = pytest.importorskip("nbgrader.apps").NbGraderApp
NoStart = pytest.importorskip("jupyter_core.application").NoStart
NBGRADER = Path(sys.executable).with_name("nbgrader")
SHEET = "04_batch_norm"
pytestmark = needs_sandbox

WRITES = (  # with the cookie of whoever marks
    "fetch('/api/contents/PWNED.txt', {method: 'PUT', body: JSON.stringify({type: 'file', "
    "format: 'text', content: 'x'}), headers: {'X-XSRFToken': "
    "document.cookie.match(/_xsrf=([^;]*)/)[1]}})"
)
ACT = f'<img src=x onerror="{WRITES}">'
LINK = WRITES.replace(" ", "%20")
HOSTILE = f"""My *derivation* $a<b$. {ACT} <script>{WRITES}</script> <svg onload="{WRITES}">
<a href="javascript:{WRITES}">link 1</a> [link 2](&#106;avascript:{LINK})
![x](y"onerror="{WRITES})
[link 3](data:text/html,<script>{LINK}</script>) <javascript:{LINK}> <base href="//x">
<div style="position:fixed;top:0">Score: 16 / 16</div> <form><button>link 4</button></form>
$\\href{{javascript:{LINK}}}{{link 5}} \\class{{navbar-fixed-top}}{{Score: 16 / 16}}$

```mermaid
{ACT}
```

## ex04_q6-answer

| a | {ACT} |
|---|---|
| <!-- {ACT} | <details open ontoggle="{WRITES}"> |
"""
NAMED = "<img src=x onerror=alert(1)>"
RAISES = f"def standardize(x, eps):\n    raise type({ACT!r}, (ValueError,), {{}})({ACT!r})"


def nbgrader(course, *arguments):
    """Run one of nbgrader's commands in the course, in this process, which has imported it."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.chdir(course)
        patch.setenv("PATH", f"{NBGRADER.parent}", prepend=os.pathsep)
        patch.setenv("JUPYTER_PATH", str(course / "kernels"))
        app = NbGraderApp.instance()
        app.initialize(list(arguments))
        with contextlib.suppress(NoStart):  # raised behind the command
            app.start()
        app.subapp.clear_instance()


def scores(course, name):
    """Export the grades and return each student's score."""
    nbgrader(course, "export", "--to", name)
    with (course / name).open(encoding="utf-8", newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Make a course of one sheet, with three submissions made from nbgrader's release."""
    folder = tmp_path_factory.mktemp("course")
    tool.main([SHEET], folder)
    first = next(iter(FULL))
    answers = {
        "perfect": RIGHT,
        "partial": {first: RIGHT[first]},
        NAMED: {first: RAISES, "ex04_q3": HOSTILE},
    }
    for student, texts in answers.items():
        notebook = read_notebook(folder / "release" / SHEET / f"{SHEET}.ipynb")
        for name, text in texts.items():
            cell_of(notebook, f"{name}-answer")["source"] = text
        hand_in(folder / "submitted", student, notebook)
    return folder


EXPECTED = {
    "perfect": sum(FULL.values()),
    "partial": next(iter(FULL.values())),
    clean.name(NAMED): 0.0,
}


def test_the_release_holds_no_solution_and_a_sheet_that_is_none_is_refused(course, tmp_path):
    with pytest.raises(SystemExit, match=r"no sheet '04_bn'; expected of .*'04_batch_norm'"):
        tool.main(["04_bn"], tmp_path / "course")
    assert not (tmp_path / "course").exists()
    text = (course / "release" / SHEET / f"{SHEET}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert text.count("<summary>Hint</summary>") == text.count("-hint")
    assert [path.name for path in (course / "release").iterdir()] == [SHEET]
    assert "YOUR CODE HERE" in text
    for answer in RIGHT.values():
        longest = max(answer.splitlines(), key=len).strip()
        assert longest not in text


def test_our_grades_enter_the_gradebook_and_feedback_follows(course):
    grades, source = course / "grades.csv", ["--sheets", str(course / "source")]
    handed_in = str(course / "submitted")
    assert main(["grade", handed_in, *source, "--seed", "3", "-o", str(grades)]) == 0
    assert main(["import", str(grades), handed_in, *source, "--course", str(course)]) == 0
    assert scores(course, "ours.csv") == EXPECTED
    nbgrader(course, "generate_feedback", SHEET, "--force")
    page = (course / "feedback" / "partial" / SHEET / f"{SHEET}.html").read_text()
    assert "standardize" in page
    said = re.findall(r"<b>Comments:</b> <div[^>]*><pre><code>([^<]*)", page)
    assert said[0].startswith("right ")
    assert [text.strip() for text in said[1:]] == ["blank"] * 6
    rebuilt = read_notebook(course / "autograded" / "perfect" / SHEET / f"{SHEET}.ipynb")
    assert source_of(cell_of(rebuilt, "ex04_q1-answer")) == RIGHT["ex04_q1"]


@pytest.fixture(scope="module")
def server(course):
    """Serve the course as `jupyter lab` does; give the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--IdentityProvider.token=t", "--allow-root", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options], cwd=course,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api?token=t"):
            break
        time.sleep(0.2)
    yield address
    process.kill()
    process.wait()


def tried(context, address):
    """Open a page, click all that an answer may have made a link, and return its text."""
    page, dialogs = context.new_page(), []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    for link in page.get_by_text("link ").all():
        with contextlib.suppress(Exception):
            link.click(timeout=1000, no_wait_after=True)
    page.wait_for_timeout(500)
    acting = "img[onerror], [style*=fixed], [href^='javascript:' i], svg[onload], base, form"
    assert (dialogs, page.locator(acting).count()) == ([], 0)
    return page.inner_text("body")


def test_what_a_student_writes_does_nothing_in_the_browser_of_whoever_marks(
    course, server, chromium
):
    """Each trick in the answers would write a file through Jupyter."""
    with chromium.new_context() as context:
        context.request.get(f"{server}/?token=t")
        address = f"{server}/formgrader/api/submitted_notebooks/{SHEET}/{SHEET}"
        entries = context.request.get(address).json()
        (number,) = [entry["id"] for entry in entries if entry["student"] == clean.name(NAMED)]
        text = tried(context, f"{server}/formgrader/submissions/{number}/")
        assert "My derivation" in text
        assert ACT in text  # it is read, not run
        assert "Criteria. (1 point for the sum, 1 for the use of (4.2)" in text
        feedback = course / "feedback" / clean.name(NAMED) / SHEET / f"{SHEET}.html"
        assert ACT in tried(context, feedback.as_uri())  # in the error's text
    assert not (course / "PWNED.txt").exists()


def test_nbgraders_own_autograde_gives_the_same_in_the_sandboxed_kernel(course, tmp_path):
    if not shutil.which("prlimit"):
        pytest.skip("needs prlimit")
    copy = tmp_path / "course"
    shutil.copytree(course, copy, ignore=shutil.ignore_patterns("autograded", "feedback", "<*"))
    tool.write_parts(copy)  # its kernel's path
    nbgrader(copy, "autograde", SHEET, "--create", "--force", "--student", "partial")
    assert (copy / "autograded" / "partial" / SHEET / f"{SHEET}.ipynb").exists()
    assert scores(copy, "theirs.csv")["partial"] == EXPECTED["partial"]


def test_archives_of_canvas_and_moodle_are_taken_in(course):
    archives = course / "downloaded" / SHEET / "archive"
    archives.mkdir(parents=True)
    files = {
        "12345": ("canvas", "doejane_12345_67890_a.v2.ipynb"),
        "77": ("moodle", "D_O E_77_assignsubmission_file/a.ipynb"),
    }
    for archive, name in files.values():
        with zipfile.ZipFile(archives / f"{archive}.zip", "w") as file:
            file.writestr(name, archive)
    (archives / "broken.zip").write_bytes(b"")
    nbgrader(course, "zip_collect", SHEET)
    for student, (archive, _) in files.items():
        [taken] = (course / "submitted" / student / SHEET).glob("*.ipynb")
        assert taken.read_text() == archive
    assert (course / "submitted" / "12345" / SHEET / "a.v2.ipynb").exists()
