"""What mutants of `bnlib.deploy` showed to be untested: another axis and whole messages."""

import numpy as np
import pytest

from bnlib.deploy import fold, recalibrate
from bnlib.layers import BatchNorm, Linear


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_fold_names_itself_and_the_parameter(name):
    bn = BatchNorm(2).eval()
    getattr(bn, name).value = np.ones(3)
    with pytest.raises(ValueError, match=rf"^fold: {name} must have one value per channel"):
        fold(Linear(3, 2), bn)


def test_recalibration_counts_values_along_the_layers_axis():
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    layer = BatchNorm(2, channel_axis=-1)
    recalibrate(layer, [x[:1], x[1:]])
    np.testing.assert_allclose(layer.running_var, x.var(axis=(0, 1), ddof=1), rtol=1e-12)


def test_a_model_without_statistics_gets_advice():
    message = r"Linear has no BatchNorm with running statistics; build it with "
    with pytest.raises(ValueError, match=message + r"track_running_stats=True$"):
        recalibrate(Linear(2, 2), [])
