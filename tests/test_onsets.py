"""A long recording into one-shots: each hit once, cut where it begins."""

import itertools
import random

import pytest
import soundfile
import torch

from studio.engine import audio, onsets, synth
from studio.errors import Cancelled, StudioError

RATE = 44100


@pytest.fixture(scope="module")
def kit():
    return dict(synth.demo_kit(1))


def laid_out(sounds, places, duration, sample_rate=RATE):
    """Sounds, each with a gain, at places in seconds: the recording, and the samples at which they are first heard."""
    recording, heard = torch.zeros(round(duration * sample_rate)), []
    for (sound, gain), place in zip(sounds, places, strict=True):
        at = round(place * sample_rate)
        part = gain * sound[: len(recording) - at]
        recording[at : at + len(part)] += part
        heard.append(at + int((part.abs() > 0.03 * part.abs().max()).nonzero()[0]))
    return recording, heard


def found_in(recording, sample_rate=RATE, **how):
    return onsets.onsets(recording, sample_rate, onsets.strength(recording, sample_rate), **how)


def matched(found, heard, sample_rate=RATE, within=0.01):
    return [at for at in heard if any(abs(at - each) <= within * sample_rate for each in found)]


def test_a_session_of_single_hits_is_found_hit_by_hit(kit):
    dice = random.Random(3)
    sounds = [(sound, 10 ** (dice.uniform(-12, 0) / 20)) for sound in kit.values()]
    places = [0.3 + 0.9 * index for index in range(len(sounds))]
    recording, heard = laid_out(sounds, places, places[-1] + 1)
    found = found_in(recording)
    assert len(matched(found, heard)) >= 0.95 * len(heard)
    assert len(found) <= 1.05 * len(heard)


@pytest.mark.parametrize("sample_rate", [22050, 96000])
def test_cuts_are_as_exact_at_any_rate_and_any_level(kit, sample_rate):
    clap = audio.resample(next(sound for name, sound in kit.items() if "snare" in name), RATE, sample_rate)
    places = [0.0, 0.2, 0.55, 1.1]
    recording, heard = laid_out([(clap, 1e-3)] * 4, places, 1.8, sample_rate)
    found = found_in(recording, sample_rate)
    assert len(found) == 4
    assert all(abs(one - other) < 0.003 * sample_rate for one, other in zip(found, heard, strict=True))


def test_a_hit_in_the_tail_of_a_bass_is_cut_at_its_attack(kit):
    bass = next(sound for name, sound in kit.items() if name.startswith("808"))
    hat = next(sound for name, sound in kit.items() if name.startswith("closed hat"))
    recording, heard = laid_out([(bass, 1.0), (hat, 0.5)], [0.1, 0.4], 1.2)
    found = found_in(recording)
    assert len(found) == 2 and all(abs(one - other) < 0.004 * RATE for one, other in zip(found, heard, strict=True))


def test_silence_has_no_onsets_and_a_steady_tone_only_its_own():
    assert found_in(torch.zeros(RATE)) == [] == found_in(torch.zeros(0))
    steady = torch.sin(2 * torch.pi * 440 * torch.arange(2 * RATE) / RATE)
    found = found_in(torch.cat([torch.zeros(RATE // 2), steady]))
    assert len(found) == 1 and abs(found[0] - RATE // 2) < 0.003 * RATE


def test_a_recording_that_begins_with_its_sound_loses_nothing(kit):
    kick = next(iter(kit.values()))
    recording, _ = laid_out([(kick, 1.0), (kick, 1.0)], [0.0, 0.7], 1.5)
    cut = onsets.pieces(recording, RATE, found_in(recording))
    assert cut[0].start < 0.003 * RATE and len(cut) == 2


def test_more_sensitivity_never_finds_fewer(kit):
    dice = random.Random(1)
    sounds = [(dice.choice(list(kit.values())), dice.uniform(0.05, 1)) for _ in range(20)]
    recording, _ = laid_out(sounds, [0.2 + 0.25 * index for index in range(20)], 6)
    flux = onsets.strength(recording, RATE)
    counts = [len(onsets.onsets(recording, RATE, flux, sensitivity=each / 10)) for each in range(11)]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    with pytest.raises(StudioError, match="sensitivity is 2"):
        onsets.onsets(recording, RATE, flux, sensitivity=2)


def test_onsets_keep_their_distance(kit):
    clap = next(sound for name, sound in kit.items() if "clap" in name)
    recording, _ = laid_out([(clap, 1.0)] * 6, [0.1 + 0.08 * index for index in range(6)], 1.5)
    assert len(found_in(recording, min_gap_ms=50)) == 6
    apart = found_in(recording, min_gap_ms=150)
    assert len(apart) == 3 and all(later - earlier >= 0.15 * RATE for earlier, later in itertools.pairwise(apart))


def test_pieces_cover_the_sounds_and_leave_silence_out():
    recording = torch.zeros(3000)
    recording[1000:1200] = 0.5
    cut = onsets.pieces(recording, RATE, [200, 1000, 2000])
    assert len(cut) == 1
    assert cut[0].start == 1000 - 44 and cut[0].end == 2000 - 44
    assert onsets.pieces(torch.zeros(0), RATE, []) == []


def test_a_piece_that_the_next_one_cuts_off_fades_and_the_last_does_not():
    steady = torch.ones(2, 1000)
    cut = onsets.cut_out(steady, 44100, onsets.Piece(100, 700))
    assert cut.shape == (2, 600) and cut[0, -1] == 0 and cut[0, 400] == 1
    assert onsets.cut_out(steady, 44100, onsets.Piece(700, 1000))[1, -1] == 1
    for rate in (16000, 44100, 96000):
        faded = (onsets.cut_out(torch.ones(1, 1000), rate, onsets.Piece(0, 900)) < 1).sum()
        assert faded == pytest.approx(0.003 * rate, abs=2)
    assert steady.min() == 1  # the recording itself is left alone


def test_pieces_are_written_whole_and_nothing_is_written_over(tmp_path):
    recording = 0.5 * torch.randn(2, 3 * RATE).clamp(-4, 4)
    chosen = [onsets.Piece(0, RATE), onsets.Piece(RATE, 3 * RATE)]
    seen = []
    first = onsets.write(recording, RATE, chosen, tmp_path, "jam: 1/2", report=seen.append)
    second = onsets.write(recording, RATE, chosen, tmp_path, "jam: 1/2")
    assert [path.name for path in first] == ["jam_1_2_01.wav", "jam_1_2_02.wav"]
    assert len({*first, *second}) == 4 and [each.step for each in seen] == [1, 2]
    written, sample_rate = audio.read(first[1])
    assert (written.shape, sample_rate) == ((2, 2 * RATE), RATE) and soundfile.info(first[1]).subtype == "PCM_24"
    level = recording.abs().max()
    assert torch.allclose(written * level, recording[:, RATE:], atol=1e-5)
    assert audio.read_recipe(first[1]) == {"recording": "jam: 1/2", "start": 1.0, "end": 3.0}


def test_a_stop_leaves_the_analysis_at_once():
    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        onsets.strength(torch.randn(RATE), RATE, report=stop)


def test_an_hour_is_analysed_in_blocks_that_change_nothing(monkeypatch):
    recording = torch.randn(2 * RATE) * torch.linspace(0, 1, 2 * RATE)
    whole = onsets.strength(recording, RATE)
    monkeypatch.setattr(onsets, "BLOCK", 7)
    assert torch.allclose(onsets.strength(recording, RATE), whole, atol=1e-6)
