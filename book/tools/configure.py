"""Write the book's address wherever it is needed, and the first cell into each notebook.

`make configure REPO=owner/name` sets or changes the address, `make configure UNSET=1` takes
it away. `make configure` alone copies `book/bootstrap.py` into chapters and sheets.
"""

import argparse
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = "book/bootstrap.py"
NOTEBOOKS = ("chapters/*.ipynb", "chapters/exercises/*.ipynb", "book/sheets/*.ipynb")
UNSET: dict[str, str] = {}
# GitHub: letters, digits and single hyphens for the owner; dot and underscore in the name.
REPO = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
SITE = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~-]+)*/?")
CONSTANT = re.compile(r'^REPOSITORY = "[^"]*"$', re.MULTILINE)
MARKS = r"""(?msx)
    ^(?P<indent>[ ]*) (?:\#|<!--)[ ]configure:[ ]begin[ ]{name}\b [^\n]*\n
    (?P<body>.*?)
    ^[ ]*(?:\#|<!--)[ ]configure:[ ]end\b"""

# (file, name of the lines between its marks): the lines without and with an address. The
# theme takes `colab_url` without a repository for one of another project, and buttons with
# an empty address end the build. So without an address all of them are left out.
BUTTONS = "use_repository_button: {0}\nuse_issues_button: {0}\nuse_edit_page_button: {0}\n"
LINES = {
    ("_config.yml", "address"): (
        "",
        "repository:\n  url: {url}\n  branch: main\n"
        "launch_buttons:\n  notebook_interface: jupyterlab\n"
        "  colab_url: https://colab.research.google.com\n",
    ),
    ("_config.yml", "buttons"): (
        BUTTONS.format("false"),
        "baseurl: {site}\n" + BUTTONS.format("true"),
    ),
    ("CITATION.cff", "citation"): ("", "repository-code: {url}\nurl: {site}\n"),
    ("pyproject.toml", "urls"): (
        "",
        '[project.urls]\nDocumentation = "{site}"\nRepository = "{url}"\n',
    ),
    ("README.md", "clone"): (
        "",
        "Read the book at <{site}>, or get its source:\n\n"
        "```bash\ngit clone {url}\ncd {name}\n```\n",
    ),
    ("index.md", "errors"): (
        "This copy of the book has no address on the web: tell those who gave it to you.\n",
        "Write it to <{url}/issues>.\n",
    ),
    ("book/how_to_use.md", "colab"): (
        "This copy of the book has no address on the web, from which Colab could install "
        "`bnlib`. `make configure` sets one.\n",
        "The button with a rocket, at the top of a chapter, opens the chapter in Google Colab. "
        "An exercise sheet has no such button: download it from its page. Then open "
        "[Google Colab](https://colab.research.google.com) and choose *File → Upload "
        "notebook*.\n",
    ),
}


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


def with_repository(source: str, repo: str) -> str:
    """Return the bootstrap cell's source with ``repo`` in its constant ``REPOSITORY``."""
    source, count = CONSTANT.subn(f'REPOSITORY = "{repo}"', source)
    if count != 1:
        raise ValueError(f'expected one line REPOSITORY = "...", found {count}')
    return source


def with_lines(text: str, name: str, lines: str) -> str:
    """Return ``text`` with ``lines``, indented like the marks, between the marks ``name``."""
    places = list(re.finditer(MARKS.format(name=name), text))
    if len(places) != 1:
        raise ValueError(
            f"expected one region from `configure: begin {name}` to `configure: end`, "
            f"found {len(places)}"
        )
    start, end = places[0].span("body")
    indented = [places[0]["indent"] + line for line in lines.splitlines(keepends=True)]
    return text[:start] + "".join(indented) + text[end:]


def with_cell(text: str, source: str) -> str:
    """Return a notebook's text with ``source`` in the cell tagged `bootstrap`, folded."""
    notebook = nbformat.reads(text, as_version=4)
    cells = [c for c in notebook.cells if "bootstrap" in c.metadata.get("tags", [])]
    if len(cells) != 1 or cells[0].cell_type != "code":
        raise ValueError(f"expected one code cell tagged 'bootstrap', found {len(cells)}")
    cells[0].source = source.strip()
    cells[0].metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    return nbformat.writes(notebook) + "\n"


def changes(root: Path, to: dict[str, str] | None = None) -> dict[Path, str]:
    """Return the new text of each file that the address ``to`` changes; see `update`."""
    source = (root / BOOTSTRAP).read_text(encoding="utf-8")
    names = [BOOTSTRAP, *dict.fromkeys(file for file, _ in LINES)]
    notebooks = [path for pattern in NOTEBOOKS for path in sorted(root.glob(pattern))]
    changed = {}
    for path in [*(root / name for name in names), *notebooks]:
        name, old = path.relative_to(root).as_posix(), path.read_bytes().decode()
        new = old
        try:
            if name == BOOTSTRAP and to is not None:
                new = source = with_repository(old, to.get("repo", ""))
            for (file, region), (without, lines) in LINES.items():
                if file == name and to is not None:
                    new = with_lines(new, region, lines.format(**to) if to else without)
            if path in notebooks:
                new = with_cell(old, source)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if new != old:
            changed[path] = new
    return changed


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
    try:
        if given.site is not None and given.repo is None:
            raise ValueError("--site: needs the repository too; give REPO=... and SITE=...")
        to = UNSET if given.unset else None
        changed = update(root, to if given.repo is None else address(given.repo, given.site))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(*(f"changed {path.relative_to(root)}" for path in changed), sep="\n")
    print(f"{len(changed)} files changed")


if __name__ == "__main__":
    main()
