"""Every rule for notebooks can fail: one that obeys them is broken, a way for each case."""

import nbformat
import pytest
from notebook_rules import METADATA
from tagged_cells import tag_faults
from test_house_notebooks import RULES

PNG = {"image/png": "iVBORw0KGgo="}
FIGURE = {
    "image": {"alt": "Two lines over a batch index; " * 2},
    "figure": {"caption": "Both."},
}
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
TOLD = "<details>\n<summary>What happens</summary>\n\nOne.\n\n</details>"
END = "## What we have shown\n\nIt.\n\n## Exercises\n\nOne.\n\n## Further reading"
HIDDEN = {"tags": ["hide-output"], "jupyter": {"outputs_hidden": True},
          "mystnb": {"code_prompt_show": "Output"}}  # fmt: skip


def text(source):
    return nbformat.v4.new_markdown_cell(source, id=f"04-prose-{len(source)}")


def output(kind="stream", **fields):
    fields = {"name": "stdout", "text": "ok\n"} | fields if kind == "stream" else fields
    return nbformat.v4.new_output(kind, **fields)


def code(source, label=None, out=(), **metadata):
    if label:
        myst = {"code_prompt_show": label} | metadata.get("mystnb", {})
        metadata = {"tags": ["hide-input"]} | metadata | {"mystnb": myst}
    name = f"04-code-{len(source)}"
    return nbformat.v4.new_code_cell(source, id=name, outputs=list(out), metadata=metadata)


@pytest.fixture
def nb():
    """Return a notebook without faults; cells[4] prints and cells[6] draws."""
    new = nbformat.v4.new_notebook(metadata=METADATA)
    new.cells = [
        text(TITLE),
        code("import os", "Imports", tags=["bootstrap", "hide-input"]),
        code("import numpy", "Imports"),
        text(TEXT),
        code("print('ok')", out=[output()], **HIDDEN),
        text(TOLD),
        code("draw()\nplt.show()", "Code of the figure",
             out=[output("display_data", data=PNG)], mystnb=FIGURE),
        code("assert x", "Checks"),
        text(END),
    ]  # fmt: skip
    new.nbformat_minor = 5
    for number, cell in enumerate((c for c in new.cells if "outputs" in c), 1):
        cell.execution_count = number
    return new


def faults(notebook):
    return "\n".join(fault for rule in RULES for fault in rule(notebook))


def test_notebook_without_faults_passes(nb):
    nbformat.validate(nb)
    nb.cells[8].source += "\n\n$$\n" + "x + " * 200 + "$$\n\n| " + "a | " * 200
    nb.cells[4].outputs[0].text = "1.2346e-17, (N, C)/2 and a/b, 0x1F, 100% done"
    assert faults(nb) == ""


def source(number, new, old=None):
    """Return a change of a cell's source, all of it or one part."""

    def change(notebook):
        cell = notebook.cells[number]
        assert (old or "") in cell.source
        cell.source = cell.source.replace(old, new) if old else new

    return change


def printed(text):
    return lambda notebook: notebook.cells[4].outputs[0].update(text=text)


def add(*new):
    return lambda notebook: notebook.cells.extend(new)


def words(n):
    return text("word " * n)


SZEGEDY = "[Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch)"
TRIALS = [
    # The cells.
    (source(4, ""), "0 non-blank lines"),
    (source(4, "x = 1\n" * 21), "21 non-blank lines"),
    (lambda nb: [c.update(source="x = 1\n" * 9) for c in nb.cells if "outputs" in c], "median"),
    (source(4, "%matplotlib inline"), "not plain Python"),
    (source(4, "open('../data')"), "uses '../'"),
    (source(4, "plt.show()"), "none is stored"),
    (printed("0.12345678"), "more than 6 decimals"),
    (printed("<Line2D at 0x7f0a1b2c3d>"), "memory address"),
    (lambda nb: nb.cells[4].outputs.append(
        output("execute_result", data={"text/plain": "0.12345678"})), "more than 6 decimals"),
    (add(words(141)), "141 words"),
    (add(text("```{note}\nx\n```")), "MyST"),
    (add(text("see {ref}`bn`")), "MyST"),
    (lambda nb: nb.metadata.update(authors=[]), "metadata"),
    (lambda nb: nb.cells[4].update(execution_count=None), "execution count None"),
    (lambda nb: nb.cells[4].outputs.append(output(name="stderr")), "wrote to stderr"),
    (lambda nb: nb.cells[4].outputs.append(output("error", ename="E")), "raises-exception"),
    (lambda nb: nb.cells[4].metadata.update(tags=["raises-exception"]), "go together"),
    (lambda nb: nb.cells[6].metadata.mystnb.image.update(alt="short"), "mystnb.image.alt"),
    (lambda nb: nb.cells[6].metadata.mystnb.pop("figure"), "mystnb.figure.caption"),
    (source(6, "y = 1"), "plt.show()"),
    (lambda nb: nb.cells[6].outputs.append(output("execute_result", data={})), "only a figure"),
    (lambda nb: nb.cells[6].update(outputs=[]), "none is stored"),
    (source(8, "## Exercises\n\n## Exercises", "## Exercises"), "sections"),
    # The chapter.
    (source(0, "", "It normalizes.\n\n"), "expected title, answer"),
    (source(0, "It normalizes" + " well" * 40, "It normalizes"), "42 words, at most 40"),
    (source(0, "10 minutes", "5 minutes"), "says 10 minutes, counted are 5"),
    (lambda nb: nb.cells[2].metadata.clear(), "the setup, folded"),
    (add(*[words(140)] * 20), "words, at most 2800"),
    (add(*[code("x = 1")] * 45), "46 open cells, at most 45"),
    (add(*[code("x = 1\n" * 10)] * 22), "221 open lines, at most 220"),
    (add(*[code("assert x\n" * 20, "Checks")] * 23), "lines, at most 450"),
    (add(*[words(135)] * 20, *[code("x = 1\n" * 10)] * 40), "minutes, at most 40"),
    (lambda nb: nb.cells[6].metadata.pop("mystnb"), "expected one of"),
    (add(code("x = 1", "Imports")), "holds something else"),
    (add(code("plt.show()", "Checks")), "holds something else"),
    (lambda nb: nb.cells[4].metadata.update(tags=[]), "hide its output"),
    (lambda nb: nb.cells[4].metadata.pop("mystnb"), "needs a label"),
    (source(5, "", "<details>\n"), "put it into <details>"),
    (source(3, "Chapter 5", "[Chapter 5](05_backward.ipynb)"), "chapter 5 is mentioned"),
    (source(3, "(5.1)", "[(5.1)](05_backward.ipynb#a)"), "equation 5.1 is mentioned"),
    (source(3, "Ioffe & Szegedy (2015)", SZEGEDY), "paper Ioffe & Szegedy 2015"),
    (source(3, "[[(5.1)](b)](c)", "[(5.1)](05_backward.ipynb#a)"), "a link stands inside"),
    (source(3, "output of `fold`", "output"), "`fold` of the library"),
    (add(code("score(data.x_test)")), "the tag 'report' belongs"),
    (add(code("score(data.x_val)", tags=["report"])), "the tag 'report' belongs"),
    (add(code("score(d.x_test)\nfit(d)", tags=["report"])), "trains or chooses after"),
    (add(code("d.y_test", tags=["report"]), code("best(d.y_val)")), "trains or chooses after"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), TRIALS, ids=[text for _, text in TRIALS])
def test_a_broken_rule_is_seen(nb, change, message):
    change(nb)
    assert message in faults(nb)


LIBRARY = '''
from dataclasses import dataclass
def twice(x: int) -> int:
    """Double."""
    return 2 * x
@dataclass
class Pair:
    """Two."""
    a: int
    def total(self):
        """Add."""
        return self.a
'''
PAIR = "@dataclass\nclass Pair:\n    a: int\n    def total(self):\n        return self.a"


@pytest.mark.parametrize(
    ("source", "tag", "message"),
    [
        ("def twice(x: int) -> int:\n    # why\n    return (2 * x)", "twice", ""),
        (PAIR, "Pair", ""),
        ("def twice(x: int) -> int:\n    return x * 2", "twice", "differs"),
        (PAIR.replace("int", "float"), "Pair", "differs"),
        ("def twice(x: int) -> int:\n    return 2 * x", "thrice", "names nothing"),
        ("def thrice(x):\n    return 3 * x", "twice", "does not define twice"),
        ("def twice(x: int) -> int:\n    return 2 * x\nprint(1)", "twice", "holds more"),
    ],
)
def test_tagged_cell(source, tag, message):
    told = "\n".join(tag_faults(source, ["other", f"bnlib:m.{tag}"], {"m": LIBRARY}.get))
    assert message in told if message else told == ""
