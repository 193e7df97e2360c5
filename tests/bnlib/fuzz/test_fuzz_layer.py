"""The layer beside PyTorch's, over random sequences of calls, some of which are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_same_passes, assert_same_state, torch_twin, untouched

from bnlib.layers import BatchNorm

SHAPES = st.sampled_from([(5, 2), (3, 2, 4), (2, 2, 3, 2), (5, 3), (0, 2), (1, 2), (2,)])


@given(
    momentum=st.none() | st.floats(0, 1),
    affine=st.booleans(),
    track=st.booleans(),
    calls=st.lists(st.tuples(SHAPES, st.booleans(), st.booleans()), min_size=2, max_size=6),
)
def test_a_layer_follows_pytorchs_and_a_refused_call_changes_nothing(
    momentum, affine, track, calls
):
    layer = BatchNorm(2, momentum=momentum, affine=affine, track_running_stats=track)
    for i, parameter in enumerate(layer.parameters()):
        parameter.value[:] = [2.0 - i, -0.5]
    module = torch_twin(layer)
    for seed, (shape, training, finite) in enumerate(calls):
        x = np.random.default_rng(seed).normal(seed, 1 + seed, shape)
        by_batch = training or not track
        few = shape == (1, 2) and by_batch
        if not finite and by_batch:
            x.flat[-1:] = np.nan
        module.train(training)
        layer.train(training)
        if shape in ((5, 3), (0, 2), (2,)) or few or (not finite and by_batch):
            with untouched(layer), pytest.raises(ValueError, match="BatchNorm: "):
                layer(x)
        else:
            assert_same_passes(layer, module, x, seed=seed)
        assert_same_state(layer, module)
