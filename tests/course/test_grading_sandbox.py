"""How the sandbox is put together, and how a child in it ends."""

import itertools
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from grading_cases import BUBBLEWRAP, needs_sandbox

from bncourse.checks.values import decode, encode
from bncourse.grading import Limits, NoSandboxError, find_bubblewrap, sandbox
from bncourse.grading.sandbox import Ended

CRASHED = Ended("crashed")


@pytest.mark.parametrize(("program", "works"), [(None, 0), ("/bin/true", 1), ("/bin/false", 0)])
def test_bubblewrap_is_tried_before_it_is_trusted(monkeypatch, program, works):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: program)
    if works:
        assert find_bubblewrap() == program
    else:
        with pytest.raises(NoSandboxError, match=r"bwrap.* older than 0\.8, .* --no-sandbox"):
            find_bubblewrap()


def test_our_packages_are_hidden_and_the_command_line_dies_with_us(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / name))
    hidden = [tmp_path / a / b for a in ("purelib", "platlib") for b in ("bncourse", "bnlib")]
    for path in hidden:
        path.mkdir(parents=True)
    command = sandbox.enclosed("bwrap")
    pairs = set(itertools.pairwise(command))
    assert {"--unshare-all", "--disable-userns", "--die-with-parent"} <= set(command)
    assert {(to, str(h)) for to in ("--tmpfs", "--remount-ro") for h in hidden} <= pairs
    assert "--bind" not in command
    # A temporary folder that is laid over later would hide an environment below it.
    assert command.index("/tmp") < command.index(sys.prefix)


def answered(code, total=60.0):
    """Return how a process ends that runs code, with its answer."""
    return sandbox.wait([sys.executable, "-I", "-c", code], b"3", Limits(total=total))


def test_a_result_is_read_and_the_process_sees_nothing_of_ours(monkeypatch, capfd):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    code = (
        "import json, os, sys; print('loud', file=sys.stderr)\n"
        "known = [sys.stdin.read(), sorted(os.environ), os.getsid(0) == os.getpid(), 'ß']\n"
        "print(json.dumps(known))"
    )
    single = [f"{name}_NUM_THREADS" for name in ("MKL", "OMP", "OPENBLAS")]
    seen = ["HOME", "LANG", *single, "PATH"]
    assert answered(code) == Ended("done", ["3", sorted(seen), True, "ß"])
    assert capfd.readouterr() == ("", "")


JOB = {
    "cells": [["a", """
import os, resource, sys
def f(x):
    print(x), sys.stderr.write("x"), get_ipython().quiet(1)
    limits = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
              for name in ("AS", "CPU", "FSIZE", "NPROC", "CORE")]
    return (x, __name__, "ß", display(1, raw=True), limits, os.getcwd())
"""], ["b", "while True: pass"], ["c", "1 / 0"]],
    "exercises": {"ex": {
        "function": "f", "drive": "def use(f, x):\n    return f(x)", "drive_name": "use",
        "calls": [[encode((3,))]],
    }},
}  # fmt: skip


@pytest.mark.parametrize("program", [None, pytest.param(BUBBLEWRAP, marks=needs_sandbox)])
def test_a_job_is_done_within_its_limits_and_nothing_stays(program, capfd):
    ended = sandbox.run(JOB, Limits(0.5, total=20.0, memory=2**31, processes=99), program)
    assert ended.how == "done"
    assert ended.result["faults"] == {
        "b": "Overtime: the cell runs too long",
        "c": "ZeroDivisionError: division by zero",
    }
    *value, limits, folder = decode(ended.result["outcomes"]["ex"][0][0]["value"])
    assert value == [3, "__main__", "ß", None]
    assert limits == [(most, most) for most in (2**31, 25, 64 * 2**20, 99, 0)]
    assert folder == "/grading" if program else Path(folder).name.startswith("bncourse-")
    assert not Path(folder).exists()
    assert capfd.readouterr() == ("", "")


INSIDE = """
import ctypes, os
def writable(top):
    return [f"{at}/{n}" for at, _, names in os.walk(top) for n in ["", *names]
            if os.access(f"{at}/{n}", os.W_OK)]
def f(x):
    kernel = [p for p in os.listdir("/proc") if not p.isdigit() and os.access(f"/proc/{p}", 2)]
    unshared = ctypes.CDLL(None).unshare(0x10000000)
    free = [path for path in ("/", "/dev", "/dev/shm", "/tmp") if os.access(path, 2)]
    return [kernel, writable("/proc/sys"), unshared, free, os.listdir("/grading"), os.getuid()]
"""


@needs_sandbox
def test_nothing_of_the_kernel_can_be_written_by_root_too_and_no_namespace_made():
    ended = sandbox.run({**JOB, "cells": [["a", INSIDE]]}, Limits(), BUBBLEWRAP)
    seen = decode(ended.result["outcomes"]["ex"][0][0]["value"])
    assert seen == [[], [], -1, ["/dev/shm", "/tmp"], [], 65534]


@needs_sandbox
def test_the_memory_of_all_processes_counts_and_what_they_share_once():
    """Children that share 200 MB are within 700 MB; children with 200 MB each are not."""
    code = (
        "import os, time\nx = b'1' * {}\n"
        "for _ in range(5):\n    if not os.fork():\n        y = b'1' * {}\n"
        "        time.sleep(20)\n        os._exit(0)\ntime.sleep({})\ndef f(x):\n    return x"
    )
    limits = Limits(cell=15, total=30.0, memory=7 * 10**8)
    for shared, own, seconds, how in ((2e8, 1, 1, "done"), (1, 2e8, 9, "crashed")):
        cells = [["a", code.format(int(shared), int(own), seconds)]]
        assert sandbox.run({**JOB, "cells": cells}, limits, BUBBLEWRAP).how == how


def test_without_a_whole_result_or_with_too_large_a_one_a_child_has_crashed(monkeypatch):
    for data, times in ((b"", 1), (b"{", 1), (b"[", 10**5), (b"\xff", 1)):
        assert answered(f"import sys; sys.stdout.buffer.write({data!r} * {times})") == CRASHED
    for most, ended in ((3, Ended("done", [1])), (2, CRASHED)):
        monkeypatch.setattr(sandbox, "BYTES", most)
        assert answered("print('[1]', end='')") == ended


def test_a_child_that_takes_too_long_is_ended_with_its_group(tmp_path):
    code = (
        "import subprocess, time\n"
        "other = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(str(other.pid))\n"
        "time.sleep(60)"
    )
    assert answered(code, total=2.0) == Ended("timed out")
    other = int((tmp_path / "pids").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 10
    while running(other) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(other)


def test_what_keeps_the_output_open_keeps_nobody_waiting():
    code = (
        "import subprocess\nsubprocess.Popen(['sleep', '60'], start_new_session=True)\nprint(1)"
    )
    began = time.monotonic()
    assert answered(code, total=40.0) == Ended("done", 1)
    assert time.monotonic() - began < 30


def running(number):
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False
