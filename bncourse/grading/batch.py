"""Grade a folder of submissions: several at a time, and again from where a run was cut off.

Each submission is read, run and judged in a process of its own, which may die: then its
rows say so, and everybody else's stand. Each result is written to a file of its own as soon
as it is known, under a temporary name that is then changed, so a result is there in full or
not at all. A run that is started again takes what is there. It grades again what changed
since.
"""

import contextlib
import csv
import difflib
import functools
import hashlib
import importlib.util
import io
import json
import multiprocessing
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from bncourse import checks
from bncourse.checks import registry
from bncourse.grading import clean
from bncourse.grading.marking import Row, grade, zero
from bncourse.grading.rebuild import rebuild
from bncourse.grading.sandbox import BYTES, Limits
from bncourse.grading.sheets import Notebook, read_file, read_notebook, tasks

MEMORY = 3 * 2**30  # bytes that the process which reads and judges a submission may add
SPARE = 60.0  # seconds that it may take besides the student's code
Task = Callable[[Any], Any]
Thing = TypeVar("Thing")  # a submission, or what an archive holds of one
COLUMNS = ["student", "sheet", *[column.name for column in fields(Row)], "notes"]


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one sheet, and older ones that were handed in with it."""

    student: str
    sheet: str
    path: Path
    older: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How to grade: the sheets by name, the secret seed, the limits, the sandbox."""

    sheets: dict[str, Notebook]
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    program: str | None = None
    workers: int = 2


def read_sheets(folder: Path) -> dict[str, Notebook]:
    """Return the sheets' sources by name: ``NAME.ipynb``, or nbgrader's ``NAME/NAME.ipynb``.

    Raises
    ------
    ValueError
        If there are none.
    """
    paths = [
        *folder.glob("*.ipynb"),
        *(p for p in folder.glob("*/*.ipynb") if p.stem == p.parent.name),
    ]
    if not paths:
        raise ValueError(f"grading: no sheets in {folder}; expected NAME.ipynb there")
    return {path.stem: read_notebook(path) for path in sorted(paths)}


def find_submissions(folder: Path, sheets: dict[str, Notebook]) -> list[Submission]:
    """Return what was handed in, as nbgrader lays it out: STUDENT/SHEET/FILE.ipynb.

    Raises
    ------
    ValueError
        If there is nothing.
    """
    by_sheet: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.glob("*/*/*.ipynb")):
        if path.parent.name in sheets and not path.name.startswith("."):
            key = clean.name(path.parent.parent.name), path.parent.name
            by_sheet.setdefault(key, []).append(path)
    submissions = []
    for key, paths in by_sheet.items():
        newest, *older = sorted(paths, key=lambda p: p.lstat().st_mtime, reverse=True)
        submissions.append(Submission(*key, newest, tuple(older)))
    if not submissions:
        raise ValueError(
            f"grading: no submissions in {folder}; expected STUDENT/SHEET/FILE.ipynb, with a "
            f"sheet among {', '.join(sheets)}"
        )
    return submissions


def overlooked(folder: Path, sheets: dict[str, Notebook]) -> list[str]:
    """Return a sentence for each thing that a student has handed in and nothing reads."""
    said = []
    for path in sorted(p for p in folder.glob("*") if p.name[:1] not in "._"):
        if not path.is_dir():
            said.append(f"{clean.name(path.name)}: no folder of a student, STUDENT/SHEET/")
        elif not any(path.iterdir()):
            said.append(f"{clean.name(path.name)}: an empty folder")
    for path in sorted(p for p in folder.glob("*/*") if p.name[:1] not in "._"):
        where = clean.name(f"{path.parent.name}/{path.name}")
        if path.name in sheets and not any(p.name[:1] != "." for p in path.glob("*.ipynb")):
            said.append(f"{where}: no notebook (FILE.ipynb) in it")
        elif path.name not in sheets:
            close = difflib.get_close_matches(path.name, sheets, 1, 0.4)
            meant = f"; was {close[0]} meant?" if close else ""
            said.append(f"{where}: no sheet of this name, STUDENT/SHEET/FILE.ipynb{meant}")
    return said


def kept_seed(folder: Path) -> int:
    """Return the seed that a course keeps in ``seed.txt``; the first time it is drawn.

    Raises
    ------
    ValueError
        If the file holds no whole number.
    """
    path = folder / "seed.txt"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(f"{secrets.randbelow(10**9)}\n")
    text = path.read_text(encoding="utf-8").strip()
    if not text.isdecimal():
        raise ValueError(f"{path}: expected a whole number, the seed, got {text[:40]!r}")
    return int(text)


@functools.cache
def version_of_checks() -> str:
    """Return a digest of the checks' source: another check is another mark."""
    paths = sorted(Path(checks.__file__).parent.rglob("*.py"))
    own = importlib.util.find_spec(registry.OWN)
    paths += [Path(own.origin)] if own and own.origin else []
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def fingerprint(submission: Submission, settings: Settings) -> str:
    """Return what the result depends on, in short: files, sheet, seed, limits, checks."""
    sheet = json.dumps(settings.sheets[submission.sheet], sort_keys=True)
    parts = [sheet, str(settings.seed), str(settings.limits), version_of_checks()]
    digest = hashlib.sha256("\0".join(parts).encode())
    for path in (submission.path, *submission.older):
        try:
            digest.update(read_file(path))
        except ValueError as error:
            digest.update(str(error).encode("utf-8", "replace"))
    return digest.hexdigest()


def chosen(submission: Submission, sheet: Notebook) -> tuple[Notebook, list[str]]:
    """Return a submission's notebook, the newest that holds an answer, and what was odd.

    Raises
    ------
    ValueError
        If none can be read.
    """
    paths, faults, empty = (submission.path, *submission.older), [], None
    if any(folder.is_symlink() for folder in list(submission.path.parents)[:2]):
        raise ValueError("the folder is a link to another one; nothing of it is read")
    for path in paths:
        try:
            notebook = read_notebook(path)
        except ValueError as error:
            faults.append(str(error))
            continue
        taken = f"{len(paths)} NOTEBOOKS: {clean.name(path.name)} counts"
        if path.stat().st_nlink > 1:
            faults.append(
                f"LINKED: {clean.name(path.name)} has another name, perhaps elsewhere"
            )
        if len(paths) == 1:
            return notebook, faults
        rebuilt = rebuild(notebook, sheet)
        if set(rebuilt.answers) - rebuilt.blanks:
            return notebook, [taken + ", the newest with answers", *faults]
        empty = empty or (notebook, [taken, *faults])
    if not empty:
        raise ValueError("; ".join(faults))
    return empty


def failed(submission: Submission, settings: Settings, status: str, why: str) -> dict[str, Any]:
    """Return the result of a submission that could not be graded: rows that say why."""
    rows = [zero(task, status, why) for task in tasks(settings.sheets[submission.sheet])]
    return told(submission, settings, rows, [])


def told(
    submission: Submission, settings: Settings, rows: list[Row], notes: list[str]
) -> dict[str, Any]:
    """Return a result as it is stored, with nothing in it that could hide or fake."""
    lines = [asdict(row) | {"message": clean.visible(row.message)} for row in rows]
    mark = fingerprint(submission, settings)
    shown = [clean.visible(note, 500) for note in notes[:50]]
    return {"fingerprint": mark, "rows": lines, "notes": shown}


def one(submission: Submission, settings: Settings) -> dict[str, Any]:
    """Return the result of one submission, whatever is in its file."""
    sheet = settings.sheets[submission.sheet]
    try:
        notebook, odd = chosen(submission, sheet)
    except ValueError as error:
        return failed(submission, settings, "unreadable", str(error))
    rows, notes = grade(notebook, sheet, settings.seed, settings.limits, settings.program)
    return told(submission, settings, rows, [*odd, *notes])


def address_space() -> int:
    """Return the bytes of address space of this process, used or not."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def attempted(pipe: Connection, task: Task, submission: Any) -> None:
    """Do something with one submission in a process of its own, and send what comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this one
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MEMORY + address_space()  # the fork starts with all that its parent has mapped
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        said = {"result": task(submission)}
    except Exception as error:
        said = {"why": f"the grader failed: {type(error).__name__}: {error}"}
    pipe.send_bytes(json.dumps(said).encode())


def in_processes(
    task: Task, submissions: list[Thing], workers: int, seconds: float
) -> Iterator[tuple[Thing, dict[str, Any]]]:
    """Yield each submission with the "result" of a task, or "why" there is none, as they come.

    Each is done in a process that may hang, or die of what is in the file.
    """
    fork: Any = multiprocessing.get_context("fork")  # quick, and this has no other threads
    todo: list[Thing] = list(reversed(submissions))
    running: dict[Any, tuple[float, Any, Thing]] = {}
    try:
        while todo or running:
            while todo and len(running) < workers:
                mine, theirs = fork.Pipe(duplex=False)
                args = (theirs, task, todo[-1])
                process = fork.Process(target=attempted, args=args, daemon=True)
                process.start()
                theirs.close()
                running[mine] = (time.monotonic() + seconds, process, todo.pop())
            soonest = min(end for end, *_ in running.values())
            ready = wait(list(running), max(0.0, soonest - time.monotonic()))
            late = [pipe for pipe, (end, *_) in running.items() if end < time.monotonic()]
            for pipe in {*ready, *late}:
                _, process, submission = running.pop(pipe)
                yield submission, ended(pipe, process, pipe in ready)
    finally:
        for _, process, _ in running.values():
            process.kill()


def ended(pipe: Any, process: Any, ready: bool) -> dict[str, Any]:
    """Return what a process has sent, and end it."""
    try:
        return (
            dict(json.loads(pipe.recv_bytes(BYTES))) if ready else {"why": "it takes too long"}
        )
    except (EOFError, OSError):
        return {"why": "the grader's process ended on this file"}
    finally:
        process.kill()
        process.join()
        pipe.close()


def write(path: Path, text: str) -> None:
    """Write a file so that it is there in full or as it was."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def stored(path: Path, mark: str) -> dict[str, Any] | None:
    """Return a result that an earlier run left, if it is of the same submission."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        return dict(result) if result["fingerprint"] == mark else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def part_of(submission: Submission, folder: Path) -> Path:
    """Return where a submission's result is stored; a name may be too long for a file."""
    name = f"{submission.student}--{submission.sheet}"
    if len(name.encode()) > 200:
        name = f"{name[:40]}--{hashlib.sha256(name.encode()).hexdigest()}"
    return folder / f"{name}.json"


def results(
    submissions: list[Submission], settings: Settings, folder: Path
) -> Iterator[tuple[Submission, dict[str, Any]]]:
    """Yield each submission's result, new or stored, as they come."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = []
    for submission in submissions:
        known = stored(part_of(submission, folder), fingerprint(submission, settings))
        if known:
            yield submission, known
        else:
            todo.append(submission)
    task, seconds = partial(one, settings=settings), settings.limits.total + SPARE
    for submission, said in in_processes(task, todo, settings.workers, seconds):
        result = said.get("result") or failed(submission, settings, "look by hand", said["why"])
        write(part_of(submission, folder), json.dumps(result, indent=1))
        yield submission, result


def grade_all(submissions: list[Submission], settings: Settings, out: Path) -> list[list[Any]]:
    """Grade everything, write ``out`` as CSV, and return its rows.

    Results of single submissions stand in a folder beside it, ``out`` + ".parts".
    """
    graded: dict[tuple[str, str], dict[str, Any]] = {}
    parts = out.with_name(f"{out.name}.parts")
    for submission, result in results(submissions, settings, parts):
        graded[submission.student, submission.sheet] = result
        print(f"\r{len(graded)} of {len(submissions)} submissions", end="", file=sys.stderr)
    print(file=sys.stderr)
    lines = []
    for (student, sheet), result in sorted(graded.items()):
        notes = "; ".join(result["notes"])
        lines += [[student, sheet, *row.values(), notes] for row in result["rows"]]
    write(out, as_csv([COLUMNS, *lines]))
    return lines


def as_csv(rows: list[list[Any]]) -> str:
    """Return rows as CSV text, with nothing that a spreadsheet would take for a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([[clean.for_table(cell) for cell in row] for row in rows])
    return text.getvalue()
