"""Answers to the exercises of chapter 1, right and wrong."""

import numpy as np
import torch

# --- exercise 1 ---------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gradient_norms(z, weights, dz):
    norms = np.empty(len(z))
    for k in reversed(range(len(z))):
        h = sigmoid(z[k])
        dz = (dz @ weights[k]) * h * (1 - h)
        norms[k] = np.sqrt((dz * dz).sum())
    factor = (norms[0] / norms[-1]) ** (1 / (len(z) - 1))
    return norms, factor


def with_tanh(z, weights, dz):
    """Use sigmoid'(z) = (1 - tanh(z / 2)**2) / 4."""
    norms = []
    for values, w in zip(z[::-1], weights[::-1], strict=True):
        dz = np.dot(dz, w) * (1 - np.tanh(values / 2) ** 2) / 4
        norms.insert(0, np.linalg.norm(dz))
    logs = np.log(norms)
    return norms, np.exp((logs[0] - logs[-1]) / (len(norms) - 1))


def sample_by_sample(z, weights, dz):
    squares = np.zeros(len(z))
    for i in range(len(dz)):
        d = dz[i]
        for k in range(len(z) - 1, -1, -1):
            h = sigmoid(z[k][i])
            d = np.diag(h * (1 - h)) @ weights[k].T @ d  # (1.1)
            squares[k] += d @ d
    norms = squares**0.5
    return norms, (norms[0] / norms[-1]) ** (1 / (len(z) - 1))


def norms_einsum(z, weights, dz):
    norms = []
    for k in range(len(z))[::-1]:
        h = sigmoid(z[k])
        dz = np.einsum("no,oi,ni,ni->ni", dz, weights[k], h, 1 - h)
        norms.append(np.einsum("ni,ni->", dz, dz) ** 0.5)
    ratios = np.array(norms[1:]) / norms[:-1]
    return norms[::-1], np.prod(ratios) ** (1 / len(ratios))


def norms_float32(z, weights, dz):
    return gradient_norms(
        [v.astype(np.float32) for v in z],
        [w.astype(np.float32) for w in weights],
        dz.astype(np.float32),
    )


def norms_autograd(z, weights, dz):
    norms = []
    dz = torch.from_numpy(dz)
    for values, w in zip(z[::-1], weights[::-1], strict=True):
        t = torch.tensor(values, requires_grad=True)
        above = torch.sigmoid(t) @ torch.from_numpy(w).T
        (dz,) = torch.autograd.grad(above, t, dz)
        norms.append(dz.norm().item())
    norms = torch.tensor(norms[::-1])
    return norms, (norms[0] / norms[-1]) ** (1 / (len(z) - 1))


def frobenius(d):
    return np.sqrt((d**2).sum())


def the_root(norms):
    return (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))


def wrong_norms(slope=None, norm=frobenius, factor=the_root, looks="z", turn=False):
    """Return an answer as people write it who get one thing wrong."""

    def answer(z, weights, dz):
        norms = []
        for values, w in zip(reversed(z), reversed(weights), strict=True):
            old = dz
            dh = dz @ (w.T if turn else w)
            h = sigmoid(values)
            dz = dh * (h * (1 - h) if slope is None else slope(values))
            norms.append(norm({"z": dz, "h": dh, "above": old}[looks]))
        norms = np.array(norms[::-1])
        return norms, factor(norms)

    return answer


def not_reversed(z, weights, dz):
    norms, factor = gradient_norms(z, weights, dz)
    return norms[::-1], 1 / factor


def with_the_output(z, weights, dz):
    norms, factor = gradient_norms(z, weights, dz)
    return np.append(norms, frobenius(dz)), factor


def norms_alone(z, weights, dz):
    return gradient_norms(z, weights, dz)[0]


def norms_in_place(z, weights, dz):
    norms = []
    for values, w in zip(z[::-1], weights[::-1], strict=True):
        values[:] = sigmoid(values)
        dz = dz @ w * values * (1 - values)
        norms.append(frobenius(dz))
    return norms[::-1], the_root(norms[::-1])


GRADIENTS = {
    "solution": gradient_norms,
    "right": {
        "tanh": with_tanh,
        "sample by sample": sample_by_sample,
        "einsum": norms_einsum,
        "float32": norms_float32,
        "autograd": norms_autograd,
    },
    "wrong": {
        "no slopes": (
            wrong_norms(slope=np.ones_like),
            "the weights alone",
        ),
        "z (1 - z)": (
            wrong_norms(slope=lambda z: z * (1 - z)),
            "z (1 - z)",
        ),
        "sigmoid": (wrong_norms(slope=sigmoid), "the sigmoid itself"),
        "tanh's slope": (
            wrong_norms(slope=lambda z: 1 - np.tanh(z) ** 2),
            "the slope of tanh",
        ),
        "ReLU's slope": (wrong_norms(slope=lambda z: z > 0), "of ReLU"),
        "sigmoid twice": (
            wrong_norms(slope=lambda z: sigmoid(sigmoid(z)) * (1 - sigmoid(sigmoid(z)))),
            "taken twice",
        ),
        "w.T": (wrong_norms(turn=True), "the transpose of the weights"),
        "at h": (wrong_norms(looks="h"), "before the slope"),
        "one too high": (wrong_norms(looks="above"), "one layer too high"),
        "squared": (
            wrong_norms(norm=lambda d: (d * d).sum()),
            "the square",
        ),
        "rms": (
            wrong_norms(norm=lambda d: np.sqrt((d**2).mean())),
            "the root of the mean square",
        ),
        "spectral": (
            wrong_norms(norm=lambda d: np.linalg.norm(d, ord=2)),
            "spectral",
        ),
        "mean over samples": (
            wrong_norms(norm=lambda d: np.linalg.norm(d, axis=1).mean()),
            "the mean of the samples' norms",
        ),
        "largest": (
            wrong_norms(norm=lambda d: abs(d).max()),
            "the largest",
        ),
        "last layer first": (not_reversed, "from the last layer"),
        "the output too": (with_the_output, "shape"),
        "norms alone": (norms_alone, "expected 2"),
        "L-th root": (
            wrong_norms(factor=lambda v: (v[0] / v[-1]) ** (1 / len(v))),
            "counts the layers",
        ),
        "upside down": (
            wrong_norms(factor=lambda v: 1 / the_root(v)),
            "upside down",
        ),
        "no root": (
            wrong_norms(factor=lambda v: v[0] / v[-1]),
            "without the root",
        ),
        "mean of factors": (
            wrong_norms(factor=lambda v: (v[:-1] / v[1:]).mean()),
            "the arithmetic mean",
        ),
        "log": (wrong_norms(factor=lambda v: np.log(the_root(v))), "log"),
        "in place": (norms_in_place, "work on a copy"),
    },
}

# --- exercise 2 ---------------------------------------------------------


def drift(before, after):
    axes = (0, *range(2, before.ndim))
    low, old, high = np.percentile(before, [15, 50, 85], axis=axes)
    if (low == high).any():
        raise ValueError("a unit's band has no width")
    return abs(np.median(after, axis=axes) - old) / (high - low)


def in_columns(plain):
    """Let an answer for (N, units) take several places, and refuse what has no band."""

    def answer(before, after):
        a, b = (
            z if z.ndim == 2 else np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])
            for z in (before, after)
        )
        if (np.percentile(a, 85, axis=0) <= np.percentile(a, 15, axis=0)).any():
            raise ValueError("no band")
        return plain(a, b)

    return answer


def unit_by_unit(before, after):
    moves = []
    for k in range(before.shape[1]):
        q15, q50, q85 = np.quantile(before[:, k].ravel(), [0.15, 0.5, 0.85])
        if q15 == q85:
            raise ValueError(f"unit {k} has no band")
        moves.append(abs(np.quantile(after[:, k], 0.5) - q50) / (q85 - q15))
    return moves


def moved_axis(before, after):
    a, b = (np.moveaxis(z, 1, -1).reshape(-1, z.shape[1]) for z in (before, after))
    q15, q50, q85 = np.percentile(a, (15, 50, 85), axis=0)
    if np.any(q85 - q15 == 0):
        raise ValueError("no band")
    return np.abs((np.median(b, axis=0) - q50) / (q85 - q15))


def first_axis(before, after):
    low, old, high = np.percentile(before, [15, 50, 85], axis=0)
    if (high == low).any():
        raise ValueError("no band")
    return abs(np.median(after, axis=0) - old) / (high - low)


def over_places(reduce):
    return lambda a, b: drift(reduce(a), reduce(b)) if a.ndim == 3 else drift(a, b)


def by_std(before, after):
    axes = (0, *range(2, before.ndim))
    if (before.std(axis=axes) == 0).any():
        raise ValueError("no band")
    q15, q50, q85 = np.percentile(before, (15, 50, 85), axis=axes)
    return abs(np.median(after, axis=axes) - q50) / (q85 - q15)


def unrefused(before, after):
    axes = (0, *range(2, before.ndim))
    q15, q50, q85 = np.percentile(before, (15, 50, 85), axis=axes)
    return abs(np.median(after, axis=axes) - q50) / (q85 - q15)


def asserted(before, after):
    d = unrefused(before, after)
    assert np.isfinite(d).all()
    return d


def drift_quantile(before, after):
    band = np.quantile(before, 0.85, axis=0)
    band = band - np.quantile(before, 0.15, axis=0)
    move = np.median(after, axis=0) - np.median(before, axis=0)
    return np.sqrt((move / band) ** 2)


def by_sorting(before, after):
    def value(column, share):
        ordered = sorted(column)
        place = share * (len(ordered) - 1)
        i = min(int(place), len(ordered) - 2)
        return ordered[i] + (place - i) * (ordered[i + 1] - ordered[i])

    out = []
    for a, b in zip(before.T, after.T, strict=True):
        move = abs(value(b, 0.5) - value(a, 0.5))
        out.append(move / (value(a, 0.85) - value(a, 0.15)))
    return out


def drift_float32(before, after):
    return drift(before.astype(np.float32), after.astype(np.float32))


def drift_torch(before, after):
    a, b = torch.from_numpy(before), torch.from_numpy(after)
    shares = torch.tensor([0.15, 0.5, 0.85], dtype=a.dtype)
    low, old, high = torch.quantile(a, shares, dim=0)
    return (torch.quantile(b, 0.5, dim=0) - old).abs() / (high - low)


def quantile(z, percent):
    return np.percentile(z, percent, axis=0)


def wrong_drift(move=None, band=None):
    """Return a drift as people write it who get one thing wrong."""

    def answer(before, after):
        d = (
            abs(np.median(after, 0) - np.median(before, 0))
            if move is None
            else move(before, after)
        )
        size = (
            quantile(before, 85) - quantile(before, 15) if band is None else band(before, after)
        )
        return d / size

    return in_columns(answer)


def all_units(before, after):
    low, old, high = np.percentile(before, [15, 50, 85])
    return abs(np.percentile(after, 50) - old) / (high - low)


def sorted_in_place(before, after):
    before.sort(axis=0)
    return drift(before, after)


def drift_in_round_numbers(before, after):
    """Take a narrow band for none."""
    if (np.ptp(first_axis_last(before), axis=1) < 1e-8).any():
        raise ValueError("a unit hardly moves")
    return drift(before, after)


def first_axis_last(z):
    return np.moveaxis(z, 1, 0).reshape(z.shape[1], -1)


DRIFT = {
    "solution": drift,
    "right": {
        "quantile": in_columns(drift_quantile),
        "unit by unit": unit_by_unit,
        "moved axis": moved_axis,
        "by sorting": in_columns(by_sorting),
        "float32": drift_float32,
        "torch": in_columns(drift_torch),
    },
    "wrong": {
        "narrow bands refused": (drift_in_round_numbers, "narrow bands: raised ValueError"),
        "band after": (
            wrong_drift(band=lambda a, b: quantile(b, 85) - quantile(b, 15)),
            "the band after",
        ),
        "std": (
            wrong_drift(band=lambda a, b: a.std(0)),
            "the standard deviation",
        ),
        "half band": (
            wrong_drift(band=lambda a, b: (quantile(a, 85) - quantile(a, 15)) / 2),
            "half of the band",
        ),
        "quartiles": (
            wrong_drift(band=lambda a, b: quantile(a, 75) - quantile(a, 25)),
            "the quartiles",
        ),
        "5 and 95": (
            wrong_drift(band=lambda a, b: quantile(a, 95) - quantile(a, 5)),
            "5 and 95",
        ),
        "shares for percent": (
            wrong_drift(
                lambda a, b: abs(quantile(b, 0.5) - quantile(a, 0.5)),
                lambda a, b: quantile(a, 0.85) - quantile(a, 0.15),
            ),
            "counts to 100",
        ),
        "range": (
            wrong_drift(band=lambda a, b: np.ptp(a, axis=0)),
            "the whole range",
        ),
        "mean": (
            wrong_drift(lambda a, b: abs(b.mean(0) - a.mean(0))),
            "the move of the mean",
        ),
        "sign": (
            wrong_drift(lambda a, b: np.median(b, 0) - np.median(a, 0)),
            "with its sign",
        ),
        "median of moves": (
            wrong_drift(lambda a, b: abs(np.median(b - a, axis=0))),
            "not the move of the median",
        ),
        "median size": (
            wrong_drift(lambda a, b: np.median(abs(b - a), axis=0)),
            "the median size",
        ),
        "mean size": (
            wrong_drift(lambda a, b: abs(b - a).mean(axis=0)),
            "the mean size",
        ),
        "not divided": (
            wrong_drift(band=lambda a, b: 1.0),
            "not divided by the band",
        ),
        "q85": (
            wrong_drift(band=lambda a, b: quantile(a, 85)),
            "q85 alone",
        ),
        "sum": (
            wrong_drift(band=lambda a, b: quantile(a, 85) + quantile(a, 15)),
            "q85 + q15",
        ),
        "swapped": (lambda a, b: drift(b, a), "the band after"),
        "all units": (in_columns(all_units), "shape"),
        "rows": (in_columns(lambda a, b: drift(a.T, b.T)), "shape"),
        "first axis": (first_axis, "shape"),
        "reshape": (over_places(lambda z: z.reshape(-1, z.shape[1])), "the channels mixed"),
        "mean of places": (over_places(lambda z: z.mean(axis=2)), "the mean over the places"),
        "median of places": (over_places(lambda z: np.median(z, 2)), "the median over the pl"),
        "std for the band": (by_std, "accepts a band without width"),
        "no refusal": (unrefused, "accepts a band without width"),
        "assert": (asserted, "refuse it yourself"),
        "signed, places": (lambda a, b: np.sign(b.mean() - a.mean()) * drift(a, b), ""),
        "in place": (sorted_in_place, "work on a copy"),
    },
    "equivalent": {},
}

# --- exercise 3 ---------------------------------------------------------


def to_raw(w, b, mu, sd):
    if (sd == 0).any():
        raise ValueError("a feature does not vary; leave it out")
    w_raw = w / sd
    return w_raw, b - w_raw @ mu


def restate(w, b, mu, sd, mu_new, sd_new):
    if (sd == 0).any():
        raise ValueError("a feature does not vary; leave it out")
    w_raw = w / sd
    return w_raw * sd_new, b - w_raw @ (mu - mu_new)


def restate_directly(w, b, mu, sd, mu_new, sd_new):
    """Write the old input as the new one, times a ratio, plus an offset."""
    if not np.all(sd):
        raise ValueError("a standard deviation of 0")
    ratio, offset = sd_new / sd, (mu_new - mu) / sd
    return np.einsum("kj,j->kj", w, ratio), b + np.einsum("kj,j->k", w, offset)


def restate_probed(w, b, mu, sd, mu_new, sd_new):
    if np.count_nonzero(sd) < len(sd):
        raise ValueError("a standard deviation of 0")

    def output(z):
        return ((z * sd_new + mu_new - mu) / sd) @ w.T + b

    at_zero = output(0 * mu)
    return (output(np.eye(len(mu))) - at_zero).T, at_zero


def moved(raw):
    """Return an answer that goes on from weights and bias for raw inputs."""

    def answer(w, b, mu, sd, mu_new, sd_new):
        w_raw, b_raw = (np.asarray(v) for v in raw(w, b, mu, sd))
        return w_raw * sd_new, b_raw + w_raw @ mu_new

    return answer


def raw_matrix(w, b, mu, sd):
    if 0 in sd:
        raise ValueError("a feature without spread")
    w_raw = w @ np.linalg.inv(np.diag(sd))
    return w_raw, b - w_raw.dot(mu)


def raw_probed(w, b, mu, sd):
    """Ask the layer for its output at 0 and at the unit vectors."""
    if not sd.all():
        raise ValueError("sd")

    def layer(x):
        return (x - mu) / sd @ w.T + b

    at_zero = layer(np.zeros(len(mu)))
    return (layer(np.eye(len(mu))) - at_zero).T, at_zero


def raw_loops(w, b, mu, sd):
    w_raw, b_raw = np.zeros_like(w), [float(v) for v in b]
    if any(s == 0 for s in sd):
        raise ValueError("sd")
    for k in range(len(w)):
        for j in range(len(mu)):
            w_raw[k, j] = float(w[k, j]) / float(sd[j])
            b_raw[k] -= w_raw[k, j] * mu[j]
    return w_raw, b_raw


def raw_einsum(w, b, mu, sd):
    if min(sd) <= 0:
        raise ValueError("sd")
    return (
        np.einsum("kj,j->kj", w, 1 / sd),
        b - np.einsum("kj,j,j->k", w, 1 / sd, mu),
    )


def raw_float32(w, b, mu, sd):
    return to_raw(*(v.astype(np.float32) for v in (w, b, mu, sd)))


def raw_torch(w, b, mu, sd):
    w, b, mu, sd = (torch.from_numpy(v) for v in (w, b, mu, sd))
    if (sd == 0).any():
        raise ValueError("sd of 0")
    return w / sd, b - (w / sd) @ mu


def wrong_raw(weights=None, bias=None):
    """Return an answer as people write it who get one thing wrong."""

    def answer(w, b, mu, sd):
        if (sd == 0).any():
            raise ValueError("sd of 0")
        w_raw = w / sd if weights is None else weights(w, sd)
        b_raw = b - w_raw @ mu if bias is None else bias(w, b, mu, sd)
        return w_raw, b_raw

    return answer


def no_refusal(w, b, mu, sd):
    return w / sd, b - (w / sd) @ mu


def raw_inv(w, b, mu, sd):
    w_raw = w @ np.linalg.inv(np.diag(sd))
    return w_raw, b - w_raw @ mu


def raw_assert(w, b, mu, sd):
    assert (sd > 0).all()
    return no_refusal(w, b, mu, sd)


def raw_zero(w, b, mu, sd):
    if (sd == 0).any():
        raise ZeroDivisionError("sd")
    return no_refusal(w, b, mu, sd)


def raw_isclose(w, b, mu, sd):
    if np.isclose(sd, 0).any():
        raise ValueError("sd")
    return no_refusal(w, b, mu, sd)


def raw_all(w, b, mu, sd):
    if (sd == 0).all():
        raise ValueError("sd")
    return no_refusal(w, b, mu, sd)


def raw_in_place(w, b, mu, sd):
    w /= sd
    b -= w @ mu
    return w, b


RESTATE = {
    "solution": restate,
    "right": {
        "directly": restate_directly,
        "output probed": restate_probed,
        "matrix": moved(raw_matrix),
        "probed": moved(raw_probed),
        "loops": moved(raw_loops),
        "einsum": moved(raw_einsum),
        "float32": moved(raw_float32),
        "torch": moved(raw_torch),
    },
    "wrong": {
        "times sd": (
            moved(wrong_raw(lambda w, sd: w * sd)),
            "weights multiplied",
        ),
        "other way": (
            moved(wrong_raw(lambda w, sd: w * sd, lambda w, b, mu, sd: b + w @ mu)),
            "from raw to standardized",
        ),
        "variance": (moved(wrong_raw(lambda w, sd: w / sd**2)), "the variances"),
        "old weights": (moved(wrong_raw(lambda w, sd: w)), "weights as they were"),
        "one sd": (moved(wrong_raw(lambda w, sd: w / sd.mean())), "one standard"),
        "rows": (
            moved(wrong_raw(lambda w, sd: w / sd[:, None])),
            "rows of the weights",
        ),
        "bias with old weights": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b - w @ mu)),
            "with the old weights",
        ),
        "plus": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b + (w / sd) @ mu)),
            "added, not subtracted",
        ),
        "old bias": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b)),
            "a bias as it was",
        ),
        "twice divided": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b - (w / sd) @ (mu / sd))),
            "divided by sd twice",
        ),
        "no old bias": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: -(w / sd) @ mu)),
            "without the old bias",
        ),
        "no weights": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b - (mu / sd).sum())),
            "the weights are missing",
        ),
        "sum of weights": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b - (w / sd).sum(1) * mu.mean())),
            "weights summed",
        ),
        "sign of b": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: -b - (w / sd) @ mu)),
            "the sign turned",
        ),
        "bias divided": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: (b - w @ mu) / sd.mean())),
            "",
        ),
        "inv": (moved(raw_inv), "refuse it yourself"),
        "assert": (moved(raw_assert), "refuse it yourself"),
        "ZeroDivisionError": (moved(raw_zero), "refuse it yourself"),
        "isclose": (moved(raw_isclose), "raised ValueError"),
        "all": (moved(raw_all), "accepts a division by 0"),
        "eps": (lambda w, b, mu, sd, *new: restate(w, b, mu, sd + 1e-8, *new), ""),
        "not refused": (moved(no_refusal), "accepts a division by 0"),
        "in place": (moved(raw_in_place), "work on a copy"),
        "weights alone": (lambda w, b, mu, sd, mu_new, sd_new: w / sd * sd_new, ""),
        "raw": (lambda w, b, mu, sd, *new: to_raw(w, b, mu, sd), "new scale is not used"),
        "places": (lambda w, b, mu, sd, *new: restate(w, b, *new, mu, sd), "other's place"),
        "one number": (
            moved(wrong_raw(bias=lambda w, b, mu, sd: b - (w / sd * mu).sum())),
            "",
        ),
    },
}

ANSWERS = {"ex01_q1": GRADIENTS, "ex01_q2": DRIFT, "ex01_q3": RESTATE}
