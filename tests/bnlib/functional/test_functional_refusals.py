"""What the functions refuse, and in which words."""

import math

import numpy as np
from refusals import NonFiniteError, Row, each_row, no_eps, no_float_array, ones

from bnlib.functional import (
    batch_norm_backward,
    batch_norm_double_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_eval_double_backward,
    batch_norm_train,
    jacobian,
    staged_backward,
    staged_forward,
)

X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]])
F32 = X.astype(np.float32)
BEYOND = [  # second channels whose statistics are not finite
    np.array([[0.0, bad], [1.0, 0.0]], dtype)
    for dtype, bad in [("d", math.nan), ("d", math.inf), ("d", 1e200), ("f", 1e20)]
]


def evaluate(x, gamma=None, beta=None, eps=1e-5, channel_axis=1, mean=X[0], var=X[0]):
    """Call `batch_norm_eval` with the signature of `batch_norm_train`."""
    return batch_norm_eval(x, gamma, beta, mean, var, eps, channel_axis)


def train(x, gamma=None, beta=None, **options):
    """Call `batch_norm_train`; gamma and beta may be left out."""
    return batch_norm_train(x, gamma, beta, **options)


def staged(x, gamma=None, beta=None, **options):
    """Call `staged_forward`; gamma and beta may be left out."""
    return staged_forward(x, gamma, beta, **options)


def double(name):
    """Return functions of one argument of either double backward pass, by its name."""
    for function in (batch_norm_double_backward, batch_norm_eval_double_backward):
        given = {"ddx": X, "ddgamma": None, "ddbeta": None, "dy": X, "cache": cached()}

        def call(v, function=function, given=given):
            return function(**given | {name: v})

        yield function.__name__, call


def cached():
    """Return the cache of a forward pass."""
    return batch_norm_train(X, None, None)[1]


FORWARD = {
    "batch_norm_train": train,
    "batch_norm_eval": evaluate,
    "staged_forward": staged,
    "jacobian": jacobian,
}
BACKWARD = {
    "batch_norm_backward": (batch_norm_backward, cached, "cache", "BatchNormCache"),
    "batch_norm_eval_backward": (batch_norm_eval_backward, cached, "cache", "BatchNormCache"),
    "staged_backward": (staged_backward, lambda: staged(X), "stages", "Stages"),
}


# fmt: off
def vectors(op, name, call):
    """Yield the rows of an argument that has one value per channel."""
    yield from no_float_array(op, name, call)
    yield Row(ValueError,
              f"{op}: {name} must have one value per channel, shape (2,), got shape "
              "{0.shape}; check ...", call, ones((), (1,), (3,), (1, 2)))


def gradients(op, name, call):
    """Yield the rows of an argument that must be like x."""
    yield from no_float_array(op, name, call)
    match = f"{op}: {name} must match x, shape (3, 2) and float64, got shape {{0.shape}} and "
    match += "{0.dtype}; pass the gradient of the same batch"
    yield Row(ValueError, match, call, (*ones((3, 1), (2, 2), (3, 2, 1)), F32[:1]))
    yield Row(TypeError, match, call, (F32,))


def of_every_forward():
    """Yield the rows that the functions of x share."""
    for op, call in FORWARD.items():
        yield from no_float_array(op, "x", call)
        yield from no_eps(op, lambda eps, call=call: call(X, eps=eps))
        for name in ["gamma"] if op == "jacobian" else ["gamma", "beta"]:
            yield from vectors(op, name, lambda v, call=call, name=name: call(X, **{name: v}))

        def along(axis, call=call):
            return call(np.ones((4, 2)), channel_axis=axis)

        yield from [
            Row(ValueError, f"{op}: channel_axis {{0}} does not exist in an array of rank 2; "
                "use a value from -2 to 1", along, (2, -3)),
            Row(TypeError, f"{op}: channel_axis must be an integer, got {{0!r}}; use 1 ...",
                along, ("last", 1.0, True)),
            Row(ValueError,
                f"{op}: expected an array of rank 2 or more, ... got rank {{0.ndim}}; add ...",
                call, ones((), *[(2,)] * (op != "jacobian"))),
            Row(ValueError, f"{op}: got an empty x of shape {{0.shape}}; give at least ...",
                call, ones((0, 2), (4, 0))),
        ]
        if op == "batch_norm_eval":
            continue
        advice = "..." if op == "jacobian" else "use a larger batch or batch_norm_eval"
        yield from [
            Row(ValueError, f"{op}: needs at least 2 values per channel, got x of shape "
                f"{{0.shape}}; {advice}", call, ones((1, 8), (1, 8, 1, 1))),
            Row(NonFiniteError, f"{op}: expected finite statistics, ... in channels [1]; ...",
                call, tuple(BEYOND)),
            Row(ValueError, f"{op}: channel 1 is constant (variance 0) and eps is 0, ...; ...",
                lambda x, call=call: call(x, eps=0.0),
                (X * [1, 0], 0.1 + F32 * np.float32([1, 0]))),
            Row(ValueError, f"{op}: channel 0 has var + eps below 4.7e-38, where float32 "
                "squares lose their digits; scale x up or use eps=1e-5",
                lambda x, call=call: call(x, eps=0.0), (np.float32([[0.0], [1e-19]]),)),
        ]


def statistics():
    """Yield the rows of a mean and a variance for evaluation."""
    op = "batch_norm_eval"
    for name in ("mean", "var"):
        def with_statistic(v, name=name):
            return evaluate(X, **{name: v})

        yield from vectors(op, name, with_statistic)
        yield from [
            Row(TypeError, f"{op}: {name} must be a NumPy array of ..., got NoneType; ...",
                with_statistic, (None,)),
            Row(NonFiniteError, f"{op}: expected finite statistics, ... in channels [1]; ...",
                with_statistic, (np.array([0, math.nan]), np.array([0, math.inf]))),
        ]
    yield from [
        Row(ValueError, f"{op}: a variance cannot be negative, got -1 in channel 1; ...",
            lambda var: evaluate(X, var=var), (np.array([1.0, -1.0]),)),
        Row(ValueError, f"{op}: channel 0 is constant (variance 0) and eps is 0, ...; ...",
            lambda var: evaluate(X, var=var, eps=0.0), (np.zeros(2),)),
    ]


def of_every_backward():
    """Yield the rows of an upstream gradient and of what the forward pass left."""
    for op, (call, kept, place, kind) in BACKWARD.items():
        yield from gradients(op, "dy", lambda dy, call=call, kept=kept: call(dy, kept()))
        others = (None, X, cached()) if kind == "Stages" else (None, X, (X, X))
        yield Row(TypeError, f"{op}: {place} must be the {kind} that the forward pass "
                  "returned, got {0.__class__.__name__}; keep ...",
                  lambda other, call=call: call(X, other), others)
    for name in ("ddx", "ddgamma", "ddbeta", "dy"):
        for op, call in double(name):
            yield from (gradients if name in ("ddx", "dy") else vectors)(op, name, call)
    for op, call in double("ddx"):
        yield Row(ValueError, f"{op}: expected at least one of ddx, ddgamma and ddbeta, got "
                  "None three times; a loss ...", call, (None,))
    for op, call in double("cache"):
        yield Row(TypeError, f"{op}: cache must be the BatchNormCache that the forward pass "
                  "returned, got {0.__class__.__name__}; keep ...", call, (None, {}))


SIZES = {
    "1 x 2897 x 2897 values take 64": (2897,),
    "64 x 4608 x 4608 values take 10368": (3, 64, 32, 48),
}
LARGE = [
    Row(ValueError, f"jacobian: {text} MiB, at most 64 MiB; take fewer values or ...",
        jacobian, (np.broadcast_to(np.arange(float(shape[-1])), shape),))
    for text, shape in SIZES.items()
]
ONE_VALUE = Row(ValueError, "jacobian: needs at least 2 values ... of shape (1, 1); ...",
                jacobian, ones((1,)))
# fmt: on


@each_row(of_every_forward(), statistics(), of_every_backward(), LARGE, ONE_VALUE)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)
