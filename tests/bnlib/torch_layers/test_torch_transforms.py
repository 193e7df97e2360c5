"""The function transforms of `torch.func`: each as with PyTorch's layer."""

import pytest
import torch
from torch.func import (
    functional_call,
    functionalize,
    grad,
    hessian,
    jvp,
    stack_module_state,
    vmap,
)
from torch_pairs import assert_all_near, assert_same_state, each_mode, pair, tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
X, OTHER = tensor(4, 3, 6, 5), tensor(4, 3, 6, 5, seed=1)
SMALL = X[:2, :, :2, :2]


def cube(model):
    return lambda x: model(x).pow(3).sum()


def per_sample(model):
    """Return the gradients of each sample's own loss."""

    def loss(parameters, x):
        return functional_call(model, parameters, (x[None],)).pow(3).sum()

    gradients = vmap(grad(loss), (None, 0))(dict(model.named_parameters()), X)
    return list(gradients.values())


FUNCTIONS = {
    "vmap": lambda model: [vmap(model)(torch.stack([X, OTHER]))],
    "grad": lambda model: [grad(cube(model))(X)],
    "per-sample gradients": per_sample,
    "hessian": lambda model: [hessian(cube(model))(SMALL)],
    "jvp": lambda model: jvp(model, (X,), (OTHER,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@each_mode
def test_a_function_transform_gives_pytorchs(name, training):
    """In training without running statistics: PyTorch's cannot move them here either."""
    pairs = pair("BatchNorm2d", 3, training=training, track_running_stats=not training)
    assert_all_near(*(FUNCTIONS[name](model) for model in pairs), tol=1e-10)


@each_mode
def test_functionalize_moves_statistics_that_it_does_not_see(training):
    ours, theirs = pair("BatchNorm2d", 3, training=training)
    assert_all_near([functionalize(ours)(X)], [functionalize(theirs)(X)], tol=1e-10)
    assert_same_state(ours, theirs)


@each_mode
def test_an_ensemble_moves_the_statistics_of_each_model(training):
    results = []
    pairs = [pair("BatchNorm2d", 3, seed, training) for seed in (0, 1)]
    for models in zip(*pairs, strict=True):
        parameters, buffers = stack_module_state(models)

        def call(parameters, buffers, x, model=models[0]):
            return functional_call(model, (parameters, buffers), (x,))

        y = vmap(call, (0, 0, None))(parameters, buffers, X)
        results.append([y, *buffers.values()])
    assert_all_near(*results, tol=1e-10)
