"""Read Chromium's trace of one page: how much was sent, and what was painted when."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

CATEGORIES = ["devtools.timeline", "loading", "blink.user_timing"]
MATHS = re.compile(r"/tex-[a-z-]*chtml\.js(?:\?|$)")
Event = dict[str, Any]


class Facts(NamedTuple):
    """What one load of a page cost. Times are in milliseconds from its start."""

    requests: int
    sent: int  # bytes, compressed, with headers
    raw: int  # bytes, as the page reads them
    text: float  # the first text or picture is painted
    largest: float | None  # the largest one is painted
    maths_asked: float | None  # MathJax is asked for
    maths_run: float | None  # MathJax begins to run
    shift: float  # how far parts moved after they were painted, as Chromium sums it up


def first(events: Iterable[Event], start: float) -> float | None:
    """Return when the first of these events happened, in milliseconds."""
    times = [event["ts"] for event in events]
    return (min(times) - start) / 1000 if times else None


def of_page(events: list[Event], address: str) -> dict[str, list[Event]]:
    """Return the events, by name, of the process that shows a page; there are others."""
    asked = [event for event in events if event["name"] == "ResourceSendRequest"]
    here = [event["pid"] for event in asked if event["args"]["data"]["url"] == address]
    if not here:
        raise ValueError(f"weigh: the trace holds no request for {address}")
    named: dict[str, list[Event]] = {}
    for event in events:
        if event["pid"] == here[0]:
            named.setdefault(event["name"], []).append(event)
    return named


def facts(events: list[Event], address: str) -> Facts:
    """Return what a trace of one page, from its address to its rest, says."""
    named = of_page(events, address)

    def data(name: str) -> list[Event]:
        return [event["args"].get("data", {}) for event in named.get(name, [])]

    asked = named.get("ResourceSendRequest", [])
    start = min(event["ts"] for event in asked)
    maths = [e for e in asked if MATHS.search(e["args"]["data"]["url"])]
    run = [e for e in named.get("EvaluateScript", []) if MATHS.search(e["args"]["data"]["url"])]
    text = first(named.get("firstContentfulPaint", []), start)
    if text is None:
        raise ValueError(f"weigh: {address} painted nothing")
    largest = named.get("largestContentfulPaint::Candidate", [])
    shifts = [d for d in data("LayoutShift") if not d.get("had_recent_input")]
    return Facts(
        requests=len(asked),
        sent=sum(d.get("encodedDataLength", 0) for d in data("ResourceFinish")),
        raw=sum(d.get("decodedBodyLength", 0) for d in data("ResourceFinish")),
        text=text,
        largest=(max(e["ts"] for e in largest) - start) / 1000 if largest else None,
        maths_asked=first(maths, start),
        maths_run=first(run, start),
        shift=sum(d.get("score", 0.0) for d in shifts),
    )
