"""`make exercises`: sheets without solutions, and no answer is ever overwritten."""

import importlib.util

import nbformat
from house import ROOT

SPEC = importlib.util.spec_from_file_location("sheets", ROOT / "book/tools/exercises.py")
sheets = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(sheets)


def test_a_copy_of_each_sheet_without_solutions(tmp_path, capsys):
    sheets.main(tmp_path / "new")
    written = sorted((tmp_path / "new").glob("*.ipynb"))
    sources = (ROOT / "chapters" / "exercises").glob("*/exercises.ipynb")
    assert [path.stem for path in written] == sorted(path.parent.name for path in sources)
    for path in written:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert "SOLUTION" not in path.read_text(encoding="utf-8")
    assert capsys.readouterr().out.count("written to") == len(written)


def test_answers_are_left_as_they_are(tmp_path, capsys):
    sheets.main(tmp_path)
    mine = next(tmp_path.glob("*.ipynb"))
    mine.write_text("my answers", encoding="utf-8")
    sheets.main(tmp_path)
    assert mine.read_text(encoding="utf-8") == "my answers"
    assert f"{mine.name} is there already" in capsys.readouterr().out
