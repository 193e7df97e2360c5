"""A layer and the batch normalization after it, with parameters like trained ones."""

import numpy as np

from bnlib.layers import BatchNorm, Conv2d, Linear


def sample(*shape, seed=0):
    """Return values with mean 3 and standard deviation 2."""
    return np.random.default_rng(seed).normal(3, 2, shape)


def trained(num_features, rng, **options):
    """Return a batch normalization in evaluation mode with parameters like a trained one's."""
    bn = BatchNorm(num_features, **options).eval()
    state = bn.state_dict()
    for name, array in state.items():
        low = 0.1 if name == "running_var" else -3
        array[...] = rng.uniform(low, 3, num_features) if array.ndim else 7
    bn.load_state_dict(state)
    return bn


def pair(kind="Linear", bias=True, seed=0, **options):
    """Return a layer, the batch normalization after it, and inputs."""
    rng = np.random.default_rng(seed)
    if kind == "Linear":
        layer, x = Linear(5, 4, bias=bias, seed=rng), rng.normal(3, 2, (6, 5))
    else:
        layer = Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(2, 1), bias=bias, seed=rng)
        x = rng.normal(3, 2, (3, 2, 5, 4))
    if bias:
        layer.bias.value += rng.normal(size=4)
    return layer, trained(4, rng, **options), x
