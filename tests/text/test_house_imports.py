"""bnlib and bncourse flow one way, stay small, and import nothing that they do not need."""

import ast
import graphlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling import build
from house import MODULES, ROOT, report

MAP = (ROOT / "book" / "read_bnlib.md").read_text(encoding="utf-8")
# Each module imports only from those before it; for readers, the order is a table of a page.
ORDER = {
    "bnlib": re.findall(r"(?m)^\| \[`(\w+)`\]\(api/\1\.md\) \|", MAP),
    "bncourse": ["checks", "grading"],
}
# `import bnlib` gives these at most: the core that needs NumPy alone.
CORE = ORDER["bnlib"][: ORDER["bnlib"].index("kernels")]
# Who may import what, besides NumPy and the standard library.
OUTSIDE = {
    "numba": ["passes"],
    "torch": ["torch_layers", "processes", "checks"],  # checks in functions alone
    "sklearn": ["data"],
    "joblib": ["train"],
    "tqdm": ["train"],
    "nbgrader": ["grading"],
    "traitlets": ["grading"],  # behind nbgrader
    "nbformat": ["grading"],  # behind nbgrader
    "nbconvert": ["grading"],  # behind nbgrader
    "mistune": ["grading"],  # behind nbconvert
    "jinja2": ["grading"],  # behind nbconvert
    "own_exercises": ["checks"],  # a course's own, where there is such a file
    "IPython": ["grading"],  # in the sandbox, where it is there
    "matplotlib": ["plots"],
}
IMPORT = """
import json, sys, time
import numpy
before, start = set(sys.modules), time.process_time()
import bnlib
seconds = time.process_time() - start
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([sorted(new - set(sys.stdlib_module_names)), seconds]))
"""


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything imported, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield node.lineno, str(ast.literal_eval(node.args[0]))


def import_faults(package: str, module: str, source: str) -> Iterator[str]:
    """Yield the imports of one module that go upwards or outside.

    A module that has grown into a package may import from itself.
    """
    order = ORDER[package]
    within = CORE if package == "bnlib" else []
    below = within if module == "__init__" else order[: order.index(module)]
    allowed = {"bnlib": ["axes"], package: [*below, "__version__"]}
    for line, dotted in imports(source):
        top, inner, *deeper = [*dotted.split("."), ""]
        own = top == package and len(deeper) > 1 and inner == module
        if top in ORDER and inner not in allowed.get(top, []) and not own:
            yield f"line {line}: imports {top}.{inner}; {module} may import {allowed}"
        elif top == "":
            yield f"line {line}: a relative import; write from {package}... import ..."
        elif top in OUTSIDE and module not in OUTSIDE[top]:
            yield f"line {line}: imports {top}, which only {OUTSIDE[top]} may"
        elif top not in {*ORDER, "numpy", *OUTSIDE, *sys.stdlib_module_names}:
            yield f"line {line}: imports {top}, which {package} does not depend on"


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return which files of bnlib each file imports; both by dotted name."""
    found = {}
    for name, source in sources.items():
        parts = [dotted.split(".") for _, dotted in imports(source)]
        prefixes = [[".".join(p[:n]) for n in range(len(p), 0, -1)] for p in parts]
        nearest = (next((q for q in p if q in sources), None) for p in prefixes)
        found[name] = {target for target in nearest if target not in {None, *ORDER}}
    return found


def code_lines(node: ast.FunctionDef, source: str) -> int:
    """Count the lines of a function's body: no docstring, blanks or comments."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = source.splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def size_faults(source: str) -> Iterator[str]:
    """Yield what is too long in one module."""
    length = len(source.splitlines())
    if length > 500:
        yield f"has {length} lines, at most 500; split it by subject"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (count := code_lines(node, source)) > 25:
            yield f"line {node.lineno}: {node.name} has {count} lines of code, at most 25"


def deep_classes(sources: list[str]) -> list[str]:
    """Return the classes that inherit from a subclass of another of these classes."""
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    bases = {c.name: {ast.unparse(b).rpartition(".")[2] for b in c.bases} for c in classes}
    # A twin of torch's class has its name, which is none of ours.
    parents = {name: (above & set(bases)) - {name} for name, above in bases.items()}
    return [name for name, above in parents.items() if any(parents[p] for p in above)]


def dotted_name(path: Path) -> str:
    """Return the name that a file of bnlib is imported by."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {dotted_name(path): path.read_text(encoding="utf-8") for path in MODULES}
each_module = pytest.mark.parametrize("name", SOURCES)


@each_module
def test_module_is_in_the_order_and_imports_downwards(name):
    package, module = [*name.split("."), "__init__"][:2]
    assert module in {*ORDER[package], "__init__"}, (
        f"{name}: give {module} a row in book/read_bnlib.md"
    )
    faults = list(import_faults(package, module, SOURCES[name]))
    assert not faults, report(name, faults)


def test_the_map_shows_every_module_and_no_other():
    modules = {name.split(".")[1] for name in SOURCES if name.startswith("bnlib.")}
    assert sorted(ORDER["bnlib"]) == sorted(modules)


def test_no_file_imports_itself_through_others():
    graphlib.TopologicalSorter(graph(SOURCES)).prepare()  # CycleError names the files


@each_module
def test_module_is_short(name):
    faults = list(size_faults(SOURCES[name]))
    assert not faults, report(name, faults)


def test_inheritance_is_at_most_one_deep():
    deep = deep_classes(list(SOURCES.values()))
    assert not deep, f"bnlib: these classes inherit through two levels: {deep}"


def test_import_bnlib_loads_numpy_alone_and_is_fast():
    """CPU time, not wall time: a busy machine does not slow it down."""
    command = [sys.executable, "-c", IMPORT]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    packages, seconds = json.loads(run.stdout)
    assert set(packages) <= {"bnlib", "numpy"}, f"`import bnlib` also imports {packages}"
    assert seconds < 0.3, f"`import bnlib` took {seconds:.2f} s beyond numpy"


def test_checks_import_numpy_alone():
    """They are to run where PyTorch is not installed."""
    command = [sys.executable, "-c", IMPORT.replace("import bnlib", "import bncourse.checks")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(json.loads(run.stdout)[0]) & {*OUTSIDE, "bncourse"} == {"bncourse"}


def test_wheel_is_typed_and_holds_the_two_packages_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {path.relative_to(ROOT).as_posix() for path in MODULES} | {
        "bnlib/py.typed",
        "bncourse/py.typed",
        "bnlib/data/measured.json",
    }
    assert names == expected
