"""A critic of grain: a small convolutional net that tells real patches of pictures from the autoencoder's copies.

Patches as in Isola et al. (2017), beside a reconstruction loss as in Esser et al. (2021); the hinge of Lim & Ye (2017).
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

GROUPS = 8


def build() -> nn.Sequential:
    """An untrained critic of pictures (n, 2, rows, frames), see `seen`; each judgement covers about 22×22 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(2, 24, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for before, after, stride in ((24, 48, 2), (48, 96, 1)):
        layers += [nn.Conv2d(before, after, 4, stride=stride, padding=1), nn.GroupNorm(GROUPS, after),
                   nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(96, 1, 3, padding=1))


def seen(pictures: Tensor) -> Tensor:
    """Pictures (n, 1, rows, frames) with their height beside them: a grain is another one in the bass."""
    height = torch.linspace(-1, 1, pictures.shape[2], device=pictures.device)
    return torch.cat((pictures, height[None, None, :, None].expand_as(pictures)), 1)


def losses(critic: nn.Module, pictures: Tensor, copies: Tensor) -> tuple[Tensor, Tensor]:
    """What copies (n, 1, rows, frames) cost their maker, and what the critic pays for not telling them from pictures.

    The first moves only the maker of the copies, the second only the critic, so that one step can take their sum.
    """
    frozen = {name: weight.detach() for name, weight in critic.named_parameters()}
    for_maker = -functional_call(critic, frozen, (seen(copies),)).mean()
    told = critic(seen(torch.cat((pictures, copies.detach()))))
    real, made = told.chunk(2)
    for_critic = nn.functional.relu(1 - real).mean() + nn.functional.relu(1 + made).mean()
    return for_maker, for_critic
