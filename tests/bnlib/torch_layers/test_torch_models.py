"""A generator and a critic, trained with PyTorch's layers and with ours: equal losses."""

import pytest
import torch
from torch import nn
from torch_pairs import tensor

from bnlib import torch_layers


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


@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_networks_train_as_with_pytorchs_layers(dtype, tol):
    losses = []
    for lib in (nn, torch_layers):
        torch.manual_seed(0)
        losses.append(torch.tensor(adversarial(lib, dtype, 6), dtype=torch.float64))
    theirs, ours = losses
    assert theirs.diff().abs().max() > 0.01
    assert ((ours - theirs).abs() / theirs.abs().clamp_min(1)).max() < tol
