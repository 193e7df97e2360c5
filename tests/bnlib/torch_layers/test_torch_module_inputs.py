"""The inputs of PyTorch's own tests of these modules, on ours beside PyTorch's.

From `torch.testing._internal` of PyTorch 2.13: the modules' from `common_modules.py`
(``module_inputs_torch_nn_BatchNorm1d`` to ``3d``), the function's from
`common_methods_invocations.py` (``sample_inputs_batch_norm``). They stand here as a table,
because an import of those files freezes `torch.backends` for the whole process and needs a
package that nothing else does.
"""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch_pairs import assert_same_step, pair, tensor

from bnlib.torch_layers import BatchNorm1d

SIMPLE = {"eps": 1e-3, "momentum": None}
MODULES = {
    "BatchNorm1d": [
        ({}, (4, 10)),
        ({}, (4, 5, 3)),
        (SIMPLE, (4, 10)),
        ({"eps": 1e-3, "momentum": 0.3, "affine": False}, (4, 10)),
        ({"eps": 1e-3, "momentum": 0.3, "track_running_stats": False}, (4, 10)),
        ({"eps": 1e-3, "momentum": 0.3, "affine": False}, (4, 5, 3)),
        ({"eps": 1e-3, "momentum": 0.3, "affine": False}, (0, 5, 9)),
        ({"bias": False}, (4, 10)),
    ],
    "BatchNorm2d": [
        ({}, (2, 3, 6, 6)),
        (SIMPLE, (2, 3, 6, 6)),
        ({"eps": 1e-3, "momentum": 0.8}, (2, 3, 6, 6)),
        ({"eps": 1e-3, "momentum": 0.8, "affine": False}, (2, 3, 6, 6)),
        ({"eps": 1e-3, "momentum": 0.8, "track_running_stats": False}, (2, 3, 6, 6)),
        ({"eps": 1e-3, "momentum": 0.3, "affine": False}, (0, 5, 2, 2)),
        ({"bias": False}, (2, 3, 6, 6)),
    ],
    "BatchNorm3d": [
        ({}, (2, 3, 4, 4, 4)),
        (SIMPLE, (2, 3, 4, 4, 4)),
        ({"eps": 1e-3, "momentum": 0.7}, (2, 3, 4, 4, 4)),
        ({"eps": 1e-3, "momentum": 0.7, "affine": False}, (2, 3, 4, 4, 4)),
        ({"eps": 1e-3, "momentum": 0.7, "track_running_stats": False}, (2, 3, 4, 4, 4)),
        ({"eps": 1e-3, "momentum": 0.3, "affine": False}, (0, 5, 2, 2, 2)),
        ({"bias": False}, (2, 3, 4, 4, 4)),
    ],
}
FUNCTION = [
    ("BatchNorm1d", (5, 5, 5), True, {"momentum": 0.5, "eps": 0.6}),
    ("BatchNorm1d", (3, 2, 4), False, {"momentum": -1.2}),
    ("BatchNorm1d", (3, 1), True, {"momentum": 0.0}),
    ("BatchNorm2d", (3, 2, 3, 4), True, {"momentum": -1.0, "eps": 0.5}),
    ("BatchNorm2d", (3, 2, 3, 4), False, {"momentum": -1.0, "eps": 0.5}),
    ("BatchNorm1d", (2, 1), False, {}),
    ("BatchNorm1d", (2, 1), True, {}),
    ("BatchNorm1d", (1, 2, 3), True, {"affine": False, "track_running_stats": False}),
]
CASES = [
    (kind, shape, training, options)
    for kind, rows in MODULES.items()
    for options, shape in rows
    for training in (True, False)
] + FUNCTION
each_case = pytest.mark.parametrize(("kind", "shape", "training", "options"), CASES)


@each_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_gradients_and_state_are_pytorchs(kind, shape, training, options, dtype):
    models = pair(kind, shape[1], training=training, dtype=dtype, **options)
    x, dy = tensor(*shape, dtype=dtype), tensor(*shape, seed=1, dtype=dtype)
    unit = 1e-12 if dtype == torch.float64 else 2e-6
    assert_same_step(*models, x, dy, forward=unit, backward=100 * unit)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@each_case
def test_finite_differences_agree_with_every_derivative(kind, shape, training, options):
    """As PyTorch's tests of operators: forward, backward, batched, and each over another."""
    model = pair(kind, shape[1], training=training, **options)[0]
    if training:  # statistics that move are not for finite differences
        model.running_mean = model.running_var = None
    x = tensor(*shape[:2], *(min(n, 2) for n in shape[2:])).requires_grad_()
    names = dict(model.named_parameters())

    def f(x, *parameters):
        return functional_call(model, dict(zip(names, parameters, strict=True)), (x,))

    batched = {"check_batched_grad": True, "fast_mode": True}
    inputs = (x, *names.values())
    assert gradcheck(
        f, inputs, check_forward_ad=True, check_batched_forward_grad=True, **batched
    )
    assert gradgradcheck(f, inputs, check_fwd_over_rev=True, **batched)


def test_a_batch_without_channels_axis_is_refused():
    """PyTorch's function takes shape (0,); its modules and ours do not."""
    with pytest.raises(ValueError, match="expected an input of shape"):
        BatchNorm1d(1)(torch.ones(0))
