"""What students write, made safe to show: text for people, tables, and nbgrader's pages."""

import pytest

from bncourse.grading import clean

PICTURE = "![a](attachment:a.png)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 数学 \U0001f600\n\tx", "Grüße, 数学 \U0001f600\n\tx"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\x1b]0;x\x07\x9b1m\0\x7f", r"\x1b]0;x\x07\x9b1m\x00\x7f"),
        ("\u202e\u2066\u200f\u2028\ufeff\xad", r"\u202e\u2066\u200f\u2028\ufeff\xad"),
        ("\ud83d \udfff", r"\ud83d \udfff"),
        ("x" * 5000, "x" * 4000 + " ... (cut here)"),
    ],
    ids=range(6),
)
def test_what_hides_or_fakes_is_shown(text, shown):
    assert clean.visible(text) == shown


def test_a_name_is_one_line_without_tags():
    assert clean.name("O'Brien, Ü\udcfc") == r"O'Brien, Ü\xfc"
    assert clean.name('<img>"\n\x1b') == r"\x3cimg\x3e\x22\x0a\x1b"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), (" =1", "' =1"),
        ("\t=1", "' '=1"), ("\n=1", "'\n'=1"), ("\uff1d1", "'\uff1d1"), ('"=1', "'\"=1"),
        ("x;=1+1;", "x;'=1+1;"), ("x; @a", "x;' @a"), ("x\n-1", "x\n'-1"), ("'x", "''x"),
        ("x = 1; y", "x = 1; y"), ("a-b", "a-b"), ("", ""), (-1.5, -1.5),
    ],
)  # fmt: skip
def test_nothing_is_a_formula(text, cell):
    assert clean.for_table(text) == cell
    if isinstance(text, str) and "\t" not in text and ";" not in text and "\n" not in text:
        assert clean.from_table(cell) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** `x[0]` $a_1<b$ | t |", "**b** `x[0]` $a_1< b$ | t |"),
        ("a < b <= c, 1<2", "a < b <= c, 1<2"),
        ("<img> </p> <!-- <?x <javascript:x>", "< img> < /p> < !-- < ?x < javascript:x>"),
        ("[x](javascript:a) ![y](http://z)", "[x] (javascript:a) ![y] (http://z)"),
        ("[x][1]\n\n[1]: javascript:a", "[x] [1]\n\n[1] : javascript:a"),
        ("[1]\n : http://x", "[1]\n : http://x"),
        (r"$\href{javascript:a}{b} \\style{x}$", r"$\ href{javascript:a}{b} \\ style{x}$"),
        (r"$\hreflike \sigma$", r"$\hreflike \sigma$"),
        ("```mermaid\na", "```text\na"),
        (PICTURE + "![b](attachment:b.png)", PICTURE + "![b] (no picture b.png)"),
        (f"[{PICTURE}](javascript:a)", f"[{PICTURE}] (javascript:a)"),
    ],
    ids=range(11),
)
def test_markdown_keeps_its_form_and_acts_no_more(text, shown):
    assert clean.markdown(text, {"a.png": {}}) == shown
    assert clean.markdown(shown, {"a.png": {}}) == shown


def test_a_literal_text_stays_in_its_block():
    assert clean.literal("a\u2028b\r\n\n# c") == "    a\\u2028b\n    \n    # c"
    assert clean.literal("") == ""


def test_a_picture_in_the_text_becomes_an_attachment():
    """As Colab writes it, and however long it is."""
    data = "aGk=" * 50_000
    cell = {"cell_type": "markdown", "metadata": {}, "source": "x" * 40_000 + (
        f"![p](data:image/png;base64,{data}) ![q](data:text/html;base64,aGk=)"
        f"<img width=9 src='data:image/gif;base64,aGk=' onerror='x'>")}  # fmt: skip
    found = clean.clean_cell(cell)
    pictures = {"inline-0": {"image/png": data}, "inline-1": {"image/gif": "aGk="}}
    assert found["attachments"] == pictures
    assert found["source"][40_000:] == (
        "![](attachment:inline-0) ![q] (data:text/html;base64,aGk=)![](attachment:inline-1)"
    )


def test_nbgraders_pages_get_cells_that_are_safe():
    nbformat = pytest.importorskip("nbformat")
    data = {"text/html": "<script>", "application/javascript": "1", "text/plain": "x"}
    outputs = [{"output_type": "display_data", "metadata": {}, "data": data}]
    hint = clean.folded("<b>look</b>")
    cells = [
        {"cell_type": "code", "source": "<", "outputs": outputs, "metadata": {}},
        {"cell_type": "raw", "source": "<script>", "metadata": {}},
        {"cell_type": "markdown", "source": hint, "metadata": {}, "attachments": {"a": 1}},
    ]
    notebook, resources = clean.preprocess(nbformat.from_dict({"cells": cells}), 5)
    one, two, three = notebook.cells
    assert (one.outputs[0].data, one.source, resources) == ({"text/plain": "x"}, "<", 5)
    assert (two.cell_type, two.source) == ("markdown", "    <script>")
    assert two.metadata.original == "<script>"
    assert three.source == clean.folded("< b>look< /b>")
    assert "attachments" not in three
