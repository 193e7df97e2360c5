"""Run `bncourse.grading.child` where a student's code can do no harm.

On Linux, bubblewrap gives it a file system of its own, read-only but for an empty folder,
no network, no other process in sight, nothing of ours. Limits on time, memory, output
and processes hold it further. Without bubblewrap this refuses, unless told otherwise.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")
VALUES = CHILD.parents[1] / "checks" / "values.py"
INSIDE = "/grading"  # where the folder stands in the sandbox
BYTES = 64 * 2**20  # the largest result that is read


class NoSandboxError(RuntimeError):
    """There is no sandbox on this machine."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use.

    ``cell`` and ``total`` are seconds, for one cell or call and for all of a submission;
    ``memory`` is in bytes of address space, ``processes`` counts threads, too.
    """

    cell: float = 10.0
    total: float = 60.0
    memory: int = 4 * 2**30
    processes: int = 256

    def of_the_system(self) -> dict[str, int]:
        """Return them by the names that Python's resource module has."""
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": int(self.total) + 5,
            "RLIMIT_FSIZE": BYTES,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True)
class Ended:
    """How a child ended: "done" with a result, "timed out" or "crashed"."""

    how: str
    result: Any = None


def find_bubblewrap() -> str:
    """Return the path of bubblewrap, if it is there and allowed to work.

    Raises
    ------
    NoSandboxError
        If it is not.
    """
    program = shutil.which("bwrap")
    if program:
        test = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return program
    raise NoSandboxError(
        "grading: no sandbox: bubblewrap (bwrap) is missing or may not create namespaces; "
        "install it (Debian: apt-get install bubblewrap), or give --no-sandbox to run "
        "students' code with all your rights"
    )


def enclosed(program: str, folder: Path) -> list[str]:
    """Return bubblewrap's command line; ``folder`` is all that can be written to."""
    command = [program, "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    command += ["--tmpfs", "/tmp"]  # first: Python itself may stand below it
    for path in ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"):
        if Path(path).exists():
            command += ["--ro-bind", path, path]
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    for path in sorted({sys.prefix, sys.base_prefix, *packages}):
        command += ["--ro-bind", path, path]
    for path in sorted(packages):
        for ours in ("bncourse", "bnlib"):  # they hold the answers
            if (Path(path) / ours).is_dir():
                command += ["--tmpfs", str(Path(path) / ours)]
    command += ["--proc", "/proc", "--dev", "/dev"]
    return [*command, "--bind", str(folder), INSIDE, "--chdir", INSIDE]


def run(job: dict[str, Any], limits: Limits, program: str | None) -> Ended:
    """Run one job in a child; ``program`` is bubblewrap, None to do without a sandbox."""
    with tempfile.TemporaryDirectory(prefix="bncourse-") as name:
        folder = Path(name)
        full = {**job, "limits": limits.of_the_system(), "seconds": limits.cell}
        (folder / "job.json").write_text(json.dumps(full), encoding="utf-8")
        for script in (CHILD, VALUES):
            shutil.copy(script, folder / script.name)
        folder.chmod(0o777)
        command = [sys.executable, "-I", "child.py"]
        start = [*enclosed(program, folder), *command] if program else command
        return wait(start, folder, limits)


def environment() -> dict[str, str]:
    """Return the few variables that the child sees."""
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return {"PATH": "/usr/bin:/bin", "HOME": INSIDE, "LANG": "C.UTF-8", **single}


def wait(command: list[str], folder: Path, limits: Limits) -> Ended:
    """Start a command, wait for it within the limits, and read its result."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=limits.total)
    except subprocess.TimeoutExpired:
        return Ended("timed out")
    finally:
        kill(process)
    result = folder / "result.json"
    try:
        if result.is_symlink() or result.stat().st_size > BYTES:
            return Ended("crashed")
        return Ended("done", json.loads(result.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return Ended("crashed")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started in its group."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
