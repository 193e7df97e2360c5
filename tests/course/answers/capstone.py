"""Answers to the exercises of the capstone, right and wrong."""

import math

import numpy as np
import torch


def conv_size(n, kernel, stride, padding):
    room = n + 2 * padding - kernel
    if room < 0:
        raise ValueError("the window does not fit")
    return room // stride + 1


def size_loop(n, kernel, stride, padding):
    first, count = -padding, 0
    while first + kernel <= n + padding:
        first += stride
        count += 1
    assert count > 0, "no window"
    return count


def size_range(n, kernel, stride, padding):
    starts = range(0, n + 2 * padding - kernel + 1, stride)
    if not starts:
        raise ValueError("no window fits")
    return len(starts)


def size_torch(n, kernel, stride, padding):
    row = torch.zeros(1, 1, n)
    layer = torch.nn.Conv1d(1, 1, kernel, stride, padding)
    return layer(row).shape[-1]


def size_numpy(n, kernel, stride, padding):
    row = np.pad(np.zeros(n, np.float32), padding)
    view = np.lib.stride_tricks.sliding_window_view(row, kernel)
    return np.int64(len(view[::stride]))


def size_ceil(n, kernel, stride, padding):
    count = math.ceil((n + 2 * padding - kernel + 1) / stride)
    if count < 1 or kernel > n + 2 * padding:
        raise ValueError("no window")
    return count


def size_wrong(formula):
    """Return an answer that refuses as asked and uses this formula."""

    def answer(n, kernel, stride, padding):
        if n + 2 * padding < kernel:
            raise ValueError("does not fit")
        return formula(n, kernel, stride, padding)

    return answer


SIZE = {
    "solution": conv_size,
    "right": {
        "loop": size_loop,
        "range": size_range,
        "torch": size_torch,
        "numpy, float32": size_numpy,
        "ceil": size_ceil,
    },
    "wrong": {
        "no + 1": (
            size_wrong(lambda n, k, s, p: (n - k + 2 * p) // s),
            "the + 1 left out",
        ),
        "one-sided": (
            size_wrong(lambda n, k, s, p: (n - k + p) // s + 1),
            "padding on one side",
        ),
        "no padding": (
            size_wrong(lambda n, k, s, p: (n - k) // s + 1),
            "padding left out",
        ),
        "minus padding": (
            size_wrong(lambda n, k, s, p: (n - k - 2 * p) // s + 1),
            "padding taken away",
        ),
        "no stride": (
            size_wrong(lambda n, k, s, p: n - k + 2 * p + 1),
            "stride left out",
        ),
        "ceil": (
            size_wrong(lambda n, k, s, p: -((k - n - 2 * p) // s) + 1),
            "a last window that does not fit",
        ),
        "/ for //": (
            size_wrong(lambda n, k, s, p: (n - k + 2 * p) / s + 1),
            "half a window",
        ),
        "brackets": (
            size_wrong(lambda n, k, s, p: (n - k + 2 * p + 1) // s),
            "a + 1 before the division",
        ),
        "no brackets": (
            size_wrong(lambda n, k, s, p: n - k + 2 * p // s + 1),
            "only 2 * padding",
        ),
        "n // stride": (
            size_wrong(lambda n, k, s, p: n // s),
            "whatever the window",
        ),
        "no kernel": (
            size_wrong(lambda n, k, s, p: (n + 2 * p) // s),
            "the window left out",
        ),
        "swapped": (
            size_wrong(lambda n, k, s, p: (n + 2 * s - k) // max(p, 1) + 1),
            "each other's place",
        ),
        "two dimensions": (
            size_wrong(lambda n, k, s, p: size_range(n, k, s, p) ** 2),
            "in two dimensions",
        ),
        "pair": (
            size_wrong(lambda n, k, s, p: (size_range(n, k, s, p),) * 2),
            "shape",
        ),
        "negative sizes": (
            lambda n, k, s, p: (n + 2 * p - k) // s + 1,
            "accepts a window",
        ),
        "at least 1": (
            lambda n, k, s, p: max((n + 2 * p - k) // s + 1, 1),
            "accepts a window",
        ),
    },
}


def flat_features(channels, side, layers):
    for out, kernel, stride, padding in layers:
        room = side + 2 * padding - kernel
        if room < 0:
            raise ValueError("a window does not fit")
        side = room // stride + 1
        if out is not None:
            channels = out
    return channels * side * side


def features_torch(channels, side, layers):
    x = torch.zeros(1, channels, side, side)
    for out, *window in layers:
        if out is None:
            x = torch.nn.functional.max_pool2d(x, *window)
        else:
            x = torch.nn.Conv2d(x.shape[1], out, *window)(x)
    return x.numel()


def features_recursive(channels, side, layers):
    if not layers:
        return channels * side**2
    (out, *window), *rest = layers
    return features_recursive(out or channels, size_range(side, *window), rest)


def features_numpy(channels, side, layers):
    x = np.zeros((channels, side, side), np.float32)
    for out, kernel, stride, padding in layers:
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        x = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))[
            :, ::stride, ::stride, 0, 0
        ]
        x = x if out is None else np.repeat(x[:1], out, axis=0)
    return x.size


def features_wrong(count, size=size_range, pools=True, channels_of_pool=None):
    """Return an answer that keeps all sizes and counts them like this."""

    def answer(channels, side, layers):
        C, n = [channels], [side]
        for out, *window in layers:
            if pools or out is not None:
                n.append(size(n[-1], *window))
            else:
                size_range(n[-1], *window)
            if out is None and channels_of_pool is not None:
                out = channels_of_pool
            C.append(C[-1] if out is None else out)
        return count(C, n)

    return answer


def right_count(C, n):
    return C[-1] * n[-1] * n[-1]


def refusing(formula):
    def size(n, *window):
        size_range(n, *window)
        return formula(n, *window)

    return size


def notes(channels, side, layers):
    """Count 16 * 6 * 6, as the notes do whatever the network is."""
    features_recursive(channels, side, layers)
    return 16 * 6 * 6


FEATURES = {
    "solution": flat_features,
    "right": {
        "torch": features_torch,
        "recursive": features_recursive,
        "numpy": features_numpy,
    },
    "wrong": {
        "the notes": (notes, ""),
        "one side": (
            features_wrong(lambda C, n: C[-1] * n[-1]),
            "not the square",
        ),
        "one map": (
            features_wrong(lambda C, n: n[-1] ** 2),
            "without the channels",
        ),
        "product": (
            features_wrong(lambda C, n: math.prod(C) * n[-1] ** 2),
            "the product of all channels",
        ),
        "sum": (
            features_wrong(lambda C, n: sum(C) * n[-1] ** 2),
            "the sum of all channels",
        ),
        "input channels": (
            features_wrong(lambda C, n: C[0] * n[-1] ** 2),
            "the channels of the input",
        ),
        "first channels": (
            features_wrong(lambda C, n: C[1] * n[-1] ** 2),
            "the channels of the first layer",
        ),
        "largest": (
            features_wrong(lambda C, n: max(C) * n[-1] ** 2),
            "the largest number",
        ),
        "input side": (
            features_wrong(lambda C, n: C[-1] * n[0] ** 2),
            "the size of the input",
        ),
        "first side": (
            features_wrong(lambda C, n: C[-1] * n[1] ** 2),
            "the size behind the first",
        ),
        "no pooling": (
            features_wrong(right_count, pools=False),
            "pooling left out",
        ),
        "one channel": (
            features_wrong(right_count, channels_of_pool=1),
            "leaves one channel",
        ),
        "no channel": (
            features_wrong(right_count, channels_of_pool=0),
            "leaves no channel",
        ),
        "no + 1": (
            features_wrong(
                right_count,
                refusing(lambda n, k, s, p: (n + 2 * p - k) // s),
            ),
            "forgets the + 1",
        ),
        "no stride": (
            features_wrong(right_count, refusing(lambda n, k, s, p: n + 2 * p - k + 1)),
            "stride left out",
        ),
        "no padding": (
            features_wrong(right_count, refusing(lambda n, k, s, p: (n - k) // s + 1)),
            "padding left out",
        ),
        "accepts all": (
            features_wrong(
                right_count,
                size=lambda n, k, s, p: (n + 2 * p - k) // s + 1,
            ),
            "accepts a layer",
        ),
    },
}


def forward(net, x):
    x = net.pool(net.relu(net.bn1(net.conv1(x))))
    _, C, H, W = x.shape
    x = x.reshape(x.shape[0], C * H * W)
    x = net.relu(net.fc1(x))
    x = net.relu(net.fc2(x))
    return net.fc3(x)


def pool_first(net, x):
    x = net.relu(net.pool(net.bn1(net.conv1(x)))).reshape(len(x), -1)
    return net.fc3(net.relu(net.fc2(net.relu(net.fc1(x)))))


def by_hand(net, x):
    h = np.maximum(net.bn1(net.conv1(x)), 0)
    h = np.concatenate([v.reshape(1, -1) for v in net.pool(h)])
    for layer in (net.fc1, net.fc2):
        h = layer(h)
        h = h * (h > 0)
    return net.fc3(h)


def in_torch(net, x):
    h = torch.tensor(net.bn1(net.conv1(x)))
    h = torch.nn.functional.max_pool2d(torch.relu(h), 2).flatten(1)
    for layer in (net.fc1, net.fc2):
        h = torch.relu(torch.tensor(layer(h.numpy())))
    return net.fc3(h.numpy())


def einsum_float32(net, x):
    h = net.pool(net.relu(net.bn1(net.conv1(x)))).astype(np.float32)
    h = np.einsum("nchw->nchw", h).reshape(-1, 864)
    return net.fc3(net.relu(net.fc2(net.relu(net.fc1(h)))))


def start(net, x):
    return net.pool(net.relu(net.bn1(net.conv1(x))))


def rows_of(x):
    return x.reshape(-1, 864)


def end(net, x):
    x = net.relu(net.fc1(x))
    return net.fc3(net.relu(net.fc2(x)))


def notes_forward(net, x):
    x = net.pool(net.relu(net.bn1(net.conv1(x))))
    x = x.reshape(-1, 16 * 6 * 6)
    x = net.fc1(x)
    x = net.fc2(x)
    return net.fc3(x)


def relu_first(net, x):
    x = net.pool(net.bn1(net.relu(net.conv1(x))))
    return end(net, rows_of(x))


def two_relus(net, x):
    x = net.relu(net.bn1(net.relu(net.conv1(x))))
    return end(net, rows_of(net.pool(x)))


def bn_last(net, x):
    x = net.bn1(net.pool(net.relu(net.conv1(x))))
    return end(net, rows_of(x))


def bn_after_pool(net, x):
    x = net.relu(net.bn1(net.pool(net.conv1(x))))
    return end(net, rows_of(x))


def probabilities(net, x):
    logits = end(net, rows_of(start(net, x)))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def no_middle(net, x):
    x = net.relu(net.fc1(rows_of(start(net, x))))
    return net.fc3(net.fc2(x))


def only_sizes_repaired(net, x):
    return net.fc3(net.fc2(net.fc1(rows_of(start(net, x)))))


FORWARD = {
    "solution": forward,
    "right": {
        "pool before ReLU": pool_first,
        "by hand": by_hand,
        "torch": in_torch,
        "einsum, float32": einsum_float32,
    },
    "wrong": {
        "the notes": (notes_forward, "16 * 6 * 6 inputs"),
        "sizes repaired only": (only_sizes_repaired, "in a row are one"),
        "one activation": (no_middle, "in a row are one"),
        "not flat": (
            lambda net, x: end(net, start(net, x)),
            "never made into rows",
        ),
        "one row": (
            lambda net, x: end(net, start(net, x).reshape(1, -1)),
            "the whole batch in one row",
        ),
        "channels last": (
            lambda net, x: end(net, start(net, x).transpose(0, 2, 3, 1).reshape(-1, 864)),
            "channels last",
        ),
        "columns": (
            lambda net, x: end(net, start(net, x).reshape(len(x), -1).T),
            "columns, where",
        ),
        "global average": (
            lambda net, x: end(net, start(net, x).mean((2, 3))),
            "the mean of each map",
        ),
        "no pooling": (
            lambda net, x: end(net, net.relu(net.bn1(net.conv1(x))).reshape(len(x), -1)),
            "no pooling",
        ),
        "no BN": (
            lambda net, x: end(net, rows_of(net.pool(net.relu(net.conv1(x))))),
            "no normalization",
        ),
        "no ReLU": (
            lambda net, x: end(net, rows_of(net.pool(net.bn1(net.conv1(x))))),
            "no activation behind the normalization",
        ),
        "ReLU before BN": (
            relu_first,
            "an activation before the normalization",
        ),
        "two activations": (two_relus, "a second activation before"),
        "BN last": (bn_last, "behind activation and pooling"),
        "BN after pooling": (bn_after_pool, "behind the pooling"),
        "ReLU at the end": (
            lambda net, x: net.relu(end(net, rows_of(start(net, x)))),
            "behind the last layer",
        ),
        "softmax": (probabilities, "softmax belongs to the loss"),
        "no fc2": (
            lambda net, x: net.fc3(net.relu(net.fc1(rows_of(start(net, x))))),
            "never calls fc2",
        ),
        "sigmoid": (
            lambda net, x: net.fc3(1 / (1 + np.exp(-net.fc2(net.fc1(rows_of(start(net, x))))))),
            "",
        ),
    },
}

ANSWERS = {"exC_q1": SIZE, "exC_q2": FEATURES, "exC_q3": FORWARD}
