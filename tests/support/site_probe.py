"""Look at the built book as a reader does: serve it, open each page in Chromium."""

import functools
import re
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
REDIRECTS = CONFIG["sphinx"]["config"]["redirects"]  # the addresses of pages that were renamed
# The path below which the published site stands: "/" while it has no address.
HOME = urlsplit(CONFIG["html"].get("baseurl") or "/").path
WIDTHS = (1280, 375)
THEMES = ("light", "dark")
# One page of each kind. Together they have every pair of colours of the site, and what
# axe-core sees at a narrow width depends on the kind.
KINDS = ("index", "chapters/04_batch_norm", "chapters/exercises/04_batch_norm", "book/claims",
         "book/playground", "book/api/functional", "book/how_to_use", "search")  # fmt: skip
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--no-first-run", "--disable-quic",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip
ELSEWHERE = re.compile(r"^(?!http://127\.0\.0\.1[:/])(?!data:|blob:|about:)")

SETTLE = """async () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  document.querySelectorAll("img").forEach((image) => { image.loading = "eager"; });
  document.querySelectorAll(".toggle-button-hidden").forEach((b) => b.click());
  await Promise.allSettled([...document.images].map((image) => image.decode()));
  await document.fonts.ready;
  await new Promise((done) => setTimeout(done, 100));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame().then(frame);
}"""

MEASURE = r"""() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const prose = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const raw = [];
  while (prose.nextNode()) {
    const { data, parentElement } = prose.currentNode;
    if (parentElement.closest("math, script, style, noscript, pre, code")) continue;
    if (/\\[a-zA-Z()[\]]|\$/.test(data)) raw.push(data.trim());
  }
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const inBox = (e) => e && e !== document.body && (scrolls(e) || inBox(e.parentElement));
  const spoken = (e) => e.closest("mjx-assistive-mml");  // MathJax clips it to nothing
  const seen = (e) => e.getBoundingClientRect().width > 1 && e.checkVisibility() && !spoken(e);
  const name = (e) => e.outerHTML.slice(0, 120);
  const beyond = (e) => e.getBoundingClientRect().right > innerWidth + 1;
  return {
    formulas: all(".math").length,
    undrawn: all(".math:not(:has(> mjx-container math))").map((e) => e.textContent),
    raw,
    wider: document.scrollingElement.scrollWidth - innerWidth,
    cut: all(".bd-article *").filter((e) => seen(e) && beyond(e) && !inBox(e)).map(name),
    stops: all(".bd-article span.math[tabindex='0']").map((e) => e.textContent),
    unreachable: all(".bd-article *").filter((e) =>
      seen(e) && scrolls(e) && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0).map(name),
    images: all("img").map((e) => ({
      src: e.getAttribute("src"),
      width: Number(e.getAttribute("width")),
      height: Number(e.getAttribute("height")),
      natural: [e.naturalWidth, e.naturalHeight],
      shown: [e.clientWidth, e.clientHeight],
    })),
  };
}"""

# axe-core takes seconds for thousands of coloured words and of signs in formulas: one word of
# each class and kind of box stays, and one formula in the text and one on a line of its own.
THIN = """() => {
  const known = new Set();
  const repeated = (kind) => known.has(kind) || !known.add(kind);
  for (const word of document.querySelectorAll(".highlight pre span[class]")) {
    const kind = word.className + " in " + word.closest(".highlight").parentElement.className;
    if (repeated(kind)) word.replaceWith(...word.childNodes);
  }
  for (const formula of document.querySelectorAll(".math")) {
    if (repeated(formula.localName)) formula.replaceChildren();
  }
}"""

AXE_RUN = """([part, options]) => axe.run(part, options).then(({ violations }) => violations
  .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 150)}`)))"""
COLOURS = ["color-contrast", "link-in-text-block"]


def pages():
    """Return the pages that a reader can open, without their suffix, from ``_toc.yml``."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [entry for part in toc["parts"] for entry in part["chapters"]]
    files = [page["file"] for entry in chapters for page in (entry, *entry.get("sections", ()))]
    return [toc["root"], *files, "search", "genindex", "404"]


class Quiet(SimpleHTTPRequestHandler):
    """A file server that writes no log and knows the published paths, too."""

    def translate_path(self, path):
        """Return the file at a path, or at the part of it that follows the site's own."""
        file = super().translate_path(path)
        if Path(file).exists():
            return file
        return super().translate_path("/" + path.removeprefix(HOME))

    def log_message(self, *_):
        """Write nothing."""


class Server(ThreadingHTTPServer):
    """A server whose threads end with the program."""

    daemon_threads = True
    request_queue_size = 128  # a page opens many connections at once

    def handle_error(self, request, client_address):
        """Pass over connections that the browser drops when a page is closed."""


@contextmanager
def served(folder):
    """Serve ``folder`` on a free port of 127.0.0.1; give its address."""
    handler = functools.partial(Quiet, directory=folder)
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser(executable):
    """Start one headless Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield chromium
        chromium.close()


def listen(tab, troubles, asked):
    """Note what goes wrong in a tab, and each address outside the site that it asks for."""
    tab.on("request", lambda r: ELSEWHERE.match(r.url) and asked.append(r.url))
    tab.on("requestfailed", lambda r: troubles.append(f"failed: {r.url}"))
    tab.on("response", lambda r: r.status >= 400 and troubles.append(f"{r.status}: {r.url}"))
    tab.on("console", lambda m: m.type == "error" and troubles.append(f"console: {m.text}"))
    tab.on("pageerror", lambda error: troubles.append(f"error: {error}"))


def violations(tab, theme, part="html", **options):
    """Switch to a theme and return what axe-core finds, one line for each place."""
    tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
    tab.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
    options |= {"resultTypes": ["violations"], "preload": False}  # each page asks for no film
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE_SCRIPT)
    return tab.evaluate(AXE_RUN, [part, options])


def opened(chromium):
    """Open a tab that notes in lists what goes wrong and which addresses it asks for."""
    tab = chromium.new_page(reduced_motion="reduce")
    tab.troubles, tab.asked, tab.files = [], [], []
    listen(tab, tab.troubles, tab.asked)
    tab.on("response", lambda r: r.status in (200, 304) and tab.files.append(r.url))
    return tab


def look(tab, address, of_its_kind=True):
    """Load one page and return, for each width, all that the tests ask of it.

    Colours are looked at on one page of each kind, in a wide window, in both themes. A tab
    takes one page after the other: a new one for each would take twice the time.
    """
    tab.goto("about:blank")  # ends what the page before still asks for
    for notes in (tab.troubles, tab.asked, tab.files):
        notes.clear()
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.set_viewport_size({"width": WIDTHS[0], "height": 900})
    tab.goto(address, wait_until="load")
    facts, first = {}, sorted({*tab.files})
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate(SETTLE)
        facts[width] = tab.evaluate(MEASURE) | {"light": [], "dark": [], "first": first}
    noted = {"troubles": [*tab.troubles], "asked": [*tab.asked], "files": sorted({*tab.files})}
    tab.evaluate(THIN)
    without_colours = {rule: {"enabled": False} for rule in COLOURS}
    if of_its_kind:
        facts[WIDTHS[1]]["light"] = violations(tab, "light", rules=without_colours)
    tab.set_viewport_size({"width": WIDTHS[0], "height": 900})
    rules = {} if of_its_kind else without_colours
    facts[WIDTHS[0]]["light"] = violations(tab, "light", rules=rules)
    if of_its_kind:
        facts[WIDTHS[0]]["dark"] = violations(tab, "dark", runOnly=COLOURS)
    return {width: facts[width] | noted for width in WIDTHS}
