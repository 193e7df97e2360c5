"""What an exercise is: the calls that test an answer, and the mistakes that can be named.

An exercise is data. Its parts list the arguments that an answer is called with, so that
the calls can be made in one process and judged in another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Answer = Callable[..., Any]
Arguments = tuple[Any, ...]
Results = tuple[Any, ...]


def call(answer: Answer, *arguments: Any) -> Any:
    """Drive an answer that is a plain function: call it."""
    return answer(*arguments)


def variants(mistake: Answer | tuple[Answer, ...]) -> tuple[Answer, ...]:
    """Return the functions that make one mistake."""
    return mistake if isinstance(mistake, tuple) else (mistake,)


class Mistake(NamedTuple):
    """A wrong answer, and what to say; of those of one ``kind`` that fit, any is true."""

    kind: str
    text: str
    answer: Answer


class Given(Arguments):
    """The arguments of one call. It equals itself alone, so what they give can be cached."""

    __eq__, __hash__ = object.__eq__, object.__hash__


@dataclass(frozen=True)
class Part:
    """A share of an exercise's mark: some calls, and which of the results count.

    Parameters
    ----------
    name : str
        What the reader is told that this part is about.
    weight : float
        Its share, relative to the other parts.
    calls : callable
        ``calls(rng)`` returns the arguments of each call.
    looks_at : tuple of str
        Names of the results that count; empty means all of them.
    refuses : str
        If given, each call must raise ``raises`` on purpose, and this says on what: "a
        batch of one". It counts only once all parts before have been right.
    raises : str
        The exception that the task asks for, by its class's name; subclasses count.
    alone : str
        What it looks like if this part alone gives other numbers: "digits lost".
    last : bool
        The same for results: a property such as "a constant gives 0", which a wrong answer
        can have by accident.
    """

    name: str
    weight: float
    calls: Callable[[np.random.Generator], Sequence[Arguments]]
    looks_at: tuple[str, ...] = ()
    refuses: str = ""
    raises: str = "ValueError"
    alone: str = ""
    last: bool = False


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise that code can judge.

    Parameters
    ----------
    name : str
        "ex05_q2": the chapter and the question.
    function : str
        Name of what the reader writes.
    points : float
    results : tuple of str
        Names of what it returns, in order.
    reference : callable
        A right answer.
    parts : tuple of Part
    mistakes : mapping of str to callable
        Wrong answers that people give: what to tell them, and the function that makes the
        mistake; or a tuple of functions that make it in different ways.
    drive : callable
        ``drive(answer, *arguments)`` uses an answer once; for a class, it makes an object.
    rtol, atol : float
        How far a result may lie from the reference's. The defaults accept float32, another
        order of summation and other algebra.
    """

    name: str
    function: str
    points: float
    results: tuple[str, ...]
    reference: Answer
    parts: tuple[Part, ...]
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    drive: Callable[..., Any] = call
    rtol: float = 1e-5
    atol: float = 1e-7
