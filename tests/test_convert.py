"""encode and decode on files and folders."""

import dataclasses

import numpy
import pytest
import soundfile
from PIL import Image

from studio import presets
from studio.cli import main
from studio.engine import convert, picture
from studio.errors import StudioError
from studio.settings import MelSettings

MEL = MelSettings(iterations=12)


@pytest.fixture
def sounds(tmp_path):
    folder = tmp_path / "sounds"
    (folder / "deep").mkdir(parents=True)
    time = numpy.arange(22050) / 44100
    for name, hz in (("kick.wav", 60), ("deep/kick.wav", 40), ("kick.flac", 80)):
        soundfile.write(folder / name, 0.5 * numpy.exp(-8 * time) * numpy.sin(2 * numpy.pi * hz * time), 44100)
    (folder / "broken.wav").write_bytes(b"RIFFnothing")
    return folder


def test_a_folder_goes_through_in_one_go_and_keeps_its_places(sounds, tmp_path):
    result = convert.encode(sounds, tmp_path / "pictures", MEL)
    names = sorted(str(path.relative_to(tmp_path / "pictures")) for path in result.written)
    assert names == ["deep/kick.png", "kick.png", "kick_wav.png"]
    assert [path for path, _ in result.refused] == [str(sounds / "broken.wav")]
    back = convert.decode(tmp_path / "pictures", tmp_path / "back", {})
    assert len(back.written) == 3 and not back.refused


def test_beside_the_sounds_themselves_nothing_is_written_over(sounds):
    before = {path: path.read_bytes() for path in sounds.rglob("*.wav")}
    assert len(convert.encode(sounds, sounds, MEL).written) == 3
    result = convert.decode(sounds, sounds, {})
    assert {path: path.read_bytes() for path in before} == before
    assert [reason for _, reason in result.refused] == ["kick.wav is there already; give another folder"] * 2
    assert [path.name for path in result.written] == ["kick_wav.wav"]


def test_a_folder_of_pictures_writes_over_no_sound_wherever_they_lie(sounds, tmp_path):
    before = {path: path.read_bytes() for path in sounds.rglob("*.wav")}
    convert.encode(sounds, tmp_path / "pictures", MEL)
    result = convert.decode(tmp_path / "pictures", sounds, {})
    assert {path: path.read_bytes() for path in before} == before
    assert len(result.refused) == 2 and [path.name for path in result.written] == ["kick_wav.wav"]
    assert main(["decode", str(tmp_path / "pictures"), str(sounds)]) == 2  # not a word less than a single file's fault


def test_names_that_are_one_where_case_does_not_count_are_kept_apart(sounds, tmp_path):
    (sounds / "kick.flac").rename(sounds / "KICK.flac")
    names = {path.name for path in convert.encode(sounds, tmp_path / "pictures", MEL).written}
    assert names == {"KICK.png", "kick_wav.png", "kick.png"}  # the last one is in a folder of its own


def test_the_sound_comes_back_with_its_start_its_length_and_its_level(sounds, tmp_path):
    convert.encode(sounds / "kick.wav", tmp_path / "kick.png", presets.load("mel", "one-shot-128"))
    convert.decode(tmp_path / "kick.png", tmp_path / "kick.wav", {})
    before, rate = soundfile.read(sounds / "kick.wav")
    after, rate_after = soundfile.read(tmp_path / "kick.wav")
    assert rate == rate_after and len(before) == len(after)
    assert 10 * numpy.log10((after**2).mean() / (before**2).mean()) == pytest.approx(0, abs=0.3)
    assert soundfile.info(tmp_path / "kick.wav").subtype == "PCM_24"


def test_each_picture_is_decoded_with_its_own_settings(sounds, tmp_path):
    convert.encode(sounds / "kick.wav", tmp_path / "in" / "a.png", MEL)
    slower = MelSettings(sample_rate=22050, f_max=11025, iterations=2)
    convert.encode(sounds / "kick.wav", tmp_path / "in" / "b.png", slower)
    convert.decode(tmp_path / "in", tmp_path / "out", {})
    assert [soundfile.info(tmp_path / "out" / name).samplerate for name in ("a.wav", "b.wav")] == [44100, 22050]


def test_trimming_is_only_done_when_asked(tmp_path):
    sound = numpy.zeros(20000)
    sound[10000:12000] = 0.5
    soundfile.write(tmp_path / "late.wav", sound, 44100)
    convert.encode(tmp_path / "late.wav", tmp_path / "as-is.png", MEL)
    convert.encode(tmp_path / "late.wav", tmp_path / "trimmed.png", MEL, trim=True)
    assert picture.load(tmp_path / "as-is.png").samples == 20000
    assert picture.load(tmp_path / "trimmed.png").samples < 4000


def test_a_single_file_that_cannot_be_read_is_a_fault(sounds, tmp_path):
    with pytest.raises(StudioError, match="broken.wav"):
        convert.encode(sounds / "broken.wav", tmp_path / "x.png", MEL)
    with pytest.raises(StudioError, match="holds no file of .png"):
        convert.decode(sounds, tmp_path / "x", {})


def a_stereo_file(path):
    time = numpy.arange(22050) / 44100
    left, right = (numpy.exp(-8 * time) * numpy.sin(2 * numpy.pi * hz * time) for hz in (150, 420))
    soundfile.write(path, numpy.stack([0.5 * left + 0.1 * right, 0.3 * right], axis=1), 44100)
    return path


def test_a_stereo_sound_is_a_colour_picture_and_comes_back_with_both_sides(tmp_path):
    wav = a_stereo_file(tmp_path / "wide.wav")
    convert.encode(wav, tmp_path / "wide.png", dataclasses.replace(MEL, stereo=True, iterations=40))
    convert.decode(tmp_path / "wide.png", tmp_path / "back.wav", {})
    before, after = soundfile.read(wav)[0], soundfile.read(tmp_path / "back.wav")[0]
    assert before.shape == after.shape
    assert 10 * numpy.log10((after**2).mean(axis=0) / (before**2).mean(axis=0)) == pytest.approx([0, 0], abs=0.3)
    assert abs(after).max() <= abs(before).max() + 1e-6
    with Image.open(tmp_path / "wide.png") as image:
        assert image.mode == "RGB"


def test_a_mono_sound_in_a_stereo_picture_is_grey(sounds, tmp_path):
    convert.encode(sounds / "kick.wav", tmp_path / "kick.png", dataclasses.replace(MEL, stereo=True))
    with Image.open(tmp_path / "kick.png") as image:
        left, middle, right = numpy.array(image).transpose(2, 0, 1)
    assert (left == middle).all() and (left == right).all()


def test_riffusion_settings_write_what_riffusion_reads(tmp_path):
    wav = a_stereo_file(tmp_path / "wide.wav")
    mel = dataclasses.replace(presets.load("mel", "riffusion"), n_fft=4410, n_mels=64)
    for stereo, planes in ((False, (0, 0, 0)), (True, (None, 0, 1))):
        convert.encode(wav, tmp_path / "r.png", dataclasses.replace(mel, stereo=stereo))
        made = picture.load(tmp_path / "r.png")
        with Image.open(tmp_path / "r.png") as image:
            colours = numpy.array(image).transpose(2, 0, 1)
            assert image.getexif()[11005] == int(stereo)
        for colour, plane in zip(colours, planes, strict=True):
            wanted = made.pixels if made.pixels.dim() == 2 else made.pixels[plane or 0]
            assert (colour == (0 if plane is None else wanted.numpy())).all()


def test_a_full_scale_sound_comes_back_no_louder_than_it_was(tmp_path):
    time = numpy.arange(22050) / 44100
    driven = numpy.tanh(6 * numpy.sin(2 * numpy.pi * 90 * time)) * numpy.exp(-6 * time)
    soundfile.write(tmp_path / "driven.wav", driven / abs(driven).max(), 44100, subtype="PCM_24")
    convert.encode(tmp_path / "driven.wav", tmp_path / "driven.png", dataclasses.replace(MEL, iterations=60))
    convert.decode(tmp_path / "driven.png", tmp_path / "back.wav", {})
    before, after = soundfile.read(tmp_path / "driven.wav")[0], soundfile.read(tmp_path / "back.wav")[0]
    assert abs(after).max() <= abs(before).max()
    assert 10 * numpy.log10((after**2).mean() / (before**2).mean()) == pytest.approx(0, abs=0.1)
    assert (abs(after) >= 0.999 * abs(before).max()).mean() < 0.02  # held by the search, not cut off


def test_the_length_of_the_picture_can_be_asked_for_in_seconds(sounds, tmp_path):
    assert main(["encode", str(sounds / "kick.wav"), str(tmp_path / "k.png"), "--mel", "one-shot-128",
                 "--duration", "0.3"]) == 0
    made = picture.load(tmp_path / "k.png")
    assert made.mel.duration == pytest.approx(0.3, abs=0.003) and made.pixels.shape == (128, 128)
    assert made.samples == made.mel.samples  # the sound is longer and was cut


def test_a_picture_that_says_nothing_is_riffusions_when_one_says_so(tmp_path):
    coloured = numpy.full((512, 40, 3), 255, dtype=numpy.uint8)
    coloured[:, :, 0] = 120
    Image.fromarray(coloured).save(tmp_path / "seed.png")
    assert main(["decode", str(tmp_path / "seed.png"), str(tmp_path / "seed.wav")]) == 2
    assert main(["decode", str(tmp_path / "seed.png"), str(tmp_path / "seed.wav"), "--riffusion"]) == 0
    assert soundfile.info(tmp_path / "seed.wav").frames == 39 * 441
