"""How the sandbox is put together, and what it hands on."""

import sys
from pathlib import Path

import pytest
from grading_cases import BUBBLEWRAP, needs_sandbox

from bncourse.grading import Limits, NoSandboxError, find_bubblewrap, sandbox

DEAF = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""


def test_nothing_hides_python_itself():
    """A temporary folder that is laid over later would hide an environment below it."""
    command = sandbox.enclosed("bwrap", Path("/somewhere"))
    assert command.index("/tmp") < command.index(sys.prefix)
    assert command[-2:] == ["--chdir", sandbox.INSIDE]
    assert "--unshare-all" in command


def test_the_child_sees_few_variables(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert set(sandbox.environment()) == {
        "PATH", "HOME", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    }  # fmt: skip


def test_a_bubblewrap_that_may_not_work_is_none(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(NoSandboxError, match="may not create namespaces"):
        find_bubblewrap()


@needs_sandbox
@pytest.mark.parametrize(
    ("cell", "how"),
    [("x = 1", "done"), ("import os\nos._exit(3)", "crashed"),
     ("open('result.json', 'w').write('{')\nimport os\nos._exit(0)", "crashed"),
     ("import os\nos.symlink('/etc/passwd', 'result.json')\nos._exit(0)", "crashed"),
     (DEAF, "timed out")],
)  # fmt: skip
def test_how_a_child_ends(cell, how):
    job = {"cells": [("a", cell)], "exercises": {}}
    ended = sandbox.run(job, Limits(cell=0.5, total=2.0), BUBBLEWRAP)
    assert ended.how == how
    assert (ended.result is not None) == (how == "done")
