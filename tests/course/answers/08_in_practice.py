"""Answers to the exercises of chapter 8, right and wrong."""

import copy

import numpy as np
import torch


def fold_before(gamma, beta, mean, var, eps, weight, bias):
    scale = gamma / np.sqrt(var + eps)
    shift = beta - scale * mean
    kernel = tuple(range(2, weight.ndim))
    total = weight.sum(axis=kernel)
    column = scale.reshape(len(scale), *[1] * len(kernel))
    return weight * column, bias + total @ shift, -shift / scale


def fold_loops(gamma, beta, mean, var, eps, weight, bias):
    W, b, pad = np.empty_like(weight), bias.copy(), np.empty_like(mean)
    for i in range(len(gamma)):
        s = gamma[i] / (var[i] + eps) ** 0.5
        W[:, i] = weight[:, i] * s
        pad[i] = mean[i] - beta[i] / s
        for o in range(len(bias)):
            b[o] += weight[o, i].sum() * (beta[i] - s * mean[i])
    return W, b, pad


def fold_einsum(gamma, beta, mean, var, eps, weight, bias):
    s = gamma * (var + eps) ** -0.5
    W = np.einsum("oi...,i->oi...", weight, s)
    t = np.einsum("oi...,i->o...", weight, beta - s * mean)
    b = bias + t.reshape(len(bias), -1).sum(axis=1)
    return [W, b, mean - beta * np.sqrt(var + eps) / gamma]


def fold_torch(gamma, beta, mean, var, eps, weight, bias):
    g, be, mu, v, W, b = (torch.tensor(a) for a in (gamma, beta, mean, var, weight, bias))
    s = g * torch.rsqrt(v + eps)
    t = be - s * mu
    W2 = W.reshape(len(W), W.shape[1], -1)
    return (W2 * s[:, None]).reshape(W.shape), b + (W2 * t[:, None]).sum((1, 2)), -t / s


def fold_probed(gamma, beta, mean, var, eps, weight, bias):
    flat = weight.reshape(len(weight), -1)
    kernel = flat.shape[1] // len(mean)

    def normalized(x):
        return gamma * (x - mean) / np.sqrt(var + eps) + beta

    def both(x):
        return flat @ np.repeat(normalized(x), kernel) + bias

    zero = np.zeros_like(mean)
    t = normalized(zero)
    s = normalized(zero + 1) - t
    return (flat * np.repeat(s, kernel)).reshape(weight.shape), both(zero), -t / s


def fold_two_axes(gamma, beta, mean, var, eps, weight, bias):
    """Know linear layers and images, and scale any other kernel along its last axis."""
    right = fold_before(gamma, beta, mean, var, eps, weight, bias)
    if weight.ndim in (2, 4):
        return right
    return weight * np.resize(gamma, weight.shape[-1]), *right[1:]


def fold_float32(gamma, beta, mean, var, eps, weight, bias):
    arrays = [a.astype(np.float32) for a in (gamma, beta, mean, var, weight, bias)]
    return fold_before(*arrays[:4], np.float32(eps), *arrays[4:])


def fold_wrong(
    W=lambda w, s: (w.T * s.reshape(*[1] * (w.ndim - 2), -1, 1)).T,
    b=lambda w, b, s, beta, mu: b + w.sum(axis=tuple(range(2, w.ndim))) @ (beta - s * mu),
    pad=lambda s, beta, mu: mu - beta / s,
    scale=lambda gamma, var, eps: gamma / np.sqrt(var + eps),
):
    def answer(gamma, beta, mean, var, eps, weight, bias):
        s = scale(gamma, var, eps)
        return W(weight, s), b(weight, bias, s, beta, mean), pad(s, beta, mean)

    return answer


def kernel_sum(w):
    return w.sum(axis=tuple(range(2, w.ndim)))


def outputs(w, s):
    s = np.resize(s, len(w))
    return (w.T * s).T


def last_axis(w, s):
    return w * np.resize(s, w.shape[-1])


def first_position(w, b, s, beta, mu):
    return b + w.reshape(*w.shape[:2], -1)[..., 0] @ (beta - s * mu)


def outputs_where_they_fit(gamma, beta, mean, var, eps, weight, bias):
    """Scale the first axis of the weight where it is as long as gamma."""
    scale = gamma / np.sqrt(var + eps)
    _, new_bias, pad = fold_before(gamma, beta, mean, var, eps, weight, bias)
    return (weight.T * scale).T, new_bias, pad


FOLD = {
    "solution": fold_before,
    "right": {
        "loops": fold_loops,
        "einsum, a list": fold_einsum,
        "torch": fold_torch,
        "probed": fold_probed,
        "float32": fold_float32,
    },
    "wrong": {
        "kernels of two axes alone": (fold_two_axes, ""),
        "outputs where they fit": (outputs_where_they_fit, "a scale of the outputs"),
        "outputs": (fold_wrong(W=outputs), "a scale of the outputs"),
        "last axis": (fold_wrong(W=last_axis), "weight is off"),
        "weight unchanged": (fold_wrong(W=lambda w, s: w), "stays as it is"),
        "divided": (
            fold_wrong(W=lambda w, s: w / s.reshape(-1, *[1] * (w.ndim - 2))),
            "division by the scale",
        ),
        "no gamma": (
            fold_wrong(scale=lambda g, v, e: 1 / np.sqrt(v + e)),
            "gamma left out",
        ),
        "no std": (
            fold_wrong(scale=lambda g, v, e: g),
            "standard deviation left out",
        ),
        "variance": (
            fold_wrong(scale=lambda g, v, e: g / (v + e)),
            "by the variance",
        ),
        "no eps": (
            fold_wrong(scale=lambda g, v, e: g / np.sqrt(v)),
            "without eps",
        ),
        "eps outside": (
            fold_wrong(scale=lambda g, v, e: g / (np.sqrt(v) + e)),
            "eps outside",
        ),
        "twice": (
            fold_wrong(b=lambda w, b, s, t, mu: b + (kernel_sum(w) * s) @ (t - s * mu)),
            "scale counts twice",
        ),
        "mean not scaled": (
            fold_wrong(b=lambda w, b, s, t, mu: b + kernel_sum(w) @ (t - mu)),
            "a mean that is not scaled",
        ),
        "no beta": (
            fold_wrong(b=lambda w, b, s, t, mu: b - kernel_sum(w) @ (s * mu)),
            "beta left out",
        ),
        "no mean": (
            fold_wrong(b=lambda w, b, s, t, mu: b + kernel_sum(w) @ t),
            "the mean left out",
        ),
        "no bias": (
            fold_wrong(b=lambda w, b, s, t, mu: kernel_sum(w) @ (t - s * mu)),
            "own bias left out",
        ),
        "bias unchanged": (fold_wrong(b=lambda w, b, s, t, mu: b), "as it is"),
        "one position": (fold_wrong(b=first_position), "one position of the kernel"),
        "mean of the kernel": (
            fold_wrong(
                b=lambda w, b, s, t, mu: b + w.mean(axis=tuple(range(2, w.ndim))) @ (t - s * mu)
            ),
            "the mean over the kernel",
        ),
        "pads the mean": (fold_wrong(pad=lambda s, t, mu: mu), "the running mean"),
        "pads zero": (fold_wrong(pad=lambda s, t, mu: np.zeros_like(mu)), "zero, as before"),
        "pads the shift": (
            fold_wrong(pad=lambda s, t, mu: t - s * mu),
            "what a zero becomes",
        ),
        "pads plus": (fold_wrong(pad=lambda s, t, mu: mu + t / s), "beta added"),
        "pads beta": (
            fold_wrong(pad=lambda s, t, mu: mu - t),
            "not divided by the scale",
        ),
        "pads s beta": (fold_wrong(pad=lambda s, t, mu: mu - s * t), "beta times the scale"),
    },
}

SUFFIXES = ("running_mean", "running_var", "num_batches_tracked")


def update_teacher(teacher, student, decay):
    new = {}
    for name, old in teacher.items():
        if name.endswith(SUFFIXES):
            new[name] = student[name].copy()
        else:
            new[name] = decay * old + (1 - decay) * student[name]
    return new


def teacher_lerp(teacher, student, decay):
    new = copy.deepcopy(teacher)
    for name in new:
        last = name.rsplit(".", 1)[-1]
        weight = 1.0 if last in SUFFIXES else 1 - decay
        new[name] = (1 - weight) * new[name] + weight * student[name]
    return new


def teacher_copied_first(teacher, student, decay):
    new = copy.deepcopy(student)
    for name in student:
        if not any(name.endswith(suffix) for suffix in SUFFIXES):
            new[name] *= 1 - decay
            new[name] += decay * teacher[name]
    return new


def teacher_comprehension(teacher, student, decay):
    buffer = [n for n in teacher if n.rpartition(".")[2] in SUFFIXES]
    step = {n: (1 - decay) * (student[n] - teacher[n]) for n in teacher}
    averaged = {n: teacher[n] + step[n] for n in teacher}
    return averaged | {n: np.array(student[n]) for n in buffer}


def teacher_torch(teacher, student, decay):
    new = {}
    for name in teacher:
        mine, theirs = torch.tensor(teacher[name]), torch.tensor(student[name])
        buffer = name.split(".")[-1] in SUFFIXES
        new[name] = theirs if buffer else torch.lerp(mine, theirs, 1 - decay)
    return new


def teacher_wrong(average=None, buffer=None, is_buffer=None):
    average = average or (lambda t, s, d: d * t + (1 - d) * s)
    buffer = buffer or (lambda t, s, d: s.copy())
    is_buffer = is_buffer or (lambda name: name.endswith(SUFFIXES))

    def answer(teacher, student, decay):
        return {
            n: (buffer if is_buffer(n) else average)(teacher[n], student[n], decay)
            for n in teacher
        }

    return answer


def teacher_in_place(teacher, student, decay):
    for name, value in teacher.items():
        if name.endswith(SUFFIXES):
            value[...] = student[name]
        else:
            value *= decay
            value += (1 - decay) * student[name]
    return teacher


def teacher_forgets_buffers(teacher, student, decay):
    return {
        n: decay * teacher[n] + (1 - decay) * student[n]
        for n in teacher
        if not n.endswith(SUFFIXES)
    }


def student_in_place(teacher, student, decay):
    for name, value in student.items():
        if not name.endswith(SUFFIXES):
            value *= 1 - decay
            value += decay * teacher[name]
    return copy.deepcopy(student)


TEACHER = {
    "solution": update_teacher,
    "right": {
        "weights of 1": teacher_lerp,
        "copied first": teacher_copied_first,
        "comprehension": teacher_comprehension,
        "torch": teacher_torch,
    },
    "wrong": {
        "a name in the middle": (
            lambda teacher, student, decay: {
                n: (
                    student[n].copy()
                    if any(suffix in n for suffix in SUFFIXES)
                    else decay * teacher[n] + (1 - decay) * student[n]
                )
                for n in teacher
            },
            "whose names only contain",
        ),
        "swapped": (
            teacher_wrong(lambda t, s, d: (1 - d) * t + d * s),
            "decay as the weight of the student",
        ),
        "sum": (teacher_wrong(lambda t, s, d: t + (1 - d) * s), "a sum"),
        "full student": (
            teacher_wrong(lambda t, s, d: d * t + s),
            "not multiplied by 1 - decay",
        ),
        "half": (teacher_wrong(lambda t, s, d: 0.5 * (t + s)), "a plain mean"),
        "student": (teacher_wrong(lambda t, s, d: s.copy()), "a copy of the student"),
        "teacher": (lambda t, s, d: copy.deepcopy(t), "the teacher as it was"),
        "all averaged": (
            teacher_wrong(is_buffer=lambda name: False),
            "buffers that are averaged",
        ),
        "start": (
            teacher_wrong(buffer=lambda t, s, d: t.copy()),
            "stay at the teacher's start",
        ),
        "counter": (
            teacher_wrong(is_buffer=lambda n: "running" in n),
            "num_batches_tracked that is averaged",
        ),
        "variance": (
            teacher_wrong(is_buffer=lambda n: n.endswith((SUFFIXES[0], SUFFIXES[2]))),
            "running_var that is averaged",
        ),
        "mean": (
            teacher_wrong(is_buffer=lambda n: n.endswith(SUFFIXES[1:])),
            "running_mean that is averaged",
        ),
        "norm": (
            teacher_wrong(is_buffer=lambda n: "norm" in n),
            "gamma and beta copied",
        ),
        "in place": (teacher_in_place, "own arrays"),
        "the student's arrays": (
            teacher_wrong(buffer=lambda t, s, d: s),
            "which change with it",
        ),
        "forgets": (teacher_forgets_buffers, "the names of teacher"),
        "changes the student": (student_in_place, "the given dictionaries is off"),
    },
}


def normalize_valid(x, valid, gamma, beta, eps):
    m = valid.sum()
    if m < 2:
        raise ValueError(f"needs 2 valid positions, got {m}")
    keep = valid[:, None, :]
    z = np.where(keep, x, 0.0)
    mean = z.sum(axis=(0, 2), keepdims=True) / m
    d = np.where(keep, z - mean, 0.0)
    var = (d * d).sum(axis=(0, 2), keepdims=True) / m
    y = gamma[:, None] * d / np.sqrt(var + eps) + beta[:, None]
    return np.where(keep, y, 0.0)


def valid_loops(x, valid, gamma, beta, eps):
    y = np.zeros(x.shape)
    if np.count_nonzero(valid) <= 1:
        raise ValueError("too few")
    for c in range(x.shape[1]):
        values = x[:, c][valid]
        mu = sum(values) / len(values)
        var = sum((v - mu) ** 2 for v in values) / len(values)
        y[:, c][valid] = gamma[c] * (values - mu) / (var + eps) ** 0.5 + beta[c]
    return y


def valid_masked(x, valid, gamma, beta, eps):
    hidden = np.broadcast_to(~valid[:, None], x.shape)
    a = np.ma.array(x, mask=hidden)
    if a[:, 0].count() < 2:
        raise ValueError("variance unknown")
    mu = a.mean(axis=(0, 2)).data[:, None]
    var = a.var(axis=(0, 2)).data[:, None]
    y = gamma[:, None] * (a - mu) / np.sqrt(var + eps) + beta[:, None]
    return y.filled(0.0)


def valid_rows(x, valid, gamma, beta, eps):
    n, t = valid.nonzero()
    rows = x[n, :, t]
    if len(rows) < 2:
        raise ValueError("one row")
    y = np.zeros_like(x)
    y[n, :, t] = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps) * gamma + beta
    return y


def valid_torch(x, valid, gamma, beta, eps):
    rows = torch.tensor(x).transpose(1, 2)[torch.tensor(valid)]
    weight, bias = torch.tensor(gamma), torch.tensor(beta)
    new = torch.nn.functional.batch_norm(rows, None, None, weight, bias, True, eps=eps)
    y = torch.zeros(len(x), x.shape[2], x.shape[1], dtype=torch.float64)
    y[torch.tensor(valid)] = new
    return y.transpose(1, 2)


def valid_average(x, valid, gamma, beta, eps):
    w = np.broadcast_to(valid[:, None], x.shape).astype(float)
    if valid.sum() < 2:
        raise ValueError("needs two")
    z = np.nan_to_num(x)
    mu = np.average(z, axis=(0, 2), weights=w)[:, None]
    var = np.average((z - mu) ** 2, axis=(0, 2), weights=w)[:, None]
    return w * ((z - mu) / np.sqrt(var + eps) * gamma[:, None] + beta[:, None])


def valid_wrong(statistics, pad=None, root=None, affine=None):
    root = root or (lambda var, eps: np.sqrt(var + eps))
    affine = affine or (lambda x_hat, g, b: g * x_hat + b)

    def answer(x, valid, gamma, beta, eps):
        if valid.sum() < 2:
            raise ValueError("needs two")
        mean, var = statistics(x, valid)
        z = np.where(valid[:, None], x, 0.0)
        y = affine((z - mean) / root(var, eps), gamma[:, None], beta[:, None])
        rest = 0.0 if pad is None else pad(x, beta[:, None])
        return np.where(valid[:, None], y, rest)

    return answer


def rows_of(x, valid):
    return np.moveaxis(x, 1, 2)[valid]


def right_statistics(x, valid, ddof=0):
    rows = rows_of(x, valid)
    return rows.mean(0)[:, None], rows.var(0, ddof=ddof)[:, None]


def padded(x, valid):
    z = np.where(valid[:, None], x, 0.0)
    return z.mean((0, 2))[:, None], z.var((0, 2))[:, None]


def all_positions(x, valid):
    return x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)


def wrong_variance(x, valid):
    mean, _ = right_statistics(x, valid)
    z = np.where(valid[:, None], x, 0.0)
    return mean, ((z - mean) ** 2).mean((0, 2))[:, None]


def wrong_count(x, valid):
    mean, var = right_statistics(x, valid)
    return mean * valid.mean(), var * valid.mean()


def one_by_one(x, valid):
    means = np.stack([a[:, v].mean(1) for a, v in zip(x, valid, strict=True)])
    variances = np.stack([a[:, v].var(1) for a, v in zip(x, valid, strict=True)])
    return means[..., None], variances[..., None]


def mean_of_means(x, valid):
    means, variances = one_by_one(x, valid)
    return means.mean(0), variances.mean(0)


def of_all_channels(x, valid):
    rows = rows_of(x, valid)
    return rows.mean(), rows.var()


def never_refuses(x, valid, gamma, beta, eps):
    mean, var = right_statistics(x, valid)
    y = gamma[:, None] * (x - mean) / np.sqrt(var + eps) + beta[:, None]
    return np.where(valid[:, None], y, 0.0)


def multiplied(x, valid, gamma, beta, eps):
    """Zero the padding by a product, which leaves NaN."""
    if valid.sum() < 2:
        raise ValueError("needs two")
    mask = valid[:, None]
    m = valid.sum()
    mean = (x * mask).sum((0, 2))[:, None] / m
    var = ((x - mean) ** 2 * mask).sum((0, 2))[:, None] / m
    return ((x - mean) / np.sqrt(var + eps) * gamma[:, None] + beta[:, None]) * mask


def refuses_short(x, valid, gamma, beta, eps):
    if (valid.sum(axis=1) < 2).any():
        raise ValueError("a sequence with one position")
    return never_refuses(x, valid, gamma, beta, eps)


def refuses_by_typo(x, valid, gamma, beta, eps):
    if valid.sum() < 2:
        raise value_error("needs two")  # noqa: F821
    return never_refuses(x, valid, gamma, beta, eps)


def divided_by_all(x, valid, gamma, beta, eps):
    return masked_once(np.where(valid[:, None], x, 0.0), valid, gamma, beta, eps, np.size)


def masked_once(x, valid, gamma, beta, eps, count=np.count_nonzero):
    """Multiply by the mask, and choose only at the end."""
    if valid.sum() < 2:
        raise ValueError("needs two")
    keep = valid[:, None]
    mu = np.einsum("ncl,nl->c", x, valid)[:, None] / count(valid)
    d = (x - mu) * keep
    var = np.einsum("ncl,ncl->c", d, d)[:, None] / count(valid)
    y = gamma[:, None] * d / np.sqrt(var + eps) + beta[:, None]
    return np.where(keep, y, 0.0)


VALID = {
    "solution": normalize_valid,
    "right": {
        "loops": valid_loops,
        "masked": valid_masked,
        "rows": valid_rows,
        "torch": valid_torch,
        "average": valid_average,
    },
    "wrong": {
        "divided by all": (divided_by_all, "divided by the number of all positions"),
        "masked once": (masked_once, "0 times NaN"),
        "padded": (valid_wrong(padded), "count the padding as zeros"),
        "all": (valid_wrong(all_positions), "count what stands in the padding"),
        "variance": (valid_wrong(wrong_variance), "a variance that counts"),
        "count": (valid_wrong(wrong_count), "divided by the number of all positions"),
        "one by one": (valid_wrong(one_by_one), "for each sequence by itself"),
        "mean of means": (valid_wrong(mean_of_means), "forgets their lengths"),
        "all channels": (valid_wrong(of_all_channels), "for all channels"),
        "unbiased": (
            valid_wrong(lambda x, v: right_statistics(x, v, ddof=1)),
            "the unbiased variance",
        ),
        "eps outside": (
            valid_wrong(right_statistics, root=lambda var, eps: var**0.5 + eps),
            "eps outside",
        ),
        "no eps": (
            valid_wrong(right_statistics, root=lambda var, eps: var**0.5),
            "without eps",
        ),
        "variance as root": (
            valid_wrong(right_statistics, root=lambda var, eps: var + eps),
            "by the variance",
        ),
        "no gamma": (
            valid_wrong(right_statistics, affine=lambda x, g, b: x + b),
            "gamma left out",
        ),
        "no beta": (
            valid_wrong(right_statistics, affine=lambda x, g, b: g * x),
            "beta left out",
        ),
        "gamma on beta": (
            valid_wrong(right_statistics, affine=lambda x, g, b: g * (x + b)),
            "multiplies beta",
        ),
        "beta in the padding": (
            valid_wrong(right_statistics, pad=lambda x, b: b),
            "beta at the padded",
        ),
        "padding left": (
            valid_wrong(right_statistics, pad=lambda x, b: x),
            "left in the output",
        ),
        "never refuses": (never_refuses, "accepts a batch with one valid position"),
        "multiplied": (multiplied, "NaN"),
        "refuses short": (refuses_short, "a sequence with one position"),
        "typo": (refuses_by_typo, "refuse it yourself"),
    },
}

ANSWERS = {"ex08_q1": FOLD, "ex08_q2": TEACHER, "ex08_q3": VALID}
