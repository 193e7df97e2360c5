"""Answers to the exercises of chapter 6, right and wrong."""

import numpy as np
import torch


def counted_from_0(x, kept):
    """Return the kept axes from 0 on, each once; refuse all others."""
    if any(not -x.ndim <= k < x.ndim for k in kept):
        raise ValueError(f"axes {kept}, rank {x.ndim}")
    axes = [k % x.ndim for k in kept]
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis twice: {kept}")
    return axes


def others(x, kept):
    return tuple(i for i in range(x.ndim) if i not in counted_from_0(x, kept))


def kept_statistics(x, kept):
    for k in kept:
        if not -x.ndim <= k < x.ndim:
            raise ValueError(f"no axis {k} in rank {x.ndim}")
    stay = {k % x.ndim for k in kept}
    if len(stay) < len(kept):
        raise ValueError(f"an axis is named twice: {kept}")
    axes = tuple(i for i in range(x.ndim) if i not in stay)
    mean = x.mean(axis=axes, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return mean, var


def statistics_rows(x, kept):
    axes = counted_from_0(x, kept)
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    rows = np.moveaxis(x, sorted(axes), range(len(axes)))
    rows = rows.reshape(*rows.shape[: len(axes)], -1)
    return rows.mean(-1).reshape(shape), rows.var(-1).reshape(shape)


def statistics_loop(x, kept):
    axes = counted_from_0(x, kept)
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    mean, var = np.empty(shape), np.empty(shape)
    for place in np.ndindex(*shape):
        at = tuple(i if a in axes else slice(None) for a, i in enumerate(place))
        values = x[at].ravel()
        mean[place] = sum(values) / len(values)
        var[place] = sum((v - mean[place]) ** 2 for v in values) / len(values)
    return mean, var


def statistics_torch(x, kept):
    stay = set()
    for k in kept:
        if k not in range(-x.ndim, x.ndim) or k % x.ndim in stay:
            raise ValueError(k)
        stay.add(k % x.ndim)
    axes = [i for i in range(x.ndim) if i not in stay]
    if not axes:  # to PyTorch no axes are all axes
        return x, 0 * x
    var, mean = torch.var_mean(torch.tensor(x), axes, correction=0, keepdim=True)
    return mean, var


def statistics_torch_alone(x, kept):
    stay = counted_from_0(x, kept)
    axes = [i for i in range(x.ndim) if i not in stay]
    return torch.var_mean(torch.tensor(x), axes, correction=0, keepdim=True)[::-1]


def statistics_numpy(x, kept):
    try:
        axes = np.lib.array_utils.normalize_axis_tuple(kept, x.ndim)
    except ValueError as error:
        raise ValueError(f"kept: {error}") from error
    rest = tuple(np.setdiff1d(np.arange(x.ndim), axes).tolist())
    return np.stack([x.mean(rest, keepdims=True), x.var(rest, keepdims=True)])


def statistics_einsum(x, kept):
    axes, letters = counted_from_0(x, kept), "abcde"[: x.ndim]
    stay = "".join(v for i, v in enumerate(letters) if i in axes)
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    m = x.size / np.prod(shape)
    mean = (np.einsum(f"{letters}->{stay}", x) / m).reshape(shape)
    squares = np.einsum(f"{letters}->{stay}", (x - mean) ** 2)
    return mean, (squares / m).reshape(shape)


def statistics_wrong(axes=others, spread=np.var, keepdims=True, refuse=counted_from_0):
    """Return an answer that reduces ``axes(x, kept)``."""

    def answer(x, kept):
        refuse(x, kept)
        how = {"axis": axes(x, kept), "keepdims": keepdims}
        return x.mean(**how), spread(x, **how)

    return answer


def jax_tab(x, kept):
    counted_from_0(x, kept)
    axes = (0,) if x.ndim == 2 else (0, 2, 3)[: x.ndim - 1]
    mean = x.mean(axis=axes, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axis=axes, keepdims=True)


def squares(x, axis, keepdims):
    return (x * x).mean(axis=axis, keepdims=keepdims)


def one_pass(x, axis, keepdims):
    return squares(x, axis, keepdims) - x.mean(axis=axis, keepdims=keepdims) ** 2


def modulo(x, kept):
    return tuple(i for i in range(x.ndim) if i not in [k % x.ndim for k in kept])


def unless(condition, error=ValueError):
    """Return a refusal of what does not meet a condition."""

    def refuse(x, kept):
        if not condition(x, kept):
            raise error("no such axis")

    return statistics_wrong(modulo, refuse=refuse)


def exist(x, kept):
    return all(-x.ndim <= k < x.ndim for k in kept)


def differ(x, kept):
    return len({k % x.ndim for k in kept}) == len(kept)


def asserted(x, kept):
    assert exist(x, kept), "no such axis"
    assert differ(x, kept), "an axis twice"
    return statistics_wrong(modulo, refuse=exist)(x, kept)


def misspelled(x, kept):
    if not (exist(x, kept) and differ(x, kept)):
        raise ValueErr("no such axis")  # noqa: F821
    return statistics_wrong(modulo, refuse=exist)(x, kept)


def left_to_numpy(x, kept):
    x.mean(tuple(kept))
    return statistics_wrong(modulo, refuse=exist)(x, kept)


def by_index(x, kept):
    axes = [range(x.ndim)[k] for k in kept]
    if len(set(axes)) < len(axes):
        raise ValueError("an axis twice")
    return statistics_wrong(modulo, refuse=exist)(x, kept)


STATISTICS = {
    "solution": kept_statistics,
    "right": {
        "rows": statistics_rows,
        "loop": statistics_loop,
        "torch": statistics_torch,
        "NumPy's own rule, and one array": statistics_numpy,
        "einsum": statistics_einsum,
    },
    "wrong": {
        "d2l, JAX tab": (jax_tab, "axes 0, 2 and 3"),
        "always channels last": (
            statistics_wrong(lambda x, k: tuple(range(x.ndim - 1))),
            "",
        ),
        "three axes": (
            statistics_wrong(lambda x, k: (0, 1, 2)[: x.ndim - 1]),
            "axes 0, 1 and 2",
        ),
        "NumPy's axis": (
            statistics_wrong(lambda x, k: k),
            "all others are the ones to reduce",
        ),
        "axis 0": (statistics_wrong(lambda x, k: 0), "axis 0 alone"),
        "d2l-zh, Paddle tab": (statistics_wrong(lambda x, k: None), "for everything"),
        "negative axis": (
            statistics_wrong(lambda x, k: tuple(i for i in range(x.ndim) if i not in k)),
            "a negative axis compared",
        ),
        "the first axis": (
            statistics_wrong(lambda x, k: others(x, k[:1])),
            "the first of the kept axes",
        ),
        "instance": (
            statistics_wrong(lambda x, k: others(x, {*counted_from_0(x, k), 0})),
            "statistics of each image",
        ),
        "ddof=1": (
            statistics_wrong(spread=lambda x, **k: x.var(ddof=1, **k)),
            "divided by m - 1",
        ),
        "std": (statistics_wrong(spread=np.std), "a standard deviation"),
        "mean of squares": (statistics_wrong(spread=squares), "squares of x"),
        "one pass": (statistics_wrong(spread=one_pass), "rounding far from 0"),
        "no keepdims": (statistics_wrong(keepdims=False), "lost their axes"),
        "swapped": (lambda x, k: kept_statistics(x, k)[::-1], "each other's place"),
        "any axis": (unless(differ), "accepts an axis that does not exist"),
        "an axis twice": (unless(exist), "accepts an axis that is named twice"),
        "twice as they are written": (
            unless(lambda x, k: exist(x, k) and len(set(k)) == len(k)),
            "accepts an axis that is named twice",
        ),
        "PyTorch's no axes": (statistics_torch_alone, "no axes mean all for some functions"),
        "one axis too many": (
            unless(lambda x, k: differ(x, k) and all(-x.ndim <= i <= x.ndim for i in k)),
            "accepts an axis that does not exist",
        ),
        "the first from the end refused": (
            unless(lambda x, k: differ(x, k) and all(-x.ndim < i < x.ndim for i in k)),
            "axes that count from the end: raised ValueError",
        ),
        "no axis refused": (
            unless(lambda x, k: len(k) > 0 and exist(x, k) and differ(x, k)),
            "several axes, all, and none: raised ValueError",
        ),
        "another exception": (
            unless(lambda x, k: exist(x, k) and differ(x, k), IndexError),
            "raised IndexError",
        ),
        "an index that fails": (by_index, "raised IndexError"),
        "assert": (asserted, "AssertionError"),
        "misspelled": (misspelled, "NameError"),
        "left to NumPy": (left_to_numpy, "refuse it yourself"),
    },
}


def batch_norm_rows(x, gamma, beta, eps):
    last = np.moveaxis(x, 1, x.ndim - 1)
    rows = last.reshape(x.size // x.shape[1], x.shape[1])
    d = rows - rows.mean(axis=0)
    var = (d * d).mean(axis=0)
    y = gamma * d / np.sqrt(var + eps) + beta
    return np.moveaxis(y.reshape(last.shape), x.ndim - 1, 1)


def rows_columns(x, gamma, beta, eps):
    columns = x.swapaxes(0, 1).reshape(x.shape[1], -1)  # (C, m)
    mu = columns.mean(1, keepdims=True)
    std = np.sqrt(columns.var(1, keepdims=True) + eps)
    y = gamma[:, None] * (columns - mu) / std + beta[:, None]
    shape = (x.shape[1], x.shape[0], *x.shape[2:])
    return y.reshape(shape).swapaxes(0, 1)


def rows_loop(x, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        v = x[:, c]
        y[:, c] = gamma[c] * (v - v.mean()) / (v.var() + eps) ** 0.5
        y[:, c] += beta[c]
    return y


def rows_torch(x, gamma, beta, eps):
    t, g, b = (torch.tensor(a) for a in (x, gamma, beta))
    return torch.nn.functional.batch_norm(t, None, None, g, b, training=True, eps=eps)


def rows_einsum(x, gamma, beta, eps):
    flat = x.reshape(*x.shape[:2], -1)
    m = flat.shape[0] * flat.shape[2]
    d = flat - (np.einsum("ncl->c", flat) / m)[:, None]
    scale = gamma / np.sqrt(np.einsum("ncl,ncl->c", d, d) / m + eps)
    y = np.einsum("ncl,c->ncl", d, scale) + beta[:, None]
    return y.reshape(x.shape)


def rows_stacked(x, gamma, beta, eps):
    rows = np.stack([x[:, c].ravel() for c in range(x.shape[1])], axis=1)
    rows = (rows - rows.mean(0)) * (rows.var(0) + eps) ** -0.5 * gamma + beta
    back = [rows[:, c].reshape(x[:, c].shape) for c in range(x.shape[1])]
    return np.stack(back, axis=1)


def rule(rows, gamma, beta, eps, axis=0, ddof=0):
    mu = rows.mean(axis=axis, keepdims=True)
    var = rows.var(axis=axis, ddof=ddof, keepdims=True)
    return gamma * (rows - mu) / np.sqrt(var + eps) + beta


def rows_wrong(rule=rule, there=None, back=None):
    """Return an answer with another rule, or another way there or back."""

    def to_rows(x):
        return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])

    def to_images(rows, x):
        shape = (len(x), *x.shape[2:], x.shape[1])
        return np.moveaxis(rows.reshape(shape), -1, 1)

    def answer(x, gamma, beta, eps):
        rows = (there or to_rows)(x)
        return (back or to_images)(rule(rows, gamma, beta, eps), x)

    return answer


def plain_reshape(x):
    return x.reshape(-1, x.shape[1])


def reshape_back(rows, x):
    return rows.reshape(x.shape)


def left_last(rows, x):
    return rows.reshape(len(x), *x.shape[2:], x.shape[1])


def transposed_images(rows, x):
    if x.ndim < 4:
        return np.moveaxis(left_last(rows, x), -1, 1)
    return np.moveaxis(left_last(rows, x), -1, 1).swapaxes(-1, -2)


def flat_images(x, gamma, beta, eps):
    rows = x.reshape(len(x), -1)
    x_hat = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps)
    shape = (1, -1, *[1] * (x.ndim - 2))
    return gamma.reshape(shape) * x_hat.reshape(x.shape) + beta.reshape(shape)


def instance_norm(x, gamma, beta, eps):
    axes = tuple(range(2, x.ndim))
    mu, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    shape = (1, -1, *[1] * (x.ndim - 2))
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)


def rms(rows):
    return np.sqrt((rows**2).mean(0))


BY_ROWS = {
    "solution": batch_norm_rows,
    "right": {
        "columns": rows_columns,
        "loop": rows_loop,
        "torch": rows_torch,
        "einsum": rows_einsum,
        "stacked columns": rows_stacked,
    },
    "wrong": {
        "no eps": (rows_wrong(rule=lambda r, g, b, eps: rule(r, g, b, 0)), "eps left out"),
        "mean square": (
            rows_wrong(
                rule=lambda r, g, b, eps: g * (r - r.mean(0)) / np.hypot(rms(r), eps**0.5) + b
            ),
            "squares of x",
        ),
        "swapped back": (
            rows_wrong(back=lambda rows, x: np.swapaxes(left_last(rows, x), -1, 1)),
            "axes 1 and -1 exchanged",
        ),
        "reshape only": (
            rows_wrong(there=plain_reshape, back=reshape_back),
            "does not move the channels first",
        ),
        "reshape back": (
            rows_wrong(back=reshape_back),
            "a reshape back that does not move",
        ),
        "left last": (rows_wrong(back=left_last), "and left there"),
        "x.T": (
            rows_wrong(
                there=lambda x: x.T.reshape(-1, x.shape[1]),
                back=lambda rows, x: rows.reshape(x.shape[::-1]).T,
            ),
            "transposed in reverse order",
        ),
        "H and W": (
            rows_wrong(back=transposed_images),
            "rows and columns of the images",
        ),
        "axis 1": (
            rows_wrong(rule=lambda *a: rule(*a, axis=1)),
            "statistics of each row",
        ),
        "everything": (
            rows_wrong(rule=lambda *a: rule(*a, axis=None)),
            "for everything",
        ),
        "ddof=1": (
            rows_wrong(rule=lambda *a: rule(*a, ddof=1)),
            "divided by m - 1",
        ),
        "eps outside": (
            rows_wrong(rule=lambda r, g, b, eps: g * (r - r.mean(0)) / (r.std(0) + eps) + b),
            "eps outside the root",
        ),
        "gamma for beta": (
            rows_wrong(rule=lambda r, g, b, eps: rule(r, b, g, eps)),
            "each other's place",
        ),
        "no beta": (
            rows_wrong(rule=lambda r, g, b, eps: rule(r, g, 0, eps)),
            "beta left out",
        ),
        "no gamma and beta": (
            rows_wrong(rule=lambda r, g, b, eps: rule(r, 1, 0, eps)),
            "gamma and beta left out",
        ),
        "no gamma": (
            rows_wrong(rule=lambda r, g, b, eps: rule(r, 1, b, eps)),
            "gamma left out",
        ),
        "usual eps": (
            rows_wrong(rule=lambda r, g, b, eps: rule(r, g, b, 1e-5)),
            "eps = 1e-5 whatever",
        ),
        "front, reshaped": (
            rows_wrong(back=lambda rows, x: rows.T.reshape(x.shape)),
            "moved to the front",
        ),
        "one pass": (
            rows_wrong(
                rule=lambda r, g, b, eps: (
                    g * (r - r.mean(0)) / np.sqrt((r * r).mean(0) - r.mean(0) ** 2 + eps) + b
                )
            ),
            "rounding far from 0",
        ),
        "maps alone": (
            lambda x, g, b, eps: rows_einsum(x.transpose(0, 1, 2, 3), g, b, eps),
            "raised ValueError",
        ),
        "pixels as features": (flat_images, "one statistic for each pixel"),
        "instance norm": (instance_norm, "statistics of each image"),
        "no root": (
            rows_wrong(rule=lambda r, g, b, eps: g * (r - r.mean(0)) / (r.var(0) + eps) + b),
            "not by its root",
        ),
        "rows": (rows_wrong(back=lambda rows, x: rows), "shape"),
    },
}


def pointwise(x, weight, bias):
    N, C, H, W = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(N * H * W, C)
    y = rows @ weight.T + bias
    return y.reshape(N, H, W, len(bias)).transpose(0, 3, 1, 2)


def pointwise_einsum(x, weight, bias):
    return np.einsum("oc,nchw->nohw", weight, x) + bias[:, None, None]


def pointwise_loop(x, weight, bias):
    N, _, H, W = x.shape
    y = np.empty((N, len(weight), H, W))
    for n, i, j in np.ndindex(N, H, W):
        y[n, :, i, j] = weight @ x[n, :, i, j] + bias
    return y


def pointwise_torch(x, weight, bias):
    t, w, b = (torch.tensor(a) for a in (x, weight, bias))
    return torch.nn.functional.conv2d(t, w[:, :, None, None], b)


def pointwise_matmul(x, weight, bias):
    flat = x.reshape(*x.shape[:2], -1)  # (N, C, H * W)
    y = weight @ flat + bias[:, None]
    return y.reshape(len(x), -1, *x.shape[2:])


def pointwise_float32(x, weight, bias):
    arrays = (a.astype(np.float32) for a in (x, weight, bias))
    return pointwise(*arrays)


def linear_images(x, weight, bias, there=True, back=True):
    N, C, H, W = x.shape
    rows = (x.transpose(0, 2, 3, 1) if there else x).reshape(-1, C)
    y = rows @ weight.T + bias
    if back:
        return y.reshape(N, H, W, -1).transpose(0, 3, 1, 2)
    return y.reshape(N, -1, H, W)


def square_turned(x, weight, bias):
    """Guess from the shape which axis of the weight meets the channels."""
    turned = weight if len(weight) == x.shape[1] else weight.T
    return np.einsum("nchw,co->nohw", x, turned) + bias[:, None, None]


POINTWISE = {
    "solution": pointwise,
    "right": {
        "einsum": pointwise_einsum,
        "loop": pointwise_loop,
        "torch": pointwise_torch,
        "matmul": pointwise_matmul,
        "float32": pointwise_float32,
    },
    "wrong": {
        "transposed if square": (square_turned, "the transpose of the weight"),
        "W for W.T": (
            lambda x, w, b: (x.transpose(0, 2, 3, 1) @ w + b).transpose(0, 3, 1, 2),
            "the transpose of the weight",
        ),
        "no bias": (
            lambda x, w, b: np.tensordot(w, x, (1, 1)).swapaxes(0, 1),
            "the bias left out",
        ),
        "reshape there": (
            lambda x, w, b: linear_images(x, w, b, there=False),
            "does not move the channels first",
        ),
        "reshape back": (
            lambda x, w, b: linear_images(x, w, b, back=False),
            "a reshape back",
        ),
        "reshape twice": (
            lambda x, w, b: linear_images(x, w, b, False, False),
            "that were never moved",
        ),
        "channels last": (
            lambda x, w, b: x.transpose(0, 2, 3, 1) @ w.T + b,
            "left at the end",
        ),
        "tensordot": (
            lambda x, w, b: np.tensordot(w, x, (1, 1)) + b[:, None, None, None],
            "in front of the images",
        ),
        "H and W": (
            lambda x, w, b: np.einsum("nchw,oc->nowh", x, w) + b[:, None, None],
            "rows and columns of the images",
        ),
        "bias on columns": (
            lambda x, w, b: np.einsum("nchw,oc->nohw", x, w) + b,
            "along the columns",
        ),
        "bias on rows": (
            lambda x, w, b: np.einsum("nchw,oc->nohw", x, w) + b[:, None],
            "along the rows",
        ),
        "bias for every channel": (
            lambda x, w, b: (np.einsum("nchw,oc->nochw", x, w) + b[:, None, None, None]).sum(2),
            "once for every input channel",
        ),
        "minus bias": (
            lambda x, w, b: np.einsum("nchw,oc->nohw", x, w) - b[:, None, None],
            "the bias subtracted",
        ),
        "ReLU": (lambda x, w, b: np.maximum(pointwise(x, w, b), 0), "nonlinearity"),
        "x @ w.T": (lambda x, w, b: x @ w.T + b, "x @ w.T: the matrix"),
        "w @ x": (
            lambda x, w, b: w @ x + b[:, None, None],
            "applied to the rows",
        ),
        "diagonal": (
            lambda x, w, b: x * np.diag(w).reshape(1, -1, 1, 1) + b[:, None, None],
            "no sum over channels",
        ),
        "mean": (
            lambda x, w, b: (x[:, None] * w[:, :, None, None]).mean(2) + b[:, None, None],
            "a mean over the channels",
        ),
        "pooled": (
            lambda x, w, b: (
                (x.mean((2, 3)) @ w.T + b)[:, :, None, None] + np.zeros((1, 1, *x.shape[2:]))
            ),
            "the mean over all pixels",
        ),
    },
}


def conv2d(x, weight, bias, stride, padding):
    N, C, H, W = x.shape
    out, _, kh, kw = weight.shape
    p = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), p, p))
    Ho = (H + 2 * padding - kh) // stride + 1
    Wo = (W + 2 * padding - kw) // stride + 1
    rows = np.empty((N, Ho, Wo, C, kh, kw))
    for i in range(Ho):
        for j in range(Wo):
            a, b = i * stride, j * stride
            rows[:, i, j] = x[:, :, a : a + kh, b : b + kw]
    rows = rows.reshape(N * Ho * Wo, C * kh * kw)
    y = rows @ weight.reshape(out, C * kh * kw).T + bias
    return y.reshape(N, Ho, Wo, out).transpose(0, 3, 1, 2)


def padded(x, padding, **how):
    p = (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), p, p), **how)


def strided(x, kernel, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return view[:, :, ::stride, ::stride]


def conv_einsum(x, weight, bias, stride, padding):
    parts = strided(padded(x, padding), weight.shape[2:], stride)
    y = np.einsum("nchwij,ocij->nohw", parts, weight)
    return y + bias.reshape(-1, 1, 1)


def conv_loop(x, weight, bias, stride, padding):
    x = padded(x, padding)
    out, _, kh, kw = weight.shape
    Ho = len(range(0, x.shape[2] - kh + 1, stride))
    Wo = len(range(0, x.shape[3] - kw + 1, stride))
    y = np.empty((len(x), out, Ho, Wo))
    for n, o, i, j in np.ndindex(*y.shape):
        a, b = stride * i, stride * j
        window = x[n, :, a : a + kh, b : b + kw]
        y[n, o, i, j] = (window * weight[o]).sum() + bias[o]
    return y


def conv_shifts(x, weight, bias, stride, padding):
    x = padded(x, padding)
    kh, kw = weight.shape[2:]
    Ho = (x.shape[2] - kh) // stride + 1
    Wo = (x.shape[3] - kw) // stride + 1
    y = bias.reshape(1, -1, 1, 1)
    for i, j in np.ndindex(kh, kw):
        rows = slice(i, i + stride * Ho, stride)
        columns = slice(j, j + stride * Wo, stride)
        part = x[:, :, rows, columns]
        y = y + np.tensordot(weight[:, :, i, j], part, (1, 1)).swapaxes(0, 1)
    return y


def conv_torch(x, weight, bias, stride, padding):
    t, w, b = (torch.tensor(a) for a in (x, weight, bias))
    return torch.nn.functional.conv2d(t, w, b, stride, padding)


def conv_float32(x, weight, bias, stride, padding):
    x, weight, bias = (a.astype(np.float32) for a in (x, weight, bias))
    return conv_einsum(x, weight, bias, stride, padding)


def conv_wrong(window="nchwij,ocij->nohw", **how):
    """Return a convolution with other windows or another padding."""

    def answer(x, weight, bias, stride, padding):
        parts = strided(padded(x, padding, **how), weight.shape[2:], stride)
        y = np.einsum(window, parts, weight)
        return y + bias[:, None, None]

    return answer


def channels_last_rows(x, weight, bias, stride, padding):
    parts = strided(padded(x, padding), weight.shape[2:], stride)
    N, C, Ho, Wo, kh, kw = parts.shape
    rows = parts.transpose(0, 2, 3, 4, 5, 1).reshape(-1, kh * kw * C)
    y = rows @ weight.reshape(len(weight), -1).T + bias
    return y.reshape(N, Ho, Wo, -1).transpose(0, 3, 1, 2)


def not_moved(x, weight, bias, stride, padding):
    parts = strided(padded(x, padding), weight.shape[2:], stride)
    N, _, Ho, Wo = parts.shape[:4]
    rows = parts.transpose(0, 2, 3, 1, 4, 5).reshape(N * Ho * Wo, -1)
    y = rows @ weight.reshape(len(weight), -1).T + bias
    return y.reshape(N, -1, Ho, Wo)


def one_sided(x, weight, bias, stride, padding, side):
    p = (padding, 0) if side == "before" else (0, padding)
    x = np.pad(x, ((0, 0), (0, 0), p, p))
    return conv_einsum(x, weight, bias, stride, 0)


def true_convolution(x, weight, bias, stride, padding):
    turned = np.rot90(weight, 2, axes=(2, 3))
    return conv_torch(x, turned.copy(), bias, stride, padding)


def swapped_kernel(x, weight, bias, stride, padding):
    return conv_einsum(x, weight.swapaxes(2, 3), bias, stride, padding)


CONV = {
    "solution": conv2d,
    "right": {
        "einsum": conv_einsum,
        "loop": conv_loop,
        "shifts": conv_shifts,
        "torch": conv_torch,
        "float32": conv_float32,
    },
    "wrong": {
        "turned kernel": (true_convolution, "turned by half a turn"),
        "swapped kernel": (
            swapped_kernel,
            "rows and columns of the window",
        ),
        "channels last": (channels_last_rows, "with its channels last"),
        "not moved": (not_moved, "a reshape back"),
        "no bias": (
            lambda x, w, b, s, p: conv_einsum(x, w, 0 * b, s, p),
            "the bias left out",
        ),
        "first channel's kernel": (
            lambda x, w, b, s, p: conv_einsum(x.sum(1, keepdims=True), w[:, :1], b, s, p),
            "used for all channels",
        ),
        "mean": (
            lambda x, w, b, s, p: (
                np.einsum(
                    "nchwij,ocij->nohw",
                    strided(padded(x, p), w.shape[2:], s),
                    w,
                )
                / np.prod(w.shape[1:])
                + b[:, None, None]
            ),
            "a mean over the window",
        ),
        "edge": (conv_wrong(mode="edge"), "repeats the border"),
        "reflect": (conv_wrong(mode="reflect"), "mirrors the image"),
        "ones": (conv_wrong(constant_values=1), "padding with ones"),
        "above and left": (
            lambda *a: one_sided(*a, side="before"),
            "above and on the left",
        ),
        "below and right": (
            lambda *a: one_sided(*a, side="after"),
            "below and on the right",
        ),
        "no padding": (
            lambda x, w, b, s, p: conv_einsum(x, w, b, s, 0),
            "no padding",
        ),
        "no stride": (
            lambda x, w, b, s, p: conv_einsum(x, w, b, 1, p),
            "stride 1 whatever",
        ),
        "no + 1": (lambda *a: conv2d(*a)[:, :, :-1, :-1], "+ 1 forgotten"),
        "Ho and Wo": (lambda *a: conv2d(*a).swapaxes(2, 3), "of the result exchanged"),
        "result channels last": (
            lambda *a: conv2d(*a).transpose(0, 2, 3, 1),
            "channels left at the end",
        ),
        "both at the end": (
            lambda x, w, b, s, p: conv_einsum(
                np.pad(x, ((0, 0), (0, 0), (0, 2 * p), (0, 2 * p))), w, b, s, 0
            ),
            "all padding below and on the right",
        ),
        "rows padded": (
            lambda x, w, b, s, p: conv_einsum(
                np.pad(x, ((0, 0), (0, 0), (p, p), (0, 0))), w, b, s, 0
            ),
            "above and below alone",
        ),
        "columns padded": (
            lambda x, w, b, s, p: conv_einsum(
                np.pad(x, ((0, 0), (0, 0), (0, 0), (p, p))), w, b, s, 0
            ),
            "on the left and on the right alone",
        ),
        "padded after": (
            lambda x, w, b, s, p: padded(conv_einsum(x, w, b, s, 0), p),
            "around the result",
        ),
        "from stride - 1": (
            lambda x, w, b, s, p: conv_einsum(x, w, b, 1, p)[:, :, s - 1 :: s, s - 1 :: s],
            "begin at stride - 1",
        ),
        "rows strided": (
            lambda x, w, b, s, p: conv_einsum(x, w, b, 1, p)[:, :, ::s],
            "along the rows alone",
        ),
        "columns strided": (
            lambda x, w, b, s, p: conv_einsum(x, w, b, 1, p)[:, :, :, ::s],
            "along the columns alone",
        ),
        "bias on columns": (
            lambda x, w, b, s, p: conv_einsum(x, w, 0 * b, s, p) + b,
            "",
        ),
        "bias for every channel": (
            lambda x, w, b, s, p: sum(
                conv_einsum(x[:, c : c + 1], w[:, c : c + 1], b, s, p)
                for c in range(x.shape[1])
            ),
            "once for every input channel",
        ),
        "minus bias": (
            lambda x, w, b, s, p: conv_einsum(x, w, -b, s, p),
            "the bias subtracted",
        ),
        "ReLU": (lambda *a: np.maximum(conv2d(*a), 0), "nonlinearity"),
        "square windows": (
            lambda x, w, b, s, p: conv_einsum(x, w[..., : w.shape[2]], b, s, p),
            "",
        ),
        "circular": (conv_wrong(mode="wrap"), ""),
    },
}

ANSWERS = {
    "ex06_q1": STATISTICS,
    "ex06_q2": BY_ROWS,
    "ex06_q3": POINTWISE,
    "ex06_q4": CONV,
}
