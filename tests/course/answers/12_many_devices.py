"""Answers to the exercises of chapter 12, right and wrong."""

import math

import numpy as np
import torch


def joined(counts, means, m2):
    m = counts.sum()
    mean = (counts[:, None] * means).sum(axis=0) / m
    return mean, (m2 + counts[:, None] * (means - mean) ** 2).sum(axis=0) / m


def joined_chan(counts, means, m2):
    n, mean, total = 0, np.zeros(means.shape[1]), np.zeros(means.shape[1])
    for k, mu, square in zip(counts, means, m2, strict=True):
        if k == 0:
            continue
        delta = mu - mean
        total = total + square + delta**2 * n * k / (n + k)
        mean = mean + delta * k / (n + k)
        n += k
    return mean, total / n


def joined_average(counts, means, m2):
    there = counts > 0
    n = counts[there]
    mean = np.average(means[there], axis=0, weights=n)
    within = np.average(m2[there] / n[:, None], axis=0, weights=n)
    between = np.average((means[there] - mean) ** 2, axis=0, weights=n)
    return [mean, within + between]


def joined_torch(counts, means, m2):
    n, mu, square = (torch.tensor(a, dtype=torch.float64) for a in (counts, means, m2))
    mean = n @ mu / n.sum()
    return mean, (square.sum(0) + n @ (mu - mean).square()) / n.sum()


def joined_shifted(counts, means, m2):
    near = means[counts > 0][0]
    d = means - near
    share = counts / counts.sum()
    shift = share @ d
    return near + shift, m2.sum(0) / counts.sum() + share @ d**2 - shift**2


def joined_loops(counts, means, m2):
    mean, var = [], []
    for c in range(means.shape[1]):
        mu = math.fsum(counts * means[:, c]) / sum(counts)
        terms = [s + n * (a - mu) ** 2 for n, a, s in zip(counts, means[:, c], m2[:, c])]  # noqa: B905
        mean.append(mu)
        var.append(math.fsum(terms) / sum(counts))
    return mean, var


def joined_wrong(var, mean=lambda n, mu: np.average(mu, axis=0, weights=n)):
    """Return an answer with these formulas; var gets counts, deviations of means, and M2."""

    def answer(counts, means, m2):
        center = mean(counts, means)
        return center, var(counts, means - center, m2)

    return answer


def right_var(n, d, m2):
    return (m2 + n[:, None] * d**2).sum(0) / n.sum()


def one_pass(counts, means, m2):
    mean = counts @ means / counts.sum()
    square = (m2 + counts[:, None] * means * means).sum(0) / counts.sum()
    return mean, square - mean * mean


def empty_first(counts, means, m2):
    n, mean, total = 0, 0 * means[0], 0 * m2[0]
    for count, mu, squares in zip(counts, means, m2, strict=True):
        d, n = mu - mean, n + count
        mean = mean + d * count / n
        total = total + squares + d**2 * count * (n - count) / n
    return mean, total / n


JOINED = {
    "solution": joined,
    "right": {
        "Chan, part by part": joined_chan,
        "np.average, a list": joined_average,
        "torch": joined_torch,
        "shifted": joined_shifted,
        "loops and lists": joined_loops,
    },
    "wrong": {
        "each part's own variance": (
            joined_wrong(lambda n, d, m2: n @ (m2 / n[:, None] + d * d) / n.sum()),
            "0 / 0 for a part without values",
        ),
        "0/0 where the first part is empty": (empty_first, "NaN or infinite"),
        "mean of means": (
            joined_wrong(right_var, mean=lambda n, mu: mu.mean(0)),
            "all parts weigh the same",
        ),
        "mean of the means that are there": (
            joined_wrong(right_var, mean=lambda n, mu: np.mean(mu[n != 0], axis=0)),
            "weigh the same, though an empty one",
        ),
        "no spread between": (
            joined_wrong(lambda n, d, m2: m2.sum(0) / n.sum()),
            "without the spread",
        ),
        "average of variances": (
            joined_wrong(lambda n, d, m2: (m2 / np.maximum(n, 1)[:, None]).mean(0)),
            "a plain average",
        ),
        "average of variances, and the spread": (
            joined_wrong(
                lambda n, d, m2: (
                    (m2 / np.maximum(n, 1)[:, None]).mean(0)
                    + (n[:, None] * d**2).sum(0) / n.sum()
                )
            ),
            "equal weights, with the spread",
        ),
        "spread with equal weights": (
            joined_wrong(lambda n, d, m2: (m2 + d**2).sum(0) / n.sum()),
            "a spread between the parts",
        ),
        "variance of the means": (
            joined_wrong(lambda n, d, m2: n @ d**2 / n.sum()),
            "the variance of the means",
        ),
        "M2 is no variance": (
            joined_wrong(lambda n, d, m2: n @ (m2 + d**2) / n.sum()),
            "M2 used as",
        ),
        "m - 1": (
            joined_wrong(lambda n, d, m2: right_var(n, d, m2) * n.sum() / (n.sum() - 1)),
            "a division by m - 1",
        ),
        "not divided": (
            joined_wrong(lambda n, d, m2: right_var(n, d, m2) * n.sum()),
            "not divided",
        ),
        "divided by K": (
            joined_wrong(lambda n, d, m2: right_var(n, d, m2) * n.sum() / len(n)),
            "the number of parts",
        ),
        "one pass": (one_pass, ""),
        "standard deviation": (
            joined_wrong(lambda n, d, m2: np.sqrt(right_var(n, d, m2))),
            "a standard deviation",
        ),
        "0 / 0 for an empty part": (
            joined_wrong(
                lambda n, d, m2: n @ (m2 / n[:, None] + d**2) / n.sum(),
            ),
            "NaN or infinite",
        ),
        "float32": (
            lambda n, mu, m2: joined(n, mu.astype(np.float32), m2.astype(np.float32)),
            "",
        ),
    },
}


def synced(dy, x_hat, inv_std, gamma):
    g = dy * gamma
    a, b = g.mean((0, 1)), (g * x_hat).mean((0, 1))
    return inv_std * (g - a - x_hat * b), np.einsum("knc,knc->kc", dy, x_hat)


def synced_rows(dy, x_hat, inv_std, gamma):
    K, n, C = dy.shape
    rows, h = dy.reshape(-1, C), x_hat.reshape(-1, C)
    total = rows.sum(0), (rows * h).sum(0)
    dx = gamma * inv_std / len(rows) * (len(rows) * rows - total[0] - h * total[1])
    return dx.reshape(K, n, C), (dy * x_hat).sum(1)


def synced_loops(dy, x_hat, inv_std, gamma):
    K, n = dy.shape[:2]
    own = [dy[k].sum(0) for k in range(K)], [(dy[k] * x_hat[k]).sum(0) for k in range(K)]
    s, t = sum(own[0]), sum(own[1])
    dx = [gamma * inv_std * (dy[k] - s / (K * n) - x_hat[k] * t / (K * n)) for k in range(K)]
    return dx, own[1]


def synced_torch(dy, x_hat, inv_std, gamma):
    dy, h, s, g = map(torch.tensor, (dy, x_hat, inv_std, gamma))
    dx = g * s * (dy - dy.mean((0, 1)) - h * (dy * h).mean((0, 1)))
    return dx, (dy * h).sum(1)


def synced_wrong(
    first=lambda a: a.mean((0, 1)),
    second=lambda a: a.mean((0, 1)),
    factor=lambda s, g: s * g,
    dgamma=lambda dy, h: (dy * h).sum(1),
):
    """Return an answer with one step replaced."""

    def answer(dy, h, inv_std, gamma):
        dx = factor(inv_std, gamma) * (dy - first(dy) - h * second(dy * h))
        return dx, dgamma(dy, h)

    return answer


def own(a):
    return a.mean(axis=1)[:, None]


SYNCED = {
    "solution": synced,
    "right": {
        "as rows": synced_rows,
        "loops and lists": synced_loops,
        "torch": synced_torch,
        "float32": lambda *given: synced(*(a.astype(np.float32) for a in given)),
    },
    "wrong": {
        "local": (synced_wrong(own, own), "own means, as with local"),
        "first local": (synced_wrong(first=own), "the first mean of each"),
        "second local": (synced_wrong(second=own), "the second of each"),
        "divided by n": (
            synced_wrong(
                lambda a: a.sum((0, 1)) / a.shape[1], lambda a: a.sum((0, 1)) / a.shape[1]
            ),
            "divided by the values of one",
        ),
        "own sums": (
            synced_wrong(
                lambda a: a.sum(1, keepdims=True) / a[..., 0].size,
                lambda a: a.sum(1, keepdims=True) / a[..., 0].size,
            ),
            "divided by the values of all",
        ),
        "sums": (
            synced_wrong(lambda a: a.sum((0, 1)), lambda a: a.sum((0, 1))),
            "sums, not means",
        ),
        "no second mean": (synced_wrong(second=lambda a: 0), "products left out"),
        "no first mean": (synced_wrong(first=lambda a: 0), "the mean of dy left out"),
        "evaluation": (synced_wrong(lambda a: 0, lambda a: 0), "as in evaluation"),
        "no gamma": (synced_wrong(factor=lambda s, g: s), "gamma left out"),
        "no inv_std": (synced_wrong(factor=lambda s, g: g), "inv_std left out"),
        "divided by inv_std": (
            synced_wrong(factor=lambda s, g: g / s),
            "a division by inv_std",
        ),
        "wrong sign": (
            synced_wrong(second=lambda a: -a.mean((0, 1))),
            "",
        ),
        "dgamma of all": (
            synced_wrong(dgamma=lambda dy, h: 0 * dy[:, 0] + (dy * h).sum((0, 1))),
            "count again",
        ),
        "dgamma of all, one row": (
            synced_wrong(dgamma=lambda dy, h: (dy * h).sum((0, 1))),
            "shape",
        ),
        "dgamma averaged": (
            synced_wrong(dgamma=lambda dy, h: 0 * dy[:, 0] + (dy * h).sum((0, 1)) / len(dy)),
            "averaged over the devices already",
        ),
        "dgamma a mean": (
            synced_wrong(dgamma=lambda dy, h: (dy * h).mean(1)),
            "a mean over a device",
        ),
        "dbeta": (synced_wrong(dgamma=lambda dy, h: dy.sum(1)), "dbeta where"),
    },
}


def combined(gradients, sizes):
    there = sizes > 0
    return (sizes[there] / sizes.sum()) @ gradients[there]


def combined_loop(gradients, sizes):
    total = np.zeros(gradients.shape[1])
    for g, n in zip(gradients, sizes, strict=True):
        if n:
            total += n * g
    return total / sizes.sum()


def combined_average(gradients, sizes):
    keep = np.flatnonzero(sizes)
    return np.average(gradients[keep], axis=0, weights=sizes[keep])


def combined_where(gradients, sizes):
    share = sizes / np.sum(sizes)
    return share @ np.where(sizes[:, None] > 0, gradients, 0)


def combined_torch(gradients, sizes):
    g = torch.nan_to_num(torch.tensor(gradients))
    return (g * torch.tensor(sizes)[:, None]).sum(0) / int(sizes.sum())


def combined_list(gradients, sizes):
    return (np.nansum(sizes[:, None] * gradients, axis=0) / sizes.sum()).tolist()


def weighted(weights):
    """Return an answer with other weights; parts that are not there get none."""

    def answer(g, n):
        w = np.where(n > 0, weights(n.astype(float)), 0)
        return w @ np.nan_to_num(g)

    return answer


COMBINED = {
    "solution": combined,
    "right": {
        "np.average": combined_average,
        "np.where": combined_where,
        "a loop": combined_loop,
        "torch": combined_torch,
        "nansum, a list": combined_list,
        "float32": lambda g, n: combined_where(g.astype(np.float32), n),
    },
    "wrong": {
        "mean, NaN": (lambda g, n: g.mean(0), ""),
        "nanmean": (lambda g, n: np.nanmean(g, 0), "all parts weigh the same"),
        "mean of all K": (weighted(lambda n: 1 / len(n)), "counts the empty part"),
        "sum": (weighted(lambda n: 1.0), "a sum of the gradients"),
        "weighted sum": (weighted(lambda n: n), "nothing divides"),
        "divided by K": (weighted(lambda n: n / len(n)), "divided by the number"),
        "n - 1": (weighted(lambda n: (n - 1) / np.maximum(n - 1, 0).sum()), "weights n - 1"),
        "roots": (weighted(lambda n: n**0.5 / (n**0.5).sum()), "square roots"),
        "drops the last": (
            lambda g, n: np.mean([a for a, k in zip(g, n, strict=True) if k == max(n)], axis=0),
            "left out",
        ),
        "nansum": (lambda g, n: np.nansum(g, axis=0), "a sum of the gradients"),
        "mean of those with images": (
            lambda g, n: np.stack([a for a, k in zip(g, n, strict=True) if k]).mean(0),
            "all parts weigh the same",
        ),
        "mean over K of filled": (
            lambda g, n: np.where(n[:, None] > 0, g, 0).mean(0),
            "counts the empty part",
        ),
        "unbiased sum": (weighted(lambda n: n / (n.sum() - 1)), ""),
        "0 * NaN": (lambda g, n: (n[:, None] * g).sum(0) / n.sum(), "NaN or infinite"),
        "one over the size": (
            weighted(lambda n: (1 / np.maximum(n, 1)) / (1 / np.maximum(n, 1)).sum()),
            "",
        ),
    },
}

ANSWERS = {"ex12_q1": JOINED, "ex12_q2": SYNCED, "ex12_q3": COMBINED}
