"""Print one page with Chromium. What it needs comes from one folder, nothing from elsewhere."""

import io
import sys
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from browsers import find_browser
from playwright.sync_api import Page, Route, sync_playwright
from pypdf import PdfReader

HOST = "http://book.invalid"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SIDE = 18  # mm
WIDTH = round((210 - 2 * SIDE) / 25.4 * 96)  # pixels of a line on A4
FOOTER = f"""<div style="width: 100%; padding: 0 {SIDE}mm; font: 8px sans-serif; color: #444;
  display: flex; justify-content: space-between"><span class="title"></span>
  <span class="pageNumber"></span></div>"""
PAPER = {
    "format": "A4",
    "margin": {"top": "16mm", "bottom": "18mm", "left": f"{SIDE}mm", "right": f"{SIDE}mm"},
    "print_background": True,
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": FOOTER,
}
show = partial(print, file=sys.stderr, flush=True)  # progress


def answer(folder: Path, refused: list[str], route: Route) -> None:
    """Answer a request with a file of ``folder``; refuse, and note, any other."""
    address = route.request.url
    path = folder / unquote(urlsplit(address).path).lstrip("/")
    if address.startswith(f"{HOST}/") and path.is_file():
        route.fulfill(path=path)
    else:
        refused.append(f"{address} is missing, or comes from elsewhere")
        route.abort()


def prepare(tab: Page, address: str) -> list[str]:
    """Open the page as on paper; return what is not beautiful."""
    tab.emulate_media(media="print", color_scheme="light")
    tab.goto(address, wait_until="load")
    tab.add_script_tag(content=Path(__file__).with_name("fit.js").read_text("utf-8"))
    tab.evaluate("book.settle()")
    notes = [f"wider than the paper: {place}" for place in tab.evaluate("book.fit()")]
    if missing := tab.evaluate("book.undrawn()"):
        notes.append(f"no font here draws {missing} (Debian: apt-get install fonts-noto-cjk)")
    return notes


def page_numbers(content: bytes) -> dict[str, int]:
    """Return the number of the page on which each place stands that a link leads to."""
    reader = PdfReader(io.BytesIO(content))
    places = reader.named_destinations
    numbers = {name: reader.get_destination_page_number(to) for name, to in places.items()}
    return {name.lstrip("/"): at + 1 for name, at in numbers.items() if at is not None}


def print_page(folder: Path, page: str, target: Path) -> tuple[list[str], list[str]]:
    """Print the HTML of a page into ``target``; return what is wrong, what is not beautiful."""
    refused: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        tab = chromium.new_page(viewport={"width": WIDTH, "height": 1000})
        tab.set_default_timeout(0)
        tab.route("**/*", partial(answer, folder, refused))
        tab.route(f"{HOST}/", lambda route: route.fulfill(body=page, content_type="text/html"))
        notes = prepare(tab, f"{HOST}/")
        show("printing, once for the page numbers ...")
        tab.evaluate("pages => book.number(pages)", page_numbers(tab.pdf(**PAPER)))
        show("printing, once for good ...")
        tab.pdf(**PAPER, path=target, outline=True, tagged=True)
        chromium.close()
    return refused, notes
