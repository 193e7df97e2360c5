"""Tracers, exporters, compilers and function transforms: each as with PyTorch's layer."""

import io
import shutil
import warnings

import pytest
import torch
from functorch.compile import aot_module, make_boxed_func
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim, export
from torch.func import (
    functional_call,
    functionalize,
    grad,
    hessian,
    jacrev,
    jvp,
    stack_module_state,
    vmap,
)
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch_pairs import assert_near, assert_same_state, pair, tensor

from bnlib.torch_layers import BatchNorm1d, BatchNorm2d

X, OTHER = tensor(4, 3, 6, 5), tensor(4, 3, 6, 5, seed=1)
each_mode = pytest.mark.parametrize("training", [True, False])
deprecated = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def state(model):
    """Return parameters, and buffers that a transform may change."""
    return dict(model.named_parameters()), {k: v.clone() for k, v in model.named_buffers()}


def exported(model, strict=False):
    """Trace with every size free; run with others, also some that are 1."""
    sizes = {0: Dim("batch"), 2: Dim("height"), 3: Dim("width")}
    program = export(model, (X,), dynamic_shapes=(sizes,), strict=strict).module()
    long = torch.cat([OTHER] * 15)
    return [program(x) for x in (long[:7], long, long[:1, :, :1], long[:5, :, 2:, :1])]


def by_make_fx(model):
    return make_fx(model)(X)(OTHER)


def functionalized(model):
    """With the statistics as arguments, as PyTorch's documents advise."""
    parameters, buffers = state(model)

    def run(buffers, x):
        return functional_call(model, (parameters, buffers), (x,)), buffers["running_var"]

    return functionalize(run)(buffers, X)


def functionalized_whole(model):
    """With statistics that the transform does not see."""
    return functionalize(model)(X), make_fx(functionalize(model))(X)(OTHER)


def ahead_of_time(model):
    """Return y and all gradients by the graphs of AOTAutograd."""
    call = aot_module(model, lambda graph, _: make_boxed_func(graph))
    x = X.clone().requires_grad_()
    y = call(x)
    return y, *torch.autograd.grad(y.pow(3).sum(), [x, *model.parameters()])


def compiled(model):
    torch._dynamo.reset()
    call = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    x = X.clone().requires_grad_()
    first = call(x)
    return first, *torch.autograd.grad(first.pow(3).sum(), x), call(torch.cat([OTHER, X]))


def ensemble(model):
    """Run two models of one kind, with parameters stacked, and their statistics."""
    others = [model, pair_like(model)]
    parameters, buffers = stack_module_state(others)

    def run(parameters, buffers, x):
        return functional_call(model, (parameters, buffers), (x,))

    y = vmap(run, (0, 0, None))(parameters, buffers, X)
    return y, buffers["running_mean"], buffers["running_var"]


def pair_like(model):
    """Return the module with other weights and statistics."""
    other = type(model)(3, dtype=torch.float64).train(model.training)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.weight.mul_(-2)
        other.running_mean.add_(1)
    return other


def traced(model):
    """Trace, save and load; run with another size. In training both compare sizes, and warn."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        if model.training:
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.jit.save(torch.jit.trace(model, X, check_trace=False), file)
    return torch.jit.load(io.BytesIO(file.getvalue()))(torch.cat([OTHER, X]))


WITH_STATE = {
    "export": exported,
    "export, strict": lambda model: exported(model, strict=True),
    "make_fx": by_make_fx,
    "functionalize": functionalized,
    "functionalize, captured": functionalized_whole,
    "aot_module": ahead_of_time,
    "compile": compiled,
    "ensemble": ensemble,
    "jit.trace": traced,
}


def outputs(result):
    return [result] if isinstance(result, torch.Tensor) else list(result)


@deprecated
@pytest.mark.parametrize("name", WITH_STATE)
@each_mode
def test_a_transform_of_the_module_gives_pytorchs(name, training):
    ours, theirs = pair("BatchNorm2d", 3, training=training)
    found = [outputs(WITH_STATE[name](model)) for model in (ours, theirs)]
    for got, want in zip(*found, strict=True):
        assert_near(got, want, tol=1e-10)
    if "export" not in name:  # a program that holds a copy
        assert_same_state(ours, theirs)


@deprecated
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("way", [compiled, traced, by_make_fx])
def test_momentum_none_goes_on_counting(way):
    """PyTorch's own traces hold the weight of the first batch, or refuse."""
    ours, theirs = pair("BatchNorm2d", 3, momentum=None)
    if way is traced:
        program = torch.jit.trace(ours, X, check_trace=False)
        theirs.load_state_dict(program.state_dict())
        for x in (OTHER, X):
            program(x), theirs(x)
        ours.load_state_dict(program.state_dict())
    else:
        way(ours)
        theirs(X), theirs(torch.cat([OTHER, X]) if way is compiled else OTHER)
    assert_same_state(ours, theirs)


def cube(model):
    return lambda x: model(x).pow(3).sum()


def per_sample(model):
    parameters = dict(model.named_parameters())

    def loss(parameters, x):
        return functional_call(model, parameters, (x[None],)).pow(3).sum()

    return list(vmap(grad(loss), (None, 0))(parameters, X).values())


SMALL = X[:2, :, :2, :2]
FUNCTIONS = {
    "vmap": lambda model: vmap(model)(torch.stack([X, OTHER])),
    "vmap, inner axis": lambda model: vmap(model, 3, 3)(torch.stack([X, OTHER], 3)),
    "vmap, channels last": lambda model: vmap(model)(
        torch.stack([X, OTHER]).permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    ),
    "grad": lambda model: grad(cube(model))(X),
    "grad of grad": lambda model: grad(lambda x: grad(cube(model))(x).pow(2).sum())(SMALL),
    "per-sample gradients": per_sample,
    "jacrev": lambda model: jacrev(model)(SMALL),
    "hessian": lambda model: hessian(cube(model))(SMALL),
    "jvp": lambda model: jvp(model, (X,), (OTHER,)),
    "vectorized jacobian": lambda model: torch.autograd.functional.jacobian(
        model, SMALL, vectorize=True
    ),
}


@deprecated
@pytest.mark.parametrize("name", FUNCTIONS)
@each_mode
def test_a_function_transform_gives_pytorchs(name, training):
    """In training without running statistics: PyTorch's cannot move them here either."""
    ours, theirs = pair("BatchNorm2d", 3, training=training, track_running_stats=not training)
    found = [outputs(FUNCTIONS[name](model)) for model in (ours, theirs)]
    for got, want in zip(*found, strict=True):
        assert_near(got, want, tol=1e-10)


@pytest.mark.parametrize("transform", [vmap, grad, jacrev])
def test_statistics_that_a_transform_cannot_move_stay(transform):
    """PyTorch's layer raises, too."""
    ours, theirs = pair("BatchNorm2d", 3)
    before = {k: v.clone() for k, v in ours.state_dict().items()}
    for model in (ours, theirs):
        with pytest.raises(RuntimeError):
            transform(cube(model))(X[None] if transform is vmap else X)
    assert all(torch.equal(v, before[k]) for k, v in ours.state_dict().items())


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


class Own(torch.Tensor):
    """A tensor of a type of its own."""


SPECIAL = {
    "conjugate": lambda x: torch.complex(x, x).conj().imag,
    "zero": lambda x: torch._efficientzerotensor(x.shape, dtype=x.dtype),
    "mkldnn": lambda x: x.float().to_mkldnn(),
    "subclass": lambda x: x.as_subclass(Own),
    "expanded": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("name", SPECIAL)
@each_mode
def test_special_tensors(name, training):
    dtype = torch.float32 if name == "mkldnn" else torch.float64
    ours, theirs = pair("BatchNorm2d", 3, training=training, dtype=dtype)
    got, want = (model(SPECIAL[name](X)) for model in (ours, theirs))
    assert type(got) is type(want)
    assert got.layout == want.layout
    got, want = (y.to_dense() if y.is_mkldnn else y for y in (got, want))
    assert_near(got, want, tol=1e-5 if name == "mkldnn" else 1e-12)
    assert_same_state(ours, theirs, tol=1e-6 if name == "mkldnn" else 1e-12)


def test_gradients_with_the_negative_bit():
    found = []
    for model in pair("BatchNorm2d", 3):
        x = X.clone().requires_grad_()
        z = torch.complex(model(x), model(2 * x))
        (z.conj() * (1 + 2j)).abs().sum().backward()
        found.append(x.grad)
    assert_near(*found, tol=1e-12)


WAYS = {
    "eager": lambda model, x: model(x),
    "export": lambda model, x: export(model, (x,)).module()(x),
    "jit.trace": lambda model, x: torch.jit.trace(model, x, check_trace=False)(x),
    "aot_eager": lambda model, x: torch.compile(model, backend="aot_eager")(x),
    "inductor": lambda model, x: torch.compile(model)(x),
}


@deprecated
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("way", WAYS)
def test_squares_that_overflow_give_the_same_everywhere(way):
    """The variance is infinite where float32 cannot hold it; then the result is the bias."""
    if way == "inductor" and not shutil.which("g++"):
        pytest.skip("inductor needs a compiler")
    torch._dynamo.reset()
    scale = torch.tensor([1, 1e16, 1e18, 1e22, 1e30, 1e37])
    dtypes = [torch.float32] if way == "inductor" else [torch.float32, torch.bfloat16]
    for dtype in dtypes:
        x = tensor(50, 6, dtype=dtype) * scale.to(dtype)
        model = BatchNorm1d(6, momentum=1.0)
        with torch.no_grad():
            model.bias.fill_(0.5)
            y = WAYS[way](model, x)
        wide = x.double()
        exact = (wide - wide.mean(0)) / (wide.var(0, correction=0) + 1e-5).sqrt() + 0.5
        tol = 1e-6 if dtype == torch.float32 else 4e-3
        assert_near(y[:, :3].double(), exact[:, :3], tol)
        assert torch.equal(y[:, 3:], torch.full((50, 3), 0.5, dtype=dtype))
        if way not in ("export", "jit.trace"):  # these hold a copy
            assert model.running_var.isinf().tolist() == 3 * [False] + 3 * [True]
            assert_near(model.running_mean.double() / scale, wide.mean(0) / scale, tol=1e-6)


def test_gradients_of_large_float32_values():
    """PyTorch's sums overflow here; in float64 they do not."""
    x, dy = (tensor(200, 2, seed=s, dtype=torch.float32) for s in (0, 1))
    ours, exact = BatchNorm1d(2), nn.BatchNorm1d(2).double()
    scale = 1e18
    found = []
    for model, x_, dy_ in ((ours, scale * x, dy), (exact, scale * x.double(), dy.double())):
        x_.requires_grad_()
        found.append(torch.autograd.grad(model(x_), [x_, *model.parameters()], dy_))
    for unit, got, want in zip((scale, 1, 1), *found, strict=True):
        assert_near(unit * got.double(), unit * want, tol=1e-5)


@deprecated
def test_jit_script_is_refused():
    with pytest.raises(NotImplementedError, match="script is not supported; use"):
        torch.jit.script(nn.Sequential(BatchNorm2d(3)))
