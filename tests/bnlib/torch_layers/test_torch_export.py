"""Tracers, exporters and compilers: each as with PyTorch's layer, with any size free."""

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim, export
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch_pairs import assert_all_near, assert_same_state, each_mode, pair, tensor

from bnlib.torch_layers import BatchNorm2d

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(torch.jit|legacy TorchScript|feature will be removed):DeprecationWarning",
    "ignore:.*LeafSpec:FutureWarning",
)
X, OTHER = tensor(4, 3, 6, 5), tensor(4, 3, 6, 5, seed=1)
FREE = {0: "batch", 2: "height", 3: "width"}  # axes of any size
SIZES = {axis: Dim(name) for axis, name in FREE.items()}


def exported(model):
    """Run the program with other sizes, also some that are 1."""
    program = export(model, (X,), dynamic_shapes=(SIZES,)).module()
    long = torch.cat([OTHER] * 15)
    return [program(x) for x in (long[:7], long, long[:1, :, :1], long[:5, :, 2:, :1])]


def compiled(model):
    """Return two outputs, and the gradients of the first."""
    torch._dynamo.reset()
    call = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    x = X.clone().requires_grad_()
    first = call(x)
    return [first, *torch.autograd.grad(first.pow(3).sum(), x), call(torch.cat([OTHER, X]))]


def traced(model):
    """Trace, save and load; run with another size. In training both compare sizes, and warn."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        if model.training:
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.jit.save(torch.jit.trace(model, X, check_trace=False), file)
    return [torch.jit.load(io.BytesIO(file.getvalue()))(torch.cat([OTHER, X]))]


PROGRAMS = {
    "export": exported,
    "compile": compiled,
    "jit.trace": traced,
    "make_fx": lambda model: [make_fx(model)(X)(OTHER)],
    "functionalize": lambda model: [make_fx(functionalize(model))(X)(OTHER)],
}


@pytest.mark.parametrize("name", PROGRAMS)
@each_mode
def test_a_program_made_of_the_module_gives_pytorchs(name, training):
    ours, theirs = pair("BatchNorm2d", 3, training=training)
    assert_all_near(*(PROGRAMS[name](model) for model in (ours, theirs)), tol=1e-10)
    if name != "export":  # its program holds a copy
        assert_same_state(ours, theirs)


@pytest.mark.parametrize("way", [compiled, PROGRAMS["make_fx"]])
def test_momentum_none_goes_on_counting(way):
    """PyTorch's own programs hold the weight of the first batch, or refuse."""
    ours, theirs = pair("BatchNorm2d", 3, momentum=None)
    way(ours)
    theirs(X), theirs(torch.cat([OTHER, X]) if way is compiled else OTHER)
    assert_same_state(ours, theirs)


@each_mode
@pytest.mark.parametrize("momentum", [0.1, None])
def test_fake_tensors_of_any_size(training, momentum):
    mode = FakeTensorMode(shape_env=ShapeEnv())
    x = mode.from_tensor(X).requires_grad_()
    with mode:
        model = BatchNorm2d(3, momentum=momentum, dtype=X.dtype).train(training)
        y = model(x)
        y.sum().backward()
    assert [type(size) for size in y.shape] == [torch.SymInt, int, torch.SymInt, torch.SymInt]
    assert model.weight.grad.shape == (3,)


def test_symbolic_tracing_takes_the_layer_as_one_node():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), BatchNorm2d(4), nn.ReLU()).double().eval()
    graph = fx.symbolic_trace(net)
    assert [node.op for node in graph.graph.nodes][1:-1] == ["call_module"] * 3
    assert torch.equal(graph(X), net(X))
    with pytest.raises(TypeError, match="expected a Tensor, got Proxy"):
        fx.symbolic_trace(net[1])  # PyTorch's cannot be traced alone either


def test_jit_script_is_refused():
    with pytest.raises(NotImplementedError, match="script is not supported; use"):
        torch.jit.script(nn.Sequential(BatchNorm2d(3)))


def legacy(model, x):
    """Return the bytes of TorchScript's ONNX exporter."""
    file = io.BytesIO()
    options = {"input_names": ["x"], "dynamic_axes": {"x": FREE}, "dynamo": False}
    torch.onnx.export(model, (x,), file, **options)
    return file.getvalue()


def dynamo(model, x):
    """Return the bytes of the ONNX exporter over `torch.export`."""
    options = {"input_names": ["x"], "dynamic_shapes": (SIZES,), "verbose": False}
    return torch.onnx.export(model, (x,), **options).model_proto.SerializeToString()


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of the question for one value
@pytest.mark.parametrize("convert", [legacy, dynamo])
def test_an_onnx_file_gives_the_modules_output(convert):
    """With and without parameters and statistics, also where squares overflow float32."""
    torch.manual_seed(0)
    first = pair("BatchNorm2d", 3, dtype=torch.float32)[0]
    first.running_var.mul_(torch.tensor([1.0, 1e36, torch.inf]))
    last = BatchNorm2d(4, affine=False)
    last.running_mean.fill_(0.5)
    last.running_var.fill_(2)
    by_batch = BatchNorm2d(4, track_running_stats=False)
    model = nn.Sequential(first, nn.Conv2d(3, 4, 2), last, nn.ReLU(), by_batch).eval()
    scale = torch.tensor([1, 1e18, 1e30]).view(3, 1, 1)
    sizes = [(2, 3, 5, 6), (1, 3, 5, 6), (7, 3, 2, 9), (49, 3, 6, 3)]
    inputs = [scale * tensor(*size, dtype=torch.float32) for size in sizes]
    file = convert(model, inputs[0])
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for x in inputs:
        (got,) = session.run(None, {"x": x.numpy()})
        want = model(x).detach().numpy()
        assert want.std() > 0.1
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
