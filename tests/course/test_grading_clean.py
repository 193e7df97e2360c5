"""What students write, made safe to show: text for people, tables, and nbgrader's pages."""

import pytest

from bncourse.grading import clean


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
    assert clean.name(r"\xfc") == r"\x5cxfc" != clean.name("\udcfc")
    assert len(clean.name("\n" * 255)) == 1020


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


def test_a_literal_text_stays_in_its_block():
    assert clean.literal("a\u2028b\r\n\n# c") == "    a\\u2028b\n    \n    # c"
    assert clean.literal("") == ""


def test_a_picture_in_the_text_becomes_an_attachment():
    """As Colab writes it, and however long it is."""
    data = "aGk=" * 50_000
    cell = {"cell_type": "markdown", "metadata": {}, "source": "x" * 40_000 + (
        f"![p](data:image/png;base64,{data}) ![q](data:text/html;base64,aGk=)"
        f"<img width=9 src='data:image/gif;base64,aGk=' onerror='x'>")}  # fmt: skip
    cleaned = clean.clean_cell(cell)
    pictures = {"inline-0": {"image/png": data}, "inline-1": {"image/gif": "aGk="}}
    assert cleaned["attachments"] == pictures
    assert cleaned["metadata"]["original"][40_000:] == (
        "![](attachment:inline-0) ![q](data:text/html;base64,aGk=)![](attachment:inline-1)"
    )


def test_cells_are_stored_so_that_nothing_in_them_is_markup():
    data = {"text/html": "<script>", "application/javascript": "1", "text/plain": "x"}
    outputs = [{"output_type": "display_data", "metadata": {}, "data": data}]
    code = {"cell_type": "code", "source": "<\u202e", "outputs": outputs, "metadata": {}}
    one = clean.clean_cell(code)
    assert (one["outputs"][0]["data"], one["source"]) == ({"text/plain": "x"}, r"<\u202e")
    text = {"cell_type": "raw", "source": "a\n<b>", "metadata": {}, "attachments": {"a": 1}}
    assert clean.clean_cell(text) == {
        "cell_type": "markdown",
        "source": "    a\n    <b>",
        "metadata": {"original": "a\n<b>"},
    }
