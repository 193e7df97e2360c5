"""Build the two sites: the book as it is, and the same sources as Jupyter Book builds them."""

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = "book/api"  # needs autodoc, which a stock book has not
CDN = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/"
CONFIG: dict[str, Any] = {  # what `jupyter-book create` writes, with our title and no run
    "title": "Batch Normalization, Computed",
    "author": "The Batch Normalization, Computed authors",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
    "repository": {"url": "https://github.com/owner/name", "branch": "main"},
    "html": {"use_issues_button": True, "use_repository_button": True},
}


def toc() -> dict[str, Any]:
    """Return the book's table of contents without the page that is left out."""
    whole = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for part in whole["parts"]:
        part["chapters"] = [each for each in part["chapters"] if each["file"] != LEFT_OUT]
    return whole


def pages() -> list[str]:
    """Return the pages that are compared, without suffix, and the page of the search."""
    listed = [entry for part in toc()["parts"] for entry in part["chapters"]]
    every = [each["file"] for entry in listed for each in (entry, *entry.get("sections", ()))]
    return [toc()["root"], *every, "search"]


def copy_sources(target: Path) -> None:
    """Copy pages, notebooks and figures, and give them a stock configuration."""
    unwanted = shutil.ignore_patterns(
        "_*", "tools", "figures_js", "*.py", "*.json", ".*", "api.md"
    )
    shutil.copytree(ROOT / "book", target / "book", ignore=unwanted)
    for page in (ROOT / "book").glob("_*.md"):  # the parts that pages include
        shutil.copy2(page, target / "book")
    unwanted = shutil.ignore_patterns(".*", "*.py", "__pycache__", "*.npz")
    shutil.copytree(ROOT / "chapters", target / "chapters", ignore=unwanted)
    for page in ("index.md", "CHANGELOG.md"):
        shutil.copy2(ROOT / page, target)
    for name, content in (("_config.yml", CONFIG), ("_toc.yml", toc())):
        (target / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def build(source: Path, target: Path) -> Path:
    """Build a book from clean; return the folder of its pages."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", source]
    command += ["--path-output", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    html = target / "_build" / "html"
    if done.returncode or not (html / "index.html").is_file():
        raise SystemExit(f"weigh: {source} does not build:\n{done.stderr[-2000:]}")
    return html


def built(folder: Path) -> dict[str, Path]:
    """Build both sites below ``folder``; return where their pages are."""
    print("building the book ...", flush=True)
    ours = build(ROOT, folder / "ours")
    print("building the same sources with a stock Jupyter Book ...", flush=True)
    (folder / "sources").mkdir()
    copy_sources(folder / "sources")
    return {"ours": ours, "stock": build(folder / "sources", folder / "stock")}


def mathjax() -> Path:
    """Return the folder with the files that a stock page asks the network for."""
    name = "sphinx-mathjax-offline"
    return Path(str(distribution(name).locate_file(name))) / "static" / "mathjax"


def point_to(html: Path, address: str) -> None:
    """Let stock pages ask another local address for MathJax instead of the network."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(CDN, f"{address}/"), encoding="utf-8")
