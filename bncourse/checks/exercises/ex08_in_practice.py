"""Chapter 8: folding forwards, a teacher's state, and padded sequences."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
State = Mapping[str, Any]
Three = tuple[Array, Array, Array]
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def along_inputs(v: Array, weight: Array) -> Array:
    """Return one value for each input channel, in a shape that multiplies the weight."""
    return v.reshape(-1, *[1] * (weight.ndim - 2))


def summed(weight: Array) -> Array:
    """Return the weight summed over the kernel, shape (O, I)."""
    total: Array = weight.reshape(*weight.shape[:2], -1).sum(axis=2)
    return total


def middle(weight: Array) -> Array:
    """Return the weight at the middle of the kernel, shape (O, I)."""
    place: Array = weight[:, :, *(k // 2 for k in weight.shape[2:])]
    return place


def fold_before(
    gamma: Array, beta: Array, mean: Array, var: Array, eps: float, weight: Array, bias: Array
) -> Three:
    """Return weight, bias and padding of one layer for a normalization and what follows it."""
    scale = gamma / np.sqrt(var + eps)
    shift = beta - scale * mean
    return weight * along_inputs(scale, weight), bias + summed(weight) @ shift, -shift / scale


def folded(
    scale: Callable[..., Array] = lambda gamma, std: gamma / std,
    W: Callable[..., Array] = lambda weight, s: weight * along_inputs(s, weight),
    b: Callable[..., Array] = lambda w, b, s, beta, mu: b + summed(w) @ (beta - s * mu),
    pad: Callable[..., Array] = lambda s, beta, mu: mu - beta / s,
    std: Callable[..., Array] = lambda var, eps: np.sqrt(var + eps),
) -> Callable[..., Three]:
    """Return `fold_before` with one step replaced."""

    def answer(
        gamma: Array, beta: Array, mean: Array, var: Array, eps: float, *layer: Array
    ) -> Three:
        weight, bias = layer
        s = scale(gamma, std(var, eps))
        return W(weight, s), b(weight, bias, s, beta, mean), pad(s, beta, mean)

    return answer


def pairs(*shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with a batch normalization and a layer whose weight has this shape."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for eps, shape in zip(itertools.cycle((0.2, 1e-3)), shapes):
            C = shape[1]
            gamma = rng.uniform(0.5, 2, C) * np.resize([1, -1], C)
            beta, mean = rng.uniform(0.5, 2, C), rng.uniform(1, 3, C)
            layer = rng.normal(1, 1, shape), rng.normal(size=shape[0])
            calls.append((gamma, beta, mean, rng.uniform(0.3, 2, C), eps, *layer))
        return calls

    return calls


LINEAR = pairs((4, 4), (2, 5))
KERNELS = pairs((3, 3, 2, 3), (4, 2, 3, 3), (3, 3, 4), (2, 2, 3, 2, 2))
FOLD = Exercise(
    name="ex08_q1",
    function="fold_before",
    points=3,
    results=("weight", "bias", "pad"),
    reference=fold_before,
    parts=(
        Part("a linear layer", 1, LINEAR, ("weight", "bias")),
        Part("a convolution: the weight", 1, KERNELS, ("weight",)),
        Part("a convolution: the bias", 1, KERNELS, ("bias",)),
        Part("a convolution: what to pad with", 2, KERNELS, ("pad",)),
    ),
    mistakes={
        "a scale of the outputs: that folds a layer that comes after": folded(
            W=lambda weight, s: weight * np.resize(s, len(weight)).reshape(
                -1, *[1] * (weight.ndim - 1))
        ),
        "a weight that stays as it is": folded(W=lambda weight, s: weight),
        "a division by the scale":
            folded(W=lambda weight, s: weight / along_inputs(s, weight)),
        "gamma left out": folded(scale=lambda gamma, std: 1 / std),
        "the standard deviation left out": folded(scale=lambda gamma, std: gamma),
        "a division by the variance, not by its root": folded(std=lambda var, eps: var + eps),
        "a division without eps": folded(std=lambda var, eps: np.sqrt(var)),
        "eps outside the root": folded(std=lambda var, eps: np.sqrt(var) + eps),
        "the folded weight used for the bias: the scale counts twice":
            folded(b=lambda w, b, s, beta, mu: b + summed(w) * s @ (beta - s * mu)),
        "a mean that is not scaled":
            folded(b=lambda w, b, s, beta, mu: b + summed(w) @ (beta - mu)),
        "beta left out": folded(b=lambda w, b, s, beta, mu: b - summed(w) @ (s * mu)),
        "the mean left out": folded(b=lambda w, b, s, beta, mu: b + summed(w) @ beta),
        "the layer's own bias left out":
            folded(b=lambda w, b, s, beta, mu: summed(w) @ (beta - s * mu)),
        "a bias that stays as it is": folded(b=lambda w, b, s, beta, mu: b),
        "one position of the kernel, not the sum over all": folded(
            b=lambda w, b, s, beta, mu:
                b + w.reshape(*w.shape[:2], -1)[:, :, 0] @ (beta - s * mu)
        ),
        "the middle of the kernel, not the sum over all": folded(
            b=lambda w, b, s, beta, mu: b + middle(w) @ (beta - s * mu)
        ),
        "the mean over the kernel, not the sum": folded(
            b=lambda w, b, s, beta, mu:
                b + w.reshape(*w.shape[:2], -1).mean(axis=2) @ (beta - s * mu)
        ),
        "the running mean: after beta it is not 0": folded(pad=lambda s, beta, mu: mu),
        "zero, as before": folded(pad=lambda s, beta, mu: 0 * mu),
        "what a zero becomes, not what becomes zero":
            folded(pad=lambda s, beta, mu: beta - s * mu),
        "beta added, not subtracted": folded(pad=lambda s, beta, mu: mu + beta / s),
        "the padding with the other sign": folded(pad=lambda s, beta, mu: beta / s - mu),
        "beta that is not divided by the scale": folded(pad=lambda s, beta, mu: mu - beta),
        "beta times the scale": folded(pad=lambda s, beta, mu: mu - beta * s),
    },
)  # fmt: skip


def is_buffer(name: str) -> bool:
    """Return whether a name of a state belongs to a buffer of batch normalization."""
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def teacher_step(
    average: Callable[[Any, Any, float], Any] = lambda t, s, d: d * t + (1 - d) * s,
    buffer: Callable[[Any, Any, float], Any] = lambda t, s, d: np.array(s),
    buffers: Callable[[str], bool] = is_buffer,
) -> Callable[[State, State, float], State]:
    """Return the update of a teacher's state, with one step replaced."""

    def answer(teacher: State, student: State, decay: float) -> State:
        return {
            name: (buffer if buffers(name) else average)(teacher[name], student[name], decay)
            for name in teacher
        }

    return answer


def in_place(teacher: Any, student: State, decay: float, buffers: bool = True) -> Any:
    """Overwrite the teacher's own arrays, all of them or the parameters alone."""
    new = teacher_step()(teacher, student, decay)
    for name, value in new.items():
        if buffers or not is_buffer(name):
            teacher[name][...] = value
    return new


def flat(state: State, buffers: bool) -> Array:
    """Return all parameters, or all buffers, as one array."""
    names = [name for name in state if is_buffer(name) == buffers]
    return np.concatenate([np.ravel(state[name]) for name in names]).astype(float)


def teach(answer: Answer, teacher: State, student: State, decay: float) -> tuple[Any, ...]:
    """Update a teacher's state, then let the student train on in its own arrays."""
    new = answer(teacher, student, decay)
    if not isinstance(new, dict) or set(new) != set(teacher):
        raise TypeError("expected a dictionary with the names of teacher")
    new = {name: as_numbers(new[name]) for name in teacher}
    arrays = flat(new, False).copy(), flat(new, True).copy()
    given = np.concatenate([flat(s, b) for s in (teacher, student) for b in (False, True)])
    for value in student.values():
        value[...] = 77
    later = np.concatenate([flat(new, False), flat(new, True)])
    return *arrays, given, later


def as_numbers(value: Any) -> Any:
    """Return an array or a tensor as an array, without a copy where there need be none."""
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def states(*decays: float) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the states of two small networks."""

    def state(rng: Rng, count: int) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for block in ("body.0", "head"):
            state |= {f"{block}.linear.{k}": rng.normal(size=n)
                      for k, n in (("weight", (3, 2)), ("bias", (3,)))}  # fmt: skip
            state |= {f"{block}.norm.{k}": rng.uniform(0.5, 3, 3)
                      for k in ("weight", "bias", *BUFFERS[:2])}  # fmt: skip
            state[f"{block}.norm.num_batches_tracked"] = np.array(count)
            state[f"{block}.running_mean_net.weight"] = rng.normal(size=2)  # a parameter
        return state

    return lambda rng: [(state(rng, 0), state(rng, 11 + i), d) for i, d in enumerate(decays)]


USUAL = states(0.9, 0.3)
TEACHER = Exercise(
    name="ex08_q2",
    function="update_teacher",
    points=3,
    results=("the parameters", "the buffers", "the given dictionaries",
             "the result after the student trained on"),
    reference=teacher_step(),
    drive=teach,
    parts=(
        Part("parameters are averaged", 1, USUAL, ("the parameters",)),
        Part("buffers are copied", 2, USUAL, ("the buffers",)),
        Part("decay 0 and decay 1", 1, states(0.0, 1.0), ("the parameters", "the buffers")),
        Part("what was given stays as it is", 1, USUAL, ("the given dictionaries",), last=True),
        Part("arrays of its own", 1, states(0.5, 0.0),
             ("the result after the student trained on",), last=True),
    ),
    mistakes={
        "decay as the weight of the student":
            teacher_step(average=lambda t, s, d: d * s + (1 - d) * t),
        "a sum: the teacher's part is not multiplied by decay":
            teacher_step(average=lambda t, s, d: t + (1 - d) * s),
        "a student's part that is not multiplied by 1 - decay":
            teacher_step(average=lambda t, s, d: d * t + s),
        "a plain mean of the two": teacher_step(average=lambda t, s, d: (t + s) / 2),
        "a copy of the student": teacher_step(average=lambda t, s, d: np.array(s)),
        "the teacher as it was": teacher_step(
            average=lambda t, s, d: np.array(t), buffer=lambda t, s, d: np.array(t)),
        "buffers that are averaged, too":
            teacher_step(buffer=lambda t, s, d: d * t + (1 - d) * s),
        "buffers that stay at the teacher's start":
            teacher_step(buffer=lambda t, s, d: np.array(t)),
        "num_batches_tracked that is averaged":
            teacher_step(buffers=lambda name: is_buffer(name) and name[-7:] != "tracked"),
        "running_var that is averaged":
            teacher_step(buffers=lambda name: is_buffer(name) and name[-3:] != "var"),
        "running_mean that is averaged":
            teacher_step(buffers=lambda name: is_buffer(name) and name[-4:] != "mean"),
        "parameters copied whose names only contain those of buffers":
            teacher_step(buffers=lambda name: any(b in name for b in BUFFERS)),
        "gamma and beta copied, as if they were buffers":
            teacher_step(buffers=lambda name: ".norm." in name),
        "a change of the teacher's own arrays": (in_place, partial(in_place, buffers=False)),
        "buffers that are the student's own arrays, which change with it":
            teacher_step(buffer=lambda t, s, d: s),
    },
)  # fmt: skip


def normalize_valid(x: Array, valid: Array, gamma: Array, beta: Array, eps: float) -> Array:
    """Normalize by the valid positions alone, and return 0 at the others."""
    rows = x.transpose(0, 2, 1)[valid]  # (m, C)
    if len(rows) < 2:
        raise ValueError("one valid position: no variance")
    y = np.zeros_like(x).transpose(0, 2, 1)
    y[valid] = gamma * (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + eps) + beta
    return y.transpose(0, 2, 1)


def filled(x: Array, valid: Any, value: float = 0.0) -> Array:
    """Return ``x`` with one value at all padded positions."""
    return np.where(valid[:, None], x, value)


def by(
    statistics: Callable[[Array, Array], tuple[Array, Array]],
    pad: Callable[..., Any] = lambda x, beta: 0.0,
    root: Callable[..., Array] = lambda var, eps: np.sqrt(var + eps),
    affine: Callable[..., Array] = lambda x_hat, gamma, beta: gamma * x_hat + beta,
) -> Callable[..., Array]:
    """Return a `normalize_valid` with one step replaced."""

    def answer(x: Array, valid: Array, gamma: Array, beta: Array, eps: float) -> Array:
        if valid.sum() < 2:
            raise ValueError("one valid position")
        mean, var = statistics(x, valid)
        x_hat = (filled(x, valid) - mean) / root(var, eps)
        y = affine(x_hat, gamma[:, None], beta[:, None])
        return np.where(valid[:, None], y, pad(x, beta[:, None]))

    return answer


def right(x: Array, valid: Array, ddof: int = 0) -> tuple[Array, Array]:
    """Return mean and variance over the valid positions, shape (C, 1)."""
    rows = x.transpose(0, 2, 1)[valid]
    return rows.mean(axis=0)[:, None], rows.var(axis=0, ddof=ddof)[:, None]


def everywhere(x: Array, valid: Array) -> tuple[Array, Array]:
    """Take all positions, the padding as zeros."""
    z = filled(x, valid)
    return z.mean(axis=(0, 2))[:, None], z.var(axis=(0, 2))[:, None]


def raw(x: Array, valid: Array) -> tuple[Array, Array]:
    """Take all positions, with what stands in the padding."""
    return x.mean(axis=(0, 2))[:, None], x.var(axis=(0, 2))[:, None]


def each_sequence(x: Array, valid: Array) -> tuple[Array, Array]:
    """Take statistics for each sequence by itself, shape (N, C, 1)."""
    m = valid.sum(axis=1)[:, None, None]
    mean = filled(x, valid).sum(axis=2, keepdims=True) / m
    d = np.where(valid[:, None], x - mean, 0.0)
    return mean, (d * d).sum(axis=2, keepdims=True) / m


def unweighted(x: Array, valid: Array) -> tuple[Array, Array]:
    """Average the sequences' statistics as if all were equally long."""
    mean, var = each_sequence(x, valid)
    return mean.mean(axis=0), var.mean(axis=0)


def middle_of_means(x: Array, valid: Array) -> tuple[Array, Array]:
    """Average the means of the sequences that have any, and take all distances from it."""
    some = valid.any(axis=1)
    mean = each_sequence(x[some], valid[some])[0].mean(axis=0)
    d = x.transpose(0, 2, 1)[valid].T - mean
    return mean, (d * d).mean(axis=1, keepdims=True)


def zeros_in_variance(
    x: Array, valid: Array, count: Callable[[Array], Any] = np.size
) -> tuple[Array, Array]:
    """Take the right mean, and let the padding's zeros count in the variance."""
    mean = right(x, valid)[0]
    squares = ((filled(x, valid) - mean) ** 2).sum(axis=(0, 2))[:, None]
    return mean, squares / count(valid)


def divided_by_all(x: Array, valid: Array, around_it: bool = False) -> tuple[Array, Array]:
    """Divide the sums over valid positions by the number of all positions.

    The distances are those from the right mean, or ``around_it``, the one that is returned.
    """
    share = valid.mean()
    mean, var = right(x, valid)
    off = (1 - share) * mean if around_it else 0 * mean
    return mean * share, (var + off**2) * share


def together(x: Array, valid: Array) -> tuple[Array, Array]:
    """Take one mean and one variance for all channels."""
    rows = x.transpose(0, 2, 1)[valid]
    return np.array([[rows.mean()]]), np.array([[rows.var()]])


def sequences(
    lengths: Sequence[Sequence[int]], padding: Sequence[float] = (0.0, 0.0), last: int = 6
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with sequences of these lengths, filled up to ``last`` positions."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for given, value in zip(lengths, padding, strict=True):
            valid = np.arange(last) < np.array(given)[:, None]
            C = 3
            x = rng.normal(rng.uniform(2, 4, (C, 1)), 1.5, (len(given), C, last))
            gamma, beta = rng.uniform(0.5, 2, C), rng.uniform(1, 2, C)
            calls.append((filled(x, valid, value), valid, gamma, beta, 0.1))
        return calls

    return calls


def constant(rng: Rng) -> Sequence[Arguments]:
    """Return a call in which each channel has one value, that binary cannot represent."""
    x, valid, gamma, beta, _ = sequences([[6, 3]], [0.0])(rng)[0]
    return [(filled(0 * x + 0.1, valid), valid, gamma, beta, 1e-5)]


RAGGED = sequences([[6, 2, 4, 1], [3, 5, 1]], [5.0, -3.0])
VALID = Exercise(
    name="ex08_q3",
    function="normalize_valid",
    points=4,
    results=("y",),
    reference=normalize_valid,
    parts=(
        Part("no padding", 1, sequences([[6, 6, 6], [6, 6]])),
        Part("sequences of different length", 2, RAGGED),
        Part("the padding may hold anything", 1,
             sequences([[6, 2, 3], [4, 1]], [50.0, np.nan]),
             alone="0 times NaN, which is NaN: choose the valid values, do not multiply"),
        Part("two valid positions are enough", 1, sequences([[1, 1], [2, 0]])),
        Part("equal values give beta", 1, constant, last=True),
        Part("one valid position is refused", 1, sequences([[1, 0], [0, 1]]),
             refuses="a batch with one valid position"),
    ),
    mistakes={
        "statistics that count the padding as zeros": by(everywhere),
        "statistics that count what stands in the padding": by(raw),
        "a variance that counts the padding as zeros":
            (by(zeros_in_variance), by(partial(zeros_in_variance, count=np.sum))),
        "sums over the valid positions divided by the number of all positions":
            (by(divided_by_all), by(partial(divided_by_all, around_it=True))),
        "statistics for each sequence by itself": by(each_sequence),
        "an average of the sequences' statistics that forgets their lengths": by(unweighted),
        "one mean and one variance for all channels": by(together),
        "the unbiased variance": by(lambda x, valid: right(x, valid, ddof=1)),
        "eps outside the root": by(right, root=lambda var, eps: np.sqrt(var) + eps),
        "a division without eps": by(right, root=lambda var, eps: np.sqrt(var)),
        "a division by the variance": by(right, root=lambda var, eps: var + eps),
        "gamma left out": by(right, affine=lambda x_hat, gamma, beta: x_hat + beta),
        "beta left out": by(right, affine=lambda x_hat, gamma, beta: gamma * x_hat),
        "gamma and beta left out": by(right, affine=lambda x_hat, gamma, beta: x_hat),
        "gamma and beta in each other's place":
            by(right, affine=lambda x_hat, gamma, beta: beta * x_hat + gamma),
        "the mean of the sequences' means, whatever their lengths": by(middle_of_means),
        "gamma that multiplies beta, too":
            by(right, affine=lambda x_hat, gamma, beta: gamma * (x_hat + beta)),
        "beta at the padded positions": by(right, pad=lambda x, beta: beta),
        "the padding left in the output": by(right, pad=lambda x, beta: x),
    },
)  # fmt: skip


EXERCISES = (FOLD, TEACHER, VALID)
