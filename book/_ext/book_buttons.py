"""Give exercise sheets no button that opens their source on Colab.

The source in the repository holds the solutions. A reader gets a sheet without them from
the page's download button.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SHEETS = "chapters/exercises/"


def drop_launch(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Take the group of launch buttons from a sheet's page, in place."""
    if page.startswith(SHEETS):
        buttons = context["header_buttons"]
        buttons[:] = [b for b in buttons if b.get("label") != "launch-buttons"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect after the theme, which makes the buttons."""
    app.connect("html-page-context", drop_launch, priority=900)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
