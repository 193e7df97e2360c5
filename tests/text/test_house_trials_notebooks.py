"""Every rule for notebooks can fail: one that obeys them is broken, a way for each case."""

import nbformat
import pytest
from notebook_rules import METADATA, RULES
from tagged_cells import tag_faults

PNG = {"image/png": "iVBORw0KGgo="}
FIGURE = {
    "image": {"alt": "Two lines over a batch index; " * 2},
    "figure": {"caption": "Both."},
}
TEXT = [
    "# 4. Title\n\n**You will** derive. **Needs** 30 minutes.",
    "## What we have shown",
    "## Exercises",
    "## Further reading",
]


def output(kind="stream", **fields):
    fields = {"name": "stdout", "text": "ok\n"} | fields if kind == "stream" else fields
    return nbformat.v4.new_output(kind, **fields)


def code(number, source, out, **metadata):
    return nbformat.v4.new_code_cell(
        source, id=f"04-code-{number}", execution_count=number, outputs=[out], metadata=metadata
    )


@pytest.fixture
def nb():
    """Return a notebook without faults; cells[1] prints and cells[2] draws."""
    draws = code(
        2, "y = 1\nplt.show()\nassert y", output("display_data", data=PNG), mystnb=FIGURE
    )
    prose = [
        nbformat.v4.new_markdown_cell(text, id=f"04-prose-{number}")
        for number, text in enumerate(TEXT)
    ]
    new = nbformat.v4.new_notebook(metadata=METADATA)
    new.cells = [prose[0], code(1, "print('ok')", output()), draws, *prose[1:]]
    new.nbformat_minor = 5
    return new


def faults(notebook):
    return "\n".join(fault for rule in RULES for fault in rule(notebook))


def test_notebook_without_faults_passes(nb):
    nbformat.validate(nb)
    assert faults(nb) == ""


SOURCE_CASES = [
    ("", "is empty"),
    ("x = 1\n" * 21, "21 non-blank lines"),
    ("x = 1\n" * 19, "median"),
    ("%matplotlib inline", "not plain Python"),
    ("!ls", "not plain Python"),
    ("from bnlib import *", "import names explicitly"),
    ("from . import x", "import names explicitly"),
    ("open('../data')", "uses '../'"),
    ("import tqdm", "uses 'tqdm'"),
    ("plot(x);", "semicolon"),
    ("plt.show()", "none is stored"),
]
PRINT_CASES = [
    ("0.12345678", "more than 6 decimals"),
    ("in /opt/python/lib", "absolute path"),
    ("C:\\Users", "absolute path"),
    ("<Line2D at 0x7f0a1b2c3d>", "memory address"),
    ("50%|####    | 5/10", "progress bar"),
]
PROSE_CASES = [
    ("word " * 141, "141 words"),
    ("```{note}\nx\n```", "MyST"),
    (":::{note}\nx\n:::", "MyST"),
    ("see {ref}`bn`", "MyST"),
    ("![](a.png)", "without a text alternative"),
    ("no section", "sections"),
]


@pytest.mark.parametrize(("source", "message"), SOURCE_CASES)
def test_code_cell(nb, source, message):
    nb.cells[1].source = source
    assert message in faults(nb)


@pytest.mark.parametrize(("text", "message"), PRINT_CASES)
@pytest.mark.parametrize("kind", ["stream", "execute_result"])
def test_printed_text(nb, text, message, kind):
    data = {"text": text} if kind == "stream" else {"data": {"text/plain": text}}
    nb.cells[1].outputs = [output(kind, **data)]
    assert message in faults(nb)


@pytest.mark.parametrize("text", ["1.2346e-17", "(N, C)/2 and a/b", "0x1F", "100% done"])
def test_printed_text_that_is_fine(nb, text):
    nb.cells[1].outputs = [output(text=text)]
    assert faults(nb) == ""


@pytest.mark.parametrize(("text", "message"), PROSE_CASES)
def test_markdown_cell(nb, text, message):
    nb.cells[3].source = text
    assert message in faults(nb)


def test_long_mathematics_is_not_prose(nb):
    nb.cells[3].source += "\n\n$$\n" + "x + " * 200 + "$$\n\n| " + "a | " * 200
    assert faults(nb) == ""


CHANGES = [
    (lambda nb: nb.metadata.update(authors=[]), "metadata"),
    (lambda nb: nb.metadata.language_info.update(version="3.11.7"), "metadata"),
    (lambda nb: nb.update(nbformat_minor=4), "nbformat: expected 4.5"),
    (lambda nb: nb.cells[1].update(id="8f3a"), "expected one like"),
    (lambda nb: nb.cells[1].update(id="04-prose-0"), "used twice"),
    (lambda nb: nb.cells[1].update(execution_count=None), "execution count None"),
    (lambda nb: nb.cells[2].update(execution_count=3), "execution count 3"),
    (lambda nb: nb.cells[1].outputs.append(output(name="stderr")), "wrote to stderr"),
    (lambda nb: nb.cells[1].outputs.append(output("error", ename="E")), "raises-exception"),
    (lambda nb: nb.cells[1].metadata.update(tags=["raises-exception"]), "go together"),
    (lambda nb: nb.cells[2].metadata.pop("mystnb"), "mystnb.image.alt"),
    (lambda nb: nb.cells[2].metadata.mystnb.image.update(alt="short"), "mystnb.image.alt"),
    (lambda nb: nb.cells[2].metadata.mystnb.pop("figure"), "mystnb.figure.caption"),
    (lambda nb: nb.cells[2].update(source="y = 1"), "plt.show()"),
    (lambda nb: nb.cells[2].outputs.append(output("execute_result", data={})), "only a figure"),
    (lambda nb: nb.cells[2].update(outputs=[]), "none is stored"),
    (lambda nb: nb.cells[2].outputs[0].data.update({"image/svg+xml": "<svg/>"}), "PNG"),
    (lambda nb: nb.cells[1].outputs.append(
        output("display_data", data={"application/vnd.jupyter.widget-view+json": {}})
    ), "widget"),
    (lambda nb: nb.cells[0].update(source="# Title"), "opens with '# N. title'"),
    (lambda nb: nb.cells[0].update(source="# 5. T\nYou will. Needs."), "says chapter 5"),
    (lambda nb: nb.cells[0].update(source="# 4. T\nYou will."), "no 'Needs'"),
    (lambda nb: nb.cells.append(nb.cells.pop(-2)), "sections"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[text for _, text in CHANGES])
def test_notebook(nb, change, message):
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


@pytest.mark.parametrize(
    ("source", "tag", "message"),
    [
        ("def twice(x: int) -> int:\n    # why\n    return (2 * x)", "m.twice", None),
        ("@dataclass\nclass Pair:\n    a: int\n    def total(self):\n        return self.a",
         "m.Pair", None),
        ("def total(self):\n    return self.a", "m.Pair.total", None),
        ("def twice(x: int) -> int:\n    return x * 2", "m.twice", "differs"),
        ("def twice(x):\n    return 2 * x", "m.twice", None),
        ("def twice(x=1):\n    return 2 * x", "m.twice", "differs"),
        ("@dataclass\nclass Pair:\n    a: float\n    def total(self):\n        return self.a",
         "m.Pair", "differs"),
        ("class Pair:\n    a: int\n    def total(self):\n        return self.a",
         "m.Pair", "differs"),
        ("def twice(x: int) -> int:\n    return 2 * x", "m.thrice", "names nothing"),
        ("def thrice(x):\n    return 3 * x", "m.twice", "does not define twice"),
        ("def twice(x: int) -> int:\n    return 2 * x\nprint(1)", "m.twice", "holds more"),
    ],
)  # fmt: skip
def test_tagged_cell(source, tag, message):
    found = "\n".join(tag_faults(source, ["other", f"bnlib:{tag}"], {"m": LIBRARY}.get))
    assert message in found if message else found == ""
