"""Answers to the exercises of the capstone, right and wrong."""

import copy

import torch
from torch import nn
from torch.nn import functional


def forward(net, x):
    x = net.pool(net.relu(net.bn1(net.conv1(x))))
    x = x.reshape(len(x), -1)
    x = net.relu(net.fc1(x))
    x = net.relu(net.fc2(x))
    return net.fc3(x)


def forward_view(net, x):
    x = functional.max_pool2d(functional.relu(net.bn1(net.conv1(x))), 2)
    x = x.view(x.size(0), -1)
    return net.fc3(functional.relu(net.fc2(functional.relu(net.fc1(x)))))


def forward_flatten(net, x):
    h = torch.relu_(net.pool(net.bn1(net.conv1(x))))
    h = torch.flatten(h, 1)
    h = net.fc1(h).clamp(min=0)
    h = net.fc2(h).relu_()
    return net.fc3(h)


def forward_features(net, x):
    x = net.bn1(net.conv1(x)).relu()
    x = functional.max_pool2d(x, kernel_size=2, stride=2).view(-1, net.fc1.in_features)
    for layer in (net.fc1, net.fc2):
        x = torch.where(layer(x) > 0, layer(x), 0.0)
    return net.fc3(x)


def forward_sequential(net, x):
    stem = nn.Sequential(net.conv1, net.bn1, nn.ReLU(inplace=True), net.pool, nn.Flatten())
    head = nn.Sequential(net.fc1, nn.ReLU(inplace=True), net.fc2, nn.ReLU(), net.fc3)
    return head(stem(x))


def stem(net, x):
    return net.pool(net.relu(net.bn1(net.conv1(x))))


def rest(net, rows):
    return net.fc3(net.relu(net.fc2(net.relu(net.fc1(rows)))))


def forward_from_the_web(net, x):
    x = stem(net, x)
    x = x.view(-1, 16 * 6 * 6)
    return net.fc3(net.fc2(net.fc1(x)))


def forward_numpy(net, x):
    import numpy as np

    return np.maximum(net.fc1(stem(net, x).flatten(1)), 0)


def forward_by_batch(net, x):
    bn = net.bn1
    h = functional.batch_norm(net.conv1(x), None, None, bn.weight, bn.bias, True, eps=bn.eps)
    return rest(net, net.pool(net.relu(h)).flatten(1))


FORWARD = {
    "solution": forward,
    "right": {
        "view and size": forward_view,
        "pool before ReLU, in place": forward_flatten,
        "in_features and where": forward_features,
        "sequential, in place": forward_sequential,
    },
    "wrong": {
        "as on the page": (forward_from_the_web, "16 * 6 * 6"),
        "NumPy on tensors": (forward_numpy, ""),
        "statistics of the batch in both modes": (
            forward_by_batch,
            "the batch's statistics in evaluation mode",
        ),
        "no rows": (lambda net, x: rest(net, stem(net, x)), "never made into rows"),
        "flatten without 1": (lambda net, x: rest(net, stem(net, x).flatten()), ""),
        "one row": (lambda net, x: rest(net, stem(net, x).reshape(1, -1)), "in one row"),
        "transposed": (lambda net, x: rest(net, stem(net, x).flatten(1).T), "columns"),
        "global pooling": (lambda net, x: rest(net, stem(net, x).mean((2, 3))), "mean of each"),
        "no pooling": (
            lambda net, x: rest(net, net.relu(net.bn1(net.conv1(x))).flatten(1)),
            "no pooling",
        ),
        "no bn": (
            lambda net, x: rest(net, net.pool(net.relu(net.conv1(x))).flatten(1)),
            "no normalization",
        ),
        "bn after relu": (
            lambda net, x: rest(net, net.pool(net.bn1(net.relu(net.conv1(x)))).flatten(1)),
            "an activation before the normalization",
        ),
        "bn after pooling": (
            lambda net, x: rest(net, net.relu(net.bn1(net.pool(net.conv1(x)))).flatten(1)),
            "the normalization behind the pooling",
        ),
        "no relu in the stem": (
            lambda net, x: rest(net, net.pool(net.bn1(net.conv1(x))).flatten(1)),
            "no activation behind the normalization",
        ),
        "linear on linear": (
            lambda net, x: net.fc3(net.fc2(net.fc1(stem(net, x).flatten(1)))),
            "two linear layers in a row",
        ),
        "relu at the end": (
            lambda net, x: net.relu(rest(net, stem(net, x).flatten(1))),
            "an activation behind the last layer",
        ),
        "softmax": (
            lambda net, x: functional.softmax(rest(net, stem(net, x).flatten(1)), dim=1),
            "softmax",
        ),
        "channels last": (
            lambda net, x: rest(net, stem(net, x).permute(0, 2, 3, 1).flatten(1)),
            "channels last",
        ),
    },
}


def batch_layers(net):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return [
        name
        for name, layer in net.named_modules()
        if isinstance(layer, kinds) and (layer.training or layer.running_mean is None)
    ]


def layers_by_class(net):
    names = set()
    for name, layer in net.named_modules():
        if not isinstance(layer, nn.modules.batchnorm._BatchNorm):
            continue
        if layer.training or not layer.track_running_stats:
            names.add(name)
    return names


def layers_recursive(net, before=""):
    for name, child in net.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            if child.training or child.running_var is None:
                yield before + name
        else:
            yield from layers_recursive(child, f"{before}{name}.")


def layers_by_name(net):
    found = {}
    for name, layer in net.named_modules():
        if "BatchNorm" in type(layer).__name__:
            uses_batch = layer.training or (layer.running_mean is None)
            if uses_batch:
                found[name] = layer
    return tuple(found)


def bns(net):
    return [(n, m) for n, m in net.named_modules() if "BatchNorm" in type(m).__name__]


def layers_after_train(net):
    net.train()
    return batch_layers(net)


def layers_that_freeze(net):
    names = batch_layers(net)
    net.eval()
    return names


def is_untrained(net, name):
    return not all(p.requires_grad for p in net.get_submodule(name).parameters())


def layers_then_train(net):
    names = list(batch_layers(net))
    for layer in net.modules():
        layer.training = True
    return names


MODES = {
    "solution": batch_layers,
    "right": {
        "the base class, a set": layers_by_class,
        "recursive, a generator": layers_recursive,
        "by the class's name": layers_by_name,
    },
    "wrong": {
        "trained ones only": (
            lambda net: [n for n in batch_layers(net) if not is_untrained(net, n)],
            "not trained are left out",
        ),
        "tracked ones only": (
            lambda net: [n for n, m in bns(net) if m.training and m.track_running_stats],
            "keep no statistics are left out",
        ),
        "names, then training": (layers_then_train, "put into training mode"),
        "all that have averages": (
            lambda net: [
                n
                for n, m in net.named_modules()
                if hasattr(m, "running_mean") and (m.training or m.running_mean is None)
            ],
            "instance normalization",
        ),
        "net.training": (
            lambda net: [n for n, m in bns(net) if net.training],
            "the mode of the network",
        ),
        "training alone": (
            lambda net: [n for n, m in bns(net) if m.training],
            "keep no statistics are left out",
        ),
        "not tracked alone": (
            lambda net: [n for n, m in bns(net) if not m.track_running_stats],
            "only layers that keep no",
        ),
        "and for or": (
            lambda net: [n for n, m in bns(net) if m.training and m.running_mean is None],
            "both conditions at once",
        ),
        "the frozen ones": (
            lambda net: [n for n, m in bns(net) if not m.training],
            "in evaluation mode",
        ),
        "all": (lambda net: [n for n, m in bns(net)], "whatever its mode"),
        "children only": (
            lambda net: [
                n
                for n, m in net.named_children()
                if m.training or not getattr(m, "track_running_stats", True)
                if "BatchNorm" in type(m).__name__
            ],
            "not those inside",
        ),
        "2d only": (
            lambda net: [
                n
                for n, m in bns(net)
                if isinstance(m, nn.BatchNorm2d)
                if m.training or m.running_mean is None
            ],
            "for images only",
        ),
        "2d and 1d": (
            lambda net: [
                n
                for n, m in bns(net)
                if not isinstance(m, nn.BatchNorm3d)
                if m.training or m.running_mean is None
            ],
            "there is 3d",
        ),
        "every module": (
            lambda net: [n for n, m in net.named_modules() if m.training],
            "every module",
        ),
        "other norms, too": (
            lambda net: [
                n
                for n, m in net.named_modules()
                if "Norm" in type(m).__name__
                if m.training or getattr(m, "running_mean", m) is None
            ],
            "layer and group normalization",
        ),
        "the layers, not names": (
            lambda net: [m for n, m in bns(net) if m.training],
            "is no name of",
        ),
        "classes": (
            lambda net: [type(m).__name__ for n, m in bns(net) if m.training],
            "is no name of",
        ),
        "switches to training": (layers_after_train, "put into training mode"),
        "switches to evaluation": (layers_that_freeze, "left in evaluation mode"),
        "nothing": (lambda net: [], "no layer at all"),
    },
}


def recalibrate(net, batches):
    layers = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta, mode = [layer.momentum for layer in layers], net.training
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    net.train()
    with torch.no_grad():
        for x in batches:
            net(x)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    net.train(mode)


def recalibrate_swa(net, batches):
    torch.optim.swa_utils.update_bn(batches, net)


@torch.no_grad()
def recalibrate_momentum(net, batches):
    mode, kept = net.training, {m: m.momentum for _, m in bns(net)}
    net.train()
    for k, x in enumerate(batches, start=1):
        for m in kept:
            m.momentum = 1 / k
        net(x)
    for m, momentum in kept.items():
        m.momentum = momentum
    net.train(mode)
    return net


def recalibrate_copy(net, batches):
    trial = copy.deepcopy(net).train()
    for _, m in bns(trial):
        m.momentum = 1.0
    means = {n: [] for n, _ in bns(net)}
    variances = {n: [] for n, _ in bns(net)}
    for x in batches:
        trial(x)
        for n, m in bns(trial):
            means[n].append(m.running_mean.clone())
            variances[n].append(m.running_var.clone())
    for n, m in bns(net):
        m.running_mean.copy_(torch.stack(means[n]).mean(0))
        m.running_var.copy_(torch.stack(variances[n]).mean(0))


def recalibrate_wrong(
    momentum=None, reset=True, mode=True, back=True, restore=True, join=False, train=False
):
    """Return an answer that goes wrong in one place."""

    def answer(net, batches):
        was, momenta = net.training, [m.momentum for _, m in bns(net)]
        net.train(mode)
        for _, m in bns(net):
            if reset:
                m.reset_running_stats()
            if momentum != "kept":
                m.momentum = momentum
        for x in [torch.cat(batches)] if join else batches:
            loss = net(x).pow(2).sum()
            if train:
                loss.backward()
                torch.optim.SGD(net.parameters(), 0.01).step()
        for (_, m), old in zip(bns(net), momenta, strict=True):
            m.momentum = old if restore else m.momentum
        if back:
            net.train(was)

    return answer


def recalibrate_biased(net, batches):
    recalibrate(net, batches)
    for i, (_, m) in enumerate(bns(net)):
        with torch.no_grad():
            h = [net[: 1 + 3 * i](x) if i == 0 else before_second(net, x) for x in batches]
        axes = (0, 2, 3) if h[0].ndim == 4 else (0,)
        m.running_var.copy_(torch.stack([v.var(axes, correction=0) for v in h]).mean(0))


def before_second(net, x):
    return copy.deepcopy(net).train()[:4](x)


def recalibrate_first_layer(net, batches):
    old = {k: v.clone() for k, v in net[4].state_dict().items()}
    recalibrate(net, batches)
    net[4].load_state_dict(old)


def recalibrate_input(net, batches):
    x = torch.cat(batches)
    for _, m in bns(net):
        m.running_mean.copy_(x.mean())
        m.running_var.copy_(x.var())


def recalibrate_norms_alone(net, batches):
    was, train = net.training, net.train
    net.train = lambda mode=True: [m.train(mode) for _, m in bns(net)]
    recalibrate(net, batches)
    net.train = train
    net.train(was)


def recalibrate_resetting(net, batches):
    for _, m in bns(net):
        m.reset_parameters()
    recalibrate(net, batches)


RECALIBRATE = {
    "solution": recalibrate,
    "right": {
        "PyTorch's own": recalibrate_swa,
        "momentum 1 / k": recalibrate_momentum,
        "on a copy": recalibrate_copy,
    },
    "wrong": {
        "norms alone": (recalibrate_norms_alone, "only the normalizations in training"),
        "parameters reset": (recalibrate_resetting, "gamma and beta reset"),
        "momentum kept": (recalibrate_wrong(momentum="kept"), "an exponential average"),
        "momentum 0.1": (recalibrate_wrong(momentum=0.1), "an exponential average"),
        "nothing but a pass": (
            recalibrate_wrong(momentum=0.1, reset=False),
            "running averages that go on",
        ),
        "no reset": (recalibrate_wrong(reset=False), "the old statistics still count"),
        "the last batch": (recalibrate_wrong(momentum=1.0), "the last batch alone"),
        "eval mode": (recalibrate_wrong(mode=False, reset=False), "that have not moved"),
        "reset, then eval": (recalibrate_wrong(mode=False), "not taken anew"),
        "all at once": (recalibrate_wrong(join=True), "all batches as one"),
        "left in training mode": (recalibrate_wrong(back=False), "left in training mode"),
        "momenta not restored": (recalibrate_wrong(restore=False), "momenta left"),
        "neither restored": (
            recalibrate_wrong(back=False, restore=False),
            "modes and momenta left",
        ),
        "it trains": (recalibrate_wrong(train=True), ""),
        "biased": (recalibrate_biased, "the biased variance"),
        "one layer": (recalibrate_first_layer, ""),
        "statistics of the input": (recalibrate_input, ""),
        "nothing": (lambda net, batches: None, "that have not moved"),
    },
    "equivalent": {
        "for layer, momentum in zip(layers, momenta, strict=True): -> for layer, momentum in "
        "zip(layers, momenta, strict=False): layer.momentum = momentum": "of one length",
    },
}


def fold(conv, bn):
    if bn.training:
        raise ValueError("bn must be in evaluation mode: call bn.eval()")
    new = copy.deepcopy(conv)
    with torch.no_grad():
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        bias = torch.zeros_like(scale) if conv.bias is None else conv.bias
        new.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
        new.bias = nn.Parameter(bn.bias + scale * (bias - bn.running_mean))
    return new


def fold_fused(conv, bn):
    if bn.training:
        raise ValueError("bn is in training mode")
    return nn.utils.fuse_conv_bn_eval(conv, bn)


def fold_new(conv, bn):
    if bn.training:
        raise ValueError("evaluation mode, please")
    new = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
        bias=True,
        padding_mode=conv.padding_mode,
    )
    std = (bn.running_var + bn.eps) ** 0.5
    new.weight.data = torch.einsum("o,oikl->oikl", bn.weight.data / std, conv.weight.data)
    old = 0 if conv.bias is None else conv.bias.data
    new.bias.data = (old - bn.running_mean) / std * bn.weight.data + bn.bias.data
    return new


def fold_by_probing(conv, bn):
    if bn.training:
        raise ValueError("in training mode, bn has no fixed factors")
    C = conv.out_channels
    maps = torch.zeros(1, C, 1, 1)
    with torch.no_grad():
        shift = bn(maps).flatten()
        scale = bn(maps + 1).flatten() - shift
        new = copy.deepcopy(conv)
        new.weight.mul_(scale.view(C, 1, 1, 1))
        old = torch.zeros(C) if conv.bias is None else conv.bias
        new.bias = nn.Parameter(scale * old + shift)
    return new


def fold_wrong(scale=None, shift=None, new=copy.deepcopy, check=True):
    """Return an answer that goes wrong in one place."""

    def answer(conv, bn):
        if check and bn.training:
            raise ValueError("evaluation mode")
        folded = new(conv)
        s = scale(bn) if scale else bn.weight / (bn.running_var + bn.eps) ** 0.5
        b = torch.zeros(len(s)) if conv.bias is None else conv.bias
        moved = shift(bn, s, b) if shift else bn.bias + s * (b - bn.running_mean)
        folded.weight = nn.Parameter(conv.weight.data * s.data.view(-1, 1, 1, 1))
        folded.bias = nn.Parameter(moved.data)
        return folded

    return answer


def same_size(**kept):
    """Return a maker of a new convolution that takes only these settings along."""
    return lambda conv: nn.Conv2d(
        conv.in_channels // (1 if "groups" in kept else conv.groups),
        conv.out_channels,
        3,
        **{name: getattr(conv, name) for name in kept},
    )


ALL = dict.fromkeys(("stride", "padding", "dilation", "groups", "padding_mode"))


def fold_inputs(conv, bn):
    """Scale the weight's second axis, that of the input channels."""
    folded = fold(conv, bn)
    scale = bn.weight / (bn.running_var + bn.eps) ** 0.5
    folded.weight.data = conv.weight.data * scale.data[:, None, None]
    return folded


FOLD = {
    "solution": fold,
    "right": {
        "PyTorch's own": fold_fused,
        "a new layer, einsum": fold_new,
        "by probing": fold_by_probing,
    },
    "wrong": {
        "inputs scaled": (fold_inputs, "the input channels scaled"),
        "no gamma": (
            fold_wrong(lambda bn: (bn.running_var + bn.eps) ** -0.5),
            "gamma left out",
        ),
        "variance": (
            fold_wrong(lambda bn: bn.weight / (bn.running_var + bn.eps)),
            "by the variance",
        ),
        "no eps": (fold_wrong(lambda bn: bn.weight / bn.running_var**0.5), "eps left out"),
        "eps 1e-5": (
            fold_wrong(lambda bn: bn.weight / (bn.running_var + 1e-5) ** 0.5),
            "whatever",
        ),
        "eps outside": (
            fold_wrong(lambda bn: bn.weight / (bn.running_var**0.5 + bn.eps)),
            "outside the root",
        ),
        "no beta": (
            fold_wrong(shift=lambda bn, s, b: s * (b - bn.running_mean)),
            "beta left out",
        ),
        "no mean": (fold_wrong(shift=lambda bn, s, b: bn.bias + s * b), "the mean left out"),
        "plain mean": (
            fold_wrong(shift=lambda bn, s, b: bn.bias + s * b - bn.running_mean),
            "not scaled",
        ),
        "plus mean": (
            fold_wrong(shift=lambda bn, s, b: bn.bias + s * (b + bn.running_mean)),
            "wrong sign",
        ),
        "no conv bias": (
            fold_wrong(shift=lambda bn, s, b: bn.bias - s * bn.running_mean),
            "bias dropped",
        ),
        "plain conv bias": (
            fold_wrong(shift=lambda bn, s, b: bn.bias + b - s * bn.running_mean),
            "not scaled",
        ),
        "no stride": (
            fold_wrong(new=same_size(**{k: 0 for k in ALL if k != "stride"})),
            "the stride",
        ),
        "no padding": (fold_wrong(new=same_size(**{k: 0 for k in ALL if k != "padding"})), ""),
        "no padding mode": (
            fold_wrong(new=same_size(**{k: 0 for k in ALL if k != "padding_mode"})),
            "the padding's mode",
        ),
        "no dilation": (
            fold_wrong(new=same_size(**{k: 0 for k in ALL if k != "dilation"})),
            "the dilation",
        ),
        "in place": (fold_wrong(new=lambda conv: conv), "changed in place"),
        "training mode accepted": (fold_wrong(check=False), "accepts"),
        "a bias is needed": (
            fold_wrong(
                shift=lambda bn, s, b: bn.bias + s * (b * (b.sum() / b.sum()) - bn.running_mean)
            ),
            "",
        ),
        "both layers in a row": (lambda conv, bn: nn.Sequential(conv, bn), "expected one nn"),
        "bn's statistics of ones": (fold_wrong(lambda bn: bn.weight), ""),
    },
}

ANSWERS = {"exC_q1": FORWARD, "exC_q2": MODES, "exC_q3": RECALIBRATE, "exC_q4": FOLD}
