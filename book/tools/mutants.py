"""Change the packages in small ways, and name every change that no test finds.

`make mutants MODULES="convert stats.merging"` lets mutmut change these modules in a copy of
the project below `_build/mutants`, and run the tests of their part on each change. A
survivor needs a reason in `tests/mutants.toml`, or a test. `checks/exercises` is left out:
`make killrate` holds what is in there.
"""

import argparse
import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "_build" / "mutants"
PACKAGES = ("bnlib", "bncourse")
PARTS = [p.stem for p in sorted(ROOT.glob("bn*/[!_]*")) if p.suffix != ".typed"]
COMPILED = {"kernels", "passes"}  # loops run as Python: compiled ones would call mutmut
TESTED_WITH = {"kernels": "passes", "models": "layers"}  # a part whose tests are another's
FUZZED = {"arguments", "axes", "functional", "stats"}  # by tests/bnlib/fuzz, too
WORDED = ("functional", "layers", "stats", "whitening")  # whose tests hold the errors' words
# Tests that are slow in Python, or that torch cannot trace through mutmut's wrappers.
LEFT_OUT = {"kernels": "numerics", "passes": "numerics", "torch_layers": "export"}
BOXED = "batch|class|sandbox|sheets"  # tests of grading that need more than the copy holds
KILLED = {"killed", "timeout", "segfault"}
# A change of only the case or the marks of one text of several words.
WORDING = re.compile(r'(.*)"([^"]*\S [^"]*\S[^"]*)"(.*) → \1"(?:XX)?(?i:\2)(?:XX)?"\3')
CONFTEST = '\nimport mutating  # registers the profile\n\nsettings.load_profile("mutants")\n'


def covers(reason: dict, function: str, change: str) -> bool:
    """Say whether a table [[reason]] of tests/mutants.toml holds for one survivor."""
    texts = reason.get("changes", ["*"])
    return (
        fnmatchcase(function, reason.get("where", "*"))
        and (not reason.get("wording") or WORDING.fullmatch(change) is not None)
        and (change in texts or any(fnmatchcase(change, text) for text in texts))
    )


def place(module: str) -> str:
    """Return where a module stands, as bnlib/stats/merging; end where there is none."""
    for path in (f"{package}/{module.replace('.', '/')}" for package in PACKAGES):
        if (ROOT / path).is_dir() or (ROOT / f"{path}.py").is_file():
            return path
    raise SystemExit(f"expected one of {', '.join(PARTS)}, or as stats.merging, got {module}")


def tests_of(module: str) -> list[str]:
    """Return pytest's arguments: the folders or files of the tests that mutants meet."""
    package, part, *_ = place(module).split("/")
    if package == "bncourse":
        files = sorted(path.name for path in ROOT.glob(f"tests/course/test_{part}*.py"))
        return [f"tests/course/{name}" for name in files if not re.search(BOXED, name)]
    chosen = [f"tests/bnlib/{TESTED_WITH.get(part, part)}"]
    chosen += ["tests/bnlib/fuzz"] if part in FUZZED else []
    chosen += [f"tests/bnlib/{name}" for name in WORDED] if part == "arguments" else []
    return chosen + ([f"--ignore-glob=*_{LEFT_OUT[part]}.py"] if part in LEFT_OUT else [])


def undecorated(source: str) -> str:
    """Turn decorators of functions into assignments behind them.

    It comes to the same, and mutmut leaves decorated functions alone.
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body] + [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        names = [ast.unparse(node) for node in function.decorator_list]
        if not names or {"staticmethod", "classmethod"} & set(names):
            continue  # mutmut knows these
        wrapped = "(".join([*names, function.name]) + ")" * len(names)
        indent = " " * function.col_offset
        lines.insert(function.end_lineno, f"{indent}{function.name} = {wrapped}")
        del lines[function.decorator_list[0].lineno - 1 : function.lineno - 1]
    return "\n".join(lines) + "\n"


def settings(module: str) -> str:
    """Return pyproject.toml for one module: which files to mutate, which tests to run."""
    own = f'only_mutate = ["{place(module)}*"]\n'
    own += 'do_not_mutate = ["bncourse/checks/exercises/*"]\n'
    own += f"pytest_add_cli_args_test_selection = {tests_of(module)}\n"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return text.replace("[tool.mutmut]\n", f"[tool.mutmut]\n{own}")


def copy_project(module: str, folder: Path) -> None:
    """Copy what the tests of a module need, with its settings, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.png", "*.svg")
    for name in (*PACKAGES, "tests", "book", "chapters"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for path in [path for name in PACKAGES for path in (folder / name).rglob("*.py")]:
        path.write_text(undecorated(path.read_text(encoding="utf-8")), encoding="utf-8")
    conftest = (ROOT / "conftest.py").read_text(encoding="utf-8")
    (folder / "conftest.py").write_text(conftest + CONFTEST, encoding="utf-8")
    (folder / "pyproject.toml").write_text(settings(module), encoding="utf-8")


def run(module: str, folder: Path) -> None:
    """Let mutmut change one module and try each change."""
    copy_project(module, folder)
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if module.partition(".")[0] in COMPILED:
        environment["NUMBA_DISABLE_JIT"] = "1"
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
    subprocess.run(command, cwd=folder, env=environment, check=True)


def collect(folder: Path) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Read what mutmut left: how many mutants of each status; each survivor with its change."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    counts: Counter[str] = Counter()
    survivors = []
    for path in (folder / "mutants").rglob("*.meta"):
        source = path.relative_to(folder / "mutants").with_suffix("")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            counts[status_by_exit_code[code]] += 1
            if status_by_exit_code[code] not in KILLED:
                with contextlib.chdir(folder):
                    diff = get_diff_for_mutant(name, path=source)
                survivors.append((function_of(name), one_line(diff)))
    return counts, sorted(survivors)


def function_of(mutant: str) -> str:
    """Return `bnlib.shapes.f` of mutmut's `bnlib.shapes.x_f__mutmut_3`."""
    module, _, name = mutant.rpartition("__mutmut_")[0].rpartition(".")
    return f"{module}.{name.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"


def one_line(diff: str) -> str:
    """Return a unified diff as `old → new`."""
    lines = diff.splitlines()[2:]
    sides = [" ".join(row[1:].strip() for row in lines if row[:1] == mark) for mark in "-+"]
    return " → ".join(sides)


def faults(module: str, survivors: list[tuple[str, str]], reasons: list[dict]) -> Iterator[str]:
    """Yield every survivor without a reason, and the module's reasons without a survivor."""
    for function, change in survivors:
        if not any(covers(reason, function, change) for reason in reasons):
            yield f"{function}: no test finds this and no reason is given: {change}"
    name = place(module).replace("/", ".") + "."
    for reason in reasons:
        about = reason.get("where", "*")
        if about.startswith(name) and not any(covers(reason, *pair) for pair in survivors):
            yield f"{about}: this reason covers nothing: {reason['why']}"


def main(arguments: list[str] | None = None) -> int:
    """Run the modules that are named, or all; return 1 if a survivor has no reason."""
    parser = argparse.ArgumentParser(prog="book/tools/mutants.py", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"as stats.merging; {', '.join(PARTS)}")
    modules = parser.parse_args(arguments).modules or PARTS
    list(map(place, modules))  # all of them are there
    reasons = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text("utf-8"))["reason"]
    missing: list[str] = []
    for module in modules:
        run(module, WORK / module)
        counts, survivors = collect(WORK / module)
        missing += faults(module, survivors, reasons)
        print(f"\n{module}: {dict(counts)}")
    print(*missing, sep="\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
