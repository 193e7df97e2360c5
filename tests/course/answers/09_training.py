"""Answers to the exercises of chapter 9, right and wrong."""

import math

import numpy as np
import torch


def step(W, g, eta, lam):
    size = np.linalg.norm(W)
    if size == 0:
        raise ValueError("weights of length 0 have no direction")
    new = W - eta * lam * W - eta * g
    cosine = (W * new).sum() / (size * np.linalg.norm(new))
    return new, np.arccos(np.clip(cosine, -1, 1)), eta / size**2


def step_vdot(W, g, eta, lam):
    squared = np.vdot(W, W)
    if not squared:
        raise ValueError("no direction")
    new = (1 - eta * lam) * W - eta * g
    cosine = np.vdot(W, new) / math.sqrt(squared * np.vdot(new, new))
    return new, math.acos(max(-1.0, min(1.0, cosine))), eta / squared


def step_loop(W, g, eta, lam):
    flat, slope = W.ravel().tolist(), g.ravel().tolist()
    if all(w == 0 for w in flat):
        raise ValueError("no direction")
    moved = [w - eta * (d + lam * w) for w, d in zip(flat, slope, strict=True)]
    a, b = (math.sqrt(sum(v * v for v in each)) for each in (flat, moved))
    chord = math.dist([w / a for w in flat], [v / b for v in moved])
    angle = 2 * math.asin(min(1.0, chord / 2))
    return np.reshape(moved, W.shape), angle, eta / a**2


def step_torch(W, g, eta, lam):
    if np.count_nonzero(W) == 0:
        raise ValueError("no direction")
    p = torch.nn.Parameter(torch.tensor(W))
    p.grad = torch.tensor(g)
    torch.optim.SGD([p], lr=eta, weight_decay=lam).step()
    new, old = p.detach(), torch.tensor(W)
    along = (old * new).sum() / old.norm()
    aside = (new - along * old / old.norm()).norm()
    return new, torch.atan2(aside, along), eta / old.square().sum()


def step_float32(W, g, eta, lam):
    W, g = W.astype(np.float32), g.astype(np.float32)
    if not W.any():
        raise ValueError("no direction")
    new = W - np.float32(eta) * (g + np.float32(lam) * W)
    a, b = W / np.linalg.norm(W), new / np.linalg.norm(new)
    chord = np.linalg.norm((a - b).ravel())
    angle = 2 * np.arctan2(chord, np.linalg.norm((a + b).ravel()))
    return new, (0.0 if not g.any() else angle), eta / (W**2).sum()


def cosine_of(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def between(a, b):
    return np.arccos(np.clip(cosine_of(a, b), -1, 1))


def step_wrong(
    new=lambda W, g, eta, lam: W - eta * (g + lam * W),
    angle=lambda W, new, g, eta: between(W, new),
    rate=lambda W, new, eta: eta / (W**2).sum(),
    refuses=True,
):
    def answer(W, g, eta, lam):
        if refuses and not W.any():
            raise ValueError("no direction")
        moved = new(W, g, eta, lam)
        return moved, angle(W, moved, g, eta), rate(W, moved, eta)

    return answer


def in_place(W, g, eta, lam):
    if not W.any():
        raise ValueError("no direction")
    old = W.copy()
    W -= eta * (g + lam * W)
    return W, between(old, W), eta / (old**2).sum()


norm = np.linalg.norm


def refuses_any_zero(W, g, eta, lam):
    if (W == 0).any():
        raise ValueError("a weight of 0")
    return step(W, g, eta, lam)


def refuses_short_weights(W, g, eta, lam):
    if np.allclose(W, 0):
        raise ValueError("no length to speak of")
    return step(W, g, eta, lam)


STEP = {
    "solution": step,
    "right": {
        "vdot": step_vdot,
        "loop": step_loop,
        "torch, atan2": step_torch,
        "float32, half angles": step_float32,
    },
    "wrong": {
        "short weights refused": (refuses_short_weights, "short weights: raised ValueError"),
        "arctan of what decay leaves": (
            step_wrong(
                angle=lambda W, new, g, eta: np.arctan(eta * norm(g) / norm(new + eta * g))
            ),
            "not orthogonal to W",
        ),
        "one weight of 0 refused": (refuses_any_zero, "raised ValueError"),
        "decay behind": (
            step_wrong(new=lambda W, g, eta, lam: (W - eta * g) * (1 - eta * lam)),
            "behind the step",
        ),
        "decay without rate": (
            step_wrong(new=lambda W, g, eta, lam: W - lam * W - eta * g),
            "decay without the rate",
        ),
        "no decay": (step_wrong(new=lambda W, g, eta, lam: W - eta * g), "no decay"),
        "growing": (
            step_wrong(new=lambda W, g, eta, lam: W - eta * (g - lam * W)),
            "makes the weights longer",
        ),
        "ascent": (
            step_wrong(new=lambda W, g, eta, lam: W - eta * (lam * W - g)),
            "along the gradient",
        ),
        "factor 2": (
            step_wrong(new=lambda W, g, eta, lam: W - eta * (g + 2 * lam * W)),
            "factor of 2",
        ),
        "ratio": (
            step_wrong(angle=lambda W, new, g, eta: eta * norm(g) / norm(W)),
            "the ratio eta |g| / |W|",
        ),
        "arctan": (
            step_wrong(angle=lambda W, new, g, eta: np.arctan(eta * norm(g) / norm(W))),
            "not orthogonal to W",
        ),
        "cosine": (
            step_wrong(angle=lambda W, new, g, eta: cosine_of(W, new)),
            "the cosine",
        ),
        "degrees": (
            step_wrong(angle=lambda W, new, g, eta: np.degrees(between(W, new))),
            "degrees",
        ),
        "to the gradient": (
            step_wrong(angle=lambda W, new, g, eta: between(W, g)),
            "W and the gradient",
        ),
        "chord": (
            step_wrong(angle=lambda W, new, g, eta: norm(W / norm(W) - new / norm(new))),
            "the chord",
        ),
        "arcsine of the part aside": (
            step_wrong(
                angle=lambda W, new, g, eta: np.arcsin(np.sqrt(1 - cosine_of(W, new) ** 2))
            ),
            "",
        ),
        "no clip": (
            step_wrong(angle=lambda W, new, g, eta: np.arccos(cosine_of(W, new))),
            "NaN",
        ),
        "not squared": (
            step_wrong(rate=lambda W, new, eta: eta / norm(W)),
            "not squared",
        ),
        "of the new": (
            step_wrong(rate=lambda W, new, eta: eta / norm(new) ** 2),
            "the length of the new weights",
        ),
        "mean": (
            step_wrong(rate=lambda W, new, eta: eta / np.mean(W**2)),
            "mean of the squares",
        ),
        "spectral norm": (
            step_wrong(rate=lambda W, new, eta: eta / norm(W, 2 if W.ndim == 2 else None) ** 2),
            "",
        ),
        "times": (
            step_wrong(rate=lambda W, new, eta: eta * norm(W) ** 2),
            "times the squared length",
        ),
        "accepts zeros": (step_wrong(refuses=False), "accepts weights of length 0"),
        "in place": (in_place, "work on a copy"),
    },
}


def schedule(eta, lam):
    keep = 1 - eta * lam
    if keep.min() <= 0:
        raise ValueError("1 - eta lam must stay above 0")
    after = np.cumprod(keep)
    before = after / keep
    return eta / (before * after), after[-1]


def schedule_loop(eta, lam):
    c, rates = 1.0, []
    for rate in eta:
        factor = 1 - rate * lam
        if factor <= 0:
            raise ValueError("too strong")
        rates.append(rate / (c * c * factor))
        c *= factor
    return rates, c


def schedule_logs(eta, lam):
    if np.any(eta * lam >= 1):
        raise ValueError("too strong")
    log = np.cumsum(np.log1p(-lam * eta))
    before = np.concatenate([[0.0], log[:-1]])
    return eta * np.exp(-before - log), math.exp(log[-1])


def schedule_trained(eta, lam):
    """Read the rates off two runs on the loss of a direction in the plane."""
    if max(eta) * lam >= 1:
        raise ValueError("too strong")
    W, V, rates = 1.0, 1.0, []
    for rate in eta:
        gradient_at_w, gradient_at_v = 1 / W, 1 / V  # as (9.2) says
        new = (1 - rate * lam) * W
        move = rate * gradient_at_w * V / W * (W / new)  # the same direction
        rates.append(move / gradient_at_v)
        W = new
    return np.array(rates), W / V


def schedule_torch(eta, lam):
    t = torch.tensor(eta)
    if bool((t * lam >= 1).any()):
        raise ValueError("too strong")
    after = torch.cumprod(1 - t * lam, 0)
    before = torch.cat([torch.ones(1, dtype=t.dtype), after[:-1]])
    return t / before / after, after[-1].item()


def schedule_wrong(rates=None, ratio=lambda c: c[-1], limit=1.0, factors=None):
    def answer(eta, lam):
        if (eta * lam).max() >= limit:
            raise ValueError("too strong")
        keep = factors(eta, lam) if factors else 1 - eta * lam
        c = np.append(1.0, np.cumprod(keep))
        chosen = rates(eta, c) if rates else eta / (c[:-1] * c[1:])
        return chosen, ratio(c)

    return answer


def refuses_by_product(eta, lam):
    """Look at the end alone: two steps that turn the weights round do not show there."""
    after = np.cumprod(1 - eta * lam)
    if not after[-1] > 0:
        raise ValueError("too strong")
    return eta / (after * np.append(1.0, after[:-1])), after[-1]


SCHEDULE = {
    "solution": schedule,
    "right": {
        "loop": schedule_loop,
        "logarithms": schedule_logs,
        "from two runs": schedule_trained,
        "torch": schedule_torch,
    },
    "wrong": {
        "the product alone": (refuses_by_product, "accepts a step with eta lam"),
        "before, squared": (
            schedule_wrong(lambda eta, c: eta / c[:-1] ** 2), "before the step, squared"),
        "after, squared": (
            schedule_wrong(lambda eta, c: eta / c[1:] ** 2), "with the step, squared"),
        "before, once": (
            schedule_wrong(lambda eta, c: eta / c[:-1]), "before the step, once"),
        "after, once": (schedule_wrong(lambda eta, c: eta / c[1:]), "with the step, once"),
        "times": (
            schedule_wrong(lambda eta, c: eta * c[1:] * c[:-1]), "in the place of a division"),
        "first rate": (
            schedule_wrong(factors=lambda eta, lam: 1 - eta[0] * lam + 0 * eta),
            "the first rate for all"),
        "own rate": (
            schedule_wrong(
                lambda eta, c: eta * (c[1:] / c[:-1]) ** (-2.0 * np.arange(len(eta)) - 1)),
            "own rate"),
        "unchanged": (schedule_wrong(lambda eta, c: eta), "rates that stay"),
        "without the rate": (
            schedule_wrong(factors=lambda eta, lam: 1 - lam + 0 * eta),
            "decay without the rate"),
        "exponential": (
            schedule_wrong(factors=lambda eta, lam: np.exp(-eta * lam)), "exp(-eta lam)"),
        "the last three products": (
            schedule_wrong(lambda eta, c: eta / (c[:-1] * c[1:]) ** 1.5), ""),
        "V / W": (schedule_wrong(ratio=lambda c: 1 / c[-1]), "the other way round"),
        "one step early": (schedule_wrong(ratio=lambda c: c[-2]), "before the last step"),
        "squared": (schedule_wrong(ratio=lambda c: c[-1] ** 2), "the squared ratio"),
        "accepts": (schedule_wrong(limit=math.inf), "accepts a step"),
        "accepts 1": (schedule_wrong(limit=1 + 1e-9), "accepts a step"),
        "refuses 0.9": (schedule_wrong(limit=0.9), "raised ValueError"),
    },
}  # fmt: skip


def shares(variance, gammas):
    if variance <= 0:
        raise ValueError("an input of variance 0 carries nothing")
    added = (gammas**2).mean(axis=1)
    after = variance + np.cumsum(added)
    return after - added, added / after


def shares_loop(variance, gammas):
    if not variance > 0:
        raise ValueError("no variance")
    skip, share = [], []
    for row in gammas:
        added = sum(v * v for v in row) / len(row)
        skip.append(variance)
        variance = variance + added
        share.append(added / variance)
    return skip, share


def shares_einsum(variance, gammas):
    if variance <= 0:
        raise ValueError("no variance")
    L, C = gammas.shape
    added = np.einsum("lc,lc->l", gammas, gammas) / C
    before = variance + np.tril(np.ones((L, L)), -1) @ added
    return before, 1 / (1 + before / np.maximum(added, 1e-300))


def shares_torch(variance, gammas):
    if variance <= 0:
        raise ValueError("no variance")
    added = torch.tensor(gammas).square().mean(1)
    after = added.cumsum(0) + variance
    return torch.cat([torch.tensor([variance]), after[:-1]]), added / after


def shares_float32(variance, gammas):
    return shares(np.float32(variance), gammas.astype(np.float32))


def shares_wrong(
    added=lambda gammas: (gammas**2).mean(1),
    skip=lambda before, after: before,
    share=lambda before, after, added: added / after,
    refuses=lambda variance: variance <= 0,
):
    def answer(variance, gammas):
        if refuses(variance):
            raise ValueError("no variance")
        each = added(gammas)
        after = variance + np.cumsum(each)
        before = np.append(variance, after[:-1])
        return skip(before, after), share(before, after, each)

    return answer


def doubled(variance, gammas):
    if variance <= 0:
        raise ValueError("no variance")
    return variance * 2.0 ** np.arange(len(gammas)), np.full(len(gammas), 0.5)


SHARES = {
    "solution": shares,
    "right": {
        "loop": shares_loop,
        "einsum": shares_einsum,
        "torch": shares_torch,
        "float32": shares_float32,
    },
    "wrong": {
        "gamma": (shares_wrong(lambda gammas: gammas.mean(1)), "gamma without its square"),
        "|gamma|": (shares_wrong(lambda gammas: abs(gammas).mean(1)), "|gamma|"),
        "mean, squared": (shares_wrong(lambda gammas: gammas.mean(1) ** 2), "square first"),
        "sum": (shares_wrong(lambda gammas: (gammas**2).sum(1)), "a sum over the channels"),
        "variance of gamma": (
            shares_wrong(lambda gammas: gammas.var(1)), "the variance of gamma"),
        "ones": (shares_wrong(lambda gammas: np.ones(len(gammas))), "whatever gamma is"),
        "largest": (shares_wrong(lambda gammas: (gammas**2).max(1)), "the largest channel"),
        "behind": (shares_wrong(skip=lambda before, after: after), "behind each block"),
        "std": (shares_wrong(skip=lambda before, after: before**0.5), "standard deviation"),
        "constant skip": (
            shares_wrong(skip=lambda before, after: before[0] + 0 * before), "for all blocks"),
        "relative to the skip": (
            shares_wrong(share=lambda before, after, added: added / before),
            "relative to what enters"),
        "the skip's": (
            shares_wrong(share=lambda before, after, added: 1 - added / after), "skip's share"),
        "of the end": (
            shares_wrong(share=lambda before, after, added: added / after[-1]),
            "at the end of the network"),
        "root": (
            shares_wrong(share=lambda before, after, added: (added / after) ** 0.5),
            "a share of the standard deviation"),
        "added": (
            shares_wrong(share=lambda before, after, added: added), "what the branch adds"),
        "doubled": (doubled, ""),
        "accepts": (shares_wrong(refuses=lambda variance: False), "accepts an input"),
        "accepts 0": (shares_wrong(refuses=lambda variance: variance < 0), "accepts an input"),
        "refuses below 1": (
            shares_wrong(refuses=lambda variance: variance < 1), "raised ValueError"),
    },
}  # fmt: skip

ANSWERS = {"ex09_q1": STEP, "ex09_q2": SCHEDULE, "ex09_q3": SHARES}
