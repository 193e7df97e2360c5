"""Run `bncourse.grading.child` where a student's code can do no harm.

On Linux, bubblewrap gives it users and a file system of its own, read-only but for empty
folders in memory, no network, no other process in sight, nothing of ours. The job goes in
and the result comes out through pipes, so no file is shared. Limits on time, memory,
output and processes hold it further, and this process sums what all of its processes use.
Without bubblewrap this refuses, unless told otherwise.
"""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")
VALUES = CHILD.parents[1] / "checks" / "values.py"
INSIDE = "/grading"  # where the folder stands in the sandbox
BYTES = 64 * 2**20  # the largest result that is read, and what each folder holds
PAGE = os.sysconf("SC_PAGE_SIZE")


class NoSandboxError(RuntimeError):
    """There is no sandbox on this machine."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use.

    ``cell`` and ``total`` are seconds, for one cell or call and for all of a submission;
    ``memory`` is in bytes, of each process's address space and of all that they hold.
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
    """Return the path of bubblewrap, if it is there and encloses as it should.

    Raises
    ------
    NoSandboxError
        If it is not.
    """
    program, said = shutil.which("bwrap"), ""
    if program:
        test = [*enclosed(program), "true"]
        done = subprocess.run(test, capture_output=True, check=False, text=True)
        if done.returncode == 0:
            return program
        said = f" It said: {done.stderr.strip()[:300]}"
    raise NoSandboxError(
        "grading: no sandbox: bubblewrap (bwrap) is missing, older than 0.8, or may not create "
        "namespaces; install it (Debian: apt-get install bubblewrap), grade in a container "
        "(Containerfile in the course folder), or give --no-sandbox to run students' code "
        f"with all your rights.{said}"
    )


def enclosed(program: str) -> list[str]:
    """Return bubblewrap's command line; only three folders can be written to, in memory."""
    command = [program, "--unshare-all", "--unshare-user", "--disable-userns"]
    command += ["--die-with-parent", "--new-session"]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    room = ["--size", str(BYTES), "--tmpfs"]
    command += [*room, "/tmp"]  # first: Python itself may stand below it
    for path in ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"):
        if Path(path).exists():
            command += ["--ro-bind", path, path]
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    for path in sorted({sys.prefix, sys.base_prefix, *packages}):
        command += ["--ro-bind", path, path]
    for path in sorted({*packages, str(CHILD.parents[2])}):
        bound = {path, *map(str, Path(path).parents)} & (set(command) - {"/tmp"})
        for ours in ("bncourse", "bnlib", "book", "chapters", "tests"):  # they hold the answers
            hidden = str(Path(path) / ours)
            if bound and Path(hidden).is_dir() and (path not in packages or ours[0] == "b"):
                command += ["--tmpfs", hidden, "--remount-ro", hidden]
    command += ["--proc", "/proc", "--remount-ro", "/proc"]  # root may not set the kernel, too
    command += ["--dev", "/dev", *room, "/dev/shm", "--remount-ro", "/dev"]
    command += [*room, INSIDE, "--chdir", INSIDE]
    for script in (CHILD, VALUES):
        command += ["--ro-bind", str(script), f"/{script.name}"]
    return [*command, "--remount-ro", "/"]


def run(job: dict[str, Any], limits: Limits, program: str | None) -> Ended:
    """Run one job in a child; ``program`` is bubblewrap, None to do without a sandbox."""
    full = {**job, "limits": limits.of_the_system(), "seconds": limits.cell}
    data = json.dumps(full).encode()
    if program:
        command = [sys.executable, "-I", f"/{CHILD.name}", f"/{VALUES.name}"]
        return wait([*enclosed(program), *command], data, limits)
    folder = tempfile.mkdtemp(prefix="bncourse-")
    try:
        return wait([sys.executable, "-I", str(CHILD), str(VALUES)], data, limits, folder)
    finally:  # Python's own way to remove a tree gives up at 1000 folders in each other
        subprocess.run(["rm", "-rf", folder], capture_output=True, check=False)


def environment() -> dict[str, str]:
    """Return the few variables that the child sees."""
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return {"PATH": "/usr/bin:/bin", "HOME": INSIDE, "LANG": "C.UTF-8", **single}


def wait(command: list[str], job: bytes, limits: Limits, folder: str = "/") -> Ended:
    """Start a command, give it the job, and read its result within the limits."""
    with tempfile.TemporaryFile() as given:
        given.write(job)
        given.seek(0)
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=given, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        data = received(process, limits)
    except TimeoutError:
        return Ended("timed out")
    finally:
        kill(process)
    try:
        return Ended("done", json.loads(data))
    except (ValueError, RecursionError, MemoryError):
        return Ended("crashed")


def received(process: subprocess.Popen[bytes], limits: Limits) -> bytes:
    """Return what a process writes until it ends; nothing if it uses too much.

    Raises
    ------
    TimeoutError
        If it takes too long.
    """
    assert process.stdout
    pipe, data = process.stdout.fileno(), bytearray()
    end, look = time.monotonic() + limits.total, 0.0
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while time.monotonic() < end:
            over = process.poll() is not None  # then what is still in the pipe is read
            if ready.select(0 if over else 0.1):
                piece = os.read(pipe, 2**20)
                data += piece
                if not piece or len(data) > BYTES:
                    return bytes(data[: BYTES * (not piece)])
            elif over:
                return bytes(data)
            if time.monotonic() > look + 0.1:
                look = time.monotonic()
                if too_much(process.pid, limits):
                    return b""
    raise TimeoutError


def family(number: int, most: int) -> list[int]:
    """Return the numbers of a process and of all that it started, until there are too many."""
    numbers = [number]
    for pid in numbers:  # grows while it is read
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                numbers += map(int, path.read_text(encoding="ascii").split())
        if len(numbers) > most:
            break
    return numbers


def resident(number: int, shares: bool = False) -> int:
    """Return the bytes of memory that a process holds; of what it shares, only its part."""
    with contextlib.suppress(OSError):
        if shares:
            rows = Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii")
            return 1024 * int(rows.split("\nPss:")[1].split()[0])
        return PAGE * int(Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1])
    return resident(number) if shares else 0


def too_much(number: int, limits: Limits) -> bool:
    """Return whether a process and all that it started are too many or hold too much."""
    everyone = family(number, limits.processes)
    if len(everyone) > limits.processes:
        return True
    if sum(map(resident, everyone)) <= limits.memory:
        return False  # counts what is shared more than once, but quickly
    return sum(resident(pid, shares=True) for pid in everyone) > limits.memory


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started in its group."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
