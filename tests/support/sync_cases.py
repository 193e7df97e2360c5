"""Steps of `SyncBatchNorm` that several processes make, and one process with all the data."""

import copy
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from bnlib.torch_layers import SyncBatchNorm, convert_sync_batchnorm, recalibrate

C = 4


@dataclass(frozen=True)
class Case:
    """A batch of ``sum(cuts)`` samples cut into the parts of the processes.

    ``groups`` are ranks that share a batch; ``()`` means all. ``calls`` forward passes come
    before the one backward pass.
    """

    cuts: tuple[int, ...]
    space: tuple[int, ...] = ()
    options: dict = field(default_factory=dict)
    dtype: torch.dtype = torch.float64
    held: torch.dtype = torch.float64  # the dtype of the parameters
    mean: float = 3.0
    groups: tuple[tuple[int, ...], ...] = ()
    calls: int = 1
    needs_dx: bool = True

    def data(self):
        """Return x and dy of each call, the whole batch."""
        generator = torch.Generator().manual_seed(0)
        shape = (sum(self.cuts), C, *self.space)
        drawn = torch.randn((2 * self.calls, *shape), generator=generator, dtype=torch.float64)
        drift = torch.linspace(-2, 2, shape[0]).view(-1, *[1] * (len(shape) - 1))
        pairs = ((self.mean + drift + 2 * x, dy) for x, dy in drawn.split(2))
        return [(x.to(self.dtype), dy.to(self.dtype)) for x, dy in pairs]

    def parts(self, ranks):
        """Return x and dy of each call: the samples of some ranks."""
        cut = [[t.split(self.cuts) for t in call] for call in self.data()]
        return [[torch.cat([parts[r] for r in ranks]) for parts in call] for call in cut]

    def layer(self, kind=SyncBatchNorm, **options):
        """Return a layer in training with random parameters and statistics, always the same."""
        made = kind(C, **self.options, **options, dtype=torch.float64)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.normal_(generator=generator)
            if made.running_mean is not None:
                made.running_mean.normal_(generator=generator)
                made.running_var.uniform_(0.5, 2, generator=generator)
        return made.to(self.held)

    def members(self, rank):
        """Return the ranks that share a batch with one."""
        groups = self.groups or (tuple(range(len(self.cuts))),)
        return next((members for members in groups if rank in members), (rank,))


def step(layer, calls, needs_dx=True):
    """Return outputs, gradients and state of a layer after some forward and one backward."""
    xs = [x.clone().requires_grad_(needs_dx) for x, _ in calls]
    ys = [layer(x) for x in xs]
    torch.autograd.backward(ys, [dy for _, dy in calls])
    return {
        "y": [y.detach() for y in ys],
        "dx": [x.grad for x in xs],
        "gradients": [p.grad for p in layer.parameters()],
        "state": layer.state_dict(),
    }


EVEN, UNEVEN, EMPTY = (3, 3), (2, 7), (0, 5)
SINGLE = {"dtype": torch.float32, "held": torch.float32}
HALF = {"dtype": torch.float16, "held": torch.float32}
TWO = {
    "even": Case(EVEN),
    "uneven": Case(UNEVEN, (3,)),
    "empty first": Case(EMPTY, (2, 3)),
    "empty last": Case((5, 0)),
    "one value each": Case((1, 1)),
    "one and none": Case((2, 0), (1,)),
    "calls": Case(UNEVEN, (3, 2), calls=3),
    "momentum None": Case(UNEVEN, options={"momentum": None}, calls=2),
    "momentum and eps": Case(UNEVEN, options={"momentum": 0.7, "eps": 0.1}),
    "no affine": Case(UNEVEN, options={"affine": False}),
    "no statistics": Case(UNEVEN, options={"track_running_stats": False}),
    "no dx": Case(UNEVEN, needs_dx=False),
    "more axes": Case(UNEVEN, (2, 1, 2, 2)),
    "float32": Case(UNEVEN, (3, 2), **SINGLE),
    "mean 1e4": Case((40, 25), (4,), **SINGLE, mean=1e4),
    "float16": Case(UNEVEN, (3, 2), **HALF),
    "float16, mean 1e3": Case((40, 25), **HALF, mean=1e3),
    "bfloat16": Case(UNEVEN, (3, 2), dtype=torch.bfloat16, held=torch.float32),
}
FOUR = {
    "four": Case((3, 1, 4, 2), (3,)),
    "pairs": Case((3, 2, 4, 2), groups=((0, 1), (2, 3))),
    "crossed": Case((3, 2, 0, 2), (2,), groups=((0, 2), (3, 1)), calls=2),
    "two in a group, two alone": Case((3, 2, 4, 2), groups=((0, 3),)),
}  # fmt: skip


def all_cases(cases, rank):
    """Return what the steps of all cases give in one process of several."""
    results = {}
    for name, case in cases.items():
        groups = [dist.new_group(sorted(members)) for members in case.groups]
        own = [g for g, ranks in zip(groups, case.groups, strict=True) if rank in ranks]
        layer = case.layer(process_group=next(iter(own + groups), None))
        results[name] = step(layer, case.parts([rank]), case.needs_dx)
    return results


def network():
    """Return a small network in training, of PyTorch's own layers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, C), nn.BatchNorm1d(C), nn.Linear(C, 1)).double()


def points():
    """Return 12 points in the plane."""
    return torch.randn(12, 2, generator=torch.Generator().manual_seed(2)).double()


def penalty(layer, x, dy):
    """Return the derivatives of a penalty on the gradient, as in WGAN-GP."""
    x = x.clone().requires_grad_()
    (dx,) = torch.autograd.grad(layer(x).tanh(), x, dy, create_graph=True)
    (dx.square().sum() + layer(x).square().sum()).backward()
    return [x.grad, *(p.grad for p in layer.parameters())]


def refusal(call):
    """Return the error that a call raises."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def one_value(rank):
    """Return what one value in all processes together raises, and what it leaves."""
    layer = Case((1, 0)).layer()
    before = copy.deepcopy(layer.state_dict())
    error = refusal(lambda: layer(torch.ones(1 - rank, C, dtype=torch.float64)))
    return error, before, layer.state_dict()


def evaluate_on_rank_0(rank):
    """Return what evaluation gives in one process, while the other does something else."""
    case = Case((3, 2))
    x = case.parts([0])[0][0]
    quiet = case.layer().eval(), case.layer(track_running_stats=False).eval()
    return [layer(x).detach() for layer in quiet] if rank == 0 else []


def wrong(rank):
    """Return the errors of calls that the layer does not support."""
    layer, x = Case(EVEN).layer(affine=False, track_running_stats=False), torch.ones(3, 2, C)
    calls = {
        "vmap": lambda: torch.func.vmap(layer)(x),
        "jvp": lambda: torch.func.jvp(layer, (x[0],), (x[1],)),
        "channels": lambda: layer(x[0, :, 1:]),
        "rank": lambda: layer(x[0, 0]),
    }
    return {name: refusal(call) for name, call in calls.items()}


def recalibrated(rank):
    """Return the state after a pass over points, of which each process has every other."""
    model = convert_sync_batchnorm(network())
    recalibrate(model, points()[rank::2].split(3))
    return model.state_dict()


def two():
    """Return all that two processes do."""
    rank = dist.get_rank()
    results = all_cases(TWO, rank)
    case = Case(UNEVEN, (3,))
    results["penalty"] = penalty(case.layer(), *case.parts([rank])[0])
    results["nothing"] = step(Case((0, 0)).layer(), Case((0, 0)).parts([rank]))
    others = one_value, evaluate_on_rank_0, wrong, recalibrated
    return results | {function.__name__: function(rank) for function in others}


def four():
    """Return all that four processes do."""
    return all_cases(FOUR, dist.get_rank())


def failures(file):
    """Store error, seconds and state: the other process does not call, and then it dies."""
    rank = dist.get_rank()
    layer, x = Case(EVEN).layer(), Case(EVEN).parts([rank])[0][0]
    layer(x)
    busy = dist.new_group([0, 1], timeout=timedelta(seconds=1))
    if rank:
        dist.recv(torch.zeros(1))  # sent when the first error has come
        os._exit(7)
    told = []
    for group in (busy, None):
        if told:
            dist.send(torch.zeros(1), 1)
        layer.process_group, start = group, time.monotonic()
        before = copy.deepcopy(layer.state_dict())
        error = refusal(lambda: layer(x))
        told.append((error, time.monotonic() - start, before, layer.state_dict()))
    torch.save(told, file)


def hang():
    """Never come back."""
    time.sleep(1000)


def complain(text):
    """Raise an error in process 1."""
    if dist.get_rank() == 1:
        raise KeyError(text)


def count(x):
    """Change an argument, and return it with the rank, the size and a variable."""
    x += 1 + dist.get_rank()
    return x, dist.get_rank(), dist.get_world_size(), os.environ.get("BNLIB_TEST")


def reference(case, ranks):
    """Return the step of one process with the samples of some ranks, by PyTorch in float64."""
    calls = [[flat(t).double() for t in call] for call in case.parts(ranks)]
    return step(case.layer(nn.BatchNorm1d).double(), calls, case.needs_dx)


def flat(t):
    """Return a tensor of at most three axes."""
    return t.flatten(2) if t.ndim > 2 else t
