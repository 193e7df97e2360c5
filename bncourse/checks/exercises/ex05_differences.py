"""Chapter 5: finite differences."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Factor = Callable[[int], float]  # of m
Axes = Callable[[Array], tuple[int, ...]]
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Pair]  # (var, eps) -> std and its derivative to var
Function = Callable[[Array], Array]


def cubes(x: Array) -> Array:
    """Return what each entry gives on its own."""
    return x**3


def normalized(x: Array) -> Array:
    """Return batch norm of a batch (m, C) with eps = 0.1."""
    d = x - x.mean(axis=0)
    y: Array = d / np.sqrt((d * d).mean(axis=0) + 0.1)
    return y


def neighbours(x: Array) -> Array:
    """Return the products of neighbouring rows: one row fewer than x has."""
    return x[1:] * x[:-1]


def turned(x: Array) -> Array:
    """Return a view of x, which changes as x does."""
    return x.T


def numeric_gradient(
    f: Function,
    x: Array,
    w: Array,
    h: float,
    *,
    up: float = 1.0,
    down: float = 1.0,
    divisor: float = 2.0,
    relative: Callable[[float], float] = lambda value: 1.0,
    over: Callable[[float, float], float] = lambda step, h: step,
    moved: str = "one",
    total: Callable[[Array], Any] = np.sum,
) -> Array:
    """Return the gradient of sum(w * f(x)) by (5.21). The keywords make mistakes."""
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[MOVED[moved](i)] = h * relative(float(abs(x[i])))
        difference = w * (f(x + up * step) - f(x - down * step))
        dx[i] = total(difference) / (divisor * over(float(step[i]), h))
    return dx


MOVED: Mapping[str, Callable[[tuple[int, ...]], Any]] = {
    "one": lambda i: i,
    "row": lambda i: i[0],
    "column": lambda i: (..., i[-1]),
    "all": lambda i: ...,
}
# What to say, and the keywords of `numeric_gradient` that make the mistake.
DIFFERENCES: Mapping[str, Mapping[str, Any]] = {
    "a forward difference: one side only": {"down": 0.0, "divisor": 1.0},
    "a backward difference: one side only": {"up": 0.0, "divisor": 1.0},
    "one side only, but divided by the distance of two sides": {"down": 0.0},
    "two sides, but divided by the distance of one": {"divisor": 1.0},
    "half a step to each side": {"up": 0.5, "down": 0.5, "divisor": 1.0},
    "two steps to each side": {"up": 2.0, "down": 2.0, "divisor": 4.0},
    "the two sides in each other's place": {"up": -1.0, "down": -1.0},
    "a step in proportion to the entry, not h": {"relative": lambda value: value},
    "a larger step for a larger entry": {"relative": lambda value: max(1.0, value)},
    "a larger step for a larger entry, divided by h": {
        "relative": lambda value: max(1.0, value),
        "over": lambda step, h: h,
    },
    "a step in proportion to the entry, divided by h": {
        "relative": lambda value: value,
        "over": lambda step, h: h,
    },
    "a whole row of x moved at once": {"moved": "row"},
    "a whole column of x moved at once": {"moved": "column"},
    "all entries of x moved at once, for one number": {"moved": "all"},
    "a mean over the outputs, not a sum": {"total": np.mean},
}


def elementwise(f: Function, x: Array, w: Array, h: float) -> Array:
    """Move all entries at once, as if each output belonged to one input."""
    return w * (f(x + h) - f(x - h)) / (2 * h)


def same_place(f: Function, x: Array, w: Array, h: float) -> Array:
    """Move one entry, but look only at the output in its place."""
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        dx[i] = (w * (f(x + step) - f(x - step)))[i] / (2 * h)
    return dx


def not_put_back(f: Function, x: Array, w: Array, h: float) -> Array:
    """Leave each entry where its last step ended."""
    dx, v = np.zeros_like(x), x.copy()
    for i in np.ndindex(x.shape):
        v[i] += h
        above = (w * f(v)).sum()
        v[i] -= 2 * h
        dx[i] = (above - (w * f(v)).sum()) / (2 * h)
    return dx


def held(f: Function, x: Array, w: Array, h: float) -> Array:
    """Keep f's results until both are there, though f may return its own argument."""
    dx, v = np.zeros_like(x), x.copy()
    for i in np.ndindex(x.shape):
        v[i] = x[i] + h
        above = f(v)
        v[i] = x[i] - h
        dx[i] = (w * (above - f(v))).sum() / (2 * h)
        v[i] = x[i]
    return dx


def piled_up(f: Function, x: Array, w: Array, h: float) -> Array:
    """Set one entry of the step after the other, and none back to 0."""
    dx, step = np.zeros_like(x), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step[i] = h
        dx[i] = (w * (f(x + step) - f(x - step))).sum() / (2 * h)
    return dx


def two_loops(f: Function, x: Array, w: Array, h: float) -> Array:
    """Take x for a matrix."""
    dx = np.zeros_like(x)
    for i, j in np.ndindex(x.shape[:2]):
        step = np.zeros_like(x)
        step[i, j] = h
        dx[i, j] = (w * (f(x + step) - f(x - step))).sum() / (2 * h)
    return dx


def one_weight(f: Function, x: Array, w: Array, h: float) -> Array:
    """Weigh by the input's place, not by the output's."""
    return np.multiply(w, numeric_gradient(f, x, np.ones_like(w), h))


OTHER_DIFFERENCES: Mapping[str, Answer] = {
    "the gradient of sum(f(x)): w is not used": lambda f, x, w, h: numeric_gradient(
        f, x, np.ones_like(w), h
    ),
    "the absolute value of the gradient": lambda *given: abs(numeric_gradient(*given)),
    "a product with h, since brackets are missing": lambda f, x, w, h: (
        h**2 * numeric_gradient(f, x, w, h)
    ),
    "no division by the distance": lambda f, x, w, h: 2 * h * numeric_gradient(f, x, w, h),
    "a result of f kept while its argument changes: f may return a view of it": held,
    "steps that are not taken back: each entry moves all those before it": piled_up,
    "two loops, for a matrix alone": two_loops,
    "w[i] taken for entry i of x, where the sum is over all outputs": one_weight,
    "a gradient that lost the shape of x": lambda *given: numeric_gradient(*given).ravel(),
    "the weights squared": lambda f, x, w, h: numeric_gradient(f, x, w**2, h),
    "all entries of x moved at once, as if each output had one input": elementwise,
    "only the output in the same place looked at": same_place,
    "an entry of x that is not put back before the next one moves": not_put_back,
    "h = 1e-5 whatever h is given": lambda f, x, w, h: numeric_gradient(f, x, w, 1e-5),
}


def calls(f: Function, *shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes f's arguments: x of each shape, weights like f(x), a large step."""

    def make(rng: Rng) -> Sequence[Arguments]:
        points = [rng.normal(0.5, 1, shape) for shape in shapes]
        for x in points:
            x.flat[0] = 2.5  # a large entry
        return [(f, x, rng.normal(0.5, 1, f(x).shape), rng.uniform(0.1, 0.3)) for x in points]

    return make


NUMERIC = Exercise(
    name="ex05_q5",
    function="numeric_gradient",
    points=3,
    results=("dx",),
    reference=numeric_gradient,
    parts=(
        Part("batch normalization", 1, calls(normalized, (2, 3), (5, 2), (4, 1))),
        Part("an output of another shape", 1, calls(neighbours, (4, 3), (3, 2, 2))),
        Part("x of any shape", 1, calls(cubes, (4,), (2, 3, 2, 1)), last=True),
        Part("an f that returns a view of its argument", 1, calls(turned, (3, 2)), last=True),
    ),
    mistakes={
        **{text: partial(numeric_gradient, **how) for text, how in DIFFERENCES.items()},
        **OTHER_DIFFERENCES,
    },
)
