"""Link the PDF of the book where there is one: `make pdf` first, then `make book`.

A page says where the link stands and how it reads::

    ```{book-pdf} Download the whole book as one PDF
    ```

Without the file the page has no link, and the build is the same as without the directive.
Only the site has the link: paper and e-books do not need it.
"""

import shutil
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import only
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PRINTED = Path("_build", "pdf", "batch-normalization-computed.pdf")


class PdfLink(SphinxDirective):
    """A paragraph with a link to the PDF and its size."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the paragraph if the file is there; read the page anew when it changes."""
        path = Path(self.env.srcdir) / PRINTED
        self.env.note_dependency(str(path))
        if not path.is_file():
            return []
        address = "../" * self.env.docname.count("/") + path.name
        link = nodes.reference("", self.arguments[0], refuri=address, internal=True)
        size = nodes.Text(f" ({path.stat().st_size / 1e6:.1f} MB)")
        paragraph = nodes.paragraph("", "", link, size, classes=["book-pdf"])
        return [only("", paragraph, expr="builder_html")]


def copy_pdf(app: Sphinx, error: Exception | None) -> None:
    """Copy the file into the finished site; without it, remove an older copy."""
    path, copy = Path(app.srcdir) / PRINTED, Path(app.outdir) / PRINTED.name
    if app.builder.name == "html" and not error:
        copy.unlink(missing_ok=True)
        if path.is_file():
            shutil.copy2(path, copy)


def setup(app: Sphinx) -> dict:
    """Add the directive and the copy."""
    app.add_directive("book-pdf", PdfLink)
    app.connect("build-finished", copy_pdf)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
