"""Two mistakes at once: two of an exercise's own, or with a general one."""

from functools import cache, partial
from itertools import combinations

from bncourse.checks.exercise import Exercise, Mistake, variants
from bncourse.checks.general import changed


def own(exercise: Exercise) -> list[Mistake]:
    """Return the mistakes that an exercise knows by name, each way to make one by itself."""
    return [Mistake(text, text, mistaken) for text, mistake in exercise.mistakes.items()
            for mistaken in variants(mistake)]  # fmt: skip


@cache
def pairs(exercise: Exercise) -> list[Mistake]:
    """Return every two known mistakes that are different keywords of one function.

    Examples
    --------
    >>> from bncourse.checks import find
    >>> pairs(find("ex04_q2"))[1].text
    'two mistakes: the unbiased variance: divided by m - 1; and eps outside the root'
    """
    made = []
    for first, second in combinations(own(exercise), 2):
        a, b = first.answer, second.answer
        if not (isinstance(a, partial) and isinstance(b, partial)) or a.func is not b.func:
            continue
        if a.args == b.args and not a.keywords.keys() & b.keywords.keys():
            text = f"two mistakes: {first.text}; and {second.text}"
            made.append(Mistake(text, text, partial(a, **b.keywords)))
    return made


@cache
def mixed(exercise: Exercise) -> list[Mistake]:
    """Return each known mistake together with each usual general one."""
    return [Mistake(known.kind, f"two mistakes: {known.text}; and {other.text}", other.answer)
            for known in own(exercise)
            for other in changed(exercise, known.answer, few=True)]  # fmt: skip
