"""`book/tools/live.py`: sources that deliver other bytes or nothing, and what the site gets."""

import hashlib
import json
import zipfile

import live
import pytest
import site_probe
from house import ROOT

BODY = b"the right bytes"
METADATA = "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def sha(body):
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Serve other bytes at one address, right ones at another; a wheel stands in a folder."""
    for folder, body in (("wrong", b"other bytes"), ("right", BODY)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "part").write_bytes(body)
    with zipfile.ZipFile(tmp_path / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carrier/static/part", BODY)
        wheel.writestr("carrier-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("carrier-1.0.dist-info/WHEEL", WHEEL)
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path)), ("CONFIG_FILE", "")):
        monkeypatch.setenv(f"PIP_{name}", value)
    with site_probe.served(tmp_path) as address:
        sources = {
            "wrong": {"kind": "address", "name": f"{address}/wrong", "folder": ""},
            "nowhere": {"kind": "address", "name": f"{address}/nowhere", "folder": ""},
            "right": {"kind": "address", "name": f"{address}/right", "folder": ""},
            "wheel": {"kind": "wheel", "name": "carrier==1.0", "folder": "carrier/static/"},
            "no wheel": {"kind": "wheel", "name": "carrier==2.0", "folder": "carrier/static/"},
        }
        yield lambda *names: {
            "files": {"part": sha(BODY)},
            "sources": [sources[name] for name in names],
        }


@pytest.mark.parametrize("names", [("wrong", "right"), ("nowhere", "no wheel", "wheel")])
def test_the_first_source_with_the_right_bytes_is_taken(plan, tmp_path, names):
    folder = live.fetch(plan(*names), tmp_path / "files")
    assert (folder / "part").read_bytes() == BODY
    assert live.fetch(plan(), folder) == folder  # held: no source is asked


def test_where_no_source_has_a_file_each_one_says_why(plan, tmp_path):
    with pytest.raises(OSError, match="no source has part") as caught:
        live.fetch(plan("wrong", "nowhere", "no wheel"), tmp_path / "files")
    text = str(caught.value)
    assert "wrong: does not deliver part as it is wanted" in text
    assert "nowhere: HTTP Error 404" in text
    assert "carrier==2.0: ERROR" in text
    assert not (tmp_path / "files" / "part").exists()


def test_a_download_that_ends_early_is_not_kept(plan, tmp_path, monkeypatch):
    class Short(site_probe.Quiet):
        def send_header(self, name, value):
            """Promise more than there is."""
            super().send_header(name, "99" if name == "Content-Length" else value)

    monkeypatch.setattr(site_probe, "Quiet", Short)
    with site_probe.served(tmp_path) as address:
        cut = {"kind": "address", "name": f"{address}/right", "folder": ""}
        with pytest.raises(OSError, match="IncompleteRead"):
            live.fetch({**plan(), "sources": [cut]}, tmp_path / "files")
    assert list((tmp_path / "files").iterdir()) == []


def test_every_task_that_code_judges_has_its_cells():
    """Those whose check NumPy does not carry need PyTorch, as the page says."""
    cells = live.cells()
    sheets = [live.read_notebook(path) for path in (ROOT / "book" / "sheets").glob("*.ipynb")]
    judged = {task.name for sheet in sheets for task in live.tasks(sheet) if task.by_code}
    checks = {name for name, role in cells.items() if role == "check"}
    assert checks == {f"{name}-check" for name in judged}
    assert all(cells[f"{name}-answer"] in ("answer", "elsewhere") for name in judged)
    runs = {task.name: live.solution_run(sheet, task.name)
            for sheet in sheets for task in live.tasks(sheet) if task.by_code}  # fmt: skip
    elsewhere = [name for name in judged if cells[f"{name}-answer"] == "elsewhere"]
    assert 1 <= len(elsewhere) <= 8
    assert [name for name in elsewhere if "torch" not in str(runs[name])] == []


def test_the_folder_holds_what_its_lock_and_the_list_say(live_folder):
    plan = json.loads(live.LIST.read_text(encoding="utf-8"))
    assert live.missing(plan["files"], live_folder / "pyodide") == []
    editor = live_folder / "editor"  # may be missing: then code has no colours
    assert not editor.is_dir() or live.missing(plan["editor"]["files"], editor) == []
    lock = json.loads((live_folder / "pyodide" / "pyodide-lock.json").read_text("utf-8"))
    wheels = {part["file_name"]: part["sha256"] for part in lock["packages"].values()}
    assert live.missing(wheels, live_folder / "pyodide") == []
    notice = (live_folder / "NOTICE.txt").read_text(encoding="utf-8")
    files = [path for path in sorted(live_folder.rglob("*")) if path.is_file()]
    lines = "".join(
        f"{sha(path.read_bytes())}  {path.relative_to(live_folder).as_posix()}\n"
        for path in files
        if path.name != "NOTICE.txt"
    )
    assert lines in notice
    assert live_folder.name == sha(lines.encode())[:10]
