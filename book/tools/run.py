"""Execute chapters in place and store them so that the same results give the same bytes.

nbconvert leaves a stream in the chunks in which it came, and these change from run to run;
hence nbclient, which joins them, and a short pass over what it returns. Figures have two dots
for each of the page's, as screens do today, in the few colours that a drawing needs.
"""

import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
KEPT = {"tags", "mystnb", "nbgrader", "exercise", "jupyter", "cellView"}  # of a cell
FIGURES = {"fig-rates": Path("book/figures/learning_rates.png")}  # used outside the chapter


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook, executed from top to bottom in its own folder."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--InlineBackend.figure_formats=retina"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    return client.execute()


def with_few_colours(png: bytes) -> bytes:
    """Return a picture in at most 256 colours: a third of the bytes."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, "PNG", optimize=True, dpi=picture.info["dpi"])
    return file.getvalue()


def normalize(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop all metadata that depends on the machine or the hour, and colours nobody sees."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        for key in set(cell.metadata) - KEPT:
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                few = with_few_colours(base64.b64decode(png))
                output.data["image/png"] = base64.b64encode(few).decode()
    return notebook


def figure_bytes(notebook: nbformat.NotebookNode) -> dict[Path, bytes]:
    """Return the stored pictures that pages outside the chapter show, by file."""
    pictures = {}
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []):
            if name in FIGURES and "image/png" in output.get("data", {}):
                pictures[FIGURES[name]] = base64.b64decode(output.data["image/png"])
    return pictures


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write ``content`` unless the file holds it already; return whether it was written."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.write_bytes(content)
    return True


def main(notebooks: list[str]) -> None:
    """Run every notebook that is named."""
    for path in map(Path, notebooks):
        print(f"{path} ... ", end="", flush=True, file=sys.stderr)
        start = time.perf_counter()
        notebook = normalize(execute(path))
        changed = write_if_changed(path, (nbformat.writes(notebook) + "\n").encode())
        for figure, content in figure_bytes(notebook).items():
            write_if_changed(figure, content)
        seconds = time.perf_counter() - start
        print(f"{'changed' if changed else 'unchanged'}, {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
