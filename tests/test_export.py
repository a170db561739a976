"""Export: readable names that never collide, the format that was asked for, an SFZ that plays what lies beside it."""

import re
import zipfile
from pathlib import Path

import pytest
import soundfile
import torch

from studio.engine import audio, export, library
from studio.engine.library import Take
from studio.errors import Cancelled, StudioError
from studio.settings import ExportSettings

SOUND = torch.sin(torch.arange(4410) * 2 * torch.pi * 441 / 44100) * 0.5  # 0.1 s that peaks at 0.5


def take(folder: Path, prompt: str = "deep kick", seed: int = 1, waveform: torch.Tensor = SOUND,
         name: str = "") -> Take:
    recipe = {"version": 1, "settings": {"prompt": prompt, "seed": seed}, **({"marks": {"name": name}} if name else {})}
    folder.mkdir(exist_ok=True)
    path = audio.write(folder / f"take_{seed}.wav", waveform, 44100, recipe)
    return Take(path, recipe)


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def exported(tmp_path: Path, waveform: torch.Tensor = SOUND, **settings) -> Path:
    path, = export.export([take(tmp_path / "takes", waveform=waveform)], tmp_path / "out", ExportSettings(**settings))
    return path


# --------------------------------------------------------------------------------------------------------------- names
def test_names_tell_the_role_first_and_count_on_in_the_folder(tmp_path):
    prompts = ["deep kick, long", "kick", "bright closed hat", "strange thing", "", "strange thing"]
    takes = [take(tmp_path / "takes", prompt, seed) for seed, prompt in enumerate(prompts)]
    settings, out = ExportSettings(), tmp_path / "out"
    assert names(export.export(takes, out, settings)) == [
        "kick 01 deep long.wav", "kick 02.wav", "closed hat 01 bright.wav", "strange thing 01.wav", "sound 01.wav",
        "strange thing 02.wav"]
    assert names(export.export(takes[:1], out, settings)) == ["kick 03 deep long.wav"]


def test_a_name_of_the_users_own_stays_and_gets_a_number_where_it_is_taken(tmp_path):
    takes = [take(tmp_path / "takes", seed=seed, name="Deep & dark") for seed in range(3)]
    assert names(export.export(takes, tmp_path / "out", ExportSettings())) == [
        "Deep & dark.wav", "Deep & dark 02.wav", "Deep & dark 03.wav"]


def test_an_accent_is_the_same_however_a_disk_writes_it(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "Hu\u0308tte.wav").touch()  # as older disks of a Mac list what was typed as one letter
    made = export.export([take(tmp_path / "takes", name="H\u00fctte")], out, ExportSettings())
    assert names(made) == ["H\u00fctte 02.wav"]


def test_the_files_own_names_can_be_kept(tmp_path):
    paths = export.export([take(tmp_path / "takes")] * 2, tmp_path / "out", ExportSettings(names="as made"))
    assert names(paths) == ["take 1.wav", "take 1 02.wav"]


@pytest.mark.parametrize("name", [
    "${alert(1)}<img src=x onerror=alert(1)>", "../../etc/passwd", "C:\\Windows\\x", "a/b", "NUL", "con.wav", "…",
    ". .", "x" * 200, "語" * 200, "#include \"x\"", "a=b $c", "tab\tline\nend", "Ends with a dot."])
def test_no_name_leaves_the_folder_or_breaks_a_system_or_an_sfz(tmp_path, name):
    out = tmp_path / "out"
    sound, instrument = export.export([take(tmp_path / "takes", name=name)], out, ExportSettings(sfz=True))
    assert sound.parent == out and sound.is_file() and len(sound.name.encode()) < 200
    assert not re.search(r'[<>:"/\\|?*$=\x00-\x1f]|^#', sound.name)
    assert not re.fullmatch(r"(con|prn|aux|nul)", sound.name.split(".")[0], re.IGNORECASE)
    assert not sound.stem.endswith((".", " "))
    assert f"sample={sound.name} key=36 " in instrument.read_text(encoding="utf-8")


def test_nothing_is_overwritten_whatever_lies_there(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("KICK 01 DEEP.flac", "out.sfz"):
        (out / name).write_bytes(b"mine")
    paths = export.export([take(tmp_path / "takes")], out, ExportSettings(sfz=True))
    assert names(paths) == ["kick 02 deep.wav", "out_2.sfz"]
    assert all((out / name).read_bytes() == b"mine" for name in ("KICK 01 DEEP.flac", "out.sfz"))


# --------------------------------------------------------------------------------------------------------------- sound
def test_an_untouched_sound_is_sample_for_sample_the_take_and_carries_its_recipe(tmp_path):
    path = exported(tmp_path)
    original, copy = (soundfile.read(each, dtype="int32")[0] for each in (tmp_path / "takes" / "take_1.wav", path))
    assert (original == copy).all() and soundfile.info(path).subtype == "PCM_24"
    assert library.recipe_of(path)["settings"] == {"prompt": "deep kick", "seed": 1}


@pytest.mark.parametrize("format", ["wav", "flac", "aiff"])
@pytest.mark.parametrize(("bits", "subtype"), [
    ("16-bit", "PCM_16"), ("24-bit", "PCM_24"), ("32-bit float", "FLOAT")])
def test_every_format_holds_the_sound_as_exactly_as_its_bits_allow(tmp_path, format, bits, subtype):
    if (format, bits) == ("flac", "32-bit float"):
        with pytest.raises(StudioError, match="FLAC cannot hold"):
            ExportSettings(format=format, bits=bits)
        return
    path = exported(tmp_path, format=format, bits=bits)
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.samplerate, info.frames) == (format.upper(), subtype, 44100, 4410)
    error = abs(soundfile.read(path)[0] - SOUND.numpy()).max()
    assert error < {"PCM_16": 1.6 / 2**15, "PCM_24": 0.51 / 2**23, "FLOAT": 0.51 / 2**23}[subtype]  # takes have 24 bits


def test_sixteen_bits_are_dithered_and_the_same_each_time(tmp_path):
    quiet = SOUND * (0.3 / 2**15 / 0.5)  # under half a step: without dither nothing of it would be left
    first, second = (soundfile.read(exported(tmp_path, quiet, bits="16-bit"), dtype="int16")[0] for _ in range(2))
    assert (first == second).all()
    assert set(first) == {-1, 0, 1}
    assert (first * quiet.numpy()).sum() / (quiet.numpy() ** 2).sum() / 2**15 == pytest.approx(1, abs=0.3)


def test_what_is_silent_stays_silent_in_sixteen_bits(tmp_path):
    waveform = torch.cat([torch.zeros(100), SOUND[:1000], torch.zeros(100)])
    samples, _ = soundfile.read(exported(tmp_path, waveform, bits="16-bit"), dtype="int16")
    assert not samples[:100].any() and not samples[-100:].any() and samples[100:-100].any()
    assert not soundfile.read(exported(tmp_path, torch.zeros(100), bits="16-bit", normalise=True))[0].any()


def test_another_rate_keeps_length_pitch_and_level(tmp_path):
    samples, sample_rate = soundfile.read(exported(tmp_path, sample_rate=48000))
    assert sample_rate == 48000 and len(samples) == 4800
    spectrum = abs(torch.fft.rfft(torch.from_numpy(samples)))
    assert int(spectrum.argmax()) == 44  # of 10 Hz a bin
    assert abs(samples).max() == pytest.approx(0.5, abs=0.01)


def test_normalised_sounds_peak_where_they_should_and_others_keep_their_level(tmp_path):
    peaks = [abs(soundfile.read(exported(tmp_path, **settings))[0]).max()
             for settings in ({}, {"normalise": True, "peak_db": -6}, {"normalise": True, "peak_db": 0})]
    assert peaks == pytest.approx([0.5, 10 ** (-6 / 20), 1 - 2**-23], abs=1e-6)


def test_sides_are_mixed_or_doubled(tmp_path):
    sides = torch.stack([SOUND, SOUND * 0.5])
    assert soundfile.read(exported(tmp_path, sides))[0].shape == (4410, 2)
    mixed, _ = soundfile.read(exported(tmp_path, sides, channels="mono"))
    assert abs(mixed - SOUND.numpy() * 0.75).max() < 1e-6
    doubled, _ = soundfile.read(exported(tmp_path, channels="stereo"))
    assert doubled.shape == (4410, 2) and (doubled[:, 0] == doubled[:, 1]).all()


def test_what_a_new_rate_would_clip_is_brought_down_as_a_whole(tmp_path):
    square = torch.sign(SOUND) * 0.99
    clipping, _ = audio.resample(square, 44100, 48000), 0
    assert clipping.abs().max() > 1
    samples, _ = soundfile.read(exported(tmp_path, square, sample_rate=48000))
    expected = clipping / clipping.abs().max()
    assert abs(torch.from_numpy(samples) - expected).max() < 1e-5
    floating, _ = soundfile.read(exported(tmp_path, square, sample_rate=48000, bits="32-bit float"))
    assert abs(floating).max() > 1


# ------------------------------------------------------------------------------------------------------- several sounds
def test_an_sfz_has_one_key_a_sound_in_their_order(tmp_path):
    takes = [take(tmp_path / "takes", prompt, seed) for seed, prompt in enumerate(("snare", "kick"))]
    *sounds, instrument = export.export(takes, tmp_path / "my kit", ExportSettings(sfz=True))
    assert instrument.name == "my kit.sfz" and len(sounds) == 2
    text = instrument.read_text(encoding="utf-8")
    regions = re.findall(r"<region> sample=(.+) key=(\d+) lovel=(\d+) hivel=(\d+)", text)
    assert regions == [("snare 01.wav", "36", "0", "127"), ("kick 01.wav", "37", "0", "127")]
    assert all((instrument.parent / region[0]).is_file() for region in regions)


def test_more_sounds_than_keys_are_refused_before_anything_is_written(tmp_path):
    takes = [take(tmp_path / "takes")] * 93
    with pytest.raises(StudioError, match="keys for 92 sounds, not for 93"):
        export.export(takes, tmp_path / "out", ExportSettings(sfz=True))
    assert not (tmp_path / "out").exists()


def test_a_zip_holds_what_the_folder_would(tmp_path):
    takes = [take(tmp_path / "takes", seed=seed) for seed in range(2)]
    settings = ExportSettings(sfz=True)
    first, second = (export.zipped(takes, tmp_path / "my kit.zip", settings) for _ in range(2))
    assert (first.name, second.name) == ("my kit.zip", "my kit_2.zip")
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["my kit/kick 01 deep.wav", "my kit/kick 02 deep.wav", "my kit/my kit.sfz"]
        assert archive.testzip() is None


def test_nothing_chosen_and_a_sound_that_is_gone_are_told(tmp_path):
    with pytest.raises(StudioError, match="no sounds are chosen"):
        export.export([], tmp_path, ExportSettings())
    gone = take(tmp_path / "takes")
    gone.path.unlink()
    with pytest.raises(StudioError, match="take_1.wav: there is no such file"):
        export.export([gone], tmp_path / "out", ExportSettings())


def test_a_stop_keeps_the_sounds_that_are_out(tmp_path):
    def report(progress):
        if progress.step == 2:
            raise Cancelled

    takes = [take(tmp_path / "takes", seed=seed) for seed in range(3)]
    with pytest.raises(Cancelled):
        export.export(takes, tmp_path / "out", ExportSettings(), report=report)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["kick 01 deep.wav", "kick 02 deep.wav"]


def test_a_rate_that_is_too_low_is_refused():
    with pytest.raises(StudioError, match="give 8000 or more, or 0"):
        ExportSettings(sample_rate=4000)
