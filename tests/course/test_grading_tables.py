"""Tables of a class: shards joined, marks that changed, statistics, totals for a class list."""

import pytest
from grading_cases import hand_in
from house import ROOT

from bncourse.grading import Row, batch, tables
from bncourse.grading.__main__ import main, shard

HEAD = "student,sheet,exercise,kind,points,most,status,message,notes"
ADA = """ada,04_a,ex04_q1,code,3.0,3.0,graded,right,
ada,04_a,ex04_q2,code,1.0,3.0,graded,"half
looks like the variance divided by m - 1",
ada,04_a,ex04_q3,derivation,0.0,3.0,to mark,,"""
BOB = "'-bob,04_a,ex04_q1,code,0.0,3.0,graded,looks like a sum,a note"
CYD = "cyd,04_a,ex04_q1,code,0.0,3.0,blank,,"


def table(path, *lines):
    """Write a table with these lines; return its path."""
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["", f"{HEAD.removesuffix(',notes')}\n", "id;score\n"])
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / "g.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"g\.csv: .* no column '\w+'"):
        tables.read_table(tmp_path / "g.csv")


def test_parts_are_joined_as_they_stand_and_an_answer_in_two_is_refused(tmp_path, capsys):
    parts = [table(tmp_path / "2.csv", CYD, BOB), table(tmp_path / "1.csv", ADA)]
    assert main(["merge", *map(str, parts), "-o", str(tmp_path / "all.csv")]) == 0
    joined = table(tmp_path / "wanted.csv", BOB, ADA, CYD)
    assert tables.read_table(tmp_path / "all.csv") == tables.read_table(joined)
    parts = [table(tmp_path / "1.csv", ADA), table(tmp_path / "2.csv", CYD, ADA)]
    assert main(["merge", *map(str, parts), "-o", str(tmp_path / "no.csv")]) == 2
    assert "found ex04_q1 of 'ada' again" in capsys.readouterr().err
    assert not (tmp_path / "no.csv").exists()


def test_an_exercise_has_its_mean_and_its_mistakes(tmp_path):
    path, out = table(tmp_path / "g.csv", ADA, BOB, CYD), tmp_path / "e.csv"
    assert main(["exercises", str(path), "-o", str(out)]) == 0
    assert tables.read_csv(out)[0] == [
        dict(zip(tables.ABOUT, row, strict=True))
        for row in (
            ["04_a", "ex04_q1", "code", "2", "1.5", "3.0", "a sum (50%)"],
            ["04_a", "ex04_q2", "code", "1", "1.0", "3.0",
             "the variance divided by m - 1 (100%)"],
            ["04_a", "ex04_q3", "derivation", "1", "", "3.0", ""],
        )
    ]  # fmt: skip


def test_marks_that_changed_are_listed(tmp_path):
    before = tables.read_table(table(tmp_path / "a.csv", ADA, CYD))
    now = tables.read_table(
        table(tmp_path / "b.csv", ADA.replace(",1.0,", ",2,").replace(",3.0,3.0", ",3,3"), BOB)
    )
    assert tables.changes(before, now)[1:] == [["ada", "04_a", "ex04_q2", "1.0", "2"]]


SCORES = {"04_a": (9.0, {"7": 5.5, "-bob": 0.0}), "05_b": (4.0, {"7": 4.0})}


def test_a_class_list_keeps_its_columns_and_gets_points(tmp_path):
    """Moodle writes "Participant 7"; who has handed in nothing has a line, too."""
    path = tmp_path / "people.csv"
    path.write_text("\ufeffIdentifier,Name\nParticipant 7,Ada\n-bob,Bob\n8,Cyd\n", "utf-8")
    people, header = tables.read_people(path, "Identifier")
    assert tables.totals(people, header, "Identifier", SCORES) == [
        ["Identifier", "Name", "04_a", "05_b", "total"],
        ["Participant 7", "Ada", 5.5, 4.0, 9.5],
        ["-bob", "Bob", 0.0, "", 0.0],
        ["8", "Cyd", "", "", ""],
    ]
    with pytest.raises(ValueError, match=r"people\.csv: .*'ID', found Identifier, Name"):
        tables.read_people(path, "ID")


def test_canvas_gets_its_points_possible_and_a_column_that_it_has_is_filled(tmp_path):
    path = tmp_path / "canvas.csv"
    path.write_text("Student,ID,Section\n,,\n    Points Possible,,\nAda,7,A\n", "utf-8")
    people, header = tables.read_people(path, "ID")
    assert tables.totals(people, header, "ID", SCORES)[1:] == [
        [""] * 6,  # Canvas writes of hidden columns here, and would take a 0 for a student's
        ["    Points Possible", "", "", 9.0, 4.0, 13.0],
        ["Ada", "7", "A", 5.5, 4.0, 9.5],
    ]
    path.write_text("Student,ID,04_a (77),Section\nAda,7,1,A\nEve,99,2,A\n", "utf-8")
    people, header = tables.read_people(path, "ID")
    assert tables.totals(people, header, "ID", SCORES) == [
        ["Student", "ID", "04_a (77)", "Section", "05_b", "total"],
        ["Ada", "7", 5.5, "A", 4.0, 9.5],
        ["Eve", "99", "2", "A", "", ""],
    ]


def test_a_shard_that_is_none_is_refused():
    for text in ("0/4", "5/4", "1", "a/b", "1/0", "-1/4", ""):
        with pytest.raises(Exception, match=r"expected K/N with 1 <= K <= N"):
            shard(text)


def test_four_shards_give_what_one_run_gives_and_another_run_tells_what_changed(
    tmp_path, capsys, monkeypatch
):
    rows = [Row(f"q{i}", "code", float(i), 3.0, "graded", "ok") for i in (1, 2)]
    monkeypatch.setattr(batch, "grade", lambda notebook, *_: (rows, [str(notebook)]))
    for number in range(6):
        hand_in(tmp_path / "in", f"s{number}", {"cells": [{"id": number}]})
    grade = ["grade", str(tmp_path / "in"), "--sheets", str(ROOT / "book" / "sheets")]
    grade += ["--no-sandbox"]
    assert main([*grade, "--shard", "1/2"]) == 2
    assert "--shard needs --seed" in capsys.readouterr().err
    parts = [str(tmp_path / f"part-{k}.csv") for k in range(1, 5)]
    for k, part in enumerate(parts, 1):
        assert main([*grade, "--seed", "5", "--shard", f"{k}/4", "-o", part]) == 0
    assert main([*grade, "--seed", "5", "-o", str(tmp_path / "one.csv")]) == 0
    assert main(["merge", *parts, "-o", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert len(tables.read_table(tmp_path / "one.csv")) == 6 * 2
    rows[0] = Row("q1", "code", 2.0, 3.0, "graded", "ok")
    assert main([*grade, "--seed", "6", "-o", str(tmp_path / "one.csv")]) == 0
    assert "one.changed.csv: 6 marks are others than before" in capsys.readouterr().err
