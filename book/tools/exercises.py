"""Make the sheets that readers open from their sources: `make exercises`.

A source, `book/sheets/NN_topic.ipynb`, holds the solutions. What is made of it stands in
`chapters/exercises` and is committed, since JupyterLab, Colab and GitHub open it there.
"""

from pathlib import Path

from bncourse.grading import read_notebook, read_sheets
from bncourse.grading.sheets import Notebook, as_stored, for_learners, is_blank, source_of

ROOT = Path(__file__).resolve().parents[2]


def holds_answers(notebook: Notebook, sheet: Notebook) -> bool:
    """Return whether a reader has written into an answer cell of this sheet."""
    blanks = {c["id"]: source_of(c) for c in sheet["cells"] if c["id"].endswith("-answer")}
    answers = {c.get("id"): source_of(c) for c in notebook["cells"]}
    return any(not is_blank(answers.get(name, ""), text) for name, text in blanks.items())


def main(target: Path = ROOT / "chapters" / "exercises") -> None:
    """Write each sheet, but for those that hold a reader's answers."""
    target.mkdir(parents=True, exist_ok=True)
    for name, source in read_sheets(ROOT / "book" / "sheets").items():
        sheet, path = for_learners(source), target / f"{name}.ipynb"
        if path.exists() and holds_answers(read_notebook(path), sheet):
            print(f"{path.name} holds answers and stays as it is; move it to get a new one")
            continue
        path.write_text(as_stored(sheet), encoding="utf-8")
    print(f"The sheets stand in {target}")


if __name__ == "__main__":
    main()
