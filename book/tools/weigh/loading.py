"""Open a page in a fresh Chromium and keep the trace of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from browsers import NoBrowserError, find_browser
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import TimeoutError as TooSlow

from weigh.trace import CATEGORIES, Facts, facts

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
SLOW = {  # a phone with a poor connection: 1.6 Mbit/s down, 0.75 up, 150 ms
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
PATIENCE = 60_000  # milliseconds
REST = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await new Promise((done) => setTimeout(done, 200));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium that reaches nothing but this machine."""
    try:
        path = find_browser()
    except NoBrowserError as error:
        raise SystemExit(f"weigh: {error}") from error
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--no-first-run", NO_NETWORK]
        started = playwright.chromium.launch(executable_path=path, args=options)
        yield started
        started.close()


def load(browser: Browser, address: str, slow: bool = False) -> Facts:
    """Open one page with an empty cache; return what its trace says."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    if slow:
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
    browser.start_tracing(page=page, categories=CATEGORIES)
    try:
        page.goto(address, wait_until="load", timeout=PATIENCE)
        page.evaluate(REST)
    finally:
        trace = browser.stop_tracing()
        context.close()
    return facts(json.loads(trace)["traceEvents"], address)


def load_in_time(browser: Browser, address: str, slow: bool = False) -> Facts:
    """Open one page; on a machine that stood still, once more."""
    try:
        return load(browser, address, slow)
    except TooSlow:
        print(f"\n{address} was not there in time; once more", flush=True)
        return load(browser, address, slow)
