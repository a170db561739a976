import pytest
import torch

from studio.engine import picture, round_trip
from studio.engine.round_trip import there_and_back
from studio.settings import MelSettings

MEL = MelSettings(iterations=5)


def decaying(pitch_hz: float = 220.0, samples: int = 13230) -> torch.Tensor:
    time = torch.arange(samples) / MEL.sample_rate
    return 0.8 * torch.sin(2 * torch.pi * pitch_hz * time) * torch.exp(-12 * time)


@pytest.fixture
def lossless(monkeypatch):
    """A codec that gives every sound back as a given function makes it."""
    def give(back):
        kept = {}

        def of_sound(waveform, mel):
            kept["sound"] = waveform[..., : mel.samples]
            return picture.Picture(torch.zeros(mel.n_mels, mel.n_frames, dtype=torch.uint8), 0.0,
                                   kept["sound"].shape[-1], mel)

        monkeypatch.setattr(round_trip.picture, "of_sound", of_sound)
        monkeypatch.setattr(round_trip.picture, "to_sound", lambda image, report: back(kept["sound"]))
    return give


def test_a_round_trip_gives_both_sounds_at_the_same_length_and_place():
    trip = there_and_back(decaying(), MEL)
    assert trip.original.shape == trip.decoded.shape == (13230,)
    assert torch.equal(trip.original, decaying())
    assert trip.likeness.spectrum_db > 0


def test_a_sound_longer_than_its_picture_is_compared_as_far_as_the_picture_goes():
    trip = there_and_back(decaying(samples=60000), MEL)
    assert trip.original.shape == trip.decoded.shape == (MEL.samples,)


def test_gains_match_the_levels_and_raise_neither(lossless):
    for factor in (0.25, 4.0):
        lossless(lambda sound, factor=factor: sound * factor)
        trip = there_and_back(decaying(), MEL)
        original, decoded = (gain * float(sound.square().mean().sqrt()) for gain, sound in
                             zip(trip.gains, (trip.original, trip.decoded), strict=True))
        assert original == pytest.approx(decoded, rel=1e-4)
        assert max(trip.gains) == 1
        assert torch.allclose(trip.envelopes[0], trip.envelopes[1], rtol=1e-4)


def test_a_silent_round_trip_does_not_mute_the_original(lossless):
    lossless(torch.zeros_like)
    trip = there_and_back(decaying(), MEL)
    assert trip.gains[0] > 0.05


def test_both_sides_count_alike_in_the_figures(lossless):
    sides = torch.stack([decaying(), decaying(330.0)])
    lossless(lambda sound: sound * torch.tensor([[1.0], [0.5]]))
    trip = there_and_back(sides, MEL)
    assert trip.original.shape == trip.decoded.shape == sides.shape
    assert trip.likeness.level_db == pytest.approx(-6.02 / 2, abs=0.01)


def test_the_envelopes_are_of_the_first_100_ms_even_of_a_shorter_sound(lossless):
    lossless(lambda sound: sound)
    long, short = there_and_back(decaying(), MEL), there_and_back(decaying(samples=900), MEL)
    assert long.envelopes.shape == short.envelopes.shape
    assert long.envelopes.shape[1] * 0.25 == pytest.approx(100, abs=1)
    assert short.envelopes[0, -1] == 0 < long.envelopes[0, -1]
