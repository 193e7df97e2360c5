"""The notation page: each name exists where the page says so, with the shape it gives."""

import inspect
import re

import keras_layer
import numpy as np
import pytest
import torch
from house import CHAPTERS, ROOT, cells, joined, read_notebook

from bnlib.functional import staged_backward, staged_forward
from bnlib.layers import BatchNorm

PARTS = (ROOT / "book" / "notation.md").read_text(encoding="utf-8").split("\n## ")[1:]
WORD = re.compile(r"[A-Za-z_]\w*")
SHAPES = {"$(C,)$": "(C,)", "as $x$": "x", "number": "()", "$(N, C)$ or $(N, C, H, W)$": "x"}
X = {"(N, C)": (6, 3), "(N, C, H, W)": (2, 3, 2, 4)}


def table(title):
    """Return the rows of one section's table as dictionaries."""
    [part] = [part for part in PARTS if part.startswith(title)]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


TABLES = {part.splitlines()[0]: table(part.splitlines()[0]) for part in PARTS[:4]}
SIZES, FORWARD, RUNNING, GRADIENTS = TABLES.values()
FORMULA = re.compile(r"\$\$(.*?)\$\$|(?<!\\)\$([^$\n]+)\$", re.DOTALL)
GREEK = "alpha|beta|gamma|delta|Delta|epsilon|varepsilon|eta|theta|kappa|lambda|Lambda|mu|pi"
GREEK += "|rho|sigma|Sigma|tau|phi|omega|ell"
# No letters of a formula: words, units, names of commands.
WORDS = re.compile(
    r"\\(?:mathrm|text|operatorname|tag|begin|end|mathcal)\*?\{[^{}]*\}"
    rf"|\\(?!(?:{GREEK})(?![A-Za-z]))[A-Za-z]+"
)


def names(rows, column):
    """Yield what a column has between backticks."""
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[column])]


def words(rows, column):
    """Return the identifiers in a column, less the numbers and operators around them."""
    return {word for name in names(rows, column) for word in WORD.findall(name)}


def computed(shape):
    """Return every value of a forward and a backward pass, and a layer's, by name."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *shape))
    gamma, beta = rng.uniform(0.5, 2, size=(2, shape[1]))
    stages = staged_forward(x, gamma, beta)
    layer = BatchNorm(shape[1])
    layer(x)
    return {**vars(layer), **vars(stages), **vars(staged_backward(dy, stages))}


def test_every_table_is_read_and_sizes_are_used_in_the_chapters():
    assert list(map(len, TABLES.values())) == [5, 9, 3, 6]
    code = [source for path in CHAPTERS for _, _, source in cells(read_notebook(path), "code")]
    used = set(WORD.findall("\n".join(code)))
    assert words(SIZES, "Code") - used == set()


@pytest.mark.parametrize("shape", X.values(), ids=X)
def test_code_names_have_the_shapes_of_the_tables(shape):
    values = computed(shape)
    for row in FORWARD + RUNNING + GRADIENTS:
        [name] = names([row], "Code")
        value = np.asarray(values[name])
        expected = {"(C,)": (3,), "x": shape, "()": ()}[SHAPES[row["Shape"]]]
        assert value.size == np.prod(expected), name  # a statistic may keep axes of length 1
        assert value.shape == expected or 1 in value.shape, name


def test_torch_names_exist():
    function = set(inspect.signature(torch.nn.functional.batch_norm).parameters)
    layer = torch.nn.BatchNorm1d(3)
    layer(torch.ones(2, 3, requires_grad=True)).sum().backward()
    known = function | set(dir(layer)) | {"x", "grad", "grad_output"}
    used = words(FORWARD + RUNNING + GRADIENTS, "PyTorch")
    assert used - known == set()
    assert {"input", "weight", "bias", "eps", "running_mean", "momentum"} <= used
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None


def test_keras_names_exist():
    facts = keras_layer.facts()
    known = {*facts["arguments"], *facts["call"], *facts["weights"]}
    rows = FORWARD + RUNNING
    formulas = [name for name in names(rows, "Keras") if "(" in name]
    assert formulas == ["mean(batch)", "var(batch)"]
    assert all(formula in facts["page"] for formula in formulas)
    used = words(rows, "Keras") - {"mean", "var", "batch"}
    assert used - known == set()
    assert {"gamma", "epsilon", "moving_variance", "momentum", "inputs"} <= used


def test_defaults_are_those_of_the_page():
    text = " ".join(" ".join(PARTS).split())
    momentum, epsilon, _ = keras_layer.facts()["defaults"]
    assert (momentum, epsilon) == (0.99, 1e-3)
    assert "The default in Keras is $10^{-3}$" in text
    assert "Its default of 0.99 is a momentum of 0.01 here" in text
    ours, theirs = BatchNorm(1), torch.nn.BatchNorm1d(1)
    assert (ours.eps, ours.momentum) == (theirs.eps, theirs.momentum) == (1e-5, 0.1)


def test_keras_loses_the_variance_of_values_far_from_zero():
    """The page of questions says so; once it is repaired, that sentence has to go."""
    text = (ROOT / "book" / "questions.md").read_text(encoding="utf-8")
    assert "Keras 3.15.1 over PyTorch computes it in this way" in text
    assert 100 < keras_layer.facts()["far"] < 1000  # and not 1


def letters(markdown):
    """Return the letters in the formulas of a text, Greek ones by name."""
    text = re.sub(r"`[^`\n]*`", " ", markdown)
    formulas = " ".join(shown or inside for shown, inside in FORMULA.findall(text))
    return set(re.findall(rf"\\(?:{GREEK})|[A-Za-z]", WORDS.sub(" ", formulas)))


ALL_OVER, OWN = re.split(r"\n\| Chapter .*\n.*\n", PARTS[4])
EVERYWHERE = letters("".join(row["Symbol"] for row in SIZES + FORWARD)) | letters(ALL_OVER)
OWN = dict(re.findall(r"(?m)^\| (\w+) \| (.*) \|$", OWN))


def test_letters_are_found():
    text = (
        r"a word, `$c$`, $\mathrm{d}x + \eta_k$ and $$\text{if } \frac{\alpha}{W} \tag{4.1}$$"
    )
    assert len(OWN) == len(CHAPTERS)
    assert letters(text) == {"x", r"\eta", "k", r"\alpha", "W"}
    assert {"x", r"\mu", r"\gamma", "N", "W", r"\ell"} <= EVERYWHERE


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_letter_of_a_formula_is_on_the_page(path):
    notebook = read_notebook(path)
    used = letters("\n\n".join(source for _, _, source in cells(notebook, "markdown")))
    [name] = re.findall(r"# (\w+)\.", joined(notebook.cells[0].source))
    own = set(re.findall(r"\$(\\?[A-Za-z]+)\$", OWN[name]))
    assert used - EVERYWHERE - own == set(), "not on the page"
    assert own - used == set(), "on the page, and not in the chapter"
    # D is a size in the cells; two chapters use it as a letter, too.
    assert own & EVERYWHERE <= {"D", "H"}, "has a meaning in the whole book already"
