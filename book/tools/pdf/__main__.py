"""Print the whole book into one PDF. Takes minutes, Chromium, and about 3 GB of memory.

`python book/tools/pdf`: merge the built pages into one page, and print that.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
import yaml
from playwright.sync_api import Error as BrowserError
from pypdf import PdfReader

if __name__ == "__main__":  # this folder stands first on the path; meant is the one above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from browsers import find_browser
from pdf.merge import merge
from pdf.printing import HOST, print_page, show

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / "_build" / "pdf" / "batch-normalization-computed.pdf"
STYLE = Path(__file__).with_name("pdf.css")
LOCAL = ("file:", "http://127.0.0.1", "http://localhost", HOST)


def build(book: Path, folder: Path) -> Path:
    """Build the site of ``book`` below ``folder``; return where it stands."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", book, "-n", "-W"]
    command += ["--keep-going", "--path-output", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"expected a book that builds, see `make book`:\n{done.stderr}")
    return folder / "_build" / "html"


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


def make(book: Path, target: Path) -> None:
    """Print ``book`` into ``target``, which stays as it was if anything is wrong."""
    find_browser()
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.pdf"
        show("building the pages ...")
        site = build(book, Path(folder))
        page = merge(site, toc, STYLE.read_text(encoding="utf-8"))
        (site / "book.html").write_text(page, encoding="utf-8")
        wrong, notes = print_page(site, "book.html", draft)
        reader = PdfReader(draft)
        wrong += [f"a link leads nowhere: {link}" for link in dead_links(reader)]
        if wrong:
            raise ValueError("\n".join(["expected a PDF without faults, found:", *wrong]))
        pack(draft, target)
    for note in notes:
        show(f"note: {note}")
    show(f"{target}: {len(reader.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


def main(arguments: list[str] | None = None) -> None:
    """Print the book that the command line names; end with a message if that fails."""
    parser = argparse.ArgumentParser(prog="make pdf", description=__doc__)
    parser.add_argument("--book", type=Path, default=ROOT, help="the folder of the book")
    parser.add_argument("--target", type=Path, default=TARGET, help="the file to write")
    options = parser.parse_args(arguments)
    try:
        make(options.book, options.target)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"make pdf: {error}")
    except BrowserError as error:
        sys.exit(f"make pdf: Chromium stopped; is there enough memory?\n{error}")


if __name__ == "__main__":
    main()
