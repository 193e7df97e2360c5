"""How the sandbox is put together, and how a child in it ends."""

import itertools
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from grading_cases import BUBBLEWRAP, needs_sandbox

from bncourse.checks.values import decode, encode
from bncourse.grading import Limits, NoSandboxError, find_bubblewrap, sandbox
from bncourse.grading.sandbox import Ended

LIMITS = Limits(cell=0.5, total=20.0, memory=12345, processes=7)


def python(code):
    """Return the command line of a process that runs code."""
    return [sys.executable, "-I", "-c", code]


def test_limits_have_the_names_of_the_system():
    assert LIMITS.of_the_system() == {
        "RLIMIT_AS": 12345, "RLIMIT_CPU": 25, "RLIMIT_FSIZE": 64 * 2**20, "RLIMIT_NPROC": 7,
        "RLIMIT_CORE": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("program", "works"), [(None, 0), ("/bin/true", 1), ("/bin/false", 0)])
def test_bubblewrap_is_tried_before_it_is_trusted(monkeypatch, program, works):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: program)
    if works:
        assert find_bubblewrap() == program
    else:
        with pytest.raises(NoSandboxError, match=r"bwrap.* may not create .* --no-sandbox"):
            find_bubblewrap()


def test_all_but_one_folder_is_read_only_and_our_packages_are_hidden(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / name))
    hidden = [tmp_path / a / b for a in ("purelib", "platlib") for b in ("bncourse", "bnlib")]
    for path in hidden:
        path.mkdir(parents=True)
    command = sandbox.enclosed("bwrap", Path("/job"))
    pairs = list(itertools.pairwise(command))
    assert "--unshare-all" in command
    assert "--die-with-parent" in command
    assert {b for a, b in pairs if a == "--tmpfs"} == {"/tmp", *map(str, hidden)}
    assert {sys.prefix, str(tmp_path / "purelib")} <= {b for a, b in pairs if a == "--ro-bind"}
    assert command.count("--bind") == 1
    assert command[-5:] == ["--bind", "/job", "/grading", "--chdir", "/grading"]
    # A temporary folder that is laid over later would hide an environment below it.
    assert command.index("/tmp") < command.index(sys.prefix)


def test_a_result_is_read_and_the_process_sees_nothing_of_ours(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    code = (
        "import json, os, sys; print('loud'); print('loud', file=sys.stderr)\n"
        "known = [sys.stdin.read(), sorted(os.environ), os.getsid(0) == os.getpid(), 'ß']\n"
        "text = json.dumps(known, ensure_ascii=False)\n"
        "open('result.json', 'w', encoding='utf-8').write(text)"
    )
    ended = sandbox.wait(python(code), tmp_path, LIMITS)
    single = [f"{name}_NUM_THREADS" for name in ("MKL", "OMP", "OPENBLAS")]
    seen = ["HOME", "LANG", *single, "PATH"]
    assert ended == Ended("done", ["", sorted(seen), True, "ß"])
    assert capfd.readouterr() == ("", "")


JOB = {
    "cells": [["a", """
import os, resource, sys
def f(x):
    print(x), sys.stderr.write("x"), get_ipython().quiet(1)
    limit = resource.getrlimit(resource.RLIMIT_CPU)
    return (x, __name__, "ß", display(1, raw=True), *limit, os.getcwd())
"""], ["b", "while True: pass"], ["c", "1 / 0"]],
    "exercises": {"ex": {
        "function": "f", "drive": "def use(f, x):\n    return f(x)", "drive_name": "use",
        "calls": [[encode((3,))]],
    }},
}  # fmt: skip


@pytest.mark.parametrize("program", [None, pytest.param(BUBBLEWRAP, marks=needs_sandbox)])
def test_a_job_is_done_within_its_limits_and_nothing_stays(program, capfd):
    ended = sandbox.run(JOB, Limits(cell=0.5, total=20.0), program)
    assert ended.how == "done"
    faults = {
        "b": "Overtime: the cell runs too long",
        "c": "ZeroDivisionError: division by zero",
    }
    assert ended.result["faults"] == faults
    *value, folder = decode(ended.result["outcomes"]["ex"][0][0]["value"])
    assert value == [3, "__main__", "ß", None, 25, 25]
    assert folder == "/grading" if program else Path(folder).name.startswith("bncourse-")
    assert not Path(folder).exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", [None, b"{", b"[" * 10**5, b"\xff"], ids=range(4))
def test_without_a_whole_result_a_child_has_crashed(tmp_path, data):
    if data is not None:
        (tmp_path / "result.json").write_bytes(data)
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("crashed")


def test_a_link_or_too_large_a_result_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "other").write_text("[1]", encoding="utf-8")
    result = tmp_path / "result.json"
    result.symlink_to(tmp_path / "other")
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("crashed")
    result.unlink()
    result.write_text("[1]", encoding="utf-8")
    for most, ended in ((3, Ended("done", [1])), (2, Ended("crashed"))):
        monkeypatch.setattr(sandbox, "BYTES", most)
        assert sandbox.wait(["true"], tmp_path, LIMITS) == ended


def test_a_child_that_takes_too_long_is_ended_with_its_group(tmp_path):
    code = (
        "import subprocess, time\n"
        "other = subprocess.Popen(['sleep', '60'])\n"
        "open('pids', 'w').write(str(other.pid))\n"
        "time.sleep(60)"
    )
    ended = sandbox.wait(python(code), tmp_path, Limits(total=2.0))
    assert ended == Ended("timed out")
    other = int((tmp_path / "pids").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 10
    while running(other) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(other)


def running(number):
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_process_without_a_group_is_ended_alone(monkeypatch, error):
    def killpg(*_):
        raise error

    monkeypatch.setattr(os, "killpg", killpg)
    process = subprocess.Popen(["sleep", "60"])
    sandbox.kill(process)
    assert process.returncode == -9
