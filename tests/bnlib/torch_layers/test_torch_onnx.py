"""Both ONNX exporters: the files give in onnxruntime what the modules give in PyTorch."""

import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim
from torch_pairs import pair, tensor

from bnlib.torch_layers import BatchNorm2d

FREE = {0: "n", 2: "h", 3: "w"}  # axes of any size


def legacy(model, x, free):
    """Return the bytes of TorchScript's exporter; ``free`` names axes of any size."""
    file = io.BytesIO()
    axes = {"x": free} if free else None
    torch.onnx.export(model, (x,), file, input_names=["x"], dynamic_axes=axes, dynamo=False)
    return file.getvalue()


def dynamo(model, x, free):
    """Return the bytes of the exporter over `torch.export`."""
    shapes = ({axis: Dim(name) for axis, name in free.items()},) if free else None
    program = torch.onnx.export(
        model, (x,), input_names=["x"], dynamic_shapes=shapes, dynamo=True, verbose=False
    )
    return program.model_proto.SerializeToString()


def network():
    """Return layers with and without parameters and statistics; the input overflows."""
    first = pair("BatchNorm2d", 3, dtype=torch.float32)[0]
    last = BatchNorm2d(4, affine=False)
    with torch.no_grad():
        first.running_var.mul_(torch.tensor([1.0, 1e36, torch.inf]))
        last.running_mean.fill_(0.5)
        last.running_var.fill_(2)
    by_batch = BatchNorm2d(4, track_running_stats=False)
    return nn.Sequential(first, nn.Conv2d(3, 4, 2), last, nn.ReLU(), by_batch).eval()


def sample(n, h, w):
    """Return inputs whose squares overflow float32 in two channels."""
    return tensor(n, 3, h, w, dtype=torch.float32) * torch.tensor([1, 1e18, 1e30]).view(3, 1, 1)


@pytest.mark.filterwarnings(
    "ignore:.*(legacy TorchScript|feature will be removed):DeprecationWarning"
)
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of the question for one value
@pytest.mark.parametrize(
    ("export", "free"),
    [(legacy, {}), (legacy, FREE), (dynamo, FREE)],
    ids=["legacy-static", "legacy-dynamic", "dynamo-dynamic"],
)
def test_an_exported_network_gives_the_modules_output(export, free):
    torch.manual_seed(0)
    model = network()
    data = export(model, sample(2, 5, 6), free)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    sizes = [(1, 5, 6), (7, 2, 9), (49, 6, 3)] if free else []
    for size in [(2, 5, 6), *sizes]:
        x = sample(*size)
        (got,) = session.run(None, {"x": x.numpy()})
        want = model(x).detach().numpy()
        assert want.std() > 0.1
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
