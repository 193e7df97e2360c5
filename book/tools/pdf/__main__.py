"""Print the whole book into one PDF. Takes minutes, Chromium, and about 3 GB of memory.

`make pdf` builds the site; this merges its pages into one page, and prints that.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
import yaml
from playwright.sync_api import Error as BrowserError
from pypdf import PdfReader

if __name__ == "__main__":  # this folder stands first on the path; meant is the one above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from pdf.merge import merge
from pdf.printing import HOST, print_page, show

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / "_build" / "pdf" / "batch-normalization-computed.pdf"
STYLE = Path(__file__).with_name("pdf.css")
LOCAL = ("file:", "http://127.0.0.1", "http://localhost", HOST)


def dead_links(reader: PdfReader) -> list[str]:
    """Return the links that lead to no place in the PDF, or to this machine."""
    places, dead = reader.named_destinations, set()
    for page in reader.pages:
        for note in page.get("/Annots", []):
            link = note.get_object()
            address, place = str(link.get("/A", {}).get("/URI", "")), link.get("/Dest")
            if address.startswith(LOCAL):
                dead.add(address)
            if isinstance(place, str) and place not in places:
                dead.add(place)
    return sorted(dead)


def pack(source: Path, target: Path) -> None:
    """Write a PDF with its small objects compressed: Chromium's tags are half of its file."""
    part = target.with_suffix(".part")
    with pikepdf.open(source) as pdf:
        pdf.save(part, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    part.replace(target)


def make(site: Path, toc: dict, target: Path) -> None:
    """Print a built ``site`` into ``target``, which stays as it was if anything is wrong."""
    target.parent.mkdir(parents=True, exist_ok=True)
    page = merge(site, toc, STYLE.read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.pdf"
        wrong, notes = print_page(site, page, draft)
        reader = PdfReader(draft)
        wrong += [f"a link leads nowhere: {link}" for link in dead_links(reader)]
        if wrong:
            raise ValueError("\n".join(["expected a PDF without faults, found:", *wrong]))
        pack(draft, target)
    for note in notes:
        show(f"note: {note}")
    show(f"{target}: {len(reader.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


def main(book: Path = ROOT, target: Path = TARGET) -> None:
    """Print the built site of a book; end with a message if that fails."""
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    try:
        make(book / "_build" / "html", toc, target)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"make pdf: {error}")
    except BrowserError as error:
        sys.exit(f"make pdf: Chromium stopped; is there enough memory?\n{error}")


if __name__ == "__main__":
    main()
