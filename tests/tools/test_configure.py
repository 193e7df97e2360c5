"""`make configure`: one command sets, changes and removes the repository's address."""

import subprocess
import tomllib

import nbformat
import pytest
import yaml
from address_files import CHAPTER, FILES, OURS, SHEET, content, copy_files, text
from configure import command
from configure.rewriting import with_cell
from configure.texts import address
from house import ROOT, cells, read_notebook


@pytest.fixture
def book(tmp_path):
    """Return a copy of the files that hold the address, without one."""
    command.update(copy_files(tmp_path), command.UNSET)
    return tmp_path


def test_address_is_written_everywhere(book):
    assert {path.relative_to(book).as_posix() for path in command.update(book, OURS)} == {
        *FILES
    }
    config = yaml.safe_load(text(book, "_config.yml"))
    assert config["repository"] == {"url": OURS["url"], "branch": "main"}
    assert config["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert config["html"]["baseurl"] == "https://owner.github.io/name/"
    buttons = [config["html"][f"use_{b}_button"] for b in ("repository", "issues", "edit_page")]
    assert buttons == [True, True, True]
    citation = yaml.safe_load(text(book, "CITATION.cff"))
    assert (citation["repository-code"], citation["url"]) == (OURS["url"], OURS["site"])
    urls = tomllib.loads(text(book, "pyproject.toml"))["project"]["urls"]
    assert urls == {"Documentation": OURS["site"], "Repository": OURS["url"]}
    assert f"git clone {OURS['url']}\ncd name\n" in text(book, "README.md")
    assert "rocket" in text(book, "book/how_to_use.md")
    for name in (CHAPTER, SHEET):
        sources = [source for _, _, source in cells(read_notebook(book / name))]
        assert sum('REPOSITORY = "owner/name"\n' in source for source in sources) == 1
        nbformat.validate(read_notebook(book / name))


def test_without_an_address_nothing_names_one(book):
    every = "".join(text(book, name) for name in FILES)
    assert 'REPOSITORY = \\"\\"\\n' in every
    assert not [word for word in ("baseurl:", "colab_url", "git clone") if word in every]
    config = yaml.safe_load(text(book, "_config.yml"))
    assert {"repository", "launch_buttons"} & set(config) == set()
    assert "urls" not in tomllib.loads(text(book, "pyproject.toml"))["project"]


def test_what_is_set_can_be_changed_and_removed(book):
    before = content(book)
    command.update(book, OURS)
    first = content(book)
    assert command.update(book, OURS) == []
    assert command.update(book) == [], "without an address only the cells are refreshed"
    command.update(book, address("some-body/batch.norm", "https://books.example:8443/bn"))
    assert "some-body/batch.norm" in text(book, CHAPTER)
    assert "baseurl: https://books.example:8443/bn/\n" in text(book, "_config.yml")
    command.update(book, OURS)
    assert content(book) == first
    command.update(book, command.UNSET)
    assert content(book) == before


def test_other_bytes_stay(book):
    path = book / "_config.yml"
    path.write_bytes(path.read_bytes().replace(b"execute:", b"# na\xc3\xafve  \r\nexecute:"))
    before = path.read_bytes()
    command.update(book, OURS)
    added = set(path.read_bytes().splitlines()) - set(before.splitlines())
    assert len(added) == 10
    assert b"# na\xc3\xafve  \r\n" in path.read_bytes()
    command.update(book, command.UNSET)
    assert path.read_bytes() == before


def test_cells_are_refreshed_from_their_file(book):
    before = text(book, CHAPTER)
    (book / CHAPTER).write_text(with_cell(before, "old = 1"), encoding="utf-8")
    assert command.update(book) == [book / CHAPTER]
    assert text(book, CHAPTER) == before


@pytest.mark.parametrize(
    ("repo", "site", "expected"),
    [
        ("Owner/Name", None, "https://owner.github.io/Name/"),
        ("Owner/owner.github.io", None, "https://owner.github.io/"),
        ("owner/name", "https://books.example", "https://books.example/"),
    ],
)
def test_site_is_derived_or_given(repo, site, expected):
    assert address(repo, site)["site"] == expected


def test_command_says_what_it_did(book, capsys):
    assert command.main(["--repo", "owner/name"], book) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"changed {SHEET}",
        f"{len(FILES)} files changed",
    ]
    assert command.main(["--unset"], book) == 0
    for wrong in (["--repo", "nonsense"], ["--repo", ""], ["--site", "https://a.b"]):
        assert command.main(wrong, book) == 2
        assert "configure: --" in capsys.readouterr().err
    (book / "README.md").unlink()
    assert command.main(["--unset"], book) == 2
    assert "README.md" in capsys.readouterr().err


def test_make_passes_the_address_on():
    make = ["make", "--dry-run", "--no-print-directory", "configure"]  # quiet in `make test`
    make += ["REPO=owner/name", "SITE=https://a.b", "UNSET=1"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    last = " ".join(said.replace("\\\n", " ").splitlines()[-1].split())
    assert last.endswith('configure --repo "owner/name" --site "https://a.b" --unset')


def test_the_files_here_agree_with_each_other(tmp_path):
    """Whatever address the repository has, all its files hold the same."""
    copy_files(tmp_path)
    config = yaml.safe_load(text(ROOT, "_config.yml"))
    url, site = config.get("repository", {}).get("url"), config["html"].get("baseurl")
    to = address(url.removeprefix("https://github.com/"), site) if url else command.UNSET
    assert command.update(tmp_path, to) == []
