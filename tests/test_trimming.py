"""Before and after of trimming: what is shown as cut is what preparing cut."""

from dataclasses import replace

import pytest
import soundfile
import torch

from studio.engine import audio, dataset, preparation, trimming
from studio.errors import StudioError
from studio.settings import MelSettings, PrepareSettings

RATE = 44100
MEL = MelSettings(n_mels=32, n_frames=32)
SHORT = 0.1


def tone(duration=SHORT):
    time = torch.arange(round(duration * RATE)) / RATE
    return 0.5 * torch.sin(2 * torch.pi * 300 * time + 1)


def prepared(tmp_path, waveform, settings=PrepareSettings(), mel=MEL):
    source = tmp_path / "sound.wav"
    soundfile.write(source, waveform.movedim(0, -1).numpy(), RATE, "PCM_24")
    preparation.prepare([source], tmp_path / "set", mel, settings)
    made = dataset.load(tmp_path / "set")
    return made, made.one_shots[0], source


def test_silence_on_both_sides_is_what_was_cut(tmp_path):
    before, behind = torch.zeros(5000), torch.zeros(7000)
    made, row, _ = prepared(tmp_path, torch.cat([before, tone(), behind]))
    found = trimming.of(made, row)
    assert found.start == pytest.approx(5000, abs=0.001 * RATE) and found.start <= 5000
    assert 5000 + len(tone()) <= found.end == found.kept_until <= 5000 + len(tone()) + 0.006 * RATE
    assert found.original.shape == (5000 + len(tone()) + 7000,)
    assert found.cut_off.shape == (found.start + len(found.original) - found.kept_until,)
    assert not found.cut_off.any()


def test_the_original_is_as_loud_as_what_is_in_the_dataset(tmp_path):
    made, row, _ = prepared(tmp_path, torch.cat([torch.zeros(3000), tone() * 0.1]))
    found = trimming.of(made, row)
    kept, _ = audio.read(made.folder / row.audio)
    assert float(found.original.abs().max()) == pytest.approx(audio.PEAK, rel=1e-3)
    middle = slice(found.start + 1000, found.start + 3000)
    assert torch.allclose(found.original[middle], kept[0, 1000:3000], atol=1e-3)


def test_what_was_cut_off_may_be_louder_and_is_not_clipped(tmp_path):
    loud = 0.9 * torch.sin(torch.arange(RATE) / 10)
    made, row, _ = prepared(tmp_path, torch.cat([tone() * 0.05, torch.zeros(RATE), loud]))
    found = trimming.of(made, row)
    assert row.gain_db > 20 and float(found.original.abs().max()) == pytest.approx(1)


def test_what_the_picture_had_no_room_for_is_shown_as_cut(tmp_path):
    made, row, _ = prepared(tmp_path, tone(2.0))
    found = trimming.of(made, row)
    assert found.end == len(found.original) and found.kept_until == round(MEL.duration * RATE)
    assert found.cut_off.abs().max() > 0.5


def test_without_trimming_only_the_picture_cuts(tmp_path):
    silence = torch.zeros(500)
    made, row, _ = prepared(tmp_path, torch.cat([silence, tone(), silence]), PrepareSettings(trim=False))
    found = trimming.of(made, row)
    assert (found.start, found.end) == (0, len(found.original))


def test_stereo_keeps_both_sides(tmp_path):
    made, row, _ = prepared(tmp_path, torch.stack([tone(), 0.2 * tone()]), mel=replace(MEL, stereo=True))
    assert trimming.of(made, row).original.shape == (2, len(tone()))


def test_an_hour_is_heard_for_half_a_minute(tmp_path):
    made, row, _ = prepared(tmp_path, tone())
    found = trimming.of(made, row)
    assert found.heard(torch.zeros(2, 100 * RATE)).shape == (2, 30 * RATE)


def test_a_source_that_is_gone_or_changed_is_named_with_its_cure(tmp_path):
    made, row, source = prepared(tmp_path, tone())
    soundfile.write(source, tone(0.3).numpy(), RATE)
    with pytest.raises(StudioError, match="sound.wav: has changed since.*prepare it again"):
        trimming.of(made, row)
    source.unlink()
    with pytest.raises(StudioError, match="sound.wav: is no longer there.*prepare it again"):
        trimming.of(made, row)
    (made.folder / row.audio).unlink()
    with pytest.raises(StudioError, match="does not say how it was prepared"):
        trimming.of(made, row)
