"""The files that `make configure` writes, in a folder of their own."""

import shutil
import sys
from pathlib import Path

from house import ROOT

sys.path.append(str(ROOT / "book" / "tools"))

from configure import command
from configure.texts import TEXTS, address

CHAPTER = "chapters/04_batch_norm.ipynb"
SHEET = "chapters/exercises/04_batch_norm.ipynb"
SOURCE = "book/sheets/04_batch_norm.ipynb"
FILES = [command.BOOTSTRAP, *TEXTS, CHAPTER, SHEET, SOURCE]
OURS = address("owner/name")


def copy_files(folder: Path) -> Path:
    """Copy the files as they are here, with one chapter and one sheet."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return each file's bytes."""
    return {name: (folder / name).read_bytes() for name in FILES}


def text(folder: Path, name: str) -> str:
    """Return one file's text."""
    return (folder / name).read_text(encoding="utf-8")
