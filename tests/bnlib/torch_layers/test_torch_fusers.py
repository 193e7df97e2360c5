"""The fusers and quantizers of `torch.ao`, `torch.fx` and `torch.nn.utils`: right, or refused.

They ask for the exact types of `torch.nn`. What they do not know, they must leave alone.
"""

import copy

import pytest
import torch
from torch import nn
from torch.ao.quantization import (
    QConfigMapping,
    default_qconfig,
    fuse_modules,
    fuse_modules_qat,
)
from torch.ao.quantization.fuser_method_mappings import fuse_conv_bn, fuse_linear_bn
from torch.ao.quantization.quantize_fx import convert_fx, fuse_fx, prepare_fx
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch_pairs import assert_near, pair, tensor

from bnlib.torch_layers import BatchNorm1d, BatchNorm2d

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(torch.ao|torch.jit):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*(for observers|quantized tensor):UserWarning"),
]
X = tensor(4, 3, 6, 5, dtype=torch.float32)
GROUPS = [["0", "1"], ["3", "4"]]
OURS = {(nn.Conv2d, BatchNorm2d): fuse_conv_bn, (nn.Linear, BatchNorm1d): fuse_linear_bn}
KNOWN = {"additional_fuser_method_mapping": OURS}


def network(training=False):
    """Return the two pairs that can be fused, with our layers."""
    torch.manual_seed(0)
    norms = [pair(f"BatchNorm{n}d", 4, dtype=torch.float32)[0] for n in (2, 1)]
    layers = nn.Conv2d(3, 4, 3), norms[0], nn.Flatten(), nn.Linear(48, 4), norms[1]
    return nn.Sequential(*layers).train(training)


def quantized(model):
    """Prepare for int8, show one batch, and convert."""
    ready = prepare_fx(model, QConfigMapping().set_global(default_qconfig), (X,))
    ready(X)
    return convert_fx(ready)


FUSERS = {  # and how many of our layers stay, and the largest error
    "fuse_modules": (lambda m: fuse_modules(m, GROUPS, fuse_custom_config_dict=KNOWN), 0, 1e-6),
    "fuse_fx": (fuse_fx, 2, 0),
    "int8": (quantized, 2, 0.05),
}


@pytest.mark.parametrize("name", FUSERS)
def test_a_fused_network_computes_the_same(name):
    fuse, left, tol = FUSERS[name]
    model = network()
    fused = fuse(copy.deepcopy(model))
    stay = [m for m in fused.modules() if isinstance(m, BatchNorm1d | BatchNorm2d)]
    assert len(stay) == left
    assert_near(fused(X), model(X), tol)


@pytest.mark.parametrize(
    ("fuse", "known", "message"),
    [
        (fuse_modules, None, "did not find fuser method for.*BatchNorm2d"),
        (fuse_modules_qat, KNOWN, "Incorrect types for input modules: Conv2d and BatchNorm2d"),
    ],
)
def test_a_fuser_that_knows_no_such_type_says_so(fuse, known, message):
    model = network(training=fuse is fuse_modules_qat)
    with pytest.raises(AssertionError, match=message):
        fuse(model, GROUPS, fuse_custom_config_dict=known)


def test_torch_utils_fuse_convolution_and_linear():
    model = network()
    assert_near(fuse_conv_bn_eval(*model[:2])(X), model[:2](X), tol=1e-6)
    flat = model[:3](X)
    assert_near(fuse_linear_bn_eval(*model[3:])(flat), model[3:](flat), tol=1e-6)
