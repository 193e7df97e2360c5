"""Run a reader's cells in a fresh namespace, and say what came of it.

The page's worker executes this file inside Pyodide. It is plain Python: with jobs as JSON
on its standard input it runs them anywhere, with no package that the page does not have.
"""

import ast
import builtins
import contextlib
import contextvars
import functools
import io
import json
import linecache
import math
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from typing import Any

PACKAGES = ("numpy", "bnlib", "bncourse")  # what the page has beside the standard library
MOST, LONGEST = 20_000, 4_000  # characters of output, of one error
PAUSE = 0.1  # seconds between two texts
ELSEWHERE = "{} does not run in the page: use JupyterLab or Colab"
MISSING = object()
untrace = sys.settrace
# From here on this file has builtins of its own: what answers do to theirs is put back.
globals().update({k: v for k, v in vars(builtins).items() if not k.startswith("__")})


class Output(io.TextIOBase):
    """What stands for stdout and stderr: texts go to ``emit``, few a second, not too many."""

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


class Kept:
    """What modules held at one time: their names, classes, functions, lists and dicts.

    Modules of others, which ours import, keep their names only.
    """

    def __init__(self, modules: Iterable[types.ModuleType]) -> None:
        self.seen: dict[int, Any] = {}
        self.dicts: list[tuple[dict, dict]] = []
        self.lists: list[tuple[list, list]] = []
        self.arrays: list[tuple[Any, Any]] = []
        self.traits: list[tuple[Any, dict]] = []
        self.modules = dict(sys.modules)
        waiting: list[Any] = list(modules)[::-1]
        while waiting:
            thing = waiting.pop()
            if id(thing) not in self.seen:
                self.seen[id(thing)] = thing
                waiting.extend(self.keep(thing))

    def keep(self, thing: Any) -> list[Any]:
        """Note what can be changed in ``thing``; return what else to look at."""
        kind, ours = type(thing), is_ours(getattr(thing, "__module__", None))
        if isinstance(thing, types.ModuleType):
            deep = is_ours(thing.__name__)
            self.dicts.append((vars(thing), held := dict(vars(thing))))
            return list(held.values()) if deep else []
        if isinstance(thing, type):
            if not ours or not thing.__flags__ & 1 << 9:  # of C: nothing can be set
                return []
            self.traits.append((thing, held := dict(vars(thing))))
            return list(held.values())
        if kind is types.FunctionType:
            names = ("__code__", "__defaults__", "__kwdefaults__")
            self.traits.append((thing, {name: getattr(thing, name) for name in names}))
            return [vars(thing)] if vars(thing) else []
        if kind is dict:
            self.dicts.append((thing, held := dict(thing)))
            return list(held.values())
        if kind is list:
            self.lists.append((thing, list(thing)))
        if kind.__name__ == "ndarray" and thing.size < MOST:
            self.arrays.append((thing, thing.copy()))
        if kind in (list, tuple):
            return list(thing)
        if kind is types.MappingProxyType:
            return list(thing.values())
        if kind in (property, staticmethod, classmethod):
            return [getattr(thing, n, None) for n in ("fget", "fset", "__func__")]
        return [vars(thing)] if is_ours(kind.__module__) and hasattr(thing, "__dict__") else []

    def put_back(self) -> None:
        """Undo all changes since; submodules that were imported meanwhile stay."""
        for held, kept in self.dicts:
            for name in [name for name in held if name not in kept]:
                if not isinstance(held[name], types.ModuleType):
                    del held[name]
            for name, value in kept.items():
                if held.get(name, MISSING) is not value:
                    held[name] = value
        for thing, traits in self.traits:
            if isinstance(thing, type):
                added = [n for n in vars(thing) if n not in traits and n[:7] != "__annot"]
                for name in added:
                    type.__delattr__(thing, name)
            for name, value in traits.items():
                now = vars(thing).get(name) if isinstance(thing, type) else getattr(thing, name)
                if now is not value:
                    setattr(thing, name, value)
        for row, kept_row in self.lists:
            if len(row) != len(kept_row) or any(map(differ, row, kept_row)):
                row[:] = kept_row
        for array, copy in self.arrays:
            if array.tobytes() != copy.tobytes():
                array[...] = copy
        for name in [name for name in sys.modules if name not in self.modules]:
            if not name.startswith("numpy."):  # its parts of C cannot be loaded twice
                del sys.modules[name]
        sys.modules.update(self.modules)


def is_ours(module: Any) -> bool:
    """Return whether a module is one whose contents are put back."""
    return str(module).split(".")[0] in (*PACKAGES, "builtins", "math")


def differ(a: Any, b: Any) -> bool:
    """Return whether these are two objects."""
    return a is not b


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


def prepare() -> Kept:
    """Load what answers need, and note what it holds."""
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
    builtins.input = no_input
    modules = {name: module for name, module in sys.modules.items() if is_ours(name)}
    return Kept([builtins, math, *modules.values()])


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
    try:
        exec(compile(tree, name, "exec"), scope)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), scope)
            if value is not None:
                print(repr(value))
    finally:
        untrace(None)


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
    """Run cells in order; say how it ended: "right", "not yet" or "error"."""
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
            KEPT.put_back()  # what writes the text may have been changed, too
            OUTPUT.left = MOST
            OUTPUT.write(told(error, names))
            return "not yet" if hasattr(error, "_render_traceback_") else "error"
        finally:
            OUTPUT.flush()
    return "right"


def run(cells: Iterable[tuple[str, str, bool]], emit: Callable[[str], Any]) -> str:
    """Run cells in a fresh namespace; nothing of earlier runs is left.

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
    KEPT.put_back()
    out, err = contextlib.redirect_stdout(OUTPUT), contextlib.redirect_stderr(OUTPUT)
    with warnings.catch_warnings(), out, err:
        return contextvars.copy_context().run(outcome, cells, emit)


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
KEPT = prepare()
if __name__ == "__main__":
    main()
