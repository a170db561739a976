"""The low tone that the decoder begins from: its pitch, where it begins, and what it is good for."""

import dataclasses

import pytest
import torch

from studio import presets
from studio.engine import mel as codec
from studio.engine.likeness import compare
from studio.engine.undertone import carries, undertone
from studio.settings import MelSettings

MEL = MelSettings(n_mels=128, n_frames=128, hop_length=347, n_fft=1536, iterations=60)
TWICE = dataclasses.replace(MEL, bass_n_fft=2048)


def a_tom(mel: MelSettings, pitch_hz: float = 105.0) -> torch.Tensor:
    """Nothing but a tone, (samples,), that falls by a fifth of its pitch and dies in a fifth of a second."""
    time = torch.arange(mel.samples) / mel.sample_rate
    turns = pitch_hz * (time + 0.02 * (1 - torch.exp(-time / 0.1)))
    return 0.9 * torch.exp(-time / 0.04) * torch.sin(2 * torch.pi * turns)


def hiss(mel: MelSettings) -> torch.Tensor:
    noise = torch.randn(mel.samples, generator=torch.Generator().manual_seed(3)).diff(prepend=torch.zeros(1))
    return 0.2 * noise.diff(prepend=torch.zeros(1))


@pytest.mark.parametrize("mel", [MEL, TWICE], ids=["one-slice", "bass-twice"])
def test_low_tones_carry_and_hiss_and_silence_do_not(mel):
    sounds = torch.stack([a_tom(mel), hiss(mel), torch.zeros(mel.samples), a_tom(mel, 3000)])
    assert carries(codec.mel_spectrogram(sounds, mel), mel).tolist() == [True, False, False, False]


def test_nothing_carries_where_no_row_lies_low_nor_in_one_column():
    high = dataclasses.replace(MEL, f_min=900.0, mel_scale="htk", n_mels=64)
    assert not carries(codec.mel_spectrogram(a_tom(high)[None], high), high).any()
    assert not carries(codec.mel_spectrogram(a_tom(MEL)[None], MEL)[..., :1], MEL).any()


@pytest.mark.parametrize("mel", [MEL, TWICE], ids=["one-slice", "bass-twice"])
@pytest.mark.parametrize("hz", [70.0, 105.0, 330.0])
def test_the_undertone_has_the_pitch_of_the_sound_and_begins_with_it(mel, hz):
    time = torch.arange(mel.samples) / mel.sample_rate
    sound = 0.9 * torch.exp(-4 * time) * torch.sin(2 * torch.pi * hz * time)
    wave = undertone(codec.mel_spectrogram(sound[None], mel), mel, phase=0.5)[0]
    assert len(wave) == mel.pad + mel.samples and (wave[: mel.pad] == 0).all()
    assert wave[mel.pad].item() == pytest.approx(torch.sin(torch.tensor(0.5)).item(), abs=0.1)
    half = wave[mel.pad :][: mel.sample_rate // 2]
    risen = ((half[:-1] < 0) & (half[1:] >= 0)).sum().item()  # waves in half a second
    assert risen == pytest.approx(hz / 2, abs=2)


@pytest.mark.parametrize("seed", range(5))
def test_a_pure_tone_begins_without_a_click_whatever_the_noise(seed):
    mel = dataclasses.replace(MEL, seed=seed)
    sound = a_tom(mel)
    back = codec.decode(*codec.encode(sound[None], mel), mel)[0]
    assert compare(sound, back, mel.sample_rate).spectrum_db < 3.0


def test_a_hiss_is_decoded_as_if_there_were_no_undertones(monkeypatch):
    picture = codec.encode(hiss(MEL)[None], MEL)
    with_them = codec.decode(*picture, MEL)
    monkeypatch.setattr(codec, "carries", lambda power, mel: torch.zeros(len(power), dtype=torch.bool))
    assert torch.equal(with_them, codec.decode(*picture, MEL))


@pytest.mark.parametrize("name", ["one-shot-128", "one-shot-256"])
def test_both_sides_begin_with_one_tone(name):
    mel = dataclasses.replace(presets.load("mel", name), iterations=24, stereo=True)
    tom = a_tom(mel)
    back = codec.decode(*codec.encode(torch.stack([tom, 0.4 * tom])[None], mel), mel)[0]
    together = (back[0] * back[1]).sum() / (back[0].norm() * back[1].norm())
    assert together > 0.95
