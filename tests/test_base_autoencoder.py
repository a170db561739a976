"""What the embedded base's autoencoder is told to keep: silence, grain, and what a critic finds."""

from types import SimpleNamespace

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from studio.engine.base import autoencoder, critic, ear
from studio.engine.base.material import Material
from studio.engine.base.plan import Plan
from studio.engine.synth import Caption


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


def test_a_channel_that_moves_the_picture_more_counts_more():
    class Mixer(torch.nn.Module):
        """Stands for an autoencoder whose picture is the channels' sum, the second of them four times as loud."""

        device = torch.device("cpu")

        def decode(self, latents):
            return SimpleNamespace(sample=latents[:, :1] + 4 * latents[:, 1:2] + latents[:, 2:])

    latents = torch.zeros(8, 3, 16, 16)
    weights = autoencoder.channel_weights(Mixer(), latents.half(), torch.Generator().manual_seed(1))
    assert weights.shape == (3, 1, 1) and weights.mean().item() == pytest.approx(1)
    assert (weights[1] / weights[0]).item() == pytest.approx(2, rel=0.1)  # the root of four


def test_a_wash_is_noise_like_and_neither_a_tone_nor_silence_is():
    pictures = torch.full((3, 1, 32, 32), -1.0)
    pictures[0] = 0.2 * torch.rand(32, 32, generator=torch.Generator().manual_seed(1))
    pictures[1, :, 16] = 1
    assert autoencoder.noise_like(pictures)[0].all() and not autoencoder.noise_like(pictures)[1:].any()


def tones(rows: list[int]) -> torch.Tensor:
    """uint8 pictures (n, 32, 32), each of one bright row."""
    pixels = torch.zeros(len(rows), 32, 32, dtype=torch.uint8)
    pixels[torch.arange(len(rows)), rows] = 255
    return pixels


def test_a_tone_one_row_off_costs_most_in_the_bass_and_silence_costs_nothing():
    levels = tones([31, 30, 4, 3])[:, None] / 127.5 - 1
    low, high = (autoencoder.bass_distance(levels[i : i + 1], levels[i + 1 : i + 2]) for i in (0, 2))
    silence = torch.full((1, 1, 32, 32), -1.0)
    assert low > 2 * high > 0
    assert autoencoder.bass_distance(silence + 0.5, silence) == 0


def test_an_ear_learns_what_it_is_taught_and_finds_a_sound_like_itself(tmp_path):
    rows = torch.arange(64) % 24 + 4
    captions = tuple(Caption("kick", ("kick",), ("deep",) if row >= 16 else ("high-pitched",)) for row in rows)
    learned = Material(tones(rows.tolist()), captions, (rows < 16).long())
    listener = ear.train(learned, tmp_path / "ear.pt", Plan(ear_steps=60))
    pictures = learned.pixels[:, None] / 127.5 - 1
    with torch.no_grad():
        heard = listener(pictures)
        near, far = (listener.off(pictures[:8], pictures[start : start + 8]) for start in (0, 12))
    assert (heard[:, :2].argmax(1) == learned.roles).float().mean() > 0.9
    low, high = (2 + ear.OPPOSITES.index(word) for word in ("low", "high"))
    assert ((heard[:, low] > heard[:, high]) == (rows >= 16)).float().mean() > 0.9
    assert near == 0 < far
