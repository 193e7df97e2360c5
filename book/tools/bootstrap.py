"""Copy `book/bootstrap.py` into the first code cell of every chapter.

With `--repo owner/name` the address is first written into `book/bootstrap.py`, the one
place that holds it. `make configure REPO=owner/name` calls this file.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "bootstrap"
CONSTANT = re.compile(r'^REPOSITORY = "[^"]*"$', re.MULTILINE)
# GitHub: letters, digits and single hyphens for the owner; dot and underscore in the name.
ADDRESS = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")


def with_repository(source: str, repo: str) -> str:
    """Return the bootstrap cell's source with ``repo`` in its constant ``REPOSITORY``.

    Raises
    ------
    ValueError
        If ``repo`` is not of the form owner/name, or ``source`` lacks the constant.
    """
    if not ADDRESS.fullmatch(repo) or repo.endswith(("/.", "/..", ".git")):
        raise ValueError(
            f"--repo: expected owner/name as on GitHub, got {repo!r}; "
            "give it without https:// and without .git"
        )
    source, count = CONSTANT.subn(f'REPOSITORY = "{repo}"', source)
    if count != 1:
        raise ValueError(f'bootstrap.py: expected one line REPOSITORY = "...", found {count}')
    return source


def as_stored(notebook: dict) -> str:
    """Return the text of a notebook as nbformat writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def with_cell(text: str, source: str) -> str:
    """Return a notebook's text with ``source`` in the cell tagged `bootstrap`.

    Raises
    ------
    ValueError
        If not exactly one code cell has the tag, or other bytes would change too.
    """
    notebook = json.loads(text)
    if as_stored(notebook) != text:
        raise ValueError("not stored as nbformat writes it; run `make run` first")
    cells = [c for c in notebook["cells"] if TAG in c["metadata"].get("tags", [])]
    if len(cells) != 1 or cells[0]["cell_type"] != "code":
        raise ValueError(f"expected one code cell tagged {TAG!r}, found {len(cells)}")
    cells[0]["source"] = source.strip().splitlines(keepends=True)
    return as_stored(notebook)


def update(root: Path, repo: str | None = None) -> list[Path]:
    """Set the address if one is given, refresh the chapters, and return what changed."""
    bootstrap = root / "book" / "bootstrap.py"
    source = bootstrap.read_text(encoding="utf-8")
    new = {bootstrap: source if repo is None else with_repository(source, repo)}
    for chapter in sorted((root / "chapters").glob("*.ipynb")):
        try:
            new[chapter] = with_cell(chapter.read_text(encoding="utf-8"), new[bootstrap])
        except ValueError as error:
            raise ValueError(f"chapters/{chapter.name}: {error}") from error
    # Written only now, so that an error leaves every file as it was.
    changed = [f for f, text in new.items() if f.read_text(encoding="utf-8") != text]
    for file in changed:
        file.write_text(new[file], encoding="utf-8")
    return changed


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Refresh the chapters' first code cell.")
    parser.add_argument("--repo", help="the book's repository on GitHub, as owner/name")
    arguments = parser.parse_args(argv)
    try:
        changed = update(ROOT, arguments.repo)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for file in changed:
        print(f"changed {file.relative_to(ROOT)}")
    print(f"{len(changed)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
