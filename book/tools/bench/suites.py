"""Four more parts of a run: the cost of a call, whitening, folding, and grading."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench import calls, grading, whitening
from bench.candidates import Candidate
from bench.stacks import Stack
from bench.targets import Run
from bench.timing import Clockwork

MORE_PAIRS = 5  # as many repetitions: an interval wants many
WHITENING, FOLDING = 1.5, 0.22  # time for all of it, and for a case, beside a shape's


def take_calls(streamed: int, everyone: list[Candidate], how: Clockwork, bar: Any) -> list[Run]:
    """Return the cost of a call; ``streamed`` bytes are read before a cold one."""
    if not streamed:
        return []
    bar.set_description("calls")
    bar.set_postfix_str("")
    found = calls.rows(*calls.measure(everyone, how, calls.streamed(streamed)))
    bar.update()
    return found


def take_whitening(dimensions: Sequence[int], how: Clockwork, bar: Any) -> Run:
    """Return the times of the parts of whitening; nothing without dimensions."""
    if not dimensions:
        return {}
    bar.set_description("whitening")
    how = replace(how, seconds=how.seconds * WHITENING)
    samples = whitening.measure(dimensions, how, bar.set_postfix_str)
    bar.update()
    return whitening.summary(dimensions, samples, how)


def take_folding(cases: Sequence[tuple[Stack, int]], how: Clockwork, bar: Any) -> Run:
    """Return what folding saves in each case; nothing without cases."""
    if not cases:
        return {}
    folding = importlib.import_module("bench.folding")  # torch takes a second or two
    how = replace(how, seconds=how.seconds * FOLDING, repetitions=how.repetitions * MORE_PAIRS)
    rows = []
    for stack, batch in cases:
        bar.set_description(f"folding, {stack.name}, batch of {batch}")
        pairs = folding.measure(stack, batch, how, bar.set_postfix_str)
        rows.append(folding.row(stack, batch, pairs))
        bar.update()
    return {"settings": folding.settings(how), "rows": rows}


def take_grading(count: int, bar: Any) -> Run:
    """Return how fast ``count`` submissions are graded; nothing for none."""
    if not count:
        return {}
    bar.set_description("grading")
    found = grading.measure(count)
    bar.update()
    return found
