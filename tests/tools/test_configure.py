"""`make configure`: one command sets, changes and removes the repository's address."""

import shutil
import subprocess
import tomllib

import configure
import nbformat
import pytest
import yaml
from configure import address
from house import ROOT, cells, read_notebook, tags

CHAPTER = "chapters/04_batch_norm.ipynb"
SHEET = "chapters/exercises/a_sheet.ipynb"
SOURCE = "book/sheets/a_sheet.ipynb"
NOTEBOOKS = (SOURCE, CHAPTER, SHEET)
FILES = [configure.BOOTSTRAP, *configure.FILES, *NOTEBOOKS]
OURS = address("owner/name")


@pytest.fixture
def book(tmp_path):
    """Return a copy of the files that hold the address, without one and unfolded."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / (CHAPTER if name in NOTEBOOKS else name), tmp_path / name)
    for name in NOTEBOOKS:
        unfolded = text(tmp_path, name).replace('"cellView": "form",', "")
        (tmp_path / name).write_text(unfolded, encoding="utf-8")
    configure.update(tmp_path, configure.UNSET)
    return tmp_path


def text(folder, name):
    return (folder / name).read_text(encoding="utf-8")


def content(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_address_is_written_everywhere(book):
    changed = [path.relative_to(book).as_posix() for path in configure.update(book, OURS)]
    assert sorted(changed) == sorted(FILES)
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
    for name in NOTEBOOKS:
        [cell] = [c for c in read_notebook(book / name).cells if "bootstrap" in tags(c)]
        assert cell.metadata.cellView == "form"
        sources = [source for _, _, source in cells(read_notebook(book / name))]
        assert sum('REPOSITORY = "owner/name"\n' in source for source in sources) == 1
        nbformat.validate(read_notebook(book / name))


def test_without_an_address_nothing_names_one(book):
    texts = "".join(text(book, name) for name in FILES)
    assert 'REPOSITORY = \\"\\"\\n' in texts
    named = ("repository:", "launch_buttons", "baseurl:", "git clone", "[project.urls]")
    assert [word for word in named if word in texts] == []


def test_what_is_set_can_be_changed_and_removed(book):
    before = content(book)
    configure.update(book, OURS)
    first = content(book)
    assert configure.update(book, OURS) == []
    assert configure.update(book) == [], "without an address only the cells are refreshed"
    configure.update(book, address("some-body/batch.norm", "https://books.example:8443/bn"))
    assert "some-body/batch.norm" in text(book, CHAPTER)
    assert "baseurl: https://books.example:8443/bn/\n" in text(book, "_config.yml")
    configure.update(book, OURS)
    assert content(book) == first
    configure.update(book, configure.UNSET)
    assert content(book) == before


def test_other_bytes_stay_and_cells_are_refreshed_from_their_file(book):
    before = text(book, CHAPTER)
    old = configure.with_cell(book / CHAPTER, "old = 1")
    (book / CHAPTER).write_text(old, encoding="utf-8")
    assert configure.update(book) == [book / CHAPTER]
    assert text(book, CHAPTER) == before
    path = book / "_config.yml"
    path.write_bytes(path.read_bytes().replace(b"execute:", b"# na\xc3\xafve  \r\nexecute:"))
    before = path.read_bytes()
    configure.update(book, OURS)
    assert len(set(path.read_bytes().splitlines()) - set(before.splitlines())) == 10
    assert b"# na\xc3\xafve  \r\n" in path.read_bytes()
    configure.update(book, configure.UNSET)
    assert path.read_bytes() == before


def test_site_is_derived_or_given():
    for repo, site, expected in (
        ("Owner/Name", None, "https://owner.github.io/Name/"),
        ("Owner/owner.github.io", None, "https://owner.github.io/"),
        ("owner/name", "https://books.example", "https://books.example/"),
    ):
        assert address(repo, site)["site"] == expected


REPOS = ["", "name", "https://github.com/a/b", "a/b.git", "a/b/c", "-a/b", "a/..", 'a/b"']
SITES = ["", "books.example", "http://a.b", "https://a/b?c", "https://a b"]
WRONG = [((repo,), "--repo: expected owner/name as on GitHub, got") for repo in REPOS]
WRONG += [(("a/b", site), "--site: expected an address such as") for site in SITES]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_address_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        address(*given)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("README.md", "configure: end", "", "found .*'buttons', 'citation', 'colab', 'errors'"),
        ("_config.yml", "begin address", "begin a", "found .'a', 'buttons'"),
        ("_config.yml", "begin address", "begin buttons", "found .'buttons', 'buttons'"),
        (SHEET, '"bootstrap"', '"b"', "a_sheet.ipynb: expected one code cell tagged"),
    ],
)
def test_a_file_that_does_not_fit_leaves_all_as_they_were(book, name, old, new, message):
    (book / name).write_text(text(book, name).replace(old, new), encoding="utf-8")
    before = content(book)
    with pytest.raises(ValueError, match=message):
        configure.update(book, OURS)
    assert content(book) == before


def test_command_says_what_it_did(book, capsys):
    configure.main(["--repo", "owner/name"], book)
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"{len(FILES)} files changed"
    assert f"changed {SHEET}" in said
    configure.main(["--unset"], book)
    (book / "README.md").unlink()
    for wrong, named in (
        (["--repo", "nonsense"], "--repo"),
        (["--repo", ""], "--repo"),
        (["--site", "https://a.b"], "--repo"),
        (["--unset"], "README.md"),
    ):
        with pytest.raises(SystemExit, match="2"):
            configure.main(wrong, book)
        assert named in capsys.readouterr().err.splitlines()[-1]


def test_make_passes_the_address_on():
    make = ["make", "--dry-run", "--no-print-directory", "configure"]  # quiet in `make test`
    make += ["REPO=owner/name", "SITE=https://a.b", "UNSET=1"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    last = " ".join(said.replace("\\\n", " ").splitlines()[-1].split())
    assert last.endswith('configure.py --repo "owner/name" --site "https://a.b" --unset')


def test_the_files_here_agree_with_each_other():
    """Whatever address the repository has, all its files hold the same."""
    config = yaml.safe_load(text(ROOT, "_config.yml"))
    url, site = config.get("repository", {}).get("url"), config["html"].get("baseurl")
    to = address(url.removeprefix("https://github.com/"), site) if url else configure.UNSET
    assert configure.changes(ROOT, to) == {}
