"""Run a reader's cells in a fresh namespace, and say what came of it.

The page executes this file inside Pyodide, once, and begins every run with the memory as it
was then. It is plain Python: with jobs as JSON on its standard input it runs them anywhere,
with no package that the page does not have; there, what a job changes in modules stays.
"""

import ast
import builtins
import functools
import io
import json
import linecache
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from typing import Any

PACKAGES = ("numpy", "bnlib", "bncourse")  # what the page has beside the standard library
MOST, LONGEST = 20_000, 4_000  # characters of output, of one error
PAUSE = 0.1  # seconds between two texts
ELSEWHERE = "{} does not run in the page: use JupyterLab or Colab"


class Output(io.TextIOBase):
    """What stands for stdout and stderr: texts go to ``emit``, few a second, not too many."""

    def __init__(self) -> None:
        self.begin(lambda _: None)

    def begin(self, emit: Callable[[str], Any]) -> None:
        """Start anew."""
        self.emit, self.parts, self.left, self.last = emit, [], MOST, 0.0

    def write(self, text: str) -> int:
        """Take a text; cut what is too long."""
        if self.left > 0:
            self.parts.append(text[: self.left])
            if len(text) > self.left:
                self.parts.append("\n... the rest of the output is not shown\n")
            self.left -= len(text)
            if time.monotonic() - self.last > PAUSE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Give away what is there."""
        if text := "".join(self.parts):
            self.last, self.parts = time.monotonic(), []
            self.emit(text)

    def close(self) -> None:
        """Stay open: the next run needs it."""


class Absent:
    """What a name stands for whose module the page does not have."""

    def __init__(self, module: str) -> None:
        self.__dict__["module"] = module

    def __getattr__(self, name: str) -> Any:
        raise ModuleNotFoundError(ELSEWHERE.format(self.module), name=self.module)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Say what is missing."""
        raise ModuleNotFoundError(ELSEWHERE.format(self.module), name=self.module)


def guard(solve: Callable[..., Any], complain: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of linear algebra complain where it returns NaN for finite numbers.

    WebAssembly has no floating point flags, from which NumPy knows a singular matrix.
    """
    from numpy import isfinite, isnan

    @functools.wraps(solve)
    def guarded(*arrays: Any, **options: Any) -> Any:
        solution = solve(*arrays, **options)
        if isnan(solution).any() and all(isfinite(a).all() for a in arrays):
            complain(None, None)  # NumPy's own, which raises: judges look at who did
        return solution

    return guarded


def no_input(*_: Any) -> None:
    """Stand in for `input`."""
    raise RuntimeError("input() has nobody to ask here: write the value into your code")


def no_loop(*_: Any, **__: Any) -> None:
    """Stand for what calls a function later: after its run nothing may be left of an answer."""
    raise RuntimeError("asyncio has no loop here: call your function itself")


def prepare() -> None:
    """Load what answers need, and take what they print."""
    from numpy import linalg
    from numpy.linalg import _linalg

    import bncourse.checks  # noqa: F401

    if sys.platform == "emscripten":
        complaints = {"inv": "singular", "solve": "singular", "cholesky": "nonposdef"}
        for name, what in complaints.items():
            complain = getattr(_linalg, f"_raise_linalgerror_{what}")
            guarded = guard(getattr(linalg, name), complain)
            setattr(linalg, name, guarded)
            setattr(_linalg, name, guarded)
        sys.modules["pyodide.webloop"].WebLoop.call_later = no_loop
    builtins.input = no_input
    sys.stdout = sys.stderr = OUTPUT


def told(error: BaseException, names: set[str]) -> str:
    """Return what a notebook shows of an error, without the lines that are not the reader's."""
    if hasattr(error, "_render_traceback_"):
        return "\n".join(error._render_traceback_())
    trace = traceback.TracebackException.from_exception(error, compact=True)
    part: Any = trace
    while part:
        part.stack = traceback.StackSummary.from_list(
            [frame for frame in part.stack if frame.filename in names]
        )
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    text = "".join(trace.format())
    if isinstance(error, ModuleNotFoundError) and "does not run" not in text:
        text += ELSEWHERE.format(error.name) + "\n"
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + "\n...\n" + text[-LONGEST // 2 :]
    return text


def execute(name: str, source: str, scope: dict[str, Any], shown: bool) -> None:
    """Run one cell; show the value of its last line as a notebook does."""
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    tree = ast.parse(source, name)
    last = tree.body[-1] if shown and tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, name, "exec"), scope)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), scope)
        if value is not None:
            print(repr(value))


def execute_quietly(name: str, source: str, scope: dict[str, Any]) -> None:
    """Run a cell that only prepares: import what is there, pass over what fails."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return
    for node in body:
        try:
            execute(name, ast.unparse(node), scope, False)
        except ImportError as error:
            for alias in getattr(node, "names", ()):
                bound = alias.asname or alias.name.split(".")[0]
                scope[bound] = Absent(str(error.name).split(".")[0])
        except BaseException:  # an earlier answer: it must not hide this one's verdict
            return


def outcome(cells: Iterable[tuple[str, str, bool]], emit: Callable[[str], Any]) -> str:
    """Run cells in order; say how it ended."""
    scope = sys.modules["__main__"] = types.ModuleType("__main__")
    names: set[str] = set()
    for name, source, shown in cells:
        OUTPUT.begin(emit if shown else lambda _: None)
        try:
            if not shown:
                execute_quietly(name, source, vars(scope))
                continue
            names.add(name)
            execute(name, source, vars(scope), True)
        except BaseException as error:
            OUTPUT.left = MOST
            OUTPUT.write(told(error, names))
            return "not yet" if hasattr(error, "_render_traceback_") else "error"
        finally:
            OUTPUT.flush()
    return "right"


def run(cells: Iterable[tuple[str, str, bool]], emit: Callable[[str], Any]) -> str:
    """Run cells in a fresh namespace.

    Parameters
    ----------
    cells : iterable of (name, source, shown)
        A cell that is not shown only prepares: its output and its errors are passed over.
    emit : callable
        Gets the output, a text at a time.

    Returns
    -------
    str
        "right" if all ran, "not yet" if a check says what is wrong, else "error".
    """
    try:
        return outcome(cells, emit)
    except:  # noqa: E722 - BaseException itself may be gone, as all that `told` needs
        emit("An error that cannot be shown: the code changed what Python needs for it.\n")
        return "error"


class Only(MetaPathFinder):
    """Refuse what the page does not have."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Raise for a package of others."""
        root = name.split(".")[0]
        if root not in (*PACKAGES, *sys.stdlib_module_names):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    """Read a list of jobs, each a list of cells; write the outcomes and the texts."""
    jobs, results = json.load(sys.stdin), []
    for cells in jobs:
        texts: list[str] = []
        results.append([run(cells, texts.append), "".join(texts)])
    json.dump(results, sys.__stdout__)


if __name__ == "__main__":
    sys.meta_path.insert(0, Only())
OUTPUT = Output()
prepare()
if __name__ == "__main__":
    main()
