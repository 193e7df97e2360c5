"""Pairs of a PyTorch layer and the batch normalization that follows it."""

import torch
from torch import nn
from torch_pairs import tensor

from bnlib import torch_layers

LAYERS = {
    "Linear": (nn.Linear, (5, 4), {}, (6, 5)),
    "Conv1d": (nn.Conv1d, (6, 4, 3), {"groups": 2, "stride": 2}, (3, 6, 9)),
    "Conv2d": (
        nn.Conv2d,
        (3, 4, (3, 2)),
        {"padding": 1, "padding_mode": "reflect"},
        (3, 3, 6, 5),
    ),
    "Conv3d": (nn.Conv3d, (2, 4, 2), {"dilation": 2}, (2, 2, 5, 4, 6)),
    "ConvTranspose1d": (nn.ConvTranspose1d, (6, 4, 3), {"groups": 2}, (3, 6, 5)),
    "ConvTranspose2d": (nn.ConvTranspose2d, (3, 4, 2), {"stride": 2}, (3, 3, 4, 5)),
    "ConvTranspose3d": (nn.ConvTranspose3d, (4, 4, 2), {"groups": 4}, (2, 4, 3, 2, 3)),
}


def trained(kind, channels=4, seed=0, **options):
    """Return a batch normalization in evaluation mode with parameters like a trained one's."""
    bn = kind(channels, **({"dtype": torch.float64} | options)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in bn.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.1, 3, generator=generator)
        if bn.weight is not None:
            bn.weight.neg_()
    return bn


def pair(name, own=True, dtype=torch.float64, layer_bias=True, **options):
    """Return a layer, the batch normalization after it, and inputs."""
    kind, sizes, settings, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = kind(*sizes, bias=layer_bias, dtype=dtype, **settings)
    rank = 1 if name == "Linear" else int(name[-2])
    bn = getattr(torch_layers if own else nn, f"BatchNorm{rank}d")
    return layer, trained(bn, dtype=dtype, **options), tensor(*shape, dtype=dtype)
