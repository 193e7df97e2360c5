"""Chapter 10: landscapes, the length of a gradient, and fair comparisons."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Four = tuple[Any, Any, Any, Any]
Pair = tuple[Any, Any]


def several(answer: Answer, *arguments: Any) -> Any:
    """Call an answer; one array of results counts as the results in it."""
    result = answer(*arguments)
    return tuple(result) if getattr(result, "ndim", 0) > 0 else result


def length(v: Array) -> Any:
    """Return the Euclidean length of each row."""
    return np.sqrt((v * v).sum(axis=-1))


def change(g: Array, G: Array) -> Any:
    """Return how far each gradient lies from ``g``."""
    return length(G - g)


def cosine(g: Array, G: Array) -> Any:
    """Return the cosine of each row with ``g``."""
    return G @ g / (length(G) * length(g))


def along(g: Array, steps: Array, losses: Array, gradients: Array) -> Four:
    """Return loss range, gradient change, smoothness, smallest cosine: (10.3) to (10.5)."""
    moved = change(g, gradients)
    smoothness = (moved / (steps * length(g))).max()
    return np.ptp(losses), moved.max(), smoothness, cosine(g, gradients).min()


def instead(place: int, formula: Callable[..., Any]) -> Answer:
    """Return an `along` with one result computed by ``formula(g, steps, losses, G)``."""

    def answer(*arguments: Array) -> tuple[Any, ...]:
        right = along(*arguments)
        return (*right[:place], formula(*arguments), *right[place + 1 :])

    return answer


ALONG_MISTAKES: dict[str, Answer] = {
    "a standard deviation of the losses": instead(0, lambda g, a, L, G: L.std()),
    "the loss of the last step minus that of the first":
        instead(0, lambda g, a, L, G: L[-1] - L[0]),
    "the distance of the last loss from the first":
        instead(0, lambda g, a, L, G: abs(L[-1] - L[0])),
    "the largest loss, nothing subtracted": instead(0, lambda g, a, L, G: L.max()),
    "the mean over the steps, not the largest":
        instead(1, lambda g, a, L, G: change(g, G).mean()),
    "the square of the length": instead(1, lambda g, a, L, G: (change(g, G) ** 2).max()),
    "the largest entry of the difference, not its length":
        instead(1, lambda g, a, L, G: abs(G - g).max()),
    "a difference of lengths, not the length of the difference":
        instead(1, lambda g, a, L, G: abs(length(G) - length(g)).max()),
    "gradients that are not compared with g": instead(1, lambda g, a, L, G: length(G).max()),
    "one length of the whole array of differences":
        instead(1, lambda g, a, L, G: np.sqrt(((G - g) ** 2).sum())),
    "the change from one step to the next, not from g": instead(
        1, lambda g, a, L, G: length(np.diff([g, *G], axis=0)).max()),
    "the change at the largest step, not the largest change":
        instead(1, lambda g, a, L, G: change(g, G)[a.argmax()]),
    "S without the length of g": instead(2, lambda g, a, L, G: (change(g, G) / a).max()),
    "S without the step": instead(2, lambda g, a, L, G: change(g, G).max() / length(g)),
    "the largest change divided by the largest step: each step has its own ratio":
        instead(2, lambda g, a, L, G: change(g, G).max() / (a.max() * length(g))),
    "the largest change divided by the smallest step: each step has its own ratio":
        instead(2, lambda g, a, L, G: change(g, G).max() / (a.min() * length(g))),
    "a division by the new gradient's length":
        instead(2, lambda g, a, L, G: (change(g, G) / (a * length(G))).max()),
    "the ratio at the largest step, not the largest ratio":
        instead(2, lambda g, a, L, G: (change(g, G) / a)[a.argmax()] / length(g)),
    "a division by the square of g's length":
        instead(2, lambda g, a, L, G: (change(g, G) / a).max() / (g @ g)),
    "a multiplication by the step":
        instead(2, lambda g, a, L, G: (change(g, G) * a / length(g)).max()),
    "the mean of the ratios over the steps":
        instead(2, lambda g, a, L, G: (change(g, G) / a).mean() / length(g)),
    "the largest cosine": instead(3, lambda g, a, L, G: cosine(g, G).max()),
    "the smallest absolute cosine": instead(3, lambda g, a, L, G: abs(cosine(g, G)).min()),
    "the cosine at the largest step": instead(3, lambda g, a, L, G: cosine(g, G)[a.argmax()]),
    "the cosine of the change with g": instead(3, lambda g, a, L, G: cosine(g, G - g).min()),
    "the product without the lengths": instead(3, lambda g, a, L, G: (G @ g).min()),
    "one length of all new gradients together":
        instead(3, lambda g, a, L, G: (G @ g).min() / length(g) / length(G.ravel())),
    "the mean cosine": instead(3, lambda g, a, L, G: cosine(g, G).mean()),
    "an angle, not its cosine": instead(3, lambda g, a, L, G: np.arccos(cosine(g, G)).min()),
    "one minus the cosine": instead(3, lambda g, a, L, G: (1 - cosine(g, G)).min()),
}  # fmt: skip


def probe(rng: Rng, K: int, n: int) -> Arguments:
    """Return a gradient and what was found at K steps: cosines from -0.8 to 0.9 with it."""
    g, aside = rng.normal(0, 2, n), rng.normal(size=(K, n))
    along_g = g / length(g)
    aside -= (aside @ along_g)[:, None] * along_g
    aside /= length(aside)[:, None]
    cos = rng.permutation(np.linspace(-0.8, 0.9, K))[:, None]
    size = length(g) * rng.uniform(0.4, 3, (K, 1))
    steps = rng.permutation(np.linspace(0.3, 2.5, K)) * rng.uniform(0.1, 0.4)
    gradients = size * (cos * along_g + np.sqrt(1 - cos**2) * aside)
    return g, steps, rng.normal(2, 1, K), gradients


def probes(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls of which several steps tell every known mistake from what is right."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for K, n in sizes:
            call = probe(rng, K, n)
            while K > 1 and any(
                np.allclose(wrong(*call), along(*call), rtol=0.01, atol=0.01)
                for wrong in ALONG_MISTAKES.values()
            ):
                call = probe(rng, K, n)
            calls.append(call)
        return calls

    return calls


RANGE, CHANGE, SMOOTH, COSINE = "loss range", "gradient change", "S", "smallest cosine"
SEVERAL = probes((5, 4), (4, 6), (7, 2))
ALONG = Exercise(
    name="ex10_q1",
    function="along",
    points=3,
    results=(RANGE, CHANGE, SMOOTH, COSINE),
    reference=along,
    drive=several,
    parts=(
        Part("the loss range", 1, SEVERAL, (RANGE,)),
        Part("the gradient change", 1, SEVERAL, (CHANGE,)),
        Part("the effective smoothness S", 2, SEVERAL, (SMOOTH,)),
        Part("the smallest cosine", 1, SEVERAL, (COSINE,)),
        Part("a single step", 1, probes((1, 3), (1, 5))),
    ),
    mistakes=ALONG_MISTAKES,
)


def squared_length(
    x: Array,
    gamma: Array,
    dy: Array,
    mean: float = 1.0,
    second: float = 1.0,
    power: float = 1.0,
    gammas: int = 2,
    ddof: int = 0,
    raw: bool = False,
    eps: float = 0.0,
    product: Callable[[Array, int], Array] = lambda p, m: p.sum(axis=0) ** 2 / m,
    share: Callable[..., Array] = lambda one, along, total: (one + along) / total,
) -> tuple[Array, Array]:
    """Return (10.7) and the share that is taken away. The keywords make mistakes."""
    d, m = x - x.mean(axis=0), len(x)
    var = (d * d).sum(axis=0) / (len(x) - ddof) + eps
    x_hat = x if raw else d / np.sqrt(var)
    one, along_x = mean * product(dy, m), second * product(x_hat * dy, m)
    total = (dy**2).sum(axis=0)
    squared = gamma**gammas / var**power * (total - one - along_x)
    return squared, share(one, along_x, total)


def gradients(rng: Rng) -> Sequence[Arguments]:
    """Return batches with gamma and the gradient to y; in the last the spread is small."""
    cases = [((8, 4), 2.0, 1.0), ((5, 2), 2.0, 1.0), ((40, 3), 2.0, 1.0), ((6, 2), 0.0, 3e-3)]
    return [
        (rng.normal(mean, spread * rng.uniform(0.5, 3, shape[1]), shape),
         rng.choice([-1, 1], shape[1]) * rng.uniform(1.5, 3, shape[1]),
         rng.normal(0.5, 1, shape))
        for shape, mean, spread in cases
    ]  # fmt: skip


def parallel(rng: Rng) -> Sequence[Arguments]:
    """Return gradients of which nothing is removed (columns 0 to 2), or all (3 to 5)."""
    x, gamma = rng.normal(size=(6, 6)), rng.uniform(0.5, 2, 6)
    d, free = x - x.mean(axis=0), rng.normal(size=(6, 6))
    free -= free.mean(axis=0)
    free -= d * (d * free).sum(axis=0) / (d * d).sum(axis=0)
    return [(x, gamma, np.where(np.arange(6) < 3, free, d + 0.5))]


LENGTH = Exercise(
    name="ex10_q2",
    function="squared_length",
    points=2,
    results=("squared", "share"),
    reference=squared_length,
    drive=several,
    parts=(
        Part("the squared length", 2, gradients, ("squared",)),
        Part("the share that is removed", 1, gradients, ("share",)),
        Part("a share of 0, and of 1", 1, parallel, ("share",), last=True),
    ),
    mistakes={
        "the part along x_hat left out": partial(squared_length, second=0.0),
        "the part along 1 left out": partial(squared_length, mean=0.0),
        "the parts added, not taken away": partial(squared_length, mean=-1.0, second=-1.0),
        "nothing taken away": partial(squared_length, mean=0.0, second=0.0),
        "a division by the standard deviation, where the length is squared":
            partial(squared_length, power=0.5),
        "no division by the variance": partial(squared_length, power=0.0),
        "gamma without its square": partial(squared_length, gammas=1),
        "gamma left out": partial(squared_length, gammas=0),
        "the unbiased variance": partial(squared_length, ddof=1),
        "an eps in the variance, where it is 0": partial(squared_length, eps=1e-5),
        "inner products that are not divided by m":
            partial(squared_length, product=lambda p, m: p.sum(axis=0) ** 2),
        "means in the place of the inner products":
            partial(squared_length, product=lambda p, m: p.mean(axis=0) ** 2),
        "squares that are summed, where the sum is squared":
            partial(squared_length, product=lambda p, m: (p**2).sum(axis=0) / m),
        "inner products without their square":
            partial(squared_length, product=lambda p, m: abs(p.sum(axis=0)) / m),
        "gamma / sigma without its square": partial(squared_length, gammas=1, power=0.5),
        "the share of one part alone": (
            partial(squared_length, share=lambda one, along, total: one / total),
            partial(squared_length, share=lambda one, along, total: along / total)),
        "a share of all channels together":
            partial(squared_length, share=lambda one, along, total:
                    (one + along) / total.sum()),
        "the share by which the whole shrinks, with gamma / sigma": lambda x, gamma, g: (
            squared_length(x, gamma, g)[0],
            1 - squared_length(x, gamma, g)[0] / (g * g).sum(axis=0)
        ),
        "x in the place of x_hat": partial(squared_length, raw=True),
        "the share that stays": lambda *a: (squared_length(*a)[0], 1 - squared_length(*a)[1]),
        "the length, not its square": lambda *a: (
            np.sqrt(squared_length(*a)[0]), squared_length(*a)[1]
        ),
        "the removed part itself, not its share": lambda x, gamma, g: (
            squared_length(x, gamma, g)[0], squared_length(x, gamma, g)[1] * (g * g).sum(axis=0)
        ),
    },
)  # fmt: skip


def tuned(val: Array, test: Array) -> Array:
    """Return the test errors, one a seed, at the rate with the lowest validation error."""
    best: Array = test[val.mean(axis=1).argmin()]
    return best


def interval(difference: Array, t: float, ddof: int = 1, power: float = 0.5) -> Pair:
    """Return the interval of the mean of paired differences."""
    n = len(difference)
    half = t * difference.std(ddof=ddof) / n**power
    return difference.mean() - half, difference.mean() + half


def compare(val: Array, test: Array, t: float) -> Pair:
    """Return the interval of how much larger the first arm's test error is."""
    if val.shape[2] < 2:
        raise ValueError("one seed gives no interval")
    return interval(tuned(val[0], test[0]) - tuned(val[1], test[1]), t)


def choosing(errors: Callable[[Array, Array], Array], **how: Any) -> Answer:
    """Return a `compare` that looks at other errors, or computes the interval otherwise."""
    return lambda val, test, t: interval(
        errors(val[0], test[0]) - errors(val[1], test[1]), t, **how
    )


def at_rate(rule: Callable[[Array, Array], Any]) -> Answer:
    """Return a `compare` that chooses each arm's rate by another rule."""
    return choosing(lambda val, test: test[rule(val, test)])


def at_rate_of(val: Array, test: Array, t: float, arm: int) -> Pair:
    """Give both arms the best rate of one of them."""
    i = val[arm].mean(axis=1).argmin()
    return interval(test[0, i] - test[1, i], t)


def unpaired(val: Array, test: Array, t: float) -> Pair:
    """Add the variances of the two means, as if the seeds were not shared."""
    a, b = tuned(val[0], test[0]), tuned(val[1], test[1])
    half = t * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return a.mean() - b.mean() - half, a.mean() - b.mean() + half


OTHER_RATES: dict[str, Callable[[Array, Array], Any]] = {  # each chooses a rate, wrongly
    "rates chosen on the test errors": lambda val, test: test.mean(axis=1).argmin(),
    "rates chosen on both kinds of errors together":
        lambda val, test: (val + test).mean(axis=1).argmin(),
    "the worst rate of each arm": lambda val, test: val.mean(axis=1).argmax(),
    "the rate of the best single run": lambda val, test: val.min(axis=1).argmin(),
    "the rate that is best on the first seed": lambda val, test: val[:, 0].argmin(),
    "the first rate for both arms": lambda val, test: 0,
    "the rate with the best median": lambda val, test: np.median(val, axis=1).argmin(),
}  # fmt: skip


def arm(rng: Rng, rates: int, split: Array) -> Pair:
    """Return validation and test errors whose best rate no other rule chooses."""
    rules = list(OTHER_RATES.values())[: None if len(split) > 2 else -1]  # a median of two
    while True:
        val = split + rng.exponential(2.0, (rates, len(split))) + 6
        test = val + rng.normal(0, 1.0, val.shape)
        best = val.mean(axis=1).argmin()
        if len(split) == 1 or best not in [rule(val, test) for rule in rules]:
            return val, test


def apart(*arms: Pair) -> Any:
    """Return how far apart two arms' tuned errors are: near 0, rounding would be all."""
    first, second = (tuned(val, test).mean() for val, test in arms)
    return abs(first - second)


def tables(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the errors (arms, rates, seeds); the arms' best rates differ."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for rates, seeds in sizes:
            split = rng.normal(0, 1.0, seeds)  # what the arms share
            a = b = arm(rng, rates, split)
            while (
                b[0].mean(axis=1).argmin() == a[0].mean(axis=1).argmin() or apart(a, b) < 0.05
            ):
                b = arm(rng, rates, split)
            val, test = np.stack([a, b], axis=1)
            calls.append((val, test, rng.uniform(2.5, 4)))
        return calls

    return calls


def use(answer: Answer, val: Array, test: Array, t: float) -> Pair:
    """Return the middle and the width of an answer's interval."""
    low, high = answer(val, test, t)
    return (low + high) / 2, high - low


SAME = tables((4, 5), (3, 8), (5, 3), (4, 2))
COMPARE = Exercise(
    name="ex10_q3",
    function="compare",
    points=3,
    results=("middle", "width"),
    reference=compare,
    drive=use,
    atol=1e-6,  # a small difference of large errors, in float32
    parts=(
        Part("the middle of the interval", 2, SAME, ("middle",)),
        Part("its width", 2, SAME, ("width",)),
        Part("one seed is refused", 1, tables((3, 1)),
             refuses="a single seed"),
    ),
    mistakes={
        text: at_rate(rule) for text, rule in OTHER_RATES.items()
    } | {
        "the validation errors in the place of the test errors":
            choosing(lambda val, test: tuned(val, val)),
        "the best single run of each arm":
            choosing(lambda val, test: test.ravel()[[val.argmin()] * 2]),
        "the best rate chosen for each seed anew": choosing(
            lambda val, test: np.take_along_axis(test, val.argmin(axis=0)[None], axis=0)[0]
        ),
        "the average over all rates, good and bad":
            choosing(lambda val, test: test.mean(axis=0)),
        "the best rate of the first arm for both": partial(at_rate_of, arm=0),
        "the best rate of the second arm for both": partial(at_rate_of, arm=1),
        "the second arm minus the first":
            lambda val, test, t: compare(val[::-1], test[::-1], t),
        "one rate for both, the best on average": lambda val, test, t: interval(
            -np.diff(test[:, val.mean(axis=(0, 2)).argmin()], axis=0)[0], t),
        "seeds that are not paired: both spreads added": unpaired,
        "the spread of single differences, not of their mean": choosing(tuned, power=0),
        "a division by n, not by its root": choosing(tuned, power=1),
        "the biased standard deviation: divided by n": choosing(tuned, ddof=0),
        "half of the width": lambda val, test, t: compare(val, test, t / 2),
        "the normal value 1.96, whatever t is given":
            lambda val, test, t: compare(val, test, 1.96),
        "the interval without t": lambda val, test, t: compare(val, test, 1.0),
        "the ends in each other's place": lambda val, test, t: compare(val, test, t)[::-1],
    },
)  # fmt: skip


EXERCISES = (ALONG, LENGTH, COMPARE)
