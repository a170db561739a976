"""Sound files in, arithmetic on waveforms, sound files out."""

import errno
import math
import struct
from pathlib import Path

import numpy
import pytest
import soundfile
import torch

from studio.engine import audio
from studio.errors import StudioError
from studio.settings import PrepareSettings

RATE = 44100


def sine(hz=440.0, duration=0.2, sample_rate=RATE, level=0.5):
    return level * torch.sin(2 * math.pi * hz * torch.arange(round(duration * sample_rate)) / sample_rate)


def gap(milliseconds):
    return torch.zeros(round(milliseconds / 1000 * RATE))


def loss_db(waveform, reference):
    return 10 * math.log10(float(reference.square().mean()) / max(float(waveform.square().mean()), 1e-30))


# ------------------------------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize(("suffix", "format", "subtype", "most_off"), [
    (".wav", "WAV", "PCM_U8", 0.01), (".wav", "WAV", "PCM_16", 1e-4), (".wav", "WAV", "PCM_24", 1e-6),
    (".wav", "WAV", "PCM_32", 1e-6), (".wav", "WAV", "FLOAT", 0), (".wav", "WAV", "DOUBLE", 1e-7),
    (".wav", "WAVEX", "PCM_24", 1e-6), (".flac", "FLAC", "PCM_24", 1e-6), (".ogg", "OGG", "VORBIS", 0.1),
    (".aiff", "AIFF", "PCM_16", 1e-4), (".aif", "AIFF", "PCM_24", 1e-6)])
def test_every_format_gives_its_channels_rate_and_samples(tmp_path, suffix, format, subtype, most_off):
    wanted = torch.stack([sine(), sine(660, level=0.3), sine(110, level=0.1)])
    path = tmp_path / f"three{suffix}"
    soundfile.write(path, wanted.T.numpy(), RATE, format=format, subtype=subtype)
    waveform, sample_rate = audio.read(path)
    assert suffix in audio.SUFFIXES and sample_rate == RATE
    assert waveform.dtype == torch.float32 and waveform.shape == wanted.shape
    assert (waveform - wanted).abs().max() <= most_off


def test_mp3_is_read(tmp_path):
    soundfile.write(tmp_path / "a.mp3", sine(duration=1.0).numpy(), RATE, format="MP3")
    waveform, sample_rate = audio.read(tmp_path / "a.mp3")
    assert ".mp3" in audio.SUFFIXES and sample_rate == RATE
    assert abs(float(waveform.abs().max()) - 0.5) < 0.05


def test_the_content_tells_the_format_not_the_suffix(tmp_path):
    soundfile.write(tmp_path / "a.flac", sine().numpy(), RATE)
    (tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert audio.read(tmp_path / "a.wav")[0].shape == (1, len(sine()))


def test_a_file_longer_than_a_block_is_read_to_its_end(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", sine().numpy(), RATE, subtype="FLOAT")
    for block in (1000, len(sine()), len(sine()) // 2):
        monkeypatch.setattr(audio, "BLOCK", block)
        assert torch.equal(audio.read(tmp_path / "a.wav")[0][0], sine())
    monkeypatch.setattr(audio, "MOST_SAMPLES", len(sine()) - 1)
    with pytest.raises(StudioError, match="a.wav: is longer than can be held in memory"):
        audio.read(tmp_path / "a.wav")


def test_samples_that_are_no_numbers_become_silence(tmp_path):
    broken = sine().numpy().copy()
    broken[10:13] = [numpy.nan, numpy.inf, -numpy.inf]
    soundfile.write(tmp_path / "a.wav", broken, RATE, subtype="FLOAT")
    waveform = audio.read(tmp_path / "a.wav")[0][0]
    assert waveform[10:13].tolist() == [0, 0, 0] and torch.equal(waveform[13:], sine()[13:])


def test_each_unreadable_file_gets_one_sentence_with_its_own_reason(tmp_path):
    (tmp_path / "hollow.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("these are words, not waves " * 50)
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "none.wav", numpy.zeros(0), RATE)
    soundfile.write(tmp_path / "slow.wav", numpy.ones(10), 1)
    soundfile.write(tmp_path / "fast.wav", numpy.ones(10), 100_000_000)
    for name, why in {"gone.wav": "no such file", "hollow.wav": "0 bytes", "text.wav": "could not be read as sound",
                      "folder.wav": "is no file", "none.wav": "0 samples", "slow.wav": "1 samples a second",
                      "fast.wav": "100000000 samples a second"}.items():
        with pytest.raises(StudioError, match=why) as caught:
            audio.read(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ") and "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------- mono
def test_sides_that_agree_mix_to_their_mean():
    left, right = sine(), sine(level=0.3)
    assert torch.allclose(audio.to_mono(torch.stack([left, right])), (left + right) / 2)


@pytest.mark.parametrize("right", [-1.0, -0.9, -0.3])
def test_sides_that_run_against_each_other_do_not_cancel(right):
    sides = torch.stack([sine(), right * sine()])
    assert loss_db(audio.to_mono(sides), sides) < 6
    assert torch.allclose(audio.to_mono(sides), (1 - right) / 2 * sine(), atol=1e-6)


def test_one_sounding_channel_among_silent_ones_is_taken_whole():
    channels = torch.zeros(8, len(sine()))
    channels[5] = sine()
    assert torch.equal(audio.to_mono(channels), sine())


def test_unrelated_sides_are_mixed():
    sides = torch.randn(2, 4096, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(audio.to_mono(sides), sides.mean(0), atol=1e-6)


def test_huge_samples_are_mixed_without_overflow():
    sides = torch.full((2, 8), 1e30)
    assert torch.equal(audio.to_mono(sides), sides[0])


def test_left_and_right_can_be_asked_for_and_mono_has_both():
    sides = torch.stack([sine(), sine(220)])
    assert torch.equal(audio.to_mono(sides, "left"), sides[0])
    assert torch.equal(audio.to_mono(sides, "right"), sides[1])
    assert torch.equal(audio.to_mono(sides[:1], "right"), sides[0])


def test_silence_mixes_to_silence():
    assert torch.equal(audio.to_mono(torch.zeros(2, 5)), torch.zeros(5))


# ------------------------------------------------------------------------------------------------------------ resample
@pytest.mark.parametrize("from_rate", [8000, 8363, 22255, 48000, 96000, 192000])
def test_resampling_keeps_pitch_level_and_length(from_rate):
    made = audio.resample(sine(sample_rate=from_rate), from_rate, RATE)
    wanted = sine()
    assert abs(len(made) - len(wanted)) <= 6  # rounded up to whole source samples
    middle = slice(1000, len(wanted) - 1000)
    assert (made[middle] - wanted[middle]).abs().max() < 2e-3


def test_what_the_lower_rate_cannot_hold_is_gone_after_resampling():
    high = sine(15000, sample_rate=48000)
    assert loss_db(audio.resample(high, 48000, 22050)[500:-500], high) > 70


def test_the_same_rate_changes_nothing():
    assert torch.equal(audio.resample(sine(), RATE, RATE), sine())


# ---------------------------------------------------------------------------------------------------------------- trim
def test_both_ends_are_trimmed_and_the_sound_is_not():
    sound = sine(100, 0.1, level=-0.5) + 0.01  # starts at once, and downwards
    trimmed = audio.trim(torch.cat([gap(50), sound, gap(80)]), RATE, PrepareSettings())
    pre_roll = round(0.0005 * RATE)
    assert abs(len(trimmed) - (pre_roll + len(sound) + 0.005 * RATE)) <= 2
    kept = trimmed[pre_roll : pre_roll + len(sound) - 300]
    assert torch.equal(kept, sound[:-300])


def test_a_first_half_wave_below_zero_is_no_silence():
    kick = -sine(50, 0.2)
    trimmed = audio.trim(torch.cat([gap(20), kick]), RATE, PrepareSettings())
    assert trimmed[: round(0.01 * RATE)].min() < -0.49


@pytest.mark.parametrize("level", [1e-4, 1.0, 50.0])
def test_trimming_does_not_depend_on_the_level(level):
    sound = torch.cat([gap(30), sine(level=1.0), gap(30)])
    assert torch.allclose(audio.trim(sound * level, RATE, PrepareSettings()) / level,
                          audio.trim(sound, RATE, PrepareSettings()), atol=1e-6)


def test_a_trimmed_sound_begins_and_ends_without_a_click():
    hiss = 0.001 * torch.randn(RATE // 4, generator=torch.Generator().manual_seed(1))
    hiss[4000:8000] += sine(300, 1.0)[:4000]
    trimmed = audio.trim(hiss, RATE, PrepareSettings(pre_roll_ms=5, tail_db=-40))
    assert abs(float(trimmed[0])) < 1e-5 and abs(float(trimmed[-1])) < 1e-5


def test_a_sound_that_fills_its_file_keeps_its_attack_and_only_fades_at_the_end():
    square = torch.ones(2000)
    trimmed = audio.trim(square, RATE, PrepareSettings())
    assert len(trimmed) == 2000 and torch.equal(trimmed[:1500], square[:1500])
    assert trimmed[-1] == 0 and (trimmed.diff() <= 0).all()


def test_silence_trims_to_nothing_and_trim_off_to_itself():
    assert len(audio.trim(torch.zeros(100), RATE, PrepareSettings())) == 0
    assert len(audio.trim(torch.zeros(0), RATE, PrepareSettings())) == 0
    assert torch.equal(audio.trim(gap(10), RATE, PrepareSettings(trim=False)), gap(10))


def test_trimming_leaves_its_input_alone():
    sound = torch.cat([gap(5), sine(), gap(5)])
    before = sound.clone()
    audio.trim(sound, RATE, PrepareSettings())
    audio.fit(sound, 1000, 500)
    assert torch.equal(sound, before)


# ----------------------------------------------------------------------------------------------------- fit, and levels
def test_a_long_sound_is_cut_with_a_fade_and_a_short_one_gets_silence():
    ones = torch.ones(1000)
    cut = audio.fit(ones, 600, 100)
    assert len(cut) == 600 and torch.equal(cut[:500], ones[:500]) and cut[-1] == 0
    assert cut.diff().abs().max() < 0.02
    longer = audio.fit(ones, 1500, 100)
    assert torch.equal(longer[:1000], ones) and torch.equal(longer[1000:], torch.zeros(500))
    assert torch.equal(audio.fit(ones, 1000, 100), ones)
    assert len(audio.fit(ones, 10, 100)) == 10


@pytest.mark.parametrize("level", [1e-30, 1e-4, 1.0, 1e30])
def test_normalising_reaches_the_peak_and_the_gain_takes_it_back(level):
    sound = sine() * level
    loud, gain_db = audio.normalise(sound)
    assert float(loud.abs().max()) == pytest.approx(audio.PEAK)
    back = loud.double() * 10 ** (-gain_db / 20)
    assert torch.allclose(back, sound.double(), rtol=1e-5, atol=level * 1e-6)


def test_silence_is_not_made_louder():
    assert audio.normalise(torch.zeros(3))[1] == 0 and torch.equal(audio.normalise(torch.zeros(3))[0], torch.zeros(3))
    assert audio.normalise(torch.zeros(0))[1] == 0


# ------------------------------------------------------------------------------------------------- writing, and recipes
RECIPE = {"prompt": "808 kick ☃ \"quoted\"", "seed": 7, "mel": {f"knob_{i}": i / 3 for i in range(300)}}


@pytest.mark.parametrize("samples", [1000, 1001])  # an odd number of bytes needs a pad
def test_sound_and_recipe_come_back_from_a_24_bit_wav(tmp_path, samples):
    path = audio.write(tmp_path / "a.wav", sine()[:samples], RATE, RECIPE)
    assert soundfile.info(path).subtype == "PCM_24"
    waveform, sample_rate = audio.read(path)
    assert sample_rate == RATE and waveform.shape == (1, samples)
    assert (waveform[0] - sine()[:samples]).abs().max() <= 2**-24
    assert audio.read_recipe(path) == RECIPE
    assert int.from_bytes(path.read_bytes()[4:8], "little") == path.stat().st_size - 8


def test_reading_and_writing_again_changes_no_byte(tmp_path):
    first = audio.write(tmp_path / "a.wav", torch.stack([sine(), -sine(330)]), RATE, RECIPE).read_bytes()
    waveform, _ = audio.read(tmp_path / "a.wav")
    assert audio.write(tmp_path / "a.wav", waveform, RATE, RECIPE).read_bytes() == first


def test_other_programs_see_title_and_software(tmp_path):
    audio.write(tmp_path / "deep kick.wav", sine(), RATE, {"seed": 1})
    with soundfile.SoundFile(tmp_path / "deep kick.wav") as file:
        assert (file.title, file.software, file.comment) == ("deep kick", "One-Shot Studio", '{"seed":1}')


def test_too_loud_is_clipped_and_no_number_is_silence(tmp_path):
    audio.write(tmp_path / "a.wav", torch.tensor([2.0, -2.0, math.nan, math.inf, 0.5]), RATE)
    top = 1 - 2**-23
    assert audio.read(tmp_path / "a.wav")[0][0].tolist() == [top, -1.0, 0.0, 0.0, 0.5]


def test_a_wav_without_a_recipe_of_ours_has_none(tmp_path):
    plain = audio.write(tmp_path / "plain.wav", sine(), RATE)
    with soundfile.SoundFile(tmp_path / "theirs.wav", "w", RATE, 1) as file:
        file.comment = "recorded in the kitchen"
        file.write(sine().numpy())
    (tmp_path / "words.wav").write_text("no sound at all")
    (tmp_path / "cut.wav").write_bytes(plain.read_bytes()[:30])
    (tmp_path / "mad.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVELIST" + struct.pack("<I", 2**32 - 1) + b"INFOICMT\xff")
    for name in ("plain.wav", "theirs.wav", "words.wav", "cut.wav", "mad.wav"):
        assert audio.read_recipe(tmp_path / name) is None
    with pytest.raises(StudioError, match="gone.wav"):
        audio.read_recipe(tmp_path / "gone.wav")


def test_a_wav_that_cannot_be_written_is_told_in_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StudioError, match="end in .wav"):
        audio.write(tmp_path / "a.mp3", sine(), RATE)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StudioError, match="could not be written.*free some disk space"):
        audio.write(tmp_path / "a.wav", sine(), RATE)
    assert list(tmp_path.iterdir()) == []


def test_an_outline_holds_every_peak_and_a_short_sound_is_its_own():
    waveform = torch.zeros(2, 1000)
    waveform[1, 505] = -0.7
    seen = audio.outline(waveform, 10)
    assert seen.tolist() == pytest.approx([0, 0, 0, 0, 0, 0.7, 0, 0, 0, 0])
    assert audio.outline(torch.tensor([0.1, -0.2]), 10).tolist() == pytest.approx([0.1, 0.2])


def test_the_ends_are_where_trimming_cuts():
    waveform = torch.cat([torch.zeros(1000), sine(), torch.zeros(2000)])
    start, onset, end = audio.ends(waveform, RATE, PrepareSettings())
    assert start < onset and waveform[:onset].abs().max() < 0.01 < waveform[onset]
    assert audio.trim(waveform, RATE, PrepareSettings()).shape == (end - start,)
    assert audio.ends(waveform, RATE, PrepareSettings(trim=False)) == (0, 0, len(waveform))
    assert audio.ends(torch.zeros(50), RATE, PrepareSettings()) == (0, 0, 0)
