"""How a base is judged: its spread, its nearest pair, and whether it obeys its words."""


import pytest
import torch

from studio.engine import mel
from studio.engine.base import judge, obedience
from studio.engine.synth.draws import Draws
from studio.engine.synth.kit import render
from studio.engine.synth.words import measure, true_words
from studio.settings import MelSettings

RATE = 44100


def test_the_spread_of_equal_pictures_is_zero():
    pixels = torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8)
    assert judge.spread_db(pixels.repeat(3, 1, 1), 90) == 0
    assert judge.spread_db(torch.tensor([0, 255], dtype=torch.uint8)[:, None, None].repeat(1, 8, 8), 90) == 90


def test_the_nearest_two_pictures_give_the_least_difference():
    pixels = torch.stack([torch.full((8, 8), level, dtype=torch.uint8) for level in (0, 85, 255)])
    assert judge.nearest_db(pixels, 90) == pytest.approx(30)


def drawn(role: str, count: int = 48) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What is true of some synthesised sounds, and their pictures."""
    waveforms, traits, pitch_hz = render(Draws(count, RATE, 5, sample_rate=RATE), role)
    return true_words(role, measure(waveforms, RATE), traits, pitch_hz), mel.encode(waveforms, MelSettings())[0]


@pytest.mark.parametrize(("scale", "role"), [(0, "snare"), (1, "conga"), (2, "closed hat"), (3, "808"), (3, "low tom")])
def test_a_scale_agrees_with_what_the_words_mean(scale, role):
    chosen, (true, pixels) = obedience.SCALES[scale], drawn(role)
    figure = chosen.figure(pixels, 90.0)
    under, over = figure[true[chosen.under]], figure[true[chosen.over]]
    assert len(under) and len(over)
    assert (over[:, None] > under[None]).float().mean() > 0.7


def test_words_that_are_obeyed_correlate_and_words_that_are_ignored_do_not():
    dice = torch.Generator().manual_seed(1)

    def obeys(prompt: str, count: int) -> torch.Tensor:
        frames = {"short": 8, "long": 28}.get(prompt.split()[0], 16)
        pixels = torch.zeros(count, 32, 32, dtype=torch.uint8)
        pixels[:, 20, :frames] = 255
        return pixels

    def ignores(prompt: str, count: int) -> torch.Tensor:
        return torch.randint(0, 256, (count, 32, 32), generator=dice, dtype=torch.uint8)

    assert obedience.obedience(obeys, 90.0, 4)["short/long"]["mean"] > 0.9
    assert abs(obedience.obedience(ignores, 90.0, 4)["dark/bright"]["mean"]) < 0.5


def test_ties_share_a_rank():
    one = torch.tensor([0.0, 0, 1, 1])
    assert obedience.rank_correlation(one, torch.tensor([1.0, 1, 5, 5])) == pytest.approx(1)
    assert obedience.rank_correlation(one, -one) == pytest.approx(-1)
    assert obedience.rank_correlation(one, torch.ones(4)) == 0
