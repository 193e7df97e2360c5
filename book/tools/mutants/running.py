"""Run mutmut on one module of bnlib, and read what came of its mutants."""

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutants.copying import ROOT, copy_project

WORK = ROOT / "_build" / "mutants"
KILLED = {"killed", "timeout", "segfault", "caught by type check"}
UNTRIED = "not checked"  # mutmut was stopped before
NO_ANSWER = {2, 255}  # pytest was interrupted, or found no test of a name
Explained = Callable[[str, str], bool]  # (function, change) -> has it a reason?
Result = dict[str, Any]  # {"counts": {status: number}, "survivors": [[function, change]]}


def run(module: str, explained: Explained, children: int = 1) -> Result:
    """Run mutmut on one module and return what came of its mutants.

    A mutant that was killed before or that is ``explained`` keeps its answer, unless its
    function has changed.
    """
    folder = WORK / module.replace("/", "-")
    copy_project(module, folder)
    forget(folder, explained)
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if module == "kernels":  # compiled loops would call mutmut's dispatcher
        environment["NUMBA_DISABLE_JIT"] = "1"
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children)]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return collect(folder)


def forget(folder: Path, explained: Explained) -> None:
    """Let mutmut try again what it has to, and see anew which tests there are."""
    (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for path in (folder / "mutants").rglob("*.meta"):
        data = json.loads(path.read_text(encoding="utf-8"))
        for name, code in data["exit_code_by_key"].items():
            if code != 1 and not (code == 0 and explained(*survivor(folder, path, name))):
                data["exit_code_by_key"][name] = None
        path.write_text(json.dumps(data), encoding="utf-8")


def collect(folder: Path) -> Result:
    """Read mutmut's results: how many mutants of each status, and every survivor."""
    from mutmut.stats import status_by_exit_code

    counts: Counter[str] = Counter()
    survivors = []
    for path in (folder / "mutants").rglob("*.meta"):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            status = "no answer" if code in NO_ANSWER else status_by_exit_code[code]
            counts[status] += 1
            if status not in {*KILLED, UNTRIED}:
                survivors.append(survivor(folder, path, name))
    if counts["no answer"]:
        raise RuntimeError(
            f"mutants: {counts['no answer']} mutants of {folder.name} got no answer from "
            "pytest; run the module again, and if that does not help run mutmut by hand in "
            f"{folder}"
        )
    return {"counts": dict(sorted(counts.items())), "survivors": sorted(survivors)}


def survivor(folder: Path, meta: Path, name: str) -> list[str]:
    """Return function and change of one mutant, of the file that ``meta`` is about."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    source = meta.relative_to(folder / "mutants").with_suffix("")
    with contextlib.chdir(folder):
        return [function_of(name), one_line(get_diff_for_mutant(name, path=source))]


def function_of(mutant: str) -> str:
    """Return `bnlib.shapes.f` of mutmut's `bnlib.shapes.x_f__mutmut_3`."""
    module, _, name = mutant.rpartition("__mutmut_")[0].rpartition(".")
    return f"{module}.{name.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"


def one_line(diff: str) -> str:
    """Return a unified diff as `old → new`."""
    lines = diff.splitlines()[2:]
    sides = [" ".join(it[1:].strip() for it in lines if it[:1] == mark) for mark in "-+"]
    return " → ".join(sides)
