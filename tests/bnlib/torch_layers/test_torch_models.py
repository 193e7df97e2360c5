"""Four usual kinds of network, trained with PyTorch's layers and with ours: equal losses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch_pairs import tensor

from bnlib import torch_layers

LIBRARIES = (nn, torch_layers)


class Residual(nn.Module):
    """A network of two residual blocks, the second with a stride and a projection."""

    def __init__(self, lib):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), lib.BatchNorm2d(8))
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c, 8, 3, stride, 1, bias=False),
                *(lib.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=False)),
                lib.BatchNorm2d(8),
            )
            for c, stride in ((8, 1), (8, 2))
        )
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1, 2, bias=False), lib.BatchNorm2d(8))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        """Return one score for each class."""
        x = F.relu(self.stem(x))
        x = F.relu(x + self.branches[0](x))
        x = F.relu(self.project(x) + self.branches[1](x))
        return self.head(x.mean((2, 3)))


def depthwise(lib):
    """Return a network of separable convolutions, with bottlenecks that are not active."""
    layers = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), lib.BatchNorm2d(8), nn.ReLU6()]
    for stride in (1, 2):
        layers += [nn.Conv2d(8, 16, 1, bias=False), lib.BatchNorm2d(16), nn.ReLU6()]
        layers += [nn.Conv2d(16, 16, 3, stride, 1, groups=16, bias=False)]
        layers += [lib.BatchNorm2d(16), nn.ReLU6()]
        layers += [nn.Conv2d(16, 8, 1, bias=False), lib.BatchNorm2d(8)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


class UNet(nn.Module):
    """One level down and up again, with a skip connection."""

    def __init__(self, lib):
        super().__init__()
        self.down = self.block(lib, 3, 8)
        self.middle = self.block(lib, 8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.last = nn.Sequential(self.block(lib, 16, 8), nn.Conv2d(8, 4, 1))

    @staticmethod
    def block(lib, c, out):
        """Return a convolution, its normalization and the activation."""
        return nn.Sequential(nn.Conv2d(c, out, 3, padding=1), lib.BatchNorm2d(out), nn.ReLU())

    def forward(self, x):
        """Return the mean score of all pixels for each class."""
        skip = self.down(x)
        up = self.up(self.middle(F.max_pool2d(skip, 2)))
        return self.last(torch.cat([skip, up], 1)).flatten(2).mean(2)


def classify(make, dtype, steps):
    """Return the losses of a few steps of training, and one in evaluation."""
    model = make.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    targets = torch.arange(8) % 4
    losses = []
    for step in range(steps):
        loss = F.cross_entropy(model(tensor(8, 3, 16, 16, seed=step, dtype=dtype)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    x = tensor(8, 3, 16, 16, seed=steps, dtype=dtype)
    return [*losses, F.cross_entropy(model.eval()(x), targets).item()]


def adversarial(lib, dtype, steps):
    """Return the losses of a generator and of a critic with a gradient penalty.

    Gulrajani et al. (2017), but with batch normalization in the critic, too: the penalty
    differentiates through a gradient of the layer.
    """
    generator = nn.Sequential(
        *(nn.ConvTranspose2d(4, 8, 4, bias=False), lib.BatchNorm2d(8), nn.ReLU()),
        *(nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()),
    ).to(dtype)
    critic = nn.Sequential(
        *(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 2, bias=False)),
        *(lib.BatchNorm2d(16), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(144, 1)),
    ).to(dtype)
    players = [torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.9)) for n in (generator, critic)]
    losses = []
    for step in range(steps):
        real, noise = (tensor(8, *s, seed=step, dtype=dtype) for s in ((3, 8, 8), (4, 1, 1)))
        fake = generator(noise)
        mixed = (0.3 * real + 0.7 * fake).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).pow(2).mean()
        loss = critic(fake.detach()).mean() - critic(real).mean() + 10 * penalty
        players[1].zero_grad()
        loss.backward()
        players[1].step()
        other = -critic(fake).mean()
        players[0].zero_grad()
        other.backward()
        players[0].step()
        losses += [loss.item(), other.item()]
    return [*losses, critic.eval()(generator.eval()(noise)).mean().item()]


MODELS = {
    "residual": lambda lib, *run: classify(Residual(lib), *run),
    "depthwise": lambda lib, *run: classify(depthwise(lib), *run),
    "U-Net": lambda lib, *run: classify(UNet(lib), *run),
    "GAN with gradient penalty": adversarial,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_a_network_trains_as_with_pytorchs_layers(name, dtype, tol):
    found = []
    for lib in LIBRARIES:
        torch.manual_seed(0)
        found.append(torch.tensor(MODELS[name](lib, dtype, 6), dtype=torch.float64))
    theirs, ours = found
    assert theirs.diff().abs().max() > 0.01
    assert ((ours - theirs).abs() / theirs.abs().clamp_min(1)).max() < tol
