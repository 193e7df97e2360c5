"""bnlib and bncourse flow one way, stay small, and import nothing that they do not need."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator

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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_is_in_the_order_imports_downwards_and_is_short(path):
    source = path.read_text(encoding="utf-8")
    package, module = path.relative_to(ROOT).with_suffix("").parts[:2]
    assert module in {*ORDER[package], "__init__"}, f"book/read_bnlib.md has no row {module}"
    faults = [*import_faults(package, module, source), *size_faults(source)]
    assert not faults, report(str(path), faults)


def test_the_map_shows_every_module_and_no_other():
    names = {path.stem for path in (ROOT / "bnlib").glob("[!_]*")} - {"py"}  # py.typed
    assert sorted(ORDER["bnlib"]) == sorted(names)


@pytest.mark.parametrize("module", ["bnlib", "bncourse.checks"])
def test_import_loads_numpy_alone_and_is_fast(module):
    """The checks run where PyTorch is not installed. CPU time: a busy machine is no slower."""
    command = [sys.executable, "-c", IMPORT.replace("bnlib", module)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    packages, seconds = json.loads(run.stdout)
    assert set(packages) & set(OUTSIDE) == set()
    assert seconds < 0.3 or module != "bnlib", f"`import bnlib` took {seconds:.2f} s"


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


REFUSED = [
    ("axes", "from bnlib.stats import mean_var"),
    ("stats", "from bnlib import batch_norm_train"),
    ("stats", "from .axes import x"),
    ("functional", "def f():\n    import torch.nn as nn"),
    ("train", "importlib.import_module('matplotlib.pyplot')"),
    ("data", "import pandas"),
    ("__init__", "import bnlib.plots"),
]
ALLOWED = [
    ("stats", "import numpy.typing as npt\nfrom bnlib.axes import Array"),
    ("layers", "from bnlib.layers.base import Layer"),
    ("torch_layers", "import torch"),
    ("plots", "import matplotlib.pyplot as plt\nfrom bnlib import __version__"),
    ("__init__", "from bnlib.functional import batch_norm_train"),
]


@pytest.mark.parametrize("case", REFUSED + ALLOWED, ids=str)
def test_imports_upwards_and_outside_are_refused_and_others_allowed(case):
    assert len(list(import_faults("bnlib", *case))) == (case in REFUSED)


def test_long_file_and_long_function_are_found():
    body = '    """One\n' + "    two\n" * 40 + '    """\n'
    assert list(size_faults("x = 1\n" * 500)) == []
    assert "501 lines" in next(size_faults("x = 1\n" * 501))
    assert list(size_faults("def f():\n" + body + "    x = 1\n\n    # why\n" * 25)) == []
    assert "f has 26 lines" in next(size_faults("def f():\n" + body + "    x = 1\n" * 26))
