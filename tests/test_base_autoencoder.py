"""What the embedded base's autoencoder is told to keep: silence, grain, and what a critic finds."""

from types import SimpleNamespace

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from studio.engine.base import autoencoder, critic


def test_what_is_silent_stays_silent_when_pictures_are_varied():
    levels = torch.rand(64, 16, 16)
    levels[:, :, 8:] = 0
    changed = autoencoder.vary(levels, torch.Generator().manual_seed(1))
    assert (changed[:, :, 8:] == 0).all() and (changed != levels).any() and changed.min() >= 0 and changed.max() <= 1


def test_a_blurred_grain_costs_more_than_another_grain_of_the_same_strength():
    dice = torch.Generator().manual_seed(1)
    grain, other = (torch.rand(4, 1, 32, 32, generator=dice) for _ in range(2))
    wanted = autoencoder.local_contrast(grain)
    off = [(autoencoder.local_contrast(each) - wanted).abs().mean() for each in (other, torch.full_like(grain, 0.5))]
    assert off[0] < 0.3 * off[1]


def test_silence_that_comes_back_darker_than_black_costs_nothing_and_grey_does():
    class Echo(torch.nn.Module):
        """Stands for an autoencoder that gives back a picture of one level, whatever it is shown."""

        level: float

        def encode(self, pictures):
            moments = torch.zeros(len(pictures), 8, 2, 2)
            return SimpleNamespace(latent_dist=DiagonalGaussianDistribution(moments))

        def decode(self, latents):
            return SimpleNamespace(sample=torch.full((len(latents), 3, 16, 16), self.level))

    dice, black, echo = torch.Generator().manual_seed(1), torch.full((2, 3, 16, 16), -1.0), Echo()
    costs = []
    for echo.level in (-1.5, -1.02, -0.9):
        costs.append(autoencoder.loss(echo, black, dice).item())
    assert costs[0] == costs[1] == 0 < costs[2]


def test_the_maker_pays_for_copies_and_the_critic_for_its_own_mistakes():
    torch.manual_seed(1)
    judge_of_grain = critic.build()
    pictures, copies = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32, requires_grad=True)
    for_maker, for_critic = critic.losses(judge_of_grain, pictures, copies)
    for_critic.backward()
    *parameters, last_bias = judge_of_grain.parameters()
    assert copies.grad is None and all(each.grad.abs().sum() > 0 for each in parameters)
    assert abs(float(last_bias.grad)) < 1e-4  # pictures pull it up as far as copies pull it down
    judge_of_grain.zero_grad()
    for_maker.backward()
    assert copies.grad.abs().sum() > 0 and all(each.grad is None for each in judge_of_grain.parameters())


def test_a_critic_learns_to_tell_grain_from_blur():
    torch.manual_seed(0)
    judge_of_grain, dice = critic.build(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(judge_of_grain.parameters(), 2e-3)
    for _ in range(40):
        grain = torch.rand(4, 1, 32, 32, generator=dice)
        _, for_critic = critic.losses(judge_of_grain, grain, torch.nn.functional.avg_pool2d(grain, 3, 1, 1))
        optimizer.zero_grad()
        for_critic.backward()
        optimizer.step()
    assert for_critic < 0.5  # two told apart by nothing cost 2
