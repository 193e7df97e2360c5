"""Write what was measured as tables, every time beside that of a stock build."""

from statistics import median
from typing import Any

from bench.markdown import number, table

LIMIT = 1_000_000  # bytes, compressed
Row = dict[str, Any]
HEAD = ["page", "kB", "/ stock", "requests", "/ stock", "text", "shift", "stock's"]


def ratio(row: Row, fact: str) -> float | None:
    """Return ours divided by stock."""
    ours, stock = row["ours"][fact], row["stock"][fact]
    return ours / stock if ours is not None and stock else None


def wait(row: Row, site: str) -> float | None:
    """Return how many milliseconds after the first text MathJax begins to run."""
    facts = row[site]
    return None if facts["maths_run"] is None else facts["maths_run"] - facts["text"]


def weights(rows: list[Row]) -> list[str]:
    """Return the table of what is sent, and of how far text moves."""
    body = [
        [
            row["page"].removeprefix("chapters/"),
            number(row["ours"]["sent"] / 1000, ".0f"),
            number(ratio(row, "sent")),
            number(row["ours"]["requests"], ".0f"),
            number(ratio(row, "requests")),
            number(ratio(row, "text")),
            number(row["ours"]["shift"], ".3f"),
            number(row["stock"]["shift"], ".3f"),
        ]
        for row in rows
    ]
    return table(HEAD, body)


def slow_lines(rows: list[Row]) -> list[str]:
    """Return the table of the slow line."""
    head = ["page", "text, s", "/ stock", "largest / stock", "MathJax runs / stock"]
    body = [
        [
            row["page"].removeprefix("chapters/"),
            number(row["ours"]["text"] / 1000),
            *(number(ratio(row, fact)) for fact in ("text", "largest", "maths_run")),
        ]
        for row in rows
    ]
    return table(head, body)


def summary(rows: list[Row]) -> list[str]:
    """Return the sentences that the tables prove."""
    worst = max(rows, key=lambda row: row["ours"]["sent"])
    heavy = {s: sum(row[s]["sent"] > LIMIT for row in rows) for s in ("ours", "stock")}
    maths = [row for row in rows if wait(row, "ours") is not None]
    early = {s: sum((wait(r, s) or 0) < 0 for r in maths) for s in ("ours", "stock")}
    asked = sum(row["ours"]["maths_asked"] < row["ours"]["text"] for row in maths)
    middle = {f: median(ratio(row, f) or 0 for row in rows) for f in ("sent", "text")}
    return [
        f"- The heaviest page is `{worst['page']}`, {worst['ours']['sent'] / 1000:.0f} kB. "
        f"{heavy['ours']} of {len(rows)} pages weigh more than 1 MB; of a stock build's, "
        f"{heavy['stock']}.",
        f"- The median page sends {middle['sent']:.2f} times the bytes of a stock page, and "
        f"paints its first text after {middle['text']:.2f} times as long.",
        f"- MathJax is asked for before the first text on {asked} of {len(maths)} pages with "
        f"formulas, and runs before it on {early['ours']}; in the stock build it runs before "
        f"on {early['stock']}.",
    ]


def page_text(result: dict[str, Any]) -> str:
    """Return the part of the page on benchmarks that shows a run."""
    fast = [row for row in result["rows"] if not row["slow"]]
    slow = [row for row in result["rows"] if row["slow"]]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    lines = ["<!-- Written by `make weigh`; do not edit. -->", "", *summary(fast), ""]
    lines += ["**What a page sends, and when it can be read**", "", *weights(fast), ""]
    if slow:
        lines += ["**At 1.6 Mbit/s with 150 ms**", "", *slow_lines(slow), ""]
    lines += [f"Medians of {result['loads']} loads. Versions: {versions}."]
    return "\n".join(lines) + "\n"
