"""The capstone: a network in PyTorch, from a broken forward pass to folded layers.

PyTorch is imported where it is used, since the checks of the other sheets need NumPy alone.
The functions ``run_...`` travel into the sandbox, with those that they call.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.capstone_fold import FOLD

Rng = np.random.Generator


def call_layers(net: Any, x: Any, order: str) -> Any:
    """Call layers of a network, one after the other."""
    for name in order.split():
        x = getattr(net, name)(x)
    return x


def forward(
    net: Any,
    x: Any,
    stem: str = "conv1 bn1 relu pool",
    flat: Callable[[Any], Any] = lambda x: x.flatten(1),
    head: str = "fc1 relu fc2 relu fc3",
) -> Any:
    """Run the repaired network. The keywords make mistakes."""
    return call_layers(net, flat(call_layers(net, x, stem)), head)


def in_training(net: Any, x: Any) -> Any:
    """Run the network as if it trained, whatever its mode."""
    return forward(net.train(), x)


def run_forward(
    answer: Answer, x: Array, weights: Array, outputs: list[Array], training: bool
) -> Any:
    """Run an answer on a net whose linear layers note their input and give fixed outputs."""
    import torch
    from torch import nn

    inputs: dict[str, Any] = {}

    def fixed(name: str, width: int, y: Array) -> Any:
        layer: Any = nn.Linear(width, y.shape[1])

        def answer_so(v: Any) -> Any:
            inputs[name] = v.detach().clone()
            return torch.tensor(y, dtype=torch.float32)

        layer.forward = answer_so
        return layer

    net: Any = nn.Module()
    net.conv1, net.bn1 = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)
    net.relu, net.pool = nn.ReLU(), nn.MaxPool2d(2)
    net.conv1.weight.data = torch.tensor(weights[:, :, :5], dtype=torch.float32)
    bias, beta, gamma, mean, std = torch.tensor(weights[:, 0, 5].T, dtype=torch.float32)
    net.conv1.bias.data, net.bn1.bias.data, net.bn1.weight.data = bias, beta, 1 + gamma**2
    net.bn1.running_mean, net.bn1.running_var = mean, 1 + std**2
    net.train(training)
    for name, width, y in zip(("fc1", "fc2", "fc3"), (864, 120, 84), outputs, strict=True):
        setattr(net, name, fixed(name, width, y))
    logits = answer(net, torch.tensor(x, dtype=torch.float32))
    for name in ("fc1", "fc2", "fc3"):
        if name not in inputs:
            raise ValueError(f"the forward pass never calls {name}")
    return inputs["fc1"], inputs["fc2"], inputs["fc3"], logits


def images(rng: Rng, training: bool = True) -> Sequence[Arguments]:
    """Return images of 28x28, weights of the first part, what fc1 to fc3 answer, the mode."""
    return [
        (rng.normal(size=(n, 1, 28, 28)), rng.normal(size=(6, 1, 6, 5)),
         [rng.normal(size=(n, width)) for width in (120, 84, 10)], training) for n in (2, 4)
    ]  # fmt: skip


FIRST, SECOND, THIRD = "input of fc1", "input of fc2", "input of fc3"
FORWARD = Exercise(
    name="exC_q1",
    function="forward",
    points=4,
    results=(FIRST, SECOND, THIRD, "logits"),
    reference=forward,
    drive=run_forward,
    rtol=1e-4,
    parts=(
        Part("from the images to fc1", 2, images, (FIRST,)),
        Part("from fc1 to fc2", 1, images, (SECOND,)),
        Part("from fc2 to fc3", 1, images, (THIRD,)),
        Part("from fc3 to the logits", 1, images, ("logits",), last=True),
        Part("a network in evaluation mode", 1, partial(images, training=False), (FIRST,)),
    ),
    mistakes={
        "16 * 6 * 6 inputs for fc1: the number must fit what the pooling gives":
            partial(forward, flat=lambda x: x.reshape(-1, 16 * 6 * 6)),
        "images that were never made into rows": partial(forward, flat=lambda x: x),
        "the whole batch in one row": partial(forward, flat=lambda x: x.reshape(1, -1)),
        "rows with the channels last, not as flatten gives them":
            partial(forward, flat=lambda x: x.movedim(1, -1).flatten(1)),
        "columns, where each image needs a row":
            partial(forward, flat=lambda x: x.flatten(1).T),
        "the mean of each map": partial(forward, flat=lambda x: x.mean((2, 3))),
        "no pooling": partial(forward, stem="conv1 bn1 relu"),
        "no normalization": partial(forward, stem="conv1 relu pool"),
        "no activation behind the normalization": partial(forward, stem="conv1 bn1 pool"),
        "an activation before the normalization": partial(forward, stem="conv1 relu bn1 pool"),
        "a second activation before the normalization":
            partial(forward, stem="conv1 relu bn1 relu pool"),
        "the normalization behind the pooling": partial(forward, stem="conv1 pool bn1 relu"),
        "the normalization behind activation and pooling":
            partial(forward, stem="conv1 relu pool bn1"),
        "the batch's statistics in evaluation mode": in_training,
        "normalization twice": partial(forward, stem="conv1 bn1 relu bn1 pool"),
        "no activation here: two linear layers in a row are one": tuple(
            partial(forward, head=h)
            for h in ("fc1 fc2 fc3", "fc1 relu fc2 fc3", "fc1 fc2 relu fc3")),
        "an activation behind the last layer":
            partial(forward, head="fc1 relu fc2 relu fc3 relu"),
        "probabilities: softmax belongs to the loss": (
            lambda net, x: forward(net, x).softmax(1),
            lambda net, x: forward(net, x).log_softmax(1)),
    },
)  # fmt: skip


def norms(net: Any) -> list[tuple[str, Any]]:
    """Return the batch normalizations of a network, with their names."""
    from torch import nn

    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return [(name, m) for name, m in net.named_modules() if isinstance(m, kinds)]


def batch_layers(net: Any) -> list[str]:
    """Return the names of the layers that normalize by the batch as things stand."""
    return [n for n, m in norms(net) if m.training or m.running_mean is None]


def run_modes(answer: Answer, rows: list[tuple[str, str, bool]]) -> Any:
    """Ask an answer about a network of these layers: name, kind, whether in training mode."""
    from torch import nn

    kinds: dict[str, Callable[[], Any]] = {
        "1d": lambda: nn.BatchNorm1d(3),
        "2d": lambda: nn.BatchNorm2d(3),
        "3d": lambda: nn.BatchNorm3d(3),
        "keeps none": lambda: nn.BatchNorm2d(3, track_running_stats=False),
        "untrained": lambda: nn.BatchNorm2d(3).requires_grad_(False),
        "bare": lambda: nn.BatchNorm2d(3, momentum=None, affine=False),
        "part": nn.Sequential,
        "layer": lambda: nn.LayerNorm(3),
        "group": lambda: nn.GroupNorm(1, 3),
        "instance": lambda: nn.InstanceNorm2d(3),
        "linear": lambda: nn.Linear(3, 3),
    }
    net = nn.Sequential()
    for name, kind, _ in rows[1:]:  # the first row is the network itself
        around, _, last = name.rpartition(".")
        (net.get_submodule(around) if around else net).add_module(last, kinds[kind]())
    for name, _, training in rows:
        net.get_submodule(name).training = training
    names = list(answer(net))
    known = dict(net.named_modules())
    for name in set(names) - set(known):
        raise ValueError(f"{name!r} is no name of net.named_modules()")
    return [float(name in names) for name in known], [float(m.training) for m in known.values()]


def nets(*networks: dict[str, tuple[str, bool]], mode: bool) -> Any:
    """Return calls, each with a network; ``mode`` is that of the whole, which "" names."""
    return lambda rng: [
        ([("", "part", mode), *((n, *row) for n, row in net.items())],) for net in networks
    ]


PLAIN = ["conv linear", "bn1 2d", "bn2 1d", "volume 3d", "fc linear"]


def plain_net(training: bool) -> dict[str, tuple[str, bool]]:
    """Return a network whose layers all have one mode."""
    return {name: (kind, training) for name, kind in map(str.split, PLAIN)}


NESTED = {
    "a": ("part", True), "a.bn": ("2d", False), "a.b": ("part", False), "top": ("1d", True),
    "a.b.bn": ("2d", True), "a.b.norm": ("1d", False), "fc": ("linear", True),
}  # fmt: skip
OTHERS = {"ln": ("layer", True), "gn": ("group", True), "bn": ("2d", True),
          "in": ("instance", True), "bare": ("bare", True)}  # fmt: skip
NO_STATISTICS = {
    "bn1": ("keeps none", False),
    "bn2": ("2d", False),
    "bn3": ("keeps none", True),
}
UNTRAINED = {"bn1": ("untrained", True), "bn2": ("untrained", False)}


def listed(keep: Callable[[Any, Any], Any]) -> Answer:
    """Return an answer that lists the batch normalizations that ``keep(net, layer)`` takes."""
    return lambda net: [n for n, m in norms(net) if keep(net, m)]


def any_normalization(net: Any, only: str = "") -> list[str]:
    """Return other normalizations, too: all, or those whose class is called so."""
    rows = [
        (n, m)
        for n, m in net.named_modules()
        if "Norm" in (kind := type(m).__name__) and kind.startswith(("Batch", only))
    ]
    return [n for n, m in rows if m.training or getattr(m, "running_mean", m) is None]


def one_kind(net: Any) -> list[str]:
    """Return those for images alone."""
    return [
        n for n in batch_layers(net) if type(net.get_submodule(n)).__name__ == "BatchNorm2d"
    ]


MODES = Exercise(
    name="exC_q2",
    function="batch_layers",
    points=3,
    results=("the list (1: named)", "a mode afterwards (1: training)"),
    reference=batch_layers,
    drive=run_modes,
    parts=(
        Part("all layers in training mode", 1, nets(plain_net(True), mode=True)),
        Part("all layers in evaluation mode", 1, nets(plain_net(False), mode=False)),
        Part("layers inside others, in both modes", 2, nets(NESTED, mode=False)),
        Part("other normalizations", 1, nets(OTHERS, mode=False)),
        Part("layers that keep no statistics", 1, nets(NO_STATISTICS, mode=False)),
        Part("weights that are not trained: the mode is what counts", 1,
             nets(UNTRAINED, mode=True)),
        Part("layers in evaluation mode in a network in training mode", 1,
             nets(plain_net(False), NESTED, mode=True)),
    ),
    mistakes={
        "no layer at all": lambda net: [],
        "the mode of the network, where each layer has its own": listed(
            lambda net, m: net.training or m.running_mean is None),
        "the mode of the network, and nothing of layers that keep no statistics":
            listed(lambda net, m: net.training),
        "layers in evaluation mode that keep no statistics are left out":
            listed(lambda net, m: m.training),
        "only layers that keep no statistics": listed(lambda net, m: m.running_mean is None),
        "layers that use the running statistics":
            listed(lambda net, m: not m.training and m.running_mean is not None),
        "layers in evaluation mode": listed(lambda net, m: not m.training),
        "every batch normalization, whatever its mode": listed(lambda net, m: True),
        "only layers directly in the network, not those inside its parts":
            lambda net: [n for n in batch_layers(net) if "." not in n],
        "layer and group normalization, which use no batch": any_normalization,
        "instance normalization, which uses no batch":
            partial(any_normalization, only="Instance"),
        "layers without gamma and beta are left out": listed(
            lambda net, m: m.affine and (m.training or m.running_mean is None)),
        "layers for images only: there are 1d and 3d, too": one_kind,
        "both conditions at once, where one is enough": listed(
            lambda net, m: m.training and m.running_mean is None
        ),
        "one- and two-dimensional layers only: there is 3d, too":
            lambda net: [n for n in batch_layers(net) if n != "volume"],
        "layers whose weights are not trained are left out": listed(lambda net, m: (
            (m.training or m.running_mean is None) and getattr(m.weight, "requires_grad", 1))),
        "layers that keep no statistics are left out":
            listed(lambda net, m: m.training and m.running_mean is not None),
        "a network put into training mode": (
            lambda net: batch_layers(net.train()),
            lambda net: [batch_layers(net), net.train()][0]),
        "a network left in evaluation mode": lambda net: [batch_layers(net), net.eval()][0],
        "every module in training mode":
            lambda net: [n for n, m in net.named_modules() if m.training],
    },
)  # fmt: skip


def recalibrate(
    net: Any,
    batches: list[Any],
    momentum: float | None = None,
    reset: str = "reset_running_stats",
    mode: bool = True,
    keep: Sequence[str] = ("mode", "momentum"),
    biased: bool = False,
    once: bool = False,
    only_norms: bool = False,
    after: bool = True,
    kinds: str = "BatchNorm",
    batch: slice = slice(None),
) -> None:
    """Give a network the average statistics of some batches. The keywords make mistakes."""
    import torch

    was = net.training
    layers = [m for _, m in norms(net) if type(m).__name__.startswith(kinds)]
    momenta = [m.momentum for m in layers]
    for module in layers if only_norms else [net]:
        module.train(mode)
    for m in layers:
        m.momentum = momentum
        if reset:
            getattr(m, reset)()
    variances: dict[Any, list[Any]] = {m: [] for m in layers}

    def note(m: Any, given: Any, y: Any) -> None:
        variances[m].append(given[0].transpose(0, 1).flatten(1).var(1, unbiased=False))

    hooks = [m.register_forward_hook(note) for m in layers]
    with torch.no_grad():
        for x in [torch.cat(batches)] if once else batches[batch]:
            net(x)
    for m, old, hook in zip(layers, momenta, hooks, strict=True):
        hook.remove()
        m.momentum = old if "momentum" in keep else momentum
        if biased:
            m.running_var = torch.stack(variances[m]).mean(0)
    net.train(was if "mode" in keep else after)


def two_normalizations(maps: bool, weights: list[Array], momentum: Any, drop: float) -> Any:
    """Return a network with two normalizations whose statistics are far off."""
    import torch
    from torch import nn

    kinds: Any = (nn.Conv2d, nn.BatchNorm2d) if maps else (nn.Linear, nn.BatchNorm1d)
    size = (1,) if maps else ()
    layers = [kinds[0](3, 4, *size), kinds[1](4), nn.Dropout(drop) if drop else nn.ReLU()]
    layers += [kinds[0](4, 2, *size), kinds[1](2, momentum=momentum)]
    net: Any = nn.Sequential(*layers)
    for layer, w in zip((net[0], net[3]), weights, strict=True):
        layer.weight.data = torch.tensor(w, dtype=torch.float32).reshape(layer.weight.shape)
        layer.bias.data.zero_()
    for layer in (net[1], net[4]):
        layer.weight.data += 0.5
        layer.bias.data += 1
        layer.running_mean += 5
        layer.num_batches_tracked += 7
    return net


def run_recalibration(
    answer: Answer,
    batches: list[Array],
    weights: list[Array],
    mode: bool,
    momentum: Any,
    drop: float,
) -> Any:
    """Let an answer recalibrate a network of two normalizations; return what it is then."""
    import torch

    net = two_normalizations(batches[0].ndim == 4, weights, momentum, drop)
    net.train(mode)
    answer(net, [torch.tensor(x, dtype=torch.float32) for x in batches])
    state = net.state_dict()
    means, variances = (
        torch.cat([state[f"{i}.running_{what}"] for i in (1, 4)]) for what in ("mean", "var")
    )
    kept = [p.detach().flatten() for p in net.parameters()]
    modes = [float(m.training) for m in net.modules()]
    momenta = [-1.0 if net[i].momentum is None else net[i].momentum for i in (1, 4)]
    return means, variances, torch.cat(kept), modes, momenta


def batches_of(
    *sizes: int,
    shape: tuple[int, ...] = (),
    mode: bool = False,
    momentum: float | None = 0.1,
    drop: float = 0.0,
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return a call with batches of these sizes, which lie apart, and a network's settings."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        data = [rng.normal(k, 1 + k, (n, 3, *shape)) for k, n in enumerate(sizes)]
        weights = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
        return [(data, weights, mode, momentum, drop)]

    return calls


MEANS, VARIANCES = "running means", "running variances"
MODE, MOMENTA = "modes afterwards", "momenta afterwards"
RECALIBRATE = Exercise(
    name="exC_q3",
    function="recalibrate",
    points=4,
    results=(MEANS, VARIANCES, "weights afterwards", MODE, MOMENTA),
    reference=recalibrate,
    drive=run_recalibration,
    rtol=1e-4,
    parts=(
        Part("batches of rows", 2, batches_of(4, 4, 4), (MEANS, VARIANCES)),
        Part("batches of maps", 1, batches_of(3, 3, shape=(2, 2)), (MEANS, VARIANCES)),
        Part("every layer in training mode", 1, batches_of(3, 3, drop=1.0), (MEANS, VARIANCES)),
        Part("a smaller last batch, which weighs as much", 1, batches_of(6, 6, 2),
             (MEANS, VARIANCES)),
        Part("weights, modes and momenta stay", 1, lambda rng: [
            *batches_of(4, 4)(rng), *batches_of(4, 4, mode=True, momentum=None)(rng),
        ], ("weights afterwards", MODE, MOMENTA), last=True),
    ),
    mistakes={
        "running averages that go on with the layers' momentum":
            partial(recalibrate, momentum=0.1, reset=""),
        "an exponential average: the last batches weigh more, and the start is not forgotten":
            partial(recalibrate, momentum=0.1),
        "the old statistics still count: reset them first": partial(recalibrate, reset=""),
        "the last batch alone": partial(recalibrate, momentum=1.0),
        "statistics that have not moved: evaluation mode, or a copy of the network":
            partial(recalibrate, mode=False, reset=""),
        "only the normalizations in training mode": partial(recalibrate, only_norms=True),
        "gamma and beta reset, too": partial(recalibrate, reset="reset_parameters"),
        "the network left in evaluation mode":
            partial(recalibrate, keep=("momentum",), after=False),
        "statistics that were reset and not taken anew": partial(recalibrate, mode=False),
        "the biased variance: the running one divides by m - 1":
            partial(recalibrate, biased=True),
        "all batches as one": partial(recalibrate, once=True),
        "layers of one kind only: there are rows and maps": tuple(
            partial(recalibrate, kinds=f"BatchNorm{d}d") for d in (1, 2)),
        "the last batch left out": partial(recalibrate, batch=slice(-1)),
        "the network left in training mode": partial(recalibrate, keep=("momentum",)),
        "momenta left as they were changed": partial(recalibrate, keep=("mode",)),
        "modes and momenta left as they were changed": partial(recalibrate, keep=()),
    },
)  # fmt: skip


EXERCISES = (FORWARD, MODES, RECALIBRATE, FOLD)
