"""The close-up shows all of a sound and nothing else, and its ticks stand where the frequencies are."""

import pytest
import torch

from studio.engine import closeup


def tone(pitch_hz: float, samples: int, sample_rate: int) -> torch.Tensor:
    """A sine on one channel, (1, samples)."""
    return torch.sin(2 * torch.pi * pitch_hz * torch.arange(samples) / sample_rate)[None]


@pytest.mark.parametrize("pitch_hz, words", [(100, "100"), (1000, "1k"), (10_000, "10k")])
def test_a_tone_is_brightest_at_its_tick(pitch_hz, words):
    shown = closeup.of_sound(tone(pitch_hz, 22050, 44100), 44100)
    brightest = int(shown.pixels.float().mean(dim=1).argmax())
    assert 1 - brightest / closeup.ROWS == pytest.approx(dict(shown.ticks)[words], abs=0.02)


def test_the_end_of_the_sound_is_the_end_of_the_picture():
    waveform = torch.zeros(1, 44100)
    waveform[0, 33075:] = 0.5 * torch.randn(11025, generator=torch.Generator().manual_seed(0))
    bright = closeup.of_sound(waveform, 44100).pixels.float().mean(dim=0) > 60
    assert int(bright.nonzero()[0]) / len(bright) == pytest.approx(0.75, abs=0.03)
    assert bright[-1]


@pytest.mark.parametrize("sample_rate", [4000, 44100, 96000, 384_000])
@pytest.mark.parametrize("samples", [50, 4410, 2_000_000, 15_000_000])
def test_any_length_at_any_rate_has_a_picture_of_bearable_size(samples, sample_rate):
    pixels = closeup.of_sound(tone(440, samples, sample_rate).expand(2, -1), sample_rate).pixels
    assert len(pixels) == closeup.ROWS and 1 <= pixels.shape[1] <= closeup.MOST_COLUMNS + 1
