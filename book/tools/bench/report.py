"""The text of a run, for the terminal and for the page."""

from collections.abc import Iterator

from bench import suite_tables, tables
from bench.candidates import OPERATIONS
from bench.targets import Run, verdicts

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


def sections(run: Run) -> Iterator[tuple[str, list[str]]]:
    """Yield (heading, lines) of each part that was measured."""
    for op in OPERATIONS if run["times"] else ():
        heading = f"{op.capitalize()}: time, in multiples of torch's, then of the limit"
        yield heading, tables.times(run, op)
    if run["memory"]:
        yield "Extra memory, as a multiple of the input", tables.memory(run)
    if run["growth"]:
        yield "Growth: slopes on logarithmic axes", tables.growth(run)
    if run["accuracy"]:
        yield "Relative error of the variance, float32", tables.accuracy(run)
    yield "Targets", tables.targets(verdicts(run))
    yield from suite_tables.sections(run)


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
