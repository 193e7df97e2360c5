"""A copy of the book with few pages, which builds in seconds."""

import subprocess
import sys
from pathlib import Path

import yaml

KEPT = ("book/", "chapters/04_batch_norm")
LEFT_OUT = ("book/read_bnlib", "book/claims", "book/questions")  # long, or full of links


def shorten_book(folder, redirects):
    """Leave few pages in a copy of the book, and rename these and no others."""
    toc, config = (
        yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        for name in ("_toc.yml", "_config.yml")
    )
    for part in toc["parts"]:
        pages = [page for page in part["chapters"] if page["file"].startswith(KEPT)]
        part["chapters"] = [page for page in pages if not page["file"].startswith(LEFT_OUT)]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    config["sphinx"]["config"]["redirects"] = redirects
    for name, settings in (("_toc.yml", toc), ("_config.yml", config)):
        text = yaml.safe_dump(settings, sort_keys=False)
        (folder / name).write_text(text, encoding="utf-8")


def build(folder, *options):
    """Build a copy; return the finished process. Links to pages left out only warn."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", folder, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)
