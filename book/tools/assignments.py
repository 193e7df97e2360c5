"""Write a complete nbgrader course from the exercise sheets: `make assignments`.

The folder `_build/course` then holds the sources with solutions, the release for students,
nbgrader's settings, a kernel for grading inside a sandbox, and a page for the instructor.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bncourse.grading import read_sheets
from bncourse.grading.sheets import Notebook, as_stored, folded, source_of, tag

ROOT = Path(__file__).resolve().parents[2]
PARTS = Path(__file__).with_name("course")  # files that every course gets as they are
COURSE = ROOT / "_build" / "course"


def chosen(names: list[str]) -> dict[str, Notebook]:
    """Return the sheets of these names, or all; end where there is none of a name."""
    sheets = read_sheets(ROOT / "book" / "sheets")
    unknown = sorted(set(names) - set(sheets))
    if unknown:
        raise SystemExit(f"assignments: no sheet {unknown[0]!r}; expected of {list(sheets)}")
    return {name: sheets[name] for name in names or sheets}


def write_sources(course: Path, sheets: dict[str, Notebook]) -> None:
    """Copy the sheets, not executed, to where nbgrader looks for them."""
    for name, sheet in sheets.items():
        for cell in sheet["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"execution_count": None, "outputs": []}
            elif tag(cell) == "hint":
                cell["source"] = folded(source_of(cell))
        folder = course / "source" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.ipynb").write_text(as_stored(sheet), encoding="utf-8")


def write_parts(course: Path) -> None:
    """Copy the settings, the grading kernel and the instructor's page."""
    shutil.copytree(PARTS, course, dirs_exist_ok=True)
    kernel = course / "kernels" / "kernels" / "python3"
    (kernel / "sandboxed_kernel.sh").chmod(0o755)
    spec = json.loads((kernel / "kernel.json").read_text(encoding="utf-8"))
    start = "{resource_dir}/sandboxed_kernel.sh"  # the course may move
    spec["argv"] = [start, sys.executable, "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")


def release(course: Path, names: list[str]) -> None:
    """Let nbgrader make what students get, and enter the assignments into its gradebook."""
    programs = Path(sys.executable).parent
    path = {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}  # for alembic
    command = [programs / "nbgrader", "generate_assignment", "--force", "--create"]
    for name in names:
        subprocess.run([*command, name], cwd=course, check=True, env=os.environ | path)


def main(argv: list[str] | None = None, course: Path = COURSE) -> None:
    """Write the course; a gradebook that is there stays."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="sheets, such as 04_batch_norm; default: all")
    sheets = chosen(parser.parse_args(argv).names)
    course.mkdir(parents=True, exist_ok=True)
    write_parts(course)
    write_sources(course, sheets)
    release(course, list(sheets))
    print(f"{len(sheets)} assignments written to {course}; read README.md there")


if __name__ == "__main__":
    main()
