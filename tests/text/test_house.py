"""The repository as a whole: what it holds, what it must not hold, what the toc lists."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import threadpoolctl
import yaml
from house import ROOT, project_files, report

TOP_LEVEL = {
    ".ci", ".dockerignore", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md",
    "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-TEXT.md", "Makefile", "README.md",
    "THIRD_PARTY.md", "_config.yml", "_toc.yml", "bncourse", "bnlib", "book", "chapters",
    "conftest.py", "index.md", "pyproject.toml", "requirements.txt", "tests",
}  # fmt: skip
# The patterns are written so that they do not match themselves.
LEFTOVERS = {
    "a path of one machine": r"(?<![\w.~-])/(?:home|root|tmp|work|Users)/[\w.]",
    "a package registry": r"--(?:extra-)?index[-]url|pypi\.org/[s]imple|[h]ttps?://[\d.]+[:/]",
    "a note to oneself": r"\b(?:TO[D]O|FIX[M]E|X[X]X|TB[D]|W[I]P)\b",
    "another project's bnlib": r"pi[p] install [\"']?bnlib\b(?!\[data\] @ git)",
    "a merge conflict": r"(?m)^(?:<{7}|>{7}) ",
}
PICTURE = re.compile(r'"image/png": "[^"]*"')


def leftovers(text: str) -> Iterator[str]:
    """Yield what should not have been left in a file; stored pictures are not read."""
    text = PICTURE.sub("", text).replace("http://127.0.0.1", "")
    for what, pattern in LEFTOVERS.items():
        if found := re.search(pattern, text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: {what}: {found.group()!r}"


def toc_files(node: object) -> Iterator[str]:
    """Yield each page that a part of `_toc.yml` names."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from toc_files(child)


def pages(root: Path) -> set[str]:
    """Return the pages that a reader should find in the toc, without suffixes."""
    found = [root / "index.md", *root.glob("book/*.md"), *root.glob("book/api/*.md")]
    found += root.glob("chapters/*.ipynb")
    found += root.glob("chapters/exercises/*.ipynb")
    names = [page.relative_to(root).with_suffix("") for page in found]
    return {n.as_posix() for n in names if not any(part[0] in "._" for part in n.parts)}


@pytest.mark.parametrize("name", project_files())
def test_file_holds_no_leftovers(name):
    try:
        faults = list(leftovers((ROOT / name).read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        return  # a picture or a font
    assert not faults, report(name, faults)


def test_top_level_holds_what_it_should():
    found = {name.split("/")[0] for name in project_files()}
    assert found - TOP_LEVEL == set(), "these do not belong at the top level"
    missing = {name for name in TOP_LEVEL if not (ROOT / name).exists()}
    assert missing == set(), "these are missing at the top level"


def test_toc_lists_every_page_once():
    listed = sorted(toc_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))
    assert listed == sorted(pages(ROOT)), "_toc.yml and the pages of the book differ"


def test_scripts_are_executable():
    assert os.access(ROOT / ".ci" / "run", os.X_OK), ".ci/run: chmod +x"


def test_every_phony_target_has_a_rule():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"(?m)^\.PHONY:(.*)$", text)[1].split()
    rules = set(re.findall(r"(?m)^([a-z-]+):(?!.*:=)", text))
    assert set(phony) == rules, "Makefile: .PHONY and the rules differ"


def test_plain_pytest_has_the_settings_of_make_test():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = dict(re.findall(r"(?m)^export (\w+) := (\w+)$", text))
    assert wanted, "Makefile: found no exported settings"
    assert {name: os.environ.get(name) for name in wanted} == wanted


def test_numpy_runs_on_one_thread():
    """The setting of conftest.py took effect: it was made before NumPy was imported."""
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    pools = [p for p in threadpoolctl.threadpool_info() if "numpy" in p["filepath"]]
    assert [pool["num_threads"] for pool in pools] == [1] * len(pools) != [], pools
