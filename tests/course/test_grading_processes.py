"""How a child is started and ended, mostly without one."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

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


def test_bubblewrap_is_tried_before_it_is_trusted(monkeypatch):
    asked = []

    def run(command, **options):
        asked.append((command, options))
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(sandbox.shutil, "which", lambda name: f"/opt/{name}")
    monkeypatch.setattr(sandbox.subprocess, "run", run)
    code = 0
    assert find_bubblewrap() == "/opt/bwrap"
    command = ["/opt/bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    assert asked == [(command, {"capture_output": True, "check": False})]
    code = 1
    with pytest.raises(NoSandboxError, match=r"^grading: no sandbox: bubblewrap .* all your r"):
        find_bubblewrap()


def test_all_but_one_folder_is_read_only_and_bnlib_is_hidden(monkeypatch, tmp_path):
    packages = tmp_path / "lib"
    (packages / "bnlib").mkdir(parents=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(packages / name))
    for name in ("purelib", "platlib"):
        (packages / name / "bnlib").mkdir(parents=True)
        (packages / name / "bncourse").mkdir()
    monkeypatch.setattr(sys, "prefix", "/env")
    monkeypatch.setattr(sys, "base_prefix", "/base")
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: str(p) != "/lib64" and exists(Path("/usr")))
    command = sandbox.enclosed("/opt/bwrap", Path("/job"))
    pure, plat = str(packages / "purelib"), str(packages / "platlib")
    read_only = [
        "/usr",
        "/lib",
        "/bin",
        "/etc/ld.so.cache",
        *sorted(["/base", "/env", pure, plat]),
    ]
    assert command == [
        "/opt/bwrap", "--unshare-all", "--die-with-parent", "--new-session",
        "--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--tmpfs", "/tmp",
        *(word for path in read_only for word in ("--ro-bind", path, path)),
        *(w for p in (plat, pure) for n in ("bncourse", "bnlib")
          for w in ("--tmpfs", f"{p}/{n}")),
        "--proc", "/proc", "--dev", "/dev", "--bind", "/job", "/grading", "--chdir", "/grading",
    ]  # fmt: skip


def test_the_child_sees_these_variables():
    assert sandbox.environment() == {
        "PATH": "/usr/bin:/bin", "HOME": "/grading", "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    }  # fmt: skip


@pytest.mark.parametrize("program", [None, "/opt/bwrap"])
def test_a_job_lies_beside_the_child_and_the_reader_of_values(monkeypatch, program):
    seen = []

    def wait(command, folder, limits):
        assert folder.name.startswith("bncourse-")
        assert folder.stat().st_mode & 0o777 == 0o777
        files = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
        seen.append((command, limits, files))
        start = sandbox.enclosed(program, folder) if program else []
        assert command == [*start, sys.executable, "-I", "child.py"]
        return Ended("done", folder)

    monkeypatch.setattr(sandbox, "wait", wait)
    folder = sandbox.run({"cells": ["ß"]}, LIMITS, program).result
    assert not folder.exists()
    ((_, limits, files),) = seen
    assert limits is LIMITS
    wanted = {"cells": ["ß"], "limits": LIMITS.of_the_system(), "seconds": 0.5}
    assert json.loads(files.pop("job.json")) == wanted
    assert files == {
        p.name: p.read_text(encoding="utf-8") for p in (sandbox.CHILD, sandbox.VALUES)
    }


def test_a_result_is_read_and_the_process_sees_nothing_of_ours(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    code = (
        "import json, os, sys; print('loud'); print('loud', file=sys.stderr)\n"
        "known = {'in': sys.stdin.read(), 'env': os.environ.get('SECRET_TOKEN'),\n"
        "         'home': os.environ['HOME'], 'leads': os.getsid(0) == os.getpid(), 'ß': 1}\n"
        "text = json.dumps(known, ensure_ascii=False)\n"
        "open('result.json', 'w', encoding='utf-8').write(text)"
    )
    wanted = {"in": "", "env": None, "home": "/grading", "leads": True, "ß": 1}
    started, real = [], subprocess.Popen
    monkeypatch.setattr(
        sandbox.subprocess, "Popen", lambda *a, **o: started.append(o) or real(*a, **o)
    )
    assert sandbox.wait(python(code), tmp_path, LIMITS) == Ended("done", wanted)
    assert capfd.readouterr() == ("", "")
    streams = {started[0][name] for name in ("stdin", "stdout", "stderr")}
    assert streams == {subprocess.DEVNULL}


@pytest.mark.parametrize("text", [None, "{", "[" * 10**5, b"\xff"])
def test_without_a_whole_result_a_child_has_crashed(tmp_path, text):
    if text is not None:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "result.json").write_bytes(data)
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("crashed")


def test_a_link_or_too_large_a_result_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "other").write_text("[1]", encoding="utf-8")
    result = tmp_path / "result.json"
    result.symlink_to(tmp_path / "other")
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("crashed")
    result.unlink()
    result.write_text("[1]", encoding="utf-8")
    monkeypatch.setattr(sandbox, "BYTES", 3)
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("done", [1])
    monkeypatch.setattr(sandbox, "BYTES", 2)
    assert sandbox.wait(["true"], tmp_path, LIMITS) == Ended("crashed")


def test_a_child_that_takes_too_long_is_ended_with_its_group(tmp_path, monkeypatch):
    ended, real = [], sandbox.kill
    monkeypatch.setattr(sandbox, "kill", lambda p: (real(p), ended.append(p)))
    limits = Limits(total=0.2)
    assert sandbox.wait(["sleep", "60"], tmp_path, limits) == Ended("timed out")
    assert ended[0].returncode == -9


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_process_without_a_group_is_ended_alone(monkeypatch, error):
    def killpg(number, signal):
        assert (number, signal) == (process.pid, 9)
        raise error

    monkeypatch.setattr(sandbox.os, "killpg", killpg)
    process = subprocess.Popen(["sleep", "60"])
    sandbox.kill(process)
    assert process.returncode == -9
