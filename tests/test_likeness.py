"""The figures of a round trip: each moves for its own fault, by the amount that was put in."""

import math

import pytest
import torch

from studio.engine.likeness import compare, envelope
from studio.errors import StudioError

RATE = 44100


def a_drum(attack_ms: float = 1.0, seed: int = 3) -> torch.Tensor:
    """Half a second of falling noise behind a straight attack, (samples,) float32."""
    time = torch.arange(RATE // 2) / RATE
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed))
    return 0.2 * noise * (time * 1000 / attack_ms).clamp_max(1) * torch.exp(-8 * time)


def a_tone(hz: float, amplitude: float = 0.5) -> torch.Tensor:
    return amplitude * torch.sin(2 * math.pi * hz * torch.arange(RATE) / RATE)


def test_a_sound_is_exactly_like_itself():
    same = compare(a_drum(), a_drum(), RATE)
    assert (same.spectrum_db, same.bands_db, same.attack_ms, same.level_db, same.peak_db) == (0, 0, 0, 0, 0)
    assert same.envelope_correlation == pytest.approx(1)


def test_a_level_is_counted_as_level_alone():
    quieter = compare(a_drum(), a_drum() / 10, RATE)
    assert quieter.level_db == pytest.approx(-20, abs=1e-4)
    assert quieter.peak_db == pytest.approx(-20, abs=1e-4)
    assert quieter.spectrum_db == pytest.approx(0, abs=1e-4)
    assert quieter.bands_db == pytest.approx(0, abs=1e-4)


def test_a_peak_is_counted_without_the_level():
    spiked = a_tone(1000)
    spiked[20000] = 1.0
    likeness = compare(a_tone(1000), spiked, RATE)
    assert likeness.peak_db == pytest.approx(20 * math.log10(2), abs=0.01)
    assert likeness.level_db == pytest.approx(0, abs=0.01)


def test_two_noises_of_one_spectrum_are_six_decibels_apart():
    noises = torch.randn(2, RATE, generator=torch.Generator().manual_seed(1))
    assert compare(*noises, RATE).spectrum_db == pytest.approx(6, abs=0.3)


def test_a_louder_band_is_counted_by_its_own_decibels():
    low, high = a_tone(100), a_tone(4000)
    likeness = compare(low + high, low + high * 10 ** (6 / 20), RATE)
    assert likeness.bands_db == pytest.approx(6 / 2, abs=0.1)  # matching the levels moves both by the same


def test_what_lies_sixty_decibels_under_the_loudest_band_does_not_count():
    loud, faint = a_tone(1000), a_tone(8000, 0.5e-3 / 2)
    assert compare(loud + faint, loud, RATE).bands_db == pytest.approx(0, abs=1e-3)


def test_a_slower_attack_is_told_in_milliseconds():
    def ramped(attack_ms: float) -> torch.Tensor:
        ramp = (torch.arange(RATE // 2) / RATE * 1000 / attack_ms).clamp_max(1)
        return ramp * torch.where(torch.arange(RATE // 2) % 2 == 0, 0.5, -0.5)  # an envelope without ripple

    assert compare(ramped(10), ramped(30), RATE).attack_ms == pytest.approx(0.8 * 20, abs=0.6)


def test_a_click_that_comes_late_correlates_with_nothing():
    early, late = torch.zeros(2, RATE // 4)
    early[200:300], late[1500:1600] = 0.5, 0.5
    assert compare(early, late, RATE).envelope_correlation < 0.1


def test_the_envelope_is_the_rms_of_its_surroundings():
    levels = envelope(torch.full((RATE,), 0.25), RATE)
    assert levels.dtype == torch.float64
    assert len(levels) == math.ceil(RATE / 11)  # 0.25 ms in whole samples
    assert levels[10:-10] == pytest.approx(0.25)
    assert levels[0] == pytest.approx(0.25 / math.sqrt(2))  # half of the window lies before the sound
    assert len(envelope(torch.ones(1000), RATE, step_ms=1)) == math.ceil(1000 / 44)


def test_a_short_candidate_is_followed_by_silence_and_a_long_one_is_cut():
    drum = a_drum()
    padded = torch.nn.functional.pad(drum[:9000], (0, len(drum) - 9000))
    assert compare(drum, drum[:9000], RATE) == compare(drum, padded, RATE)
    assert compare(drum, torch.cat([drum, drum]), RATE) == compare(drum, drum, RATE)


@pytest.mark.parametrize(("reference", "candidate"), [
    (torch.zeros(4000), torch.zeros(4000)), (torch.zeros(4000), a_drum()), (a_drum(), torch.zeros(4000)),
    (a_drum(), torch.zeros(0)), (torch.ones(1), torch.ones(1)), (a_drum(), torch.full((4000,), float("nan"))),
    (torch.ones(300), torch.ones(300))], ids=["silences", "from-nothing", "to-nothing", "to-empty", "one-sample", "nan",
                                              "shorter-than-a-slice"])
def test_every_figure_is_a_number_whatever_the_sounds(reference, candidate):
    likeness = compare(reference, candidate, RATE)
    assert all(math.isfinite(value) for value in vars(likeness).values())


def test_two_silences_are_alike():
    silent = compare(torch.zeros(4000), torch.zeros(4000), RATE)
    assert (silent.spectrum_db, silent.bands_db, silent.level_db, silent.peak_db) == (0, 0, 0, 0)


def test_a_reference_of_no_samples_is_refused_in_a_sentence():
    with pytest.raises(StudioError, match="0 samples"):
        compare(torch.zeros(0), a_drum(), RATE)
