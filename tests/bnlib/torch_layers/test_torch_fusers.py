"""The fusers and quantizers of `torch.ao`, `torch.fx` and `torch.nn.utils`: right, or refused.

They ask for the exact types of `torch.nn`. What they do not know, they must leave alone.
"""

import copy
import importlib

import pytest
import torch
from torch import nn
from torch.ao.quantization import (
    QConfigMapping,
    default_qat_qconfig,
    default_qconfig,
    fuse_modules,
    fuse_modules_qat,
)
from torch.ao.quantization.fuser_method_mappings import (
    fuse_conv_bn,
    fuse_conv_bn_relu,
    fuse_linear_bn,
)
from torch.ao.quantization.quantize_fx import convert_fx, fuse_fx, prepare_fx, prepare_qat_fx
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch_pairs import assert_near, pair, tensor

from bnlib.torch_layers import BatchNorm1d, BatchNorm2d

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(torch.ao|torch.jit):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*(for observers|quantized tensor):UserWarning"),
]
X = tensor(4, 3, 6, 5, dtype=torch.float32)
GROUPS = [["0", "1", "2"], ["3", "4"], ["6", "7"]]
OURS = {
    (nn.Conv2d, BatchNorm2d): fuse_conv_bn,
    (nn.Conv2d, BatchNorm2d, nn.ReLU): fuse_conv_bn_relu,
    (nn.Linear, BatchNorm1d): fuse_linear_bn,
}
KNOWN = {"additional_fuser_method_mapping": OURS}


def network(training=False):
    """Return each pair that can be fused, with our layers."""
    torch.manual_seed(0)
    kinds = ("BatchNorm2d", "BatchNorm2d", "BatchNorm1d")
    norms = [pair(kind, 4, seed, dtype=torch.float32)[0] for seed, kind in enumerate(kinds)]
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), norms[0], nn.ReLU()),
        *(nn.Conv2d(4, 4, 2), norms[1], nn.Flatten()),
        *(nn.Linear(24, 4), norms[2]),
    )
    return model.train(training)


def layers_of(model):
    return [n for n in model.modules() if isinstance(n, BatchNorm1d | BatchNorm2d)]


def quantized(prepare, config, training):
    """Prepare for int8, show one batch, and convert."""

    def by(model):
        ready = prepare(model.train(training), QConfigMapping().set_global(config), (X,))
        ready(X)
        return convert_fx(ready.eval())

    return by


def optimized(name):
    """Call a function of a module that warns when it is imported."""
    module = "torch.fx.experimental.optimization"
    return lambda model: getattr(importlib.import_module(module), name)(model)


FUSERS = {  # and how many of our layers stay, and the largest error
    "fuse_modules": (lambda m: fuse_modules(m, GROUPS, fuse_custom_config_dict=KNOWN), 0, 1e-6),
    "fuse_fx": (fuse_fx, 3, 0),
    "optimization.fuse": (optimized("fuse"), 3, 0),
    "optimize_for_inference": (optimized("optimize_for_inference"), 3, 1e-6),
    "int8": (quantized(prepare_fx, default_qconfig, False), 3, 0.05),
}


@pytest.mark.parametrize("name", FUSERS)
def test_a_fused_network_computes_the_same(name):
    fuse, left, tol = FUSERS[name]
    model = network()
    fused = fuse(copy.deepcopy(model))
    assert len(layers_of(fused)) == left
    assert_near(fused(X), model(X), tol)


def test_quantization_aware_training_keeps_the_layer():
    model = network()
    by = quantized(prepare_qat_fx, default_qat_qconfig, True)
    fused = by(copy.deepcopy(model))
    model.train()(X)
    assert len(layers_of(fused)) == 3
    assert_near(fused(X), model.eval()(X), tol=0.05)


@pytest.mark.parametrize(
    ("fuse", "known", "message"),
    [
        (fuse_modules, None, "did not find fuser method for.*BatchNorm2d"),
        (fuse_modules_qat, None, "did not find fuser method for.*BatchNorm2d"),
        (fuse_modules_qat, KNOWN, "Incorrect types for input modules: Conv2d, BatchNorm2d"),
    ],
)
def test_a_fuser_that_knows_no_such_type_says_so(fuse, known, message):
    model = network(training=fuse is fuse_modules_qat)
    with pytest.raises(AssertionError, match=message):
        fuse(model, GROUPS, fuse_custom_config_dict=known)


def test_torch_utils_fuse_convolution_and_linear():
    model = network()
    middle = model[:3](X)
    assert_near(fuse_conv_bn_eval(model[0], model[1])(X), model[:2](X), tol=1e-6)
    assert_near(fuse_conv_bn_eval(model[3], model[4])(middle), model[3:5](middle), tol=1e-6)
    flat = model[:6](X)
    assert_near(fuse_linear_bn_eval(model[6], model[7])(flat), model[6:](flat), tol=1e-6)
