"""`book/tools/mutants`: mutants are counted, and a survivor without a reason is a fault."""

import json
import sys

import pytest
from house import ROOT

sys.path.append(str(ROOT / "book" / "tools"))

from mutants import command, copying, summary

REASONS = """
[[reason]]
why = "The sum is the same."
where = "bnlib.shapes.f"
changes = ["return a[0] + b → return b + a[0]", "if a < 2: → *"]

[[reason]]
why = "Only the text of a message."
wording = true
"""
SURVIVORS = [
    ["bnlib.shapes.f", "return a[0] + b → return b + a[0]"],
    ["bnlib.shapes.f", "if a < 2: → if a != 2:"],
    ["bnlib.shapes.g", '"use a larger eps" → "XXuse a larger epsXX"'],
]
RESULTS = {
    "shapes": {"counts": {"killed": 5, "timeout": 2, "survived": 3}, "survivors": SURVIVORS}
}


def test_a_page_counts_each_module_and_groups_survivors_by_reason():
    text = summary.page(RESULTS, summary.read_reasons(REASONS))
    assert "| `shapes` | 10 | 5 | 2 | 3 | 0 |\n| `stats` | not run |" in text
    body = text.partition("## shapes\n\n")[2].splitlines()
    assert [line for line in body if not line.startswith("  - ")] == [
        "- The sum is the same.",
        "- Only the text of a message.",
    ]
    assert body[1] == "  - `bnlib.shapes.f`: ``return a[0] + b → return b + a[0]``"
    assert len(body) == 5


def test_every_survivor_has_a_reason():
    assert summary.faults(RESULTS, summary.read_reasons(REASONS)) == []
    assert summary.faults({}, summary.read_reasons(REASONS)[:1]) == []


@pytest.mark.parametrize(
    "new",
    [
        ["bnlib.shapes.g", "return a[0] + b → return b + a[0]"],  # another function
        ["bnlib.shapes.f", "return a[0] + b → return b - a[0]"],
        ["bnlib.shapes.g", '"use a larger eps" → "use a smaller eps"'],
        ["bnlib.shapes.g", '"train" → "XXtrainXX"'],  # not a text but a name
        ["bnlib.shapes.g", 'f(a, "use this") → f(b, "use this")'],
        ["bnlib.shapes.g", 'f("a", "b") → f("A", "b")'],
        ["bnlib.shapes.g", 'f("use this", "") → f("use this", )'],
    ],
)
def test_a_survivor_without_a_reason_is_a_fault(new):
    results = {"shapes": {"counts": {"survived": 4}, "survivors": [*SURVIVORS, new]}}
    (fault,) = summary.faults(results, summary.read_reasons(REASONS))
    assert fault == f"{new[0]}: no test finds this and no reason is given: {new[1]}"
    page = summary.page(results, summary.read_reasons(REASONS))
    assert f"- **No reason is given yet.**\n  - `{new[0]}`" in page


def test_mutants_that_were_not_tried_are_a_fault():
    results = {"stats": {"counts": {"killed": 1, "not checked": 2}, "survivors": []}}
    assert summary.faults(results, []) == [
        "bnlib.stats: 2 mutants were not tried; run it again"
    ]
    assert "| `stats` | 3 | 1 | 0 | 0 | 2 |" in summary.page(results, [])


def test_a_reason_that_covers_nothing_is_a_fault():
    results = {"shapes": {"counts": {"killed": 1}, "survivors": []}}
    found = summary.faults(results, summary.read_reasons(REASONS))
    assert [fault.partition(":")[0] for fault in found] == ["bnlib.shapes.f", "*"]


def test_the_command_stores_results_and_fails_on_a_new_survivor(tmp_path, monkeypatch, capsys):
    (tmp_path / "mutants.toml").write_text(REASONS, encoding="utf-8")
    monkeypatch.setattr(command, "run", lambda module, explained, children: RESULTS["shapes"])
    assert command.main(["shapes"], tmp_path) == 0
    assert json.loads((tmp_path / "mutants.json").read_text(encoding="utf-8")) == RESULTS
    (tmp_path / "mutants.toml").write_text("", encoding="utf-8")
    assert command.main(["--report"], tmp_path) == 1
    assert "**No reason" in (tmp_path / "mutants.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.count("no reason is given") == 3


def test_what_has_a_reason_is_tried_again_only_if_asked_for(tmp_path, monkeypatch):
    (tmp_path / "mutants.toml").write_text(REASONS, encoding="utf-8")
    kept = []

    def run(module, explained, children):
        kept.append(explained(*SURVIVORS[0]))
        return RESULTS["shapes"]

    monkeypatch.setattr(command, "run", run)
    command.main(["shapes"], tmp_path)
    command.main(["shapes", "--again"], tmp_path)
    assert kept == [True, False]


def test_all_are_run_but_what_takes_hours(tmp_path, monkeypatch):
    (tmp_path / "mutants.toml").write_text(REASONS, encoding="utf-8")
    run = []
    monkeypatch.setattr(
        command, "run", lambda module, *_: run.append(module) or RESULTS["shapes"]
    )
    command.main([], tmp_path)
    assert run == [name for name in copying.TESTS if name != "checks/exercises"]
    command.main(["checks/exercises"], tmp_path)
    assert run[-1] == "checks/exercises"


def test_an_unknown_module_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main(["shape"], tmp_path)
    assert "expected modules of bnlib, got shape" in capsys.readouterr().err
