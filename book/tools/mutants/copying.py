"""The copy of the project that mutmut works on: one folder for each part of bnlib.

mutmut leaves decorated functions alone. In the copy each decorator is therefore an
assignment behind its function, which comes to the same.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTS = {  # part of bnlib: the names of its tests, without test_ and .py
    "shapes": ["shapes*", "fuzz_refusals"],
    "stats": ["stats*", "fuzz_statistics", "fuzz_refusals"],
    "whitening": ["whitening*"],
    "functional": ["functional*", "double_backward*", "fuzz", "fuzz_arguments"],
    "gradcheck": ["gradcheck*"],
    "layers": [
        "layers*",
        "conv",
        "conv_*",
        "batch_norm_layer*",
        "state",
        "training",
        "fuzz_layer",
    ],
    "deploy": ["deploy*", "fold*", "recalibrate*"],
    "convert": ["convert*"],
    "kernels": [
        "kernels",
        "kernels_faults",
        "kernels_mutants",
        "kernels_parts",
        "kernels_tasks",
    ],
    "torch_layers": ["torch_*"],
    "checks": ["checks*"],
    "checks/exercises": ["killrate"],  # hours; see ASKED
    "grading": [  # those that need no sandbox
        "grading_rebuild",
        "grading_child*",
        "grading_command",
        "grading_gradebook",
        "grading_marking",
        "grading_sandbox",
        "grading_sheets",
    ],
    "data": ["data*"],
    "models": ["models*"],
    "train": ["train*", "fit*", "progress*"],
    "plots": ["plots*"],
}
ASKED = {"checks/exercises"}  # run only if asked for
OTHERS = ["book/tools/*.py", "tests/course/answers/*.py", "book/sheets/*.ipynb"]
CACHED = {"kernels", "torch_layers"}  # modules that use functools.cache
CONFTEST = """
# No shrinking, since one failure is enough; plain ids, which pytest finds again.
import sys
import warnings

from _pytest.python import IdMaker
from hypothesis import Phase

settings.register_profile(
    "mutants", settings.get_profile("book"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("mutants")
IdMaker.make_unique_parameterset_ids = lambda self: [
    str(number) for number in range(len(self.parametersets))
]


def warn(message, category=None, stacklevel=1):  # mutmut adds frames
    frame, level = sys._getframe(), 1
    while stacklevel and frame.f_back:
        frame, level = frame.f_back, level + 1
        stacklevel -= "trampoline" not in frame.f_code.co_filename
    warn.original(message, category, stacklevel=level)


warn.original = getattr(warnings.warn, "original", warnings.warn)
warnings.warn = warn
"""


def undecorated(source: str) -> str:
    """Turn decorators of functions into assignments behind them."""
    lines = source.splitlines()
    tree = ast.parse(source)
    bodies = [tree.body] + [it.body for it in tree.body if isinstance(it, ast.ClassDef)]
    functions = [it for body in bodies for it in body if isinstance(it, ast.FunctionDef)]
    for function in sorted(functions, key=lambda it: -it.lineno):
        names = [ast.unparse(it) for it in function.decorator_list]
        if not names or {"staticmethod", "classmethod"} & set(names):
            continue  # mutmut knows these
        wrapped = function.name
        for name in reversed(names):
            wrapped = f"{name}({wrapped})"
        end = function.end_lineno or function.lineno
        lines.insert(end, " " * function.col_offset + f"{function.name} = {wrapped}")
        del lines[function.decorator_list[0].lineno - 1 : function.lineno - 1]
    return "\n".join(lines) + "\n"


def settings(module: str) -> str:
    """Return pyproject.toml for one module: which files to mutate, which tests to run."""
    tests = {it for name in TESTS[module] for it in (ROOT / "tests").glob(f"test_{name}.py")}
    names = sorted(f"tests/{it.name}" for it in tests)
    parts = [f"bnlib/{it}/*" for it in TESTS if it.startswith(f"{module}/")]
    own = f'only_mutate = ["bnlib/{module}*"]\ndo_not_mutate = {parts}\n'
    own += f"pytest_add_cli_args_test_selection = {names}\n"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if module in CACHED:  # no mutant may find what the suite has put there before
        text = text.replace('process_isolation = "fork"', 'process_isolation = "forkserver"')
    text = text.replace("also_copy = [", 'also_copy = ["book", "chapters", ')
    return text.replace("[tool.mutmut]\n", f"[tool.mutmut]\n{own}")


def copy_project(module: str, folder: Path) -> None:
    """Copy the package, the tests and the settings; a file that is the same stays."""
    conftest = (ROOT / "conftest.py").read_text(encoding="utf-8")
    texts = {"pyproject.toml": settings(module), "conftest.py": conftest + CONFTEST}
    for path in [*(ROOT / "bnlib").rglob("*.py"), *(ROOT / "tests").glob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        texts[name] = undecorated(text) if name.startswith("bnlib/") else text
    others = [path for pattern in OTHERS for path in ROOT.glob(pattern)]
    for path in [*(ROOT / "bnlib").rglob("*.json"), *others]:
        texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
    for old in [*(folder / "tests").glob("*.py"), *(folder / "bnlib").rglob("*.py")]:
        if old.relative_to(folder).as_posix() not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
