"""Students' text as HTML for nbgrader's pages: it reads well, and it cannot act."""

import json
import re

import pytest

pytest.importorskip("nbconvert")

import nbformat
from grading_cases import SHEET, submission

from bncourse.grading import clean, pages

PICTURES = {"a.png": {"image/png": "aGk="}, "Ü.png": {"image/gif": "aGk="}}


def html(text, pictures=None):
    """Return a text's HTML, without the box around it."""
    whole = pages.markdown({"cell": {"attachments": pictures or PICTURES}}, text)
    start, end = pages.BOX.split("{}")
    assert whole.startswith(start)
    return whole[len(start) : -len(end)].strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** `x[0]` $a_1<b$", "<p><strong>b</strong> <code>x[0]</code> $a_1&lt;b$</p>"),
        ("# h", "<h1>h</h1>"),
        ("<b onclick=x>", "<p>&lt;b onclick=x&gt;</p>"),
        ("[a](javascript:b)", "<p>a (javascript:b)</p>"),
        ("[a][1]\n\n[1]: https://b", "<p>a (https://b)</p>"),
        ("https://a <https://b>", "<p>https://a https://b</p>"),
        (
            '![a](attachment:a.png "t")',
            '<p><img src="data:image/png;base64,aGk=" alt="a" /></p>',
        ),
        ("![](attachment:Ü.png)", '<p><img src="data:image/gif;base64,aGk=" alt="" /></p>'),
        ("![a](attachment:b.png)", "<p>a (attachment:b.png)</p>"),
        ("![a](http://b/c.png)", "<p>a (http://b/c.png)</p>"),
        ("```mermaid\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        (r"$\href{x}{y} \alpha$", r"<p>$\ href{x}{y} \alpha$</p>"),
        (r"$$\begin{a}<b>\end{a}$$", r"<p>$$\begin{a}&lt;b&gt;\end{a}$$</p>"),
        ("\u202ea\x1b", r"<p>\u202ea\x1b</p>"),
    ],
)
def test_markdown_reads_as_it_should(text, shown):
    assert html(text) == shown


HOSTILE = r"""
<svg onload=f()> <base href=//x> <meta http-equiv=refresh content=0> <!-- <form><input>
[a](&#106;avascript:f()) [b]( javascript:f() "t") <javascript:f()> ![c](x"onerror=f())
![d](data:text/html;base64,aGk=) [e][r] **<img src=x onerror=f()>** `</code><script>`

[r]: data:text/html,<script>

| <style> | a |
|:-:|---|
| <iframe> | [x](vbscript:f()) |

- [ ] <b>
> <i>

$<img>$ $$ <img> $$ \\(<img>\\) \begin{a} <img> \end{a}

$$
<img>
$$

## ex04_q6-answer {#x}

```"onload=f()
<script>
```
term
: <b>
"""
PLAIN = re.compile(
    r"</?(p|strong|em|code|pre|table|thead|tbody|tr|ul|li|blockquote|h2|dl|dt|dd)>"
    r"|<t[dh]( style=\"text-align:\w+\")?>|</t[dh]>|<(br|hr) ?/>|<li class=\"task-list-item\">"
    r'|<input class="task-list-item-checkbox" type="checkbox" disabled/>'
)


def test_only_tags_without_attributes_are_left_of_hostile_text():
    shown = html(HOSTILE)
    assert "<table>" in shown
    assert "<" not in PLAIN.sub("", shown)


@pytest.mark.parametrize("bomb", [">" * 9999, "[" * 9999, "![" * 5000, "*a " * 9999])
def test_no_text_is_too_much_for_the_page(bomb):
    assert html(bomb)


def test_what_no_parser_can_read_is_shown_as_it_is(monkeypatch):
    monkeypatch.setattr(pages, "MarkdownWithMath", None)
    assert html("<b>") == "<pre>&lt;b&gt;</pre>"


@pytest.fixture
def stored(tmp_path):
    """Give a course's source, and the notebook of a student as `import` has stored it."""
    source = tmp_path / "source" / "s" / "s.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps(SHEET), encoding="utf-8")
    notebook = submission({"ex04_q3": "*mine*"})
    notebook["cells"] = [clean.clean_cell(c) for c in notebook["cells"]]
    folder = tmp_path / "autograded" / "ada" / "s"
    return nbformat.from_dict(notebook), {"metadata": {"path": str(folder)}}


def test_pages_show_the_original_and_only_the_form_grader_has_criteria(stored):
    notebook, resources = stored
    feedback, _ = pages.preprocess(notebook, resources)
    form = {"submission_id": "x", "notebook_id": "s", "assignment_id": "s"}
    grader, _ = pages.preprocess(notebook, resources | form)
    texts = [cell.source for cell in feedback.cells]
    assert "*mine*" in texts
    assert not [t for t in texts if "1 point" in t or "np.nanmean` and" in t]  # no hints
    below = [b.source for a, b in zip(grader.cells, grader.cells[1:], strict=False)
             if a.get("id") == "ex04_q3-answer"]  # fmt: skip
    assert below[0].startswith("**Criteria.** (1 point for the sum, 1 for the use of (4.2)")
    assert r"\sum_i" in below[0]
    assert len(grader.cells) == len(feedback.cells) + 2


def test_without_the_source_there_are_no_criteria(stored, tmp_path):
    notebook, resources = stored
    form = {"submission_id": "x", "notebook_id": "other", "assignment_id": "s"}
    shown, _ = pages.preprocess(notebook, resources | form)
    assert not [cell for cell in shown.cells if "Criteria" in cell.source]


def test_a_raw_cell_is_text():
    cells = [{"cell_type": "raw", "source": "<b>", "metadata": {"raw_mimetype": "text/html"}}]
    shown, _ = pages.preprocess({"cells": cells}, {})
    assert (shown.cells[0].cell_type, shown.cells[0].source) == ("markdown", "    <b>")
