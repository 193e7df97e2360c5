"""Answers to the exercises of chapter 10, right and wrong."""

import numpy as np
import torch


def along(g, steps, losses, gradients):
    change = np.sqrt(((gradients - g) ** 2).sum(axis=1))
    size = np.sqrt(g @ g)
    sizes = np.sqrt((gradients**2).sum(axis=1))
    cosines = gradients @ g / (sizes * size)
    slope = change / (steps * size)
    return np.ptp(losses), change.max(), slope.max(), cosines.min()


def along_norm(g, steps, losses, gradients):
    n = np.linalg.norm
    change = n(gradients - g, axis=1)
    cosines = (gradients @ g) / n(gradients, axis=1) / n(g)
    span = max(losses) - min(losses)
    return span, max(change), max(change / steps) / n(g), min(cosines)


def along_loop(g, steps, losses, gradients):
    size = sum(v * v for v in g) ** 0.5
    change, slope, cosines = [], [], []
    for a, new in zip(steps, gradients, strict=True):
        apart = sum((v - w) ** 2 for v, w in zip(new, g, strict=True)) ** 0.5
        own = sum(v * v for v in new) ** 0.5
        inner = sum(v * w for v, w in zip(new, g, strict=True))
        change.append(apart)
        slope.append(apart / (a * size))
        cosines.append(inner / own / size)
    return max(losses) - min(losses), max(change), max(slope), min(cosines)


def along_einsum(g, steps, losses, gradients):
    d = gradients - g
    squares = np.einsum("kn,kn->k", d, d)
    gg = np.einsum("n,n->", g, g)
    own = np.einsum("kn,kn->k", gradients, gradients)
    cosines = np.einsum("kn,n->k", gradients, g) / np.sqrt(own * gg)
    slope = np.sqrt(squares / gg) / steps
    return (
        losses.max() - losses.min(),
        squares.max() ** 0.5,
        slope.max(),
        cosines.min(),
    )


def along_torch(g, steps, losses, gradients):
    g, a, losses, G = map(torch.tensor, (g, steps, losses, gradients))
    change = (G - g).norm(dim=1)
    cosines = torch.cosine_similarity(G, g[None], dim=1)
    slope = change / a / g.norm()
    span = losses.max() - losses.min()
    return span, change.max(), slope.max(), cosines.min()


def along_stacked(*arrays):
    return np.array(along(*arrays))


def along_float32(*arrays):
    return along_norm(*(a.astype(np.float32) for a in arrays))


def norms(v):
    return np.linalg.norm(v, axis=-1)


def cosines(g, G):
    return G @ g / (norms(G) * norms(g))


def along_wrong(
    span=lambda losses: losses.max() - losses.min(),
    change=lambda g, G: norms(G - g).max(),
    slope=lambda g, a, G: (norms(G - g) / a).max() / norms(g),
    cosine=lambda g, G: cosines(g, G).min(),
):
    def answer(g, a, losses, G):
        return span(losses), change(g, G), slope(g, a, G), cosine(g, G)

    return answer


ALONG = {
    "solution": along,
    "right": {
        "norm": along_norm,
        "loop": along_loop,
        "einsum": along_einsum,
        "torch": along_torch,
        "float32": along_float32,
        "stacked": along_stacked,
    },
    "wrong": {
        "how far the loss came": (
            along_wrong(span=lambda v: np.sqrt((v[0] - v[-1]) ** 2)),
            "the distance of the last loss from the first",
        ),
        "std": (along_wrong(span=np.std), "a standard deviation"),
        "last minus first": (
            along_wrong(span=lambda v: v[-1] - v[0]),
            "the loss of the last step",
        ),
        "largest loss": (along_wrong(span=np.max), "nothing subtracted"),
        "mean change": (
            along_wrong(change=lambda g, G: norms(G - g).mean()),
            "the mean over the steps",
        ),
        "squared": (
            along_wrong(change=lambda g, G: ((G - g) ** 2).sum(1).max()),
            "the square of the length",
        ),
        "largest entry": (
            along_wrong(change=lambda g, G: abs(G - g).max()),
            "the largest entry",
        ),
        "difference of lengths": (
            along_wrong(change=lambda g, G: abs(norms(G) - norms(g)).max()),
            "a difference of lengths",
        ),
        "not compared": (
            along_wrong(change=lambda g, G: norms(G).max()),
            "not compared with g",
        ),
        "Frobenius": (
            along_wrong(change=lambda g, G: np.linalg.norm(G - g)),
            "of the whole array",
        ),
        "no |g|": (
            along_wrong(slope=lambda g, a, G: (norms(G - g) / a).max()),
            "S without the length of g",
        ),
        "no step": (
            along_wrong(slope=lambda g, a, G: norms(G - g).max() / norms(g)),
            "S without the step",
        ),
        "largest step": (
            along_wrong(slope=lambda g, a, G: norms(G - g).max() / (a.max() * norms(g))),
            "by the largest step",
        ),
        "smallest step": (
            along_wrong(slope=lambda g, a, G: norms(G - g).max() / (a.min() * norms(g))),
            "by the smallest step",
        ),
        "times step": (
            along_wrong(slope=lambda g, a, G: (norms(G - g) * a / norms(g)).max()),
            "a multiplication by the step",
        ),
        "mean ratio": (
            along_wrong(slope=lambda g, a, G: (norms(G - g) / (a * norms(g))).mean()),
            "the mean of the ratios",
        ),
        "largest cosine": (
            along_wrong(cosine=lambda g, G: cosines(g, G).max()),
            "the largest cosine",
        ),
        "inner product": (
            along_wrong(cosine=lambda g, G: (G @ g).min()),
            "without the lengths",
        ),
        "mean cosine": (
            along_wrong(cosine=lambda g, G: cosines(g, G).mean()),
            "the mean cosine",
        ),
        "angle": (
            along_wrong(cosine=lambda g, G: np.arccos(cosines(g, G)).min()),
            "an angle",
        ),
        "smallest |cosine|": (
            along_wrong(cosine=lambda g, G: abs(cosines(g, G)).min()),
            "the smallest absolute cosine",
        ),
        "cosine of the largest step": (
            lambda g, a, losses, G: (
                *along(g, a, losses, G)[:3],
                cosines(g, G)[np.argmax(a)],
            ),
            "the cosine at the largest step",
        ),
        "cosine of the last step": (
            along_wrong(cosine=lambda g, G: cosines(g, G)[-1]),
            "",
        ),
        "cosine of the change": (
            along_wrong(cosine=lambda g, G: cosines(g, G - g).min()),
            "the cosine of the change",
        ),
        "change of the largest step": (
            lambda g, a, losses, G: (
                np.ptp(losses),
                norms(G - g)[np.argmax(a)],
                *along(g, a, losses, G)[2:],
            ),
            "the change at the largest step",
        ),
        "new length": (
            along_wrong(slope=lambda g, a, G: (norms(G - g) / (a * norms(G))).max()),
            "by the new gradient's length",
        ),
        "cosine distance": (
            along_wrong(cosine=lambda g, G: (1 - cosines(g, G)).min()),
            "one minus",
        ),
        "last step only": (
            lambda g, a, losses, G: along(g, a[-1:], losses[-1:], G[-1:]),
            "",
        ),
    },
}


def squared_length(x, gamma, dy):
    m = x.shape[0]
    d = x - x.mean(axis=0)
    var = (d * d).mean(axis=0)
    x_hat = d / np.sqrt(var)
    removed = dy.sum(axis=0) ** 2 + (x_hat * dy).sum(axis=0) ** 2
    removed = removed / m
    total = (dy * dy).sum(axis=0)
    return gamma * gamma / var * (total - removed), removed / total


def by_backward(x, gamma, dy):
    x_hat = (x - x.mean(0)) / x.std(0)
    rest = dy - dy.mean(0) - x_hat * (x_hat * dy).mean(0)
    dx = gamma / x.std(0) * rest
    total = (dy**2).sum(0)
    return (dx**2).sum(0), 1 - (rest**2).sum(0) / total


def by_loop(x, gamma, dy):
    found = []
    for j in range(x.shape[1]):
        v, g, m = x[:, j], dy[:, j], len(x)
        v = (v - v.mean()) / v.std()
        gone = (sum(g) ** 2 + (v @ g) ** 2) / m
        found.append((gamma[j] ** 2 / x[:, j].var() * (g @ g - gone), gone / (g @ g)))
    return np.array(found).T[0], np.array(found).T[1]


def by_projection(x, gamma, dy):
    squared, share = [], []
    for j in range(x.shape[1]):
        basis = np.stack([np.ones(len(x)), x[:, j]], axis=1)
        q, _ = np.linalg.qr(basis)
        gone = np.einsum("mi,m->i", q, dy[:, j])
        total = dy[:, j] @ dy[:, j]
        share.append(gone @ gone / total)
        squared.append(gamma[j] ** 2 / x[:, j].var() * (total - gone @ gone))
    return np.array(squared), np.array(share)


def by_torch(x, gamma, dy):
    t = torch.tensor(x, requires_grad=True)
    g, w = torch.tensor(dy), torch.tensor(gamma)
    d = t - t.mean(0)
    std = d.pow(2).mean(0).sqrt()
    (w * d / std * g).sum().backward()
    squared = (t.grad**2).sum(0)
    scale = (w / std).detach() ** 2
    return squared, 1 - squared / scale / (g * g).sum(0)


def by_stack(x, gamma, dy):
    return np.stack(by_backward(x, gamma, dy))


def by_float32(x, gamma, dy):
    arrays = (a.astype(np.float32) for a in (x, gamma, dy))
    return squared_length(*arrays)


def length_wrong(
    removed=lambda x_hat, g: (g.sum(0) ** 2 + (x_hat * g).sum(0) ** 2) / len(g),
    factor=lambda gamma, x: gamma**2 / x.var(0),
    x_hat=lambda x: (x - x.mean(0)) / x.std(0),
    share=lambda gone, g: gone / (g * g).sum(0),
):
    def answer(x, gamma, dy):
        gone = removed(x_hat(x), dy)
        rest = (dy**2).sum(0) - gone
        return factor(gamma, x) * rest, share(gone, dy)

    return answer


LENGTH = {
    "solution": squared_length,
    "right": {
        "backward": by_backward,
        "loop": by_loop,
        "projection, einsum": by_projection,
        "torch": by_torch,
        "float32": by_float32,
        "stacked": by_stack,
    },
    "wrong": {
        "mean only (detached variance)": (
            length_wrong(removed=lambda x_hat, g: g.sum(0) ** 2 / len(g)),
            "along x_hat left out",
        ),
        "variance only (Caffe, PR 1891)": (
            length_wrong(removed=lambda x_hat, g: (x_hat * g).sum(0) ** 2 / len(g)),
            "along 1 left out",
        ),
        "added": (
            length_wrong(
                removed=lambda x_hat, g: -(g.sum(0) ** 2 + (x_hat * g).sum(0) ** 2) / len(g)
            ),
            "added, not taken away",
        ),
        "detached (fast.ai)": (
            length_wrong(removed=lambda x_hat, g: 0 * g[0]),
            "nothing taken away",
        ),
        "sigma": (
            length_wrong(factor=lambda gamma, x: gamma**2 / x.std(0)),
            "where the length is squared",
        ),
        "no variance": (
            length_wrong(factor=lambda gamma, x: gamma**2),
            "no division by the variance",
        ),
        "gamma once": (
            length_wrong(factor=lambda gamma, x: gamma / x.var(0)),
            "gamma without its square",
        ),
        "no gamma": (
            length_wrong(factor=lambda gamma, x: 1 / x.var(0)),
            "gamma left out",
        ),
        "ddof=1": (
            length_wrong(
                factor=lambda gamma, x: gamma**2 / x.var(0, ddof=1),
                x_hat=lambda x: (x - x.mean(0)) / x.std(0, ddof=1),
            ),
            "the unbiased variance",
        ),
        "eps of the layer": (
            length_wrong(
                factor=lambda gamma, x: gamma**2 / (x.var(0) + 1e-5),
                x_hat=lambda x: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5),
            ),
            "an eps in the variance",
        ),
        "eps, small": (
            length_wrong(factor=lambda gamma, x: gamma**2 / (x.var(0) + 1e-8)),
            "",
        ),
        "no m": (
            length_wrong(removed=lambda x_hat, g: g.sum(0) ** 2 + (x_hat * g).sum(0) ** 2),
            "not divided by m",
        ),
        "x": (length_wrong(x_hat=lambda x: x), "x in the place of x_hat"),
        "the rest": (
            length_wrong(share=lambda gone, g: 1 - gone / (g * g).sum(0)),
            "the share that stays",
        ),
        "no share": (
            length_wrong(share=lambda gone, g: gone),
            "not its share",
        ),
        "length": (
            lambda *a: (
                np.sqrt(by_backward(*a)[0]),
                by_backward(*a)[1],
            ),
            "not its square",
        ),
        "one number": (
            lambda *a: (by_loop(*a)[0].sum(), by_loop(*a)[1]),
            "shape",
        ),
        "divided by m twice": (
            length_wrong(removed=lambda x_hat, g: g.mean(0) ** 2 + (x_hat * g).mean(0) ** 2),
            "",
        ),
    },
}


def compare(val, test, t):
    n = val.shape[2]
    if n < 2:
        raise ValueError("one seed gives no interval")
    best = val.mean(axis=2).argmin(axis=1)
    d = test[0, best[0]] - test[1, best[1]]
    std = np.sqrt(((d - d.mean()) ** 2).sum() / (n - 1))
    half = t * std / np.sqrt(n)
    return d.mean() - half, d.mean() + half


def compare_loop(val, test, t):
    rows = []
    for arm in range(2):
        means = [sum(row) / len(row) for row in val[arm]]
        rows.append(test[arm][means.index(min(means))])
    d = [x - y for x, y in zip(*rows, strict=True)]
    n = len(d)
    if n == 1:
        raise ValueError("one seed")
    mean = sum(d) / n
    var = sum((v - mean) ** 2 for v in d) / (n - 1)
    return mean - t * (var / n) ** 0.5, mean + t * (var / n) ** 0.5


def compare_einsum(val, test, t):
    n = val.shape[-1]
    if n <= 1:
        raise ValueError("one seed")
    i, j = np.einsum("ars->ar", val).argmin(axis=1)
    d = test[0, i] - test[1, j]
    center = np.einsum("s->", d) / n
    half = t * np.sqrt(np.einsum("s,s->", d - center, d - center))
    half = half / np.sqrt(n * (n - 1))
    return center - half, center + half


def compare_torch(val, test, t):
    val, test = torch.tensor(val), torch.tensor(test)
    if val.shape[2] < 2:
        raise ValueError("one seed")
    i, j = val.mean(2).argmin(1)
    d = test[0, i] - test[1, j]
    half = t * d.std() / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


def compare_array(val, test, t):
    """One array of both ends."""
    return np.array(compare(val, test, t))


def compare_subclass(val, test, t):
    class OneSeedError(ValueError):
        pass

    if len(val[0, 0]) == 1:
        raise OneSeedError
    return compare(val, test, t)


def compare_float32(val, test, t):
    return compare(val.astype(np.float32), test.astype(np.float32), t)


def compare_wrong(pick=None, half=None):
    """Return an answer that looks at other errors, or has another width."""

    def right_pick(val, test):
        return test[val.mean(1).argmin()]

    def right_half(d, t):
        return t * d.std(ddof=1) / np.sqrt(len(d))

    def answer(val, test, t):
        if val.shape[2] == 1:
            raise ValueError("one seed")
        pick_one = pick or right_pick
        d = pick_one(val[0], test[0]) - pick_one(val[1], test[1])
        width = (half or right_half)(d, t)
        return d.mean() - width, d.mean() + width

    return answer


def compare_refusing(error):
    """Return an answer that fails with one seed in another way."""

    def answer(val, test, t):
        if val.shape[2] == 1:
            raise error
        return compare(val, test, t)

    return answer


def pooled_spread(val, test, t):
    if val.shape[2] == 1:
        raise ValueError("one seed")
    x, y = (test[arm][val[arm].mean(1).argmin()] for arm in range(2))
    standard_error = np.hypot(x.std(ddof=1), y.std(ddof=1)) / len(x) ** 0.5
    middle = x.mean() - y.mean()
    return middle - t * standard_error, middle + t * standard_error


def same_rate(which):
    def answer(val, test, t):
        if val.shape[2] == 1:
            raise ValueError("one seed")
        i = val[which].mean(1).argmin()
        return compare(val[:, i : i + 1], test[:, i : i + 1], t)

    return answer


def nan_for_one(val, test, t):
    d = test[0][val[0].mean(1).argmin()] - test[1][val[1].mean(1).argmin()]
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half


COMPARE = {
    "solution": compare,
    "right": {
        "loop": compare_loop,
        "einsum": compare_einsum,
        "torch": compare_torch,
        "one array": compare_array,
        "an exception of its own": compare_subclass,
        "float32": compare_float32,
    },
    "wrong": {
        "tuned on test": (
            compare_wrong(lambda v, e: e[e.mean(1).argmin()]),
            "chosen on the test errors",
        ),
        "tuned on all": (
            compare_wrong(lambda v, e: e[(v + e).mean(1).argmin()]),
            "on both kinds of errors",
        ),
        "validation reported": (
            compare_wrong(lambda v, e: v[v.mean(1).argmin()]),
            "the validation errors in the place",
        ),
        "best run": (
            compare_wrong(lambda v, e: e.ravel()[v.argmin()] + np.zeros(e.shape[1])),
            "the best single run",
        ),
        "best of each seed": (
            compare_wrong(lambda v, e: e[v.argmin(axis=0), np.arange(e.shape[1])]),
            "for each seed anew",
        ),
        "all rates": (
            compare_wrong(lambda v, e: e.mean(axis=0)),
            "over all rates",
        ),
        "argmax of an error": (
            compare_wrong(lambda v, e: e[v.mean(1).argmax()]),
            "the worst rate",
        ),
        "row of the best run": (
            compare_wrong(lambda v, e: e[np.unravel_index(v.argmin(), v.shape)[0]]),
            "the rate of the best single run",
        ),
        "median": (
            compare_wrong(lambda v, e: e[np.median(v, 1).argmin()]),
            "the best median",
        ),
        "tuned on seed 0": (
            compare_wrong(lambda v, e: e[v[:, 0].argmin()]),
            "on the first seed",
        ),
        "first rate": (
            compare_wrong(lambda v, e: e[0]),
            "the first rate",
        ),
        "rate of a": (same_rate(0), "first arm for both"),
        "rate of b": (same_rate(1), "second arm for both"),
        "b - a": (
            lambda val, test, t: compare(val[::-1], test[::-1], t),
            "the second arm minus the first",
        ),
        "unpaired": (pooled_spread, "not paired"),
        "standard deviation": (
            compare_wrong(half=lambda d, t: t * d.std(ddof=1)),
            "of single differences",
        ),
        "ddof=0": (
            compare_wrong(half=lambda d, t: t * d.std() / len(d) ** 0.5),
            "divided by n",
        ),
        "over n": (
            compare_wrong(half=lambda d, t: t * d.std(ddof=1) / len(d)),
            "by n, not by its root",
        ),
        "half": (
            compare_wrong(half=lambda d, t: t * d.std(ddof=1) / len(d) ** 0.5 / 2),
            "half of the width",
        ),
        "1.96": (
            compare_wrong(half=lambda d, t: 1.96 * d.std(ddof=1) / len(d) ** 0.5),
            "whatever t is given",
        ),
        "no t": (
            compare_wrong(half=lambda d, t: d.std(ddof=1) / len(d) ** 0.5),
            "the interval without t",
        ),
        "ends swapped": (
            lambda val, test, t: compare(val, test, t)[::-1],
            "each other's place",
        ),
        "range": (
            compare_wrong(half=lambda d, t: np.ptp(d) / 2),
            "",
        ),
        "NaN for one seed": (nan_for_one, "accepts a single seed"),
        "an assert": (compare_refusing(AssertionError()), "refuse it yourself"),
        "a misspelled name": (compare_refusing(NameError("valerror")), "refuse it yourself"),
        "refuses two seeds": (
            lambda val, test, t: compare(val[..., : None if val.shape[2] > 2 else 1], test, t),
            "raised ValueError",
        ),
    },
}

ANSWERS = {"ex10_q1": ALONG, "ex10_q2": LENGTH, "ex10_q3": COMPARE}
