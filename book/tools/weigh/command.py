"""The command: build, serve, open every page several times, write what was measured."""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from weigh.loading import chromium, load_in_time
from weigh.report import page_text
from weigh.serving import served
from weigh.sites import built, mathjax, pages, point_to
from weigh.trace import Facts

BOOK = Path(__file__).resolve().parents[2]
PACKAGES = ("jupyter-book", "sphinx-book-theme", "playwright")
SLOW_PAGES = ("index", "chapters/02_whitening")  # on a slow line each takes seconds
Job = tuple[str, str, bool]  # page, site, slow line


def medians(loads: Sequence[Facts]) -> dict[str, float | None]:
    """Return the median of each fact over the loads that have it."""
    found: dict[str, float | None] = {}
    for name in Facts._fields:
        values = [v for each in loads if (v := getattr(each, name)) is not None]
        found[name] = round(median(values), 4) if values else None
    return found


def jobs(names: Sequence[str], loads: int, seed: int) -> list[Job]:
    """Return every load of every page of both sites; each round in an order of its own."""
    order = random.Random(seed)
    once = [(name, site, False) for name in names for site in ("ours", "stock")]
    once += [(n, site, True) for n in names if n in SLOW_PAGES for site in ("ours", "stock")]
    return [job for _ in range(loads) for job in order.sample(once, len(once))]


def measure(sites: dict[str, Path], names: Sequence[str], loads: int) -> dict[Job, list[Facts]]:
    """Open the pages and return all facts."""
    found: dict[Job, list[Facts]] = {}
    with ExitStack() as stack:
        cdn = stack.enter_context(served(mathjax()))
        point_to(sites["stock"], cdn)
        homes = {name: stack.enter_context(served(html)) for name, html in sites.items()}
        browser = stack.enter_context(chromium())
        load_in_time(
            browser, f"{homes['stock']}/index.html"
        )  # the first start of a browser is slow
        todo = jobs(names, loads, seed=0)
        for i, job in enumerate(todo, 1):
            page, site, slow = job
            print(f"\r{i} of {len(todo)}: {page}, {site}".ljust(78), end="", flush=True)
            found.setdefault(job, []).append(
                load_in_time(browser, f"{homes[site]}/{page}.html", slow)
            )
    print()
    return found


def run(names: Sequence[str], loads: int) -> dict[str, Any]:
    """Build, measure, and return what is stored."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(built(Path(folder)), names, loads)
    rows = [
        {"page": n, "slow": slow, **{s: medians(found[n, s, slow]) for s in ("ours", "stock")}}
        for n, _, slow in dict.fromkeys((n, "", slow) for n, _, slow in found)
    ]
    rows.sort(key=lambda row: (row["slow"], names.index(row["page"])))
    return {"loads": loads, "versions": {p: version(p) for p in PACKAGES}, "rows": rows}


def main(argv: Sequence[str] | None = None) -> int:
    """Weigh the book."""
    parser = argparse.ArgumentParser(prog="weigh", description=__doc__)
    parser.add_argument("--loads", type=int, default=3, help="of each page (3)")
    parser.add_argument("--folder", type=Path, default=BOOK, help="for the results (the book)")
    parser.add_argument("pages", nargs="*", help="only these; nothing is written then")
    options = parser.parse_args(argv)
    known = pages()
    if options.loads < 1:
        parser.error(f"--loads must be 1 or more, got {options.loads}")
    if unknown := sorted(set(options.pages) - set(known)):
        parser.error(f"no pages {unknown}; the pages are {', '.join(known)}")
    result = run(options.pages or known, options.loads)
    text = page_text(result)
    print(text)
    if not options.pages:
        stored = json.dumps(result, indent=1) + "\n"
        (options.folder / "weight.json").write_text(stored, encoding="utf-8")
        (options.folder / "_weight.md").write_text(text, encoding="utf-8")
    return 0
