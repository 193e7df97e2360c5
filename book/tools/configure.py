"""Write the book's address wherever it is needed, and the first cell into each notebook.

`make configure REPO=owner/name` sets or changes the address, `make configure UNSET=1` takes
it away. `make configure` alone copies `book/bootstrap.py` into chapters and sheets.
"""

import argparse
import re
import textwrap
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = "book/bootstrap.py"
NOTEBOOKS = ("chapters/*.ipynb", "chapters/exercises/*.ipynb", "book/sheets/*.ipynb")
FILES = (
    "_config.yml", "CITATION.cff", "pyproject.toml", "README.md", "index.md",
    "book/how_to_use.md",
)  # fmt: skip
UNSET: dict[str, str] = {}
# GitHub: letters, digits and single hyphens for the owner; dot and underscore in the name.
REPO = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
SITE = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~-]+)*/?")
CONSTANT = re.compile(r'^REPOSITORY = "[^"]*"$', re.MULTILINE)
MARKS = re.compile(
    r"^(?P<begin>(?P<indent> *)(?:#|<!--) configure: begin (?P<name>\w+)[^\n]*\n).*?"
    r"(?=^ *(?:#|<!--) configure: end\b)",
    re.MULTILINE | re.DOTALL,
)
LINES = tomllib.loads((ROOT / "book" / "address.toml").read_text(encoding="utf-8"))


def address(repo: str, site: str | None = None) -> dict[str, str]:
    """Return ``repo`` (owner/name), its ``name``, its ``url``, and the book's ``site``.

    Without ``site`` the book stands on the repository's GitHub Pages.
    """
    if not REPO.fullmatch(repo) or repo.endswith(("/.", "/..", ".git")):
        raise ValueError(
            f"--repo: expected owner/name as on GitHub, got {repo!r}; "
            "give it without https:// and without .git"
        )
    if site is not None and not SITE.fullmatch(site):
        raise ValueError(
            f"--site: expected an address such as https://owner.github.io/name/, got {site!r}; "
            "give it with https://, without a query and without an anchor"
        )
    owner, name = repo.split("/")
    host = f"{owner.lower()}.github.io"  # the repository of this name is served at its top
    pages = f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"
    site = f"{(site or pages).rstrip('/')}/"
    return {"repo": repo, "name": name, "url": f"https://github.com/{repo}", "site": site}


def with_lines(texts: dict[Path, str], to: dict[str, str]) -> dict[Path, str]:
    """Return the texts with the lines for ``to`` between the marks, indented like these."""
    names = [marks["name"] for text in texts.values() for marks in MARKS.finditer(text)]
    if sorted(names) != sorted(LINES):
        raise ValueError(
            f"expected one region from `configure: begin NAME` to `configure: end` for each "
            f"of {sorted(LINES)}, found {sorted(names)}"
        )
    kind = "with" if to else "without"
    lines = {name: pair[kind].format(**to) for name, pair in LINES.items()}

    def filled(marks: re.Match[str]) -> str:
        return marks["begin"] + textwrap.indent(lines[marks["name"]], marks["indent"])

    return {path: MARKS.sub(filled, text) for path, text in texts.items()}


def with_cell(path: Path, source: str) -> str:
    """Return a notebook's text with ``source`` in the cell tagged `bootstrap`, folded."""
    notebook = nbformat.read(path, as_version=4)
    cells = [c for c in notebook.cells if "bootstrap" in c.metadata.get("tags", [])]
    if len(cells) != 1 or cells[0].cell_type != "code":
        raise ValueError(f"{path}: expected one code cell tagged 'bootstrap', got {len(cells)}")
    cells[0].source = source.strip()
    cells[0].metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    return nbformat.writes(notebook) + "\n"


def changes(root: Path, to: dict[str, str] | None = None) -> dict[Path, str]:
    """Return the new text of each file that the address ``to`` changes; see `update`."""
    source, texts = (root / BOOTSTRAP).read_text(encoding="utf-8"), {}
    if to is not None:
        source = CONSTANT.sub(f'REPOSITORY = "{to.get("repo", "")}"', source)
        olds = {root / name: (root / name).read_bytes().decode() for name in FILES}
        texts = {root / BOOTSTRAP: source, **with_lines(olds, to)}
    for pattern in NOTEBOOKS:
        texts |= {path: with_cell(path, source) for path in sorted(root.glob(pattern))}
    return {path: new for path, new in texts.items() if new.encode() != path.read_bytes()}


def update(root: Path, to: dict[str, str] | None = None) -> list[Path]:
    """Set the address ``to``, remove it with ``UNSET`` or keep it; refresh the first cells.

    Returns the files that changed. No file is written before all new texts are there.
    """
    changed = changes(root, to)
    for path, text in changed.items():
        path.write_bytes(text.encode())
    return list(changed)


def main(argv: list[str] | None = None, root: Path = ROOT) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="configure", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repo", help="the book's repository on GitHub, as owner/name")
    which.add_argument("--unset", action="store_true", help="remove the address")
    parser.add_argument("--site", help="where the book stands, if not on GitHub Pages")
    given = parser.parse_args(argv)
    to = UNSET if given.unset else None
    try:
        if given.repo is not None or given.site is not None:
            to = address(given.repo or "", given.site)
        changed = update(root, to)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(*(f"changed {path.relative_to(root)}" for path in changed), sep="\n")
    print(f"{len(changed)} files changed")


if __name__ == "__main__":
    main()
