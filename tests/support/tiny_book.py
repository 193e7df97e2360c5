"""A book of two chapters with all that is hard to print, under the settings of the real one."""

import shutil

import nbformat
from house import ROOT

LONG = "total = " + " + ".join(f"number_{i:02}" for i in range(20)) + "  # the very end"
HIDDEN = "hidden_cell = 'seen on paper'"
TITLE = "1. A first chapter that has a title so long that it does not fit on one line of paper"
FIRST = f"""# {TITLE}

## The question

The root, with a number:

$$
\\hat x = \\frac{{x - \\mu}}{{\\sqrt{{\\sigma^2 + \\epsilon}}}} \\tag{{1.1}}
$$

The answer is in [the second chapter](02_second.md#the-question).
It is from {{cite:t}}`ioffe2015batch`.
[Home](../index.md), [a search](https://example.org/), [the notebook](01_first.ipynb).

```python
{LONG}
```
"""
SECOND = """# 2. A second chapter

## The question

The same title as in the first chapter. An equation with a label:

$$
a = b
$$ (label)

It is {eq}`label`.

::::{dropdown} Solution
The text of the solution.
::::

## References

```{bibliography}
```
"""
TOC = """format: jb-book
root: index
parts:
  - caption: Chapters
    chapters:
      - file: chapters/01_first
        sections:
          - file: chapters/02_second
"""


def write(folder):
    """Write the book into ``folder``; its extensions and styles are those of the real one."""
    (folder / "chapters").mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_ext", folder / "book" / "_ext")
    for name in ("_static", "figures", "figures_js"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    for name in ("_config.yml", "book/references.bib", "book/addresses.txt"):
        shutil.copy2(ROOT / name, folder / name)
    python = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    cells = [
        nbformat.v4.new_markdown_cell(FIRST, id="first"),
        nbformat.v4.new_code_cell(HIDDEN, id="hidden", metadata={"tags": ["hide-input"]}),
    ]
    notebook = nbformat.v4.new_notebook(metadata=python, cells=cells)
    texts = {
        "_toc.yml": TOC,
        "index.md": "# A tiny book\n\nIts first page.\n",
        "chapters/01_first.ipynb": nbformat.writes(notebook),
        "chapters/02_second.md": SECOND,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
