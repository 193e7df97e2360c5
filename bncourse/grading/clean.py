"""What students write, made safe to show: in a terminal, a table, a notebook, a web page.

nbgrader's pages show Markdown without cleaning it, with the rights of whoever marks. In what
they get, a student's text is literal; the original stands in the cell's metadata, where
`bncourse.grading.pages` takes it from.
"""

import re
from collections.abc import Iterator
from typing import Any

from bncourse.grading.sheets import Cell, source_of

MOST = 4000  # characters of a message
# Control characters; what cannot be seen; what turns the direction of text; half characters.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
FORMULA = re.compile(r"(^|[;\t\n])(?=[\s\"]*['=+\-@\uff1d\uff0b\uff0d\uff20])")
DATA = r"data:(?P<kind>image/(?:png|jpeg|gif|webp));base64,(?P<data>[A-Za-z0-9+/=]+)"
PASTED = re.compile(rf"!\[[^][\n]{{0,200}}\]\({DATA}\)")
TAGGED = re.compile(rf"<img\s[^<>]{{0,99}}?src=[\"']{DATA}[\"'][^<>]{{0,99}}>")
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
LONGEST = 50_000  # characters of a text
LARGEST = 20 * 2**20  # characters of all pictures of an answer


def visible(text: str, most: int = MOST) -> str:
    r"""Return a text with all that hides or fakes as an escape, and not too long.

    Examples
    --------
    >>> visible("a\x1b[2J\ud800\u202e")
    'a\\x1b[2J\\ud800\\u202e'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text[:most])
    return shown + (" ... (cut here)" if len(text) > most else "")


def name(text: str) -> str:
    """Return a folder's or a file's name on one line, without what would open a tag.

    Different names stay different; a file's name of 255 bytes has 1020 characters at most.
    """
    text = text.replace("\\", r"\x5c")
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    safe = re.sub('[<>"`\n\t\r]', lambda match: f"\\x{ord(match[0]):02x}", text)
    return visible(safe, 1020)


def for_table(value: Any) -> Any:
    """Return a cell of a CSV; what a spreadsheet would take for a formula gets a quote.

    Where a semicolon parts the columns, a formula may begin behind one, too.

    Examples
    --------
    >>> for_table("=1"), for_table("a;@b"), for_table("'a"), for_table(-1)
    ("'=1", "a;'@b", "''a", -1)
    """
    if not isinstance(value, str):
        return value
    return FORMULA.sub(r"\1'", value).replace("\t", " ")


def from_table(text: str) -> str:
    """Return a name as it was before `for_table`."""
    return text[1:] if text[:1] == "'" else text


def literal(text: str, most: int = MOST) -> str:
    """Return Markdown that shows a text as it is, line by line."""
    lines = visible(text, most).split("\n")
    return "\n".join(f"    {line}" for line in lines) if text else ""


def attached(cell: Cell) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the kind and the data of each picture that a cell may hold."""
    pasted = cell.get("attachments")
    for file, kinds in (pasted if isinstance(pasted, dict) else {}).items():
        for kind, data in (kinds if isinstance(kinds, dict) else {}).items():
            text = "".join(map(str, data)) if isinstance(data, list) else data
            if isinstance(text, str) and re.fullmatch(r"[^)\s\\\"'<>&]{1,200}", file):
                yield file, kind, text


def pictures_of(cell: Cell) -> dict[str, Any]:
    """Return the pictures that were pasted into a cell, without what is none."""
    pictures, left = {}, LARGEST
    for file, kind, data in attached(cell):
        left -= len(data)
        if kind in IMAGES and left > 0 and re.fullmatch(r"[A-Za-z0-9+/=\s]+", data):
            pictures[file] = {kind: data}
    return pictures


def with_attached(cell: Cell) -> Cell:
    """Return a text cell with the pictures that stand in its text attached, as Colab's do."""
    more: dict[str, Any] = {}

    def moved(match: re.Match[str]) -> str:
        name = f"inline-{len(more)}"
        more[name] = {match["kind"]: match["data"]}
        return f"![](attachment:{name})"

    text = TAGGED.sub(moved, PASTED.sub(moved, source_of(cell)))
    return {**cell, "source": text, "attachments": pictures_of(cell) | more} if more else cell


def clean_cell(cell: Cell) -> Cell:
    """Return a cell that is safe to show; the text that it had stays in its metadata."""
    kind, text = cell.get("cell_type"), source_of(cell)
    if kind == "code":
        outputs = [clean_output(output) for output in cell.get("outputs", ())]
        return {**cell, "source": visible(text, LONGEST), "outputs": outputs}
    cell = with_attached(cell)
    text, pictures = source_of(cell), pictures_of(cell)
    new = {**cell, "cell_type": "markdown", "source": literal(text, LONGEST)}
    original = text.encode("utf-8", "replace").decode()
    new["metadata"] = dict(cell["metadata"]) | {"original": original}
    new.pop("attachments", None)
    return new | {"attachments": pictures} if pictures else new


def clean_output(output: Any) -> Any:
    """Return an output without what a browser would run."""
    if "data" not in output:
        return output
    kept = {k: v for k, v in output["data"].items() if k in ("text/plain", *IMAGES)}
    return {**output, "data": kept}
