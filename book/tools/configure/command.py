"""Work out the new text of each file first, then write those that differ.

`make configure REPO=owner/name` sets or changes the address, `make configure UNSET=1` takes
it away. `make configure` alone copies `book/bootstrap.py` into chapters and sheets.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from configure.rewriting import with_cell, with_region, with_repository
from configure.texts import TEXTS, address

ROOT = Path(__file__).resolve().parents[3]
BOOTSTRAP = "book/bootstrap.py"
NOTEBOOKS = ("chapters/*.ipynb", "book/sheets/*.ipynb", "chapters/exercises/*.ipynb")
UNSET: Mapping[str, str] = {}


class Edits:
    """The texts of the files below ``root``, changed in memory until they are written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.old: dict[Path, bytes] = {}
        self.new: dict[Path, bytes] = {}

    def edit(self, name: str, change: Callable[..., str], *arguments: str) -> str:
        """Apply ``change(text, *arguments)`` to a file's text, and return the result."""
        path = self.root / name
        if path not in self.old:
            self.old[path] = self.new[path] = path.read_bytes()
        try:
            text = change(self.new[path].decode(), *arguments)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        self.new[path] = text.encode()
        return text

    def write(self) -> list[Path]:
        """Write the files that differ and return them; after an error none differs."""
        changed = [path for path, new in self.new.items() if new != self.old[path]]
        try:
            for path in changed:
                path.write_bytes(self.new[path])
        except OSError:
            for path in changed:
                if path.read_bytes() != self.old[path]:
                    path.write_bytes(self.old[path])
            raise
        return changed


def update(root: Path, to: Mapping[str, str] | None = None) -> list[Path]:
    """Set the address ``to``, or remove it with ``UNSET``; refresh the bootstrap cells.

    Returns
    -------
    list of Path
        The files that changed. With ``to=None`` the address stays what it is.
    """
    edits = Edits(root)
    if to is not None:
        edits.edit(BOOTSTRAP, with_repository, to.get("repo", ""))
        for name, regions in TEXTS.items():
            for region, (without, text) in regions.items():
                edits.edit(name, with_region, region, text.format(**to) if to else without)
    source = edits.edit(BOOTSTRAP, str)
    for pattern in NOTEBOOKS:
        for path in sorted(root.glob(pattern)):
            edits.edit(path.relative_to(root).as_posix(), with_cell, source)
    return edits.write()


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="configure", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repo", help="the book's repository on GitHub, as owner/name")
    which.add_argument("--unset", action="store_true", help="remove the address")
    parser.add_argument("--site", help="where the book stands, if not on GitHub Pages")
    given = parser.parse_args(argv)
    try:
        to = UNSET if given.unset else None
        if given.repo is not None:
            to = address(given.repo, given.site)
        elif given.site is not None:
            raise ValueError("--site: needs the repository too; give REPO=... and SITE=...")
        changed = update(root, to)
    except (ValueError, OSError) as error:
        print(f"configure: {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(f"changed {path.relative_to(root)}")
    print(f"{len(changed)} files changed")
    return 0
