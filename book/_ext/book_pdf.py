"""Link the PDF of the book where there is one: `make pdf` first, then `make book`.

A page says where the link stands and how it reads::

    ```{book-pdf} Download the whole book as one PDF
    ```

Without the file the page has no link, and the build is the same as without the directive.
"""

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PRINTED = Path("_build", "pdf", "batch-normalization-computed.pdf")


class PdfLink(SphinxDirective):
    """A paragraph with a link to the PDF and its size; Sphinx copies the file."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the paragraph if the file is there; read the page anew when it changes."""
        path = Path(self.env.srcdir) / PRINTED
        self.env.note_dependency(str(path))
        if not path.is_file():
            return []
        link = download_reference("", self.arguments[0], reftarget=f"/{PRINTED.as_posix()}")
        size = nodes.Text(f" ({path.stat().st_size / 1e6:.1f} MB)")
        return [nodes.paragraph("", "", link, size, classes=["book-pdf"])]


def setup(app: Sphinx) -> dict:
    """Add the directive."""
    app.add_directive("book-pdf", PdfLink)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
