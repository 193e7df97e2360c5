"""The staged forward and backward pass, every intermediate beside PyTorch's autograd."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, leaf, untouched
from strategies import cases

from bnlib.axes import broadcast_shape, reduction_axes
from bnlib.functional.staged import staged_backward, staged_forward

STEPS = ["mu", "centered", "squared", "var", "std", "inv_std", "x_hat", "scaled", "y"]
LEAVES = ["x", "gamma", "beta"]


def forward(case, x=None):
    return staged_forward(case.x if x is None else x, *case.forward[1:])


def torch_stages(case):
    """Return the nine steps and the leaves as tensors that hold their gradients."""
    axes, shape = (
        reduction_axes(case.x.ndim, case.axis),
        broadcast_shape(case.x.shape, case.axis),
    )
    C = case.x.shape[case.axis]
    x = leaf(case.x)
    gamma = leaf(np.ones(C) if case.gamma is None else case.gamma)
    beta = leaf(np.zeros(C) if case.beta is None else case.beta)
    mu = x.mean(axes)
    centered = x - mu.reshape(shape)
    squared = centered**2
    var = squared.mean(axes)
    std = (var + case.eps).sqrt()
    inv_std = 1 / std
    x_hat = centered * inv_std.reshape(shape)
    scaled = gamma.reshape(shape) * x_hat
    y = scaled + beta.reshape(shape)
    tensors = x, gamma, beta, mu, centered, squared, var, std, inv_std, x_hat, scaled, y
    for tensor in tensors:
        tensor.retain_grad()
    y.backward(leaf(case.dy).detach())
    return dict(zip([*LEAVES, *STEPS], tensors, strict=True))


def gradient_sizes(case, stages, gradients):
    """Return how large each sum's terms are: the sum may be nearly zero, its error not."""

    def total(a):
        return np.abs(a).sum(axis=reduction_axes(a.ndim, case.axis)).max()

    dinv_std, s = total(gradients.dx_hat * stages.centered), stages.inv_std.max()
    dvar = dinv_std * s**3
    return {
        "dbeta": total(case.dy), "dgamma": total(case.dy * stages.x_hat),
        "dinv_std": dinv_std, "dstd": dinv_std * s**2, "dvar": dvar,
        "dsquared": dvar / case.m, "dmu": total(gradients.dcentered),
        "dx": np.abs(gradients.dcentered).max(),
    }  # fmt: skip


@settings(max_examples=50)
@given(cases())
def test_every_intermediate_and_its_gradient_match_autograd(case):
    tensors, stages = torch_stages(case), forward(case)
    gradients = staged_backward(case.dy, stages)
    sizes = gradient_sizes(case, stages, gradients)
    for name, tensor in tensors.items():
        assert_close(getattr(stages, name), tensor.detach().numpy())
        ours = getattr(gradients, f"d{name}")
        assert_close(ours, tensor.grad.numpy(), size=sizes.get(f"d{name}", 0.0))


@settings(max_examples=50)
@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_stays_float32_and_near_float64(case):
    stages, exact = forward(case), forward(case, case.x.astype(np.float64))
    gradients = staged_backward(case.dy, stages)
    exact_gradients = staged_backward(case.dy.astype(np.float64), exact)
    sizes = gradient_sizes(case, exact, exact_gradients)
    for ours, theirs in ((stages, exact), (gradients, exact_gradients)):
        for field in dataclasses.fields(theirs):
            a, b = getattr(ours, field.name), getattr(theirs, field.name)
            if isinstance(a, np.ndarray):
                wide = field.name.lstrip("d") in {"mu", "var", "std", "inv_std"}
                wide |= field.name in {"gamma", "beta"}
                assert a.dtype == (np.float64 if wide else np.float32)
                assert_close(a, b, tol=1e-5, size=sizes.get(field.name, 0.0))


@given(st.floats(-1e6, 1e6), st.integers(2, 40))
def test_a_constant_channel_is_zero(value, m):
    """The sum of equal values rounds, so a plain mean leaves a variance above zero."""
    assert not staged_forward(np.full((m, 1), value), None, None).centered.any()


def test_inputs_are_not_modified_and_results_are_new_memory():
    x, gamma, dy = np.array([[1.0], [3.0], [4.0]]), np.ones(1), np.ones((3, 1))
    with untouched(x, gamma, dy):
        stages = staged_forward(x, gamma, np.zeros(1), eps=0.0)
        gradients = staged_backward(dy, stages)
        arrays = [a for d in (stages, gradients) for a in vars(d).values()]
        large = [a for a in arrays if np.shape(a) == x.shape and a is not x]
        for i, array in enumerate(large):
            assert not any(np.shares_memory(array, b) for b in [x, dy, gamma, *large[:i]])
    assert stages.x is x
