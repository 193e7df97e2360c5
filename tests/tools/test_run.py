"""`book/tools/run.py`: the same results give the same bytes, in chapters and figures."""

import base64
import io

import nbformat
import pytest
import run
from house import CHAPTERS, ROOT, read_notebook
from PIL import Image, ImageChops

KEPT = {"tags": ["x"], "jupyter": {"outputs_hidden": True}}  # of a cell


@pytest.fixture
def tiny(tmp_path):
    """Write a notebook that prints twice and carries metadata of a run."""
    code = nbformat.v4.new_code_cell("print(1, flush=True)\nprint(2)", id="00-print")
    code.metadata = KEPT | {"execution": {"started": "now"}, "collapsed": True}
    notebook = nbformat.v4.new_notebook(cells=[code], metadata={"language_info": {"name": "R"}})
    path = tmp_path / "00_tiny.ipynb"
    nbformat.write(notebook, path)
    return path


def test_running_twice_leaves_the_same_bytes_and_no_trace_of_the_run(tiny, capsys):
    run.main([str(tiny)])
    first = tiny.read_bytes()
    run.main([str(tiny)])
    assert tiny.read_bytes() == first
    assert capsys.readouterr().err.count("unchanged") == 1
    notebook = read_notebook(tiny)
    (cell,) = notebook.cells
    assert notebook.metadata == run.METADATA
    assert cell.metadata == KEPT
    assert cell.execution_count == 1
    assert ["".join(out.text) for out in cell.outputs] == ["1\n2\n"]


def test_a_figure_has_two_dots_for_one_in_few_colours(tmp_path):
    code = """import matplotlib.pyplot as plt
plt.subplots(figsize=(2, 1), dpi=100)[1].plot([0, 1])
plt.show()"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(notebook, tmp_path / "figure.ipynb")
    run.main([str(tmp_path / "figure.ipynb")])
    (output,) = read_notebook(tmp_path / "figure.ipynb").cells[0].outputs
    with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as picture:
        assert picture.mode == "P"
        assert picture.info["dpi"] == pytest.approx((200, 200), rel=1e-3)
        half = {"width": picture.width // 2, "height": picture.height // 2}
    assert output.metadata["image/png"] == half


def test_few_colours_keep_a_drawing():
    with Image.open(ROOT / "book" / "figures" / "bench.png") as drawn:
        before = io.BytesIO()
        drawn.convert("RGBA").save(before, "PNG", dpi=(200, 200))
        with Image.open(io.BytesIO(run.with_few_colours(before.getvalue()))) as few:
            change = ImageChops.difference(drawn.convert("RGB"), few.convert("RGB"))
    assert max(high for _, high in change.getextrema()) <= 32  # of 255


def test_write_if_changed_says_whether_it_wrote(tmp_path):
    path = tmp_path / "file"
    assert run.write_if_changed(path, b"a")
    assert not run.write_if_changed(path, b"a")
    assert run.write_if_changed(path, b"b")
    assert path.read_bytes() == b"b"


def test_only_named_figures_are_taken_out():
    png = base64.b64encode(b"picture").decode()
    cells = [
        nbformat.v4.new_code_cell(
            metadata={"mystnb": {"figure": {"name": name}}},
            outputs=[nbformat.v4.new_output("display_data", {"image/png": png})],
        )
        for name in ("fig-other", *run.FIGURES)
    ]
    taken = run.figure_bytes(nbformat.v4.new_notebook(cells=cells))
    assert taken == dict.fromkeys(run.FIGURES.values(), b"picture")


def test_figures_of_the_pages_are_those_of_the_chapters():
    drawn = [f for path in CHAPTERS for f in run.figure_bytes(read_notebook(path)).items()]
    assert dict(drawn) == {name: (ROOT / name).read_bytes() for name in run.FIGURES.values()}
    assert len(drawn) == len(run.FIGURES)  # each stands in one chapter
