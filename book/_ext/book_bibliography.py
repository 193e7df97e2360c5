"""Write the reference list with surnames first."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from sphinx.application import Sphinx


class SurnameFirst(Style):
    """The style "plain", sorted by author, with the surname before the given names."""

    default_name_style = "lastfirst"


def setup(app: Sphinx) -> dict:
    """Register the style under the name ``surname_first``."""
    register_plugin("pybtex.style.formatting", "surname_first", SurnameFirst)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
