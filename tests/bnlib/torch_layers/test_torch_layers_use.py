"""The modules in use: copies, dtypes, PyTorch's own utilities, and training of a network."""

import copy
import io
import itertools
import pickle

import pytest
import torch
from torch import fx, nn
from torch.nn.utils.parametrize import register_parametrization
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.checkpoint import checkpoint
from torch_pairs import OPTIONS, assert_near, assert_same_state, assert_same_step, pair, tensor

from bnlib import torch_layers
from bnlib.torch_layers import BatchNorm2d

each_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


def copies():
    """Return the ways in which a module can be copied, by name."""

    def through_file(module):
        file = io.BytesIO()
        torch.save(module, file)
        return torch.load(io.BytesIO(file.getvalue()), weights_only=False)

    return {
        "deepcopy": copy.deepcopy,
        "pickle": lambda module: pickle.loads(pickle.dumps(module)),
        "torch.save": through_file,
    }


@pytest.mark.parametrize("way", copies())
@each_option
def test_copies_are_equal_and_apart(way, options):
    ours, theirs = pair("BatchNorm2d", **options)
    x, dy = tensor(5, 4, 3, 2), tensor(5, 4, 3, 2, seed=1)
    ours(x)
    theirs(x)
    made = copies()[way](ours)
    assert type(made) is BatchNorm2d
    before = copy.deepcopy(ours.state_dict())
    assert_same_step(made, theirs, x, dy)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_state_saved_by_torch_loads_without_our_code():
    """The file of a state dict holds tensors alone, so `weights_only` reads it."""
    ours, theirs = pair("BatchNorm1d", seed=1)
    ours(tensor(6, 4))
    file = io.BytesIO()
    torch.save(ours.state_dict(), file)
    theirs.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert_same_state(ours, theirs, tol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_conversion_of_the_dtype(dtype):
    """As in PyTorch the count of batches stays an integer."""
    results = []
    for module in pair("BatchNorm1d", dtype=torch.float32):
        module(tensor(6, 4, dtype=torch.float32))
        module = module.to(dtype)
        assert {p.dtype for p in module.parameters()} == {dtype}
        assert module.num_batches_tracked.dtype == torch.int64
        results.append(module)
    x = tensor(6, 4, dtype=dtype)
    tol = max(1e-6, 2 * torch.finfo(dtype).eps)
    assert_same_step(*results, x, x, forward=tol, backward=8 * tol)


def test_double_and_reset():
    ours, theirs = pair("BatchNorm1d", dtype=torch.float32)
    for module in (ours.double(), theirs.double()):
        module(tensor(6, 4))
        module.reset_running_stats()
    assert_same_state(ours, theirs, tol=0)
    assert ours.running_var.dtype == torch.float64
    for module in (ours, theirs):
        module(tensor(6, 4))
        module.reset_parameters()
    assert_same_state(ours, theirs, tol=0)
    assert torch.equal(ours.weight, torch.ones(4).double())


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"])
def test_our_layers_are_pytorchs(name):
    """FIELD: freezing by type did nothing, without a word."""
    ours = pair(name)[0]
    assert isinstance(ours, getattr(nn, name))
    assert type(ours).__name__ == name
    others = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d"} - {name}
    assert not any(isinstance(ours, getattr(nn, other)) for other in others)


def test_pytorchs_utilities_know_the_module():
    ours, theirs = (nn.Sequential(m) for m in pair("BatchNorm1d"))
    batches = [tensor(6, 4, seed=s) for s in range(3)]
    for model in (ours, theirs):
        update_bn(batches, model)
    assert_same_state(ours, theirs)
    averaged = AveragedModel(ours, use_buffers=True)
    averaged.update_parameters(ours)
    assert_same_state(averaged.module, ours)
    replica = ours[0]._replicate_for_data_parallel()  # its parameters are plain tensors
    for key, value in ours[0].named_parameters():
        setattr(replica, key, value.clone())
    assert torch.equal(replica(batches[0]), ours[0](batches[0]))
    synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(ours)[0].eval()
    assert isinstance(synchronized, nn.SyncBatchNorm)
    assert_near(synchronized(batches[0]), ours.eval()(batches[0]), tol=1e-12)


def block():
    """Return a convolution, our layer with some state, and ReLU; with an input."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), pair("BatchNorm2d")[0], nn.ReLU()).double().eval()
    return net, tensor(2, 3, 6, 6)


def test_symbolic_tracing_takes_the_layer_as_one_node():
    net, x = block()
    graph = fx.symbolic_trace(net)
    assert [node.op for node in graph.graph.nodes][1:-1] == ["call_module"] * 3
    assert torch.equal(graph(x), net(x))
    assert graph.get_submodule("1") is net[1]
    with pytest.raises(TypeError, match="expected a Tensor, got Proxy"):
        fx.symbolic_trace(net[1])  # PyTorch's cannot be traced alone either


class Positive(nn.Module):
    """A parametrization."""

    def forward(self, weight):
        """Return a weight of at least 1."""
        return weight.abs() + 1


def parametrized(model, x):
    register_parametrization(model, "weight", Positive())
    return model(x)


def freed(model, x):
    """Free the weight's memory between forward and backward, as sharding does."""
    y = model(x)
    saved, storage = model.weight.detach().clone(), model.weight.untyped_storage()
    size = storage.size()
    storage.resize_(0)
    storage.resize_(size)
    model.weight.data.copy_(saved)
    return y


def output_freed(model, x):
    y = model(x)
    z = y * 2
    y.untyped_storage().resize_(0)
    return z


def saved_elsewhere(model, x):
    with torch.autograd.graph.save_on_cpu():
        return model(x)


NEIGHBOURS = {
    "checkpoint": lambda model, x: checkpoint(model, x, use_reentrant=False),
    "checkpoint, reentrant": lambda model, x: checkpoint(model, x, use_reentrant=True),
    "parametrization": parametrized,
    "weight freed": freed,
    "output freed": output_freed,
    "saved elsewhere": saved_elsewhere,
    "functional_call": lambda model, x: torch.func.functional_call(
        model, {"weight": model.weight.exp()}, kwargs={"input": x}
    ),
    "inference mode": lambda model, x: torch.inference_mode()(model)(x.detach()) + x,
    "output changed in place": lambda model, x: model(x).relu_(),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("training", [True, False])
def test_what_is_done_around_a_module_gives_pytorchs(name, training):
    found = []
    for model in pair("BatchNorm2d", 4, training=training):
        x = tensor(5, 4, 3, 2).requires_grad_()
        y = NEIGHBOURS[name](nn.Sequential(model) if "checkpoint" in name else model, x)
        y.pow(3).sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        state = dict(model.state_dict())
        if name.startswith("checkpoint") and training:
            del state["num_batches_tracked"], state["running_mean"], state["running_var"]
        found.append([x.grad, *gradients, *state.values()])
    for got, want in zip(*found, strict=True):
        assert_near(got, want, tol=1e-11)


def convolutional(module):
    """Return a small network with the batch normalizations of ``module``."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), module.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), module.BatchNorm2d(8, momentum=None), nn.ReLU(), nn.Flatten(),
        nn.Linear(8 * 9, 10), module.BatchNorm1d(10, affine=False), nn.Linear(10, 3),
    ).double()  # fmt: skip


def test_a_network_trains_step_by_step_as_pytorchs():
    """Losses of 30 steps of SGD with momentum and weight decay, and the state at the end."""
    ours, theirs = (convolutional(module) for module in (torch_layers, nn))
    theirs.load_state_dict(ours.state_dict())
    losses = []
    for model in (ours, theirs):
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-3)
        found = []
        for step in range(30):
            x = tensor(8, 1, 12, 12, seed=step)
            labels = (x[:, 0, 0, :3].sum(1) - 9).sign().long() + 1
            loss = nn.functional.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(found)
    assert min(losses[0][-5:]) < 0.8 * losses[0][0]
    for ours_loss, theirs_loss in zip(*losses, strict=True):
        assert abs(ours_loss - theirs_loss) < 1e-10
    assert_same_state(ours, theirs, tol=1e-9)
    x = tensor(8, 1, 12, 12, seed=99)
    assert_near(ours.eval()(x), theirs.eval()(x), tol=1e-9)
    assert all(a is not b for a, b in itertools.pairwise(ours.parameters()))
