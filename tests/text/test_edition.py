"""Revised chapters obey the rules of the second edition, and each rule can fail."""

import re

import nbformat
import pytest
from edition_rules import RULES
from house import CHAPTERS, read_notebook, report

REVISED = [
    "01_why_normalize",
    "02_whitening",
    "03_standardization",
    "04_batch_norm",
    "05_backward",
    "06_cnn",
    "07_inference",
    "08_in_practice",
    "09_training",
    "10_why_it_works",
    "11_relatives",
    "12_many_devices",
    "a1_through_whitening",
    "a2_second_derivatives",
    "a3_what_people_say",
]  # grows until it holds every chapter
PATHS = [path for path in CHAPTERS if path.stem in REVISED]
PNG = {"image/png": "iVBORw0KGgo="}
TITLE = """# 4. Title

It normalizes.

![Three boxes in a row: the batch, its mean and variance, the output.](../book/figures/a.svg)

**5 minutes.** Needs [chapter 3](03_standardization.ipynb).

**The question.** Why?"""
TEXT = r"""## One

$$x \tag{4.1}$$

[Chapter 5](05_backward.ipynb) and chapter 5 have [(5.1)](05_backward.ipynb#a), here (4.1),
and [Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch).
[`gradcheck`](../book/api/gradcheck.md) judges it. **Predict** the output."""


def code(source, label=None, out=(), **metadata):
    fold = {"tags": ["hide-input"], "mystnb": {"code_prompt_show": label}} if label else {}
    cell = nbformat.v4.new_code_cell(source, id="04-x", metadata=fold | metadata)
    cell.outputs = [nbformat.v4.new_output("display_data", data=d) for d in out]
    return cell


@pytest.fixture
def nb():
    """Return a notebook without faults."""
    text = nbformat.v4.new_markdown_cell
    hidden = {"tags": ["hide-output"], "jupyter": {"outputs_hidden": True}}
    hidden["mystnb"] = {"code_prompt_show": "Output"}
    new = nbformat.v4.new_notebook()
    new.cells = [
        text(TITLE),
        code("import os", "Imports", tags=["bootstrap", "hide-input"]),
        code("import numpy", "Imports"),
        text(TEXT),
        code("x = 1\nx", out=[{"text/plain": "1"}], **hidden),
        text("<details>\n<summary>What happens</summary>\n\nOne.\n\n</details>"),
        code("draw()\nplt.show()", "Code of the figure", out=[PNG]),
        code("assert x", "Checks"),
    ]
    return new


def faults(notebook):
    return "\n".join(fault for rule in RULES for fault in rule(notebook))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter_obeys(rule, path):
    broken = list(rule(read_notebook(path)))
    assert not broken, report(f"chapters/{path.name}", broken)


def test_every_revised_chapter_is_there():
    assert {path.stem for path in PATHS} == set(REVISED)


def test_notebook_without_faults_passes(nb):
    assert faults(nb) == ""


def edit(number, old, new):
    def change(notebook):
        cell = notebook.cells[number]
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def add(*new):
    return lambda notebook: notebook.cells.extend(new)


def words(n):
    return nbformat.v4.new_markdown_cell("word " * n)


TRIALS = [
    (edit(0, "It normalizes.\n\n", ""), "expected title, answer"),
    (edit(0, "It normalizes", "It normalizes" + " well" * 40), "42 words, at most 40"),
    (edit(0, "Three boxes in a row: the batch, its mean and variance", "A"), "expected title"),
    (edit(0, "Why?", "No."), "expected title, answer"),
    (edit(0, "5 minutes", "10 minutes"), "says 10 minutes, counted are 5"),
    (lambda n: n.cells[2].metadata.clear(), "the setup, folded"),
    (add(words(2800)), "words, at most 2800"),
    (add(*[code("x = 1")] * 45), "46 open cells, at most 45"),
    (add(*[code("x = 1\n" * 10)] * 22), "222 open lines, at most 220"),
    (add(*[code("assert x\n" * 20, "Checks")] * 23), "lines, at most 450"),
    (add(words(2700), *[code("x = 1\n" * 10)] * 40), "minutes, at most 40"),
    (lambda n: n.cells[6].metadata.pop("mystnb"), "expected one of"),
    (edit(6, "plt.show()", "print()"), "holds something else"),
    (edit(7, "assert x", "x = f(2)"), "holds something else"),
    (add(code("x = 1", "Imports")), "holds something else"),
    (add(code("plt.show()", "Checks")), "holds something else"),
    (lambda n: n.cells[4].metadata.pop("jupyter"), "hide its output"),
    (lambda n: n.cells[4].metadata.update(tags=[]), "hide its output"),
    (lambda n: n.cells[4].metadata.pop("mystnb"), "needs a label"),
    (edit(5, "<details>\n", ""), "put it into <details>"),
    (edit(3, "[Chapter 5](05_backward.ipynb)", "Chapter 5"), "chapter 5 is mentioned"),
    (edit(3, "[(5.1)](05_backward.ipynb#a)", "(5.1)"), "equation 5.1 is mentioned"),
    (edit(3, "[Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch)",
          "Ioffe & Szegedy (2015)"), "paper Ioffe & Szegedy 2015"),
    (edit(3, "have", "have (Huang et al. 2018) and"), "paper Huang et al. 2018"),
    (edit(3, r"$$x \tag{4.1}$$", ""), "equation 4.1 is mentioned"),
    (edit(3, "[(5.1)](05_backward.ipynb#a)", "[[(5.1)](b)](c)"), "a link stands inside"),
    (edit(3, "output", "output of `fold`"), "`fold` of the library"),
    (add(code("score(data.x_test)")), "the tag 'report' belongs"),
    (add(code("score(data.x_val)", tags=["report"])), "the tag 'report' belongs"),
    (add(code("score(d.x_test)\nfit(d)", tags=["report"])), "trains or chooses after"),
    (add(code("d.y_test", tags=["report"]), code("best(d.y_val)")), "trains or chooses after"),
    (edit(3, "## One", "## One\n\nThe notes say so."), "means nothing to a reader"),
    (edit(3, "## One", "## One\n\nLedger: A14."), "means nothing to a reader"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), TRIALS)
def test_a_broken_rule_is_seen(nb, change, message):
    change(nb)
    assert re.search(re.escape(message), faults(nb))
