"""What the documents say is true: the example, the commands, the table, links, versions."""

import re
import subprocess
import sys
import tomllib

import yaml
from house import CHAPTERS, ROOT, joined, read_notebook

import bnlib

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("book/*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
ROW = re.compile(r"(?m)^\| (A?\d+\. .+?) \| \[(chapters/\S+)\]\((\S+)\) \| (\d+) \|$")
RECIPE = (ROOT / "Makefile").read_text(encoding="utf-8")
# The Makefile's targets, and whether `make help` shows each.
TARGETS = {n: "## " in rest for n, rest in re.findall(r"(?m)^([a-z-]+):(.*)$", RECIPE)}


def commands(text: str) -> set[str]:
    """Return the make targets that a page tells its reader to call."""
    inline = re.findall(r"`make ([a-z-]+)[^`]*`", text)
    blocks = "".join(re.findall(r"(?ms)^ *```.*?^ *```", text))
    return {*inline, *re.findall(r"(?m)^ *(?:\$ )?make ([a-z-]+)", blocks)}


def broken_links(text: str, folder) -> list[str]:
    """Return the relative links and images of a page that lead nowhere."""
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text)
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", text)
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    return [link for link in local if not (folder / link).exists()]


def run_python(source: str) -> str:
    """Return what a program prints, errors included."""
    command = [sys.executable, "-W", "error", "-c", source]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_example_prints_what_the_readme_says_and_has_ten_lines():
    [(source, printed)] = EXAMPLE.findall(README)
    assert run_python(source) == printed
    assert sum(bool(line.strip()) for line in source.splitlines()) <= 10


def test_readme_opens_with_a_described_figure():
    figure = re.match(r"# .+\n\n!\[(.{40,}?)\]\((book/figures/\S+\.png)\)", README)
    assert figure, "README.md: expected title, then a figure with a text alternative"
    assert (ROOT / figure[2]).read_bytes().startswith(b"\x89PNG")


def test_readme_table_lists_the_chapters():
    rows = ROW.findall(README)
    home = (ROOT / "index.md").read_text(encoding="utf-8")
    cover = re.findall(r"(?m)^\| \[.+?\]\((chapters/\S+)\) \| .+\? \| (\d+) \|$", home)
    assert cover == [(label, minutes) for _, label, _, minutes in rows]
    assert [row[1] for row in rows] == [f"chapters/{path.name}" for path in CHAPTERS]
    for (title, label, link, minutes), path in zip(rows, CHAPTERS, strict=True):
        opening = joined(read_notebook(path).cells[0].source)
        assert label == link
        assert opening.splitlines()[0] == f"# {title}", f"{label}: the title differs"
        needs = re.search(r"(\d+)\s*min", opening)
        assert needs, f"{label}: the first cell does not say how many minutes it needs"
        assert needs[1] == minutes, f"{label}: the chapter says {needs[1]} minutes"


def test_commands_are_targets_and_the_readme_names_all_that_are_shown():
    for path in DOCUMENTS:
        assert commands(path.read_text(encoding="utf-8")) <= set(TARGETS), path.name
    assert {name for name, shown in TARGETS.items() if shown} <= commands(README)
    assert README.index("PIP_EXTRA_INDEX_URL") < README.index("```bash\nmake"), "no CUDA"


def test_commands_without_make_install_and_build_as_make_does():
    [block] = re.findall(r"(?s)Without make.*?```text\n(.*?)```", README)
    install, build, rest, tests = block.splitlines()[2:4] + block.splitlines()[5:]
    assert install.removeprefix("pip install ") in RECIPE
    assert f"$(BIN)/{build}\n" in RECIPE
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(table["project"]["optional-dependencies"]) - {"book", "torch"}  # in lab
    assert set(re.findall(r"\[(.*)\]", rest)[0].split(",")) == extras
    assert f"$({tests.split()[0].upper()}) {' '.join(tests.split()[1:])} --durations" in RECIPE


def test_links_lead_somewhere():
    """The links of the book's pages are checked when the site is built."""
    for name in ("README.md", "CONTRIBUTING.md", "LICENSE-TEXT.md"):
        assert broken_links((ROOT / name).read_text(encoding="utf-8"), ROOT) == [], name


def test_the_citation_is_complete_and_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"(?m)^## ([\d.]+)\b", changes)
    assert citation["version"] == newest[1] == bnlib.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == README.splitlines()[0].removeprefix("# ")


def test_the_checks_can_fail(tmp_path):
    text = "`make nothing X=1`\n```bash\nmake book\n```\n[a](b.md) [c](https://d) `[e](f)`\n"
    assert commands(text) == {"nothing", "book"}
    assert broken_links(text, tmp_path) == ["b.md"]
