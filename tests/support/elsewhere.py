"""A place like Colab: few packages, no bnlib, and the book at an address on GitHub.

No request leaves the machine. git finds the address in a local clone, and pip finds the
packages that are missing in wheels made from those that are installed here.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from configure import address, update
from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bnlib

REPO = "owner/name"
TAG = f"v{bnlib.__version__}"
HAS = ("numpy", "torch", "matplotlib", "ipykernel", "pip")  # the last two run the cells
NOT_COPIED = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", ".*cache*")
BUILDER = ("hatchling",)  # what pip needs to build bnlib, in an environment of its own
COLAB = '"""Stands for the module that Colab loads into each notebook."""\n'


def closure(*requirements: str) -> dict[str, Distribution]:
    """Return the installed distributions that these requirements bring, by name."""
    closed: dict[str, Distribution] = {}
    waiting = list(map(Requirement, requirements))
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name not in closed:
            closed[name] = distribution(name)
            needs = map(Requirement, closed[name].requires or ())
            extras = [{"extra": extra} for extra in ("", *wanted.extras)]
            waiting += [n for n in needs if not n.marker or any(map(n.marker.evaluate, extras))]
    return closed


def files(dist: Distribution) -> list[Path]:
    """Return a distribution's files, relative to the folder of packages."""
    paths = [Path(str(file)) for file in dist.files or ()]
    return [p for p in paths if not {"..", "__pycache__"} & set(p.parts)]


def link(dist: Distribution, folder: Path) -> None:
    """Make a distribution importable from ``folder``."""
    for name in {file.parts[0] for file in files(dist)}:
        if not (folder / name).exists():
            (folder / name).symlink_to(Path(str(dist.locate_file(name))))


def repack(dist: Distribution, folder: Path) -> None:
    """Write an installed distribution as a wheel, not compressed."""
    lines = (dist.read_text("WHEEL") or "").splitlines()
    tags = [line.split()[1].split("-") for line in lines if line.startswith("Tag: ")]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    name = canonicalize_name(dist.metadata["Name"]).replace("-", "_")
    with zipfile.ZipFile(folder / f"{name}-{dist.version}-{tag}.whl", "w") as wheel:
        for file in files(dist):
            wheel.write(str(dist.locate_file(file)), str(file))


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as nobody in particular."""
    command = ["git", "-c", "user.name=book", "-c", "user.email=book", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def copy_book(folder: Path, repo: str | None = REPO) -> Path:
    """Copy the work tree, with this address or none."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED, symlinks=True)
    update(folder, {} if repo is None else address(repo))
    return folder


class Place:
    """A folder with the book's repository, the wheels and the packages to begin with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.book = copy_book(folder / "book")
        git(self.book, "init", "--quiet")
        git(self.book, "add", "--all")
        git(self.book, "commit", "--quiet", "--message", "The book")
        git(self.book, "tag", TAG)
        git(folder, "clone", "--quiet", "--bare", "book", "book.git")
        has = closure(*HAS)
        lacks = {*closure("bnlib[data]")} - {*has, "bnlib"} | {*closure(*BUILDER)}
        for name in ("packages", "wheels", "colab/google/colab"):
            (folder / name).mkdir(parents=True)
        (folder / "colab/google/colab/__init__.py").write_text(COLAB, encoding="utf-8")
        for dist in has.values():
            link(dist, folder / "packages")
        for name in lacks:
            repack(distribution(name), folder / "wheels")

    def settings(self) -> dict[str, str]:
        """Return the environment's variables, without those that lead back here."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "PIP_"))}
        return kept | {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{(self.folder / 'book.git').as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://github.com/{REPO}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_CACHE_DIR": str(self.folder / "cache"),
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_FIND_LINKS": str(self.folder / "wheels"),
            "JUPYTER_PATH": str(self.folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }

    def python(self, name: str) -> Path:
        """Make an environment with few packages; return its Python."""
        home = self.folder / name
        venv.create(home, symlinks=True, with_pip=False)
        [site] = home.glob("lib/python*/site-packages")
        lines = [*map(str, (self.folder / "packages", self.folder / "colab"))]
        lines.append("import google.colab")
        (site / "place.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return home / "bin" / "python"

    def run(self, python: Path, notebook: Path) -> tuple[subprocess.CompletedProcess, Path]:
        """Run a copy of a notebook in a folder of its own; return the process and the copy."""
        kernel = self.folder / "jupyter" / "kernels" / "elsewhere" / "kernel.json"
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Elsewhere", "language": "python"}
        kernel.parent.mkdir(parents=True, exist_ok=True)
        kernel.write_text(json.dumps(spec), encoding="utf-8")
        copy = python.parents[1] / "work" / notebook.name
        copy.parent.mkdir()
        shutil.copy(notebook, copy)
        command = [Path(sys.executable).with_name("jupyter"), "execute", "--inplace", copy.name]
        done = subprocess.run(
            [*command, "--kernel_name=elsewhere", "--timeout=600"], cwd=copy.parent,
            env=self.settings(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done, copy


def installed(python: Path) -> dict[str, Path]:
    """Return what pip has installed into an environment: each name and its metadata."""
    folders = python.parents[1].glob("lib/python*/site-packages/*.dist-info")
    return {path.name.split("-")[0]: path for path in folders}
