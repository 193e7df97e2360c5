"""The text of a run, for the terminal and for the page."""

from bench.tables import sections
from bench.targets import Run

FRAGMENT = "_benchmarks.md"
NOTICE = "<!-- Written by `make bench`; do not edit. -->"


def counted(threads: int) -> str:
    """Return the heading of a run."""
    return "One thread" if threads == 1 else f"{threads} threads"


def settings(run: Run) -> str:
    """Return in a sentence or two how a run was made."""
    how, versions = run["settings"], run["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    before, after = how["load"]
    done = sorted(row["repetitions"] for row in run["times"]) or [0]
    return (
        f"Medians of {done[0]} to {done[-1]} repetitions in {how['clock']}, on a machine "
        f"with {how['cores']} cores and a load of {before} before and {after} after. "
        f"The limit is measured by {how['limit']}. Versions: {packages}."
    )


def text(run: Run, level: str = "###") -> str:
    """Return a whole run as Markdown."""
    parts = [f"{level} {counted(run['settings']['threads'])}", settings(run)]
    parts += [f"*Note:* {note}." for note in run["notes"]]
    for heading, lines in sections(run):
        parts += [f"**{heading}**", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def page(runs: dict[str, Run]) -> str:
    """Return what the book's page includes: all stored runs."""
    return "\n".join([NOTICE + "\n", *(text(run) for _, run in sorted(runs.items()))])
