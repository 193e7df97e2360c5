"""What the house rules look at: the project's files and the chapters' cells."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
SHEETS = sorted((ROOT / "book" / "sheets").glob("*.ipynb"))  # with solutions
PACKAGES = ("bnlib", "bncourse")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
NOT_OURS = re.compile(
    r"(?:^|/)(?:_build|__pycache__|\.[a-z_-]+_cache|\.venv|\.git|\.hypothesis)/"
)
Cell = tuple[str, NotebookNode, str]


def project_files() -> list[str]:
    """Return the files that git does not ignore; where git cannot say, the work tree's."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        names = answer.stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        paths = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*"))
        names = [name for name in paths if not NOT_OURS.search(name)]
    return sorted(name for name in names if (ROOT / name).is_file())


def read_notebook(path: Path) -> NotebookNode:
    """Return a notebook as it is stored, nothing upgraded or repaired."""
    return nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))


def joined(text: str | list[str]) -> str:
    """Return a cell's source or output as one string; files may hold a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def cells(notebook: NotebookNode, kind: str = "code") -> Iterator[Cell]:
    """Yield (name for messages, cell, source) of each cell of one kind."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == kind:
            yield f"cell {number} ({cell.get('id', 'no id')})", cell, joined(cell.source)


def tags(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return list(cell.metadata.get("tags", []))


def as_taught(tree: ast.AST) -> ast.AST:
    """Remove docstrings and the annotations of functions, in place.

    A dataclass keeps its annotations: there they make the fields.
    """
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return tree


def report(where: str, faults: list[str]) -> str:
    """Return the message of a failed house rule."""
    return f"\n{where} breaks a house rule:\n" + "\n".join(f"  - {fault}" for fault in faults)
