"""A copy of the book with few pages, which builds in seconds."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from house import ROOT, project_files

KEPT = ("book/", "chapters/04_batch_norm")
LEFT_OUT = ("book/read_bnlib", "book/claims", "book/questions")  # long, or full of links


def kept(entry):
    """Say whether a page of the table of contents is among the few."""
    return entry["file"].startswith(KEPT) and not entry["file"].startswith(LEFT_OUT)


def merge(settings, changes):
    """Write changes into nested settings, in place."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(settings.get(key), dict):
            merge(settings[key], value)
        else:
            settings[key] = value


def edit(path, change):
    """Load a YAML file, let ``change`` work on it, and store it."""
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(settings)
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def shorten(toc):
    """Leave few pages in the table of contents, in place."""
    for part in toc["parts"]:
        part["chapters"] = list(filter(kept, part["chapters"]))
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]


def change(config, changes):
    """Write changes into the settings, in place; pages that are left out are not renamed."""
    config["sphinx"]["config"]["redirects"] = {}
    merge(config, changes)


def copy(folder, changes):
    """Copy the project to ``folder`` with few pages and with changes of `_config.yml`."""
    for name in project_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    shorten_book(folder, changes)
    return folder


def shorten_book(folder, changes):
    """Leave few pages in a copy of the book, and change its `_config.yml`."""
    edit(folder / "_toc.yml", shorten)
    edit(folder / "_config.yml", lambda config: change(config, changes))


def build(folder, *options):
    """Build a copy; return the finished process. Links to pages left out only warn."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", folder, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)
