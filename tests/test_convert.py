"""encode and decode on files and folders."""

import numpy
import pytest
import soundfile

from studio import presets
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
