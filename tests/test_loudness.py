"""What is heard as equally loud."""

import pytest
import torch

from studio.engine.loudness import CEILING, MATCHED_DB, SILENCE_DB, loudness_db, matching_gain_db

RATE = 48000


def tone(pitch_hz: float, duration: float = 1.0, peak: float = 0.5) -> torch.Tensor:
    """A sine, (samples,) float32."""
    return peak * torch.sin(2 * torch.pi * pitch_hz * torch.arange(round(duration * RATE)) / RATE)


def test_a_full_scale_sine_has_the_loudness_that_the_standard_gives_it():
    """BS.1770-4: 0 dBFS at 997 Hz on one channel reads -3.01 LKFS."""
    assert loudness_db(tone(997, peak=1.0), RATE) == pytest.approx(-3.01, abs=0.1)
    assert loudness_db(tone(997, peak=0.1), RATE) == pytest.approx(-23.01, abs=0.1)


def test_the_ear_hears_less_of_the_bass_and_more_of_the_treble():
    low, middle, high = (loudness_db(tone(pitch_hz), RATE) for pitch_hz in (40, 997, 5000))
    assert low < middle - 3 and high > middle + 2


def test_a_click_is_quieter_than_a_hit_of_the_same_peak():
    assert loudness_db(tone(1000, duration=0.02), RATE) < loudness_db(tone(1000, duration=0.3), RATE) - 8


def test_two_sides_are_three_decibels_louder_than_one():
    one = tone(1000)
    assert loudness_db(one.expand(2, -1), RATE) == pytest.approx(loudness_db(one, RATE) + 3.01, abs=0.02)


def test_the_gain_brings_loud_and_quiet_sounds_to_the_same_loudness():
    for sound in (tone(200, peak=0.9), tone(200, peak=0.1), tone(3000, duration=0.2, peak=0.5)):
        gain = matching_gain_db(sound, RATE)
        assert loudness_db(sound * 10 ** (gain / 20), RATE) == pytest.approx(MATCHED_DB, abs=0.05)


def test_no_gain_takes_a_sound_beyond_full_scale():
    click = torch.zeros(RATE // 10)
    click[100:110] = 0.5
    gain = matching_gain_db(click, RATE)
    assert float(click.max()) * 10 ** (gain / 20) == pytest.approx(CEILING, abs=1e-4)


def test_silence_is_left_alone():
    assert loudness_db(torch.zeros(RATE), RATE) == SILENCE_DB
    assert matching_gain_db(torch.zeros(RATE), RATE) == 0.0
    assert matching_gain_db(torch.zeros(0), RATE) == 0.0
