"""The picture of a whole sound that a mask is painted on."""

import pytest
import torch

from studio import presets
from studio.engine import audio, canvas, masks
from studio.errors import StudioError
from studio.settings import MelSettings, TransformSettings

MEL = MelSettings()


@pytest.mark.parametrize("samples", [10, 4000, 43557, 44100 * 3])
def test_its_columns_are_those_that_a_mask_lies_over(samples):
    made = canvas.of_sound(torch.rand(1, samples) - 0.5, MEL.sample_rate, MEL)
    assert made.columns == masks.columns(MEL, samples) >= made.heard == made.pixels.shape[1]
    assert made.pixels.shape[0] == MEL.n_mels
    assert made.begin < 0 <= made.end - samples / MEL.sample_rate < 2 * MEL.hop_length / MEL.sample_rate


def test_a_click_stands_in_the_column_of_its_sample():
    waveform = torch.zeros(1, 44100 * 2)
    waveform[0, 60_000] = 1
    made = canvas.of_sound(waveform, MEL.sample_rate, MEL)
    loudest = int(made.pixels.float().sum(dim=0).argmax())
    place = (60_000 / MEL.sample_rate - made.begin) / (made.end - made.begin) * made.heard
    assert abs(loudest + 0.5 - place) <= 1


@pytest.mark.parametrize("preset", presets.names("mel"))
def test_a_long_sound_is_read_stretch_by_stretch_without_a_seam(monkeypatch, preset):
    mel = presets.load("mel", preset)
    monkeypatch.setattr(canvas, "WIDEST", 10_000)
    time = torch.arange(3 * mel.sample_rate) / mel.sample_rate
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    waveform = (0.5 * torch.sin(2 * torch.pi * 80 * time) + 0.01 * noise)[None]
    whole = canvas.of_sound(waveform, mel.sample_rate, mel)
    monkeypatch.setattr(canvas, "AT_ONCE", 100)
    assert (canvas.of_sound(waveform, mel.sample_rate, mel).pixels.int() - whole.pixels.int()).abs().max() <= 1


def test_columns_of_a_very_long_sound_share_what_is_shown(monkeypatch):
    monkeypatch.setattr(canvas, "WIDEST", 50)
    made = canvas.of_sound(torch.rand(1, 44100 * 2) - 0.5, MEL.sample_rate, MEL)
    assert made.pixels.shape[1] <= 50 < made.heard


def test_silence_is_refused(tmp_path):
    path = audio.write(tmp_path / "nothing.wav", torch.zeros(1, 3000), 44100)
    with pytest.raises(StudioError, match=r"nothing\.wav: is silent"):
        canvas.of_file(path, TransformSettings())
