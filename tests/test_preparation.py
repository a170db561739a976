"""Sounds made ready for a dataset: what goes in, how, and what is said of what does not."""

import errno
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from studio.engine import audio, dataset, picture, preparation
from studio.errors import Cancelled, StudioError
from studio.settings import MelSettings, OneShot, PrepareSettings

RATE = 44100
MEL = MelSettings(n_mels=32, n_frames=32)
PLAIN = PrepareSettings()


def tone(hz=200.0, duration=0.1, level=0.5):
    time = torch.arange(round(duration * RATE)) / RATE
    return level * torch.sin(2 * math.pi * hz * time) * torch.exp(-time / 0.1)


def put(path, waveform=None, sample_rate=RATE, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = tone() if waveform is None else waveform
    soundfile.write(path, sound.T.numpy() if sound.dim() == 2 else sound.numpy(), sample_rate, **how)
    return path


def ready(folder, *sources, settings=PLAIN, mel=MEL, **how):
    return preparation.prepare(sources, folder, mel, settings, **how)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def three_sounds(folder):
    for number, name in enumerate(("kick", "snare", "clap")):
        put(folder / f"{name}.wav", tone(100 * (number + 1)))
    return folder


@pytest.fixture
def kit(tmp_path):
    return three_sounds(tmp_path / "kit")


# ------------------------------------------------------------------------------------------------------------- finding
def test_folders_are_searched_to_the_bottom_and_what_is_no_sound_is_passed_over(tmp_path):
    wanted = [put(tmp_path / "a" / "b" / "one.wav"), put(tmp_path / "a" / "TWO.WAV"), put(tmp_path / "three.flac")]
    (tmp_path / "a" / "readme.txt").write_text("hello")
    for hidden in ("a/._one.wav", "__MACOSX/one.wav", ".trash/one.wav"):
        put(tmp_path / hidden)
    assert preparation.find_sounds([tmp_path]) == sorted(wanted)
    assert preparation.find_sounds([tmp_path, tmp_path / "a", wanted[0]]) == sorted(wanted)


def test_named_files_are_never_passed_over(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert preparation.find_sounds([tmp_path / "notes.txt", tmp_path / "gone.wav"]) == [
        tmp_path / "gone.wav", tmp_path / "notes.txt"]


# ----------------------------------------------------------------------------------------------------------- preparing
def test_a_folder_becomes_a_dataset_that_loads_again(tmp_path, kit):
    done = ready(tmp_path / "ds", kit)
    assert [row.file_name for row in done.added] == ["images/clap.png", "images/kick.png", "images/snare.png"]
    assert done.unchanged == done.refused == () and done.folder == tmp_path / "ds"
    loaded = dataset.load(tmp_path / "ds")
    assert loaded == dataset.Dataset(tmp_path / "ds", MEL, PLAIN, done.added)
    kick = loaded.one_shots[1]
    assert kick.text.startswith("kick") and kick.source == str(kit / "kick.wav")
    assert kick.weight == 1 and kick.enabled and kick.duration == pytest.approx(0.1, abs=0.01)


def test_sound_and_picture_have_the_length_and_peak_that_the_settings_ask_for(tmp_path, kit):
    row = ready(tmp_path / "ds", kit / "kick.wav").added[0]
    waveform, sample_rate = audio.read(tmp_path / "ds" / row.audio)
    assert sample_rate == MEL.sample_rate and waveform.shape == (1, MEL.samples)
    assert soundfile.info(tmp_path / "ds" / row.audio).subtype == "PCM_24"
    assert float(waveform.abs().max()) == pytest.approx(audio.PEAK, abs=1e-6)
    original = float(tone(100).abs().max())
    assert audio.PEAK * 10 ** (-row.gain_db / 20) == pytest.approx(original, rel=0.01)
    shown = picture.load(tmp_path / "ds" / row.file_name)
    again = picture.of_sound(waveform[0], MEL)
    assert shown.mel == MEL and (shown.pixels.int() - again.pixels.int()).abs().max() <= 1


def test_stereo_pictures_keep_both_sides(tmp_path):
    wide = put(tmp_path / "kit" / "wide.wav", torch.stack([tone(200), 0.3 * tone(500)]))
    prepared = ready(tmp_path / "set", wide, mel=replace(MEL, stereo=True))
    row = prepared.added[0]
    waveform, _ = audio.read(tmp_path / "set" / row.audio)
    assert waveform.shape == (2, MEL.samples) and float(waveform.abs().max()) == pytest.approx(audio.PEAK, abs=1e-4)
    assert picture.load(tmp_path / "set" / row.file_name).pixels.shape == (3, 32, 32)


def test_rows_are_a_hugging_face_imagefolder(tmp_path, kit):
    ready(tmp_path / "ds", kit)
    rows = [json.loads(line) for line in (tmp_path / "ds" / "metadata.jsonl").read_text().splitlines()]
    assert len(rows) == 3 and all(row.keys() >= {"file_name", "text", "weight", "enabled"} for row in rows)
    assert all((tmp_path / "ds" / row["file_name"]).is_file() for row in rows)
    about = json.loads((tmp_path / "ds" / "dataset.json").read_text())
    assert about["version"] == 1 and about["mel"]["hop_length"] == MEL.hop_length and "trim" in about["prepare"]


def test_every_bad_file_is_named_with_its_reason_and_the_others_go_in(tmp_path, kit):
    put(kit / "silent.wav", torch.zeros(2000))
    put(kit / "whisper.wav", tone(level=5e-5), subtype="FLOAT")
    put(kit / "tick.wav", torch.ones(40))
    put(kit / "none.wav", torch.zeros(0))
    (kit / "hollow.wav").write_bytes(b"")
    (kit / "words.flac").write_text("words " * 99)
    done = ready(tmp_path / "ds", kit, tmp_path / "gone.wav")
    reasons = {Path(path).name: reason for path, reason in done.refused}
    for name, why in {"silent.wav": "silent", "whisper.wav": "silent", "tick.wav": "shorter than min_ms 5",
                      "none.wav": "0 samples", "hollow.wav": "0 bytes", "words.flac": "could not be read",
                      "gone.wav": "no such file"}.items():
        assert why in reasons.pop(name)
    assert reasons == {} and len(done.added) == 3
    assert all(not reason.startswith(path) and "\n" not in reason for path, reason in done.refused)


def test_without_any_usable_sound_nothing_is_written(tmp_path):
    put(tmp_path / "kit" / "silent.wav", torch.zeros(2000))
    (tmp_path / "bare").mkdir()
    done = ready(tmp_path / "ds", tmp_path / "kit", tmp_path / "bare")
    assert done.added == () and {Path(path).name for path, _ in done.refused} == {"silent.wav", "bare"}
    assert not (tmp_path / "ds").exists()


def test_stereo_that_cancels_goes_in_with_its_sound(tmp_path):
    put(tmp_path / "wide.wav", torch.stack([tone(), -tone()]))
    assert len(ready(tmp_path / "ds", tmp_path / "wide.wav").added) == 1


def test_any_rate_and_length_fits_the_picture(tmp_path):
    put(tmp_path / "slow.wav", tone(), sample_rate=11025)
    put(tmp_path / "long.wav", 0.3 * torch.ones(2 * RATE))
    for row in ready(tmp_path / "ds", tmp_path / "slow.wav", tmp_path / "long.wav").added:
        waveform = audio.read(tmp_path / "ds" / row.audio)[0][0]
        assert len(waveform) == MEL.samples
        assert waveform[-1] == 0 and waveform.diff().abs()[-500:].max() < 0.01  # faded out or silent


def test_leading_silence_does_not_eat_the_picture(tmp_path):
    put(tmp_path / "late.wav", torch.cat([torch.zeros(RATE), tone()]))
    assert len(ready(tmp_path / "ds", tmp_path / "late.wav").added) == 1
    untrimmed = ready(tmp_path / "ds2", tmp_path / "late.wav", settings=PrepareSettings(trim=False))
    assert "turn trim on" in untrimmed.refused[0][1]


def test_the_caption_template_takes_the_found_words(tmp_path, kit):
    for number, (caption, text) in enumerate([("my kit, {auto}", "my kit, "), ("just this", "just this"), (" ", "")]):
        row = ready(tmp_path / f"ds{number}", kit / "kick.wav", settings=PrepareSettings(caption=caption)).added[0]
        assert row.text.startswith(text) and row.text
    assert row.text.startswith("kick")


@pytest.mark.parametrize("name", ["キック.wav", "my kick (final).wav", "${HOME} 'kick' \"{auto}\".wav",
                                  "a" * 240 + ".wav", "line\u2028kick.wav", "kick..wav.wav", "k\nick.wav",
                                  "caf\u0065\u0301.wav"])
def test_any_file_name_goes_in_and_comes_back(tmp_path, name):
    put(tmp_path / "kit" / name)
    row = ready(tmp_path / "ds", tmp_path / "kit").added[0]
    assert dataset.load(tmp_path / "ds").one_shots == (row,) and row.text
    assert row.source == str(tmp_path / "kit" / name)
    assert len(ready(tmp_path / "ds", tmp_path / "kit").unchanged) == 1


def test_a_name_that_is_no_text_goes_in(tmp_path):
    put(tmp_path / "kick.wav").rename(tmp_path / "k\udcffick.wav")
    row = ready(tmp_path / "ds", tmp_path / "k\udcffick.wav").added[0]
    assert dataset.load(tmp_path / "ds").one_shots == (row,)


def test_the_same_stem_from_two_folders_gets_a_name_of_its_own(tmp_path):
    put(tmp_path / "a" / "kick.wav", tone(100))
    put(tmp_path / "b" / "kick.wav", tone(100))
    put(tmp_path / "b" / "kick.flac", tone(150))
    names = [row.file_name for row in ready(tmp_path / "ds", tmp_path / "a", tmp_path / "b").added]
    assert sorted(names) == ["images/kick.png", "images/kick_2.png", "images/kick_3.png"]


def test_progress_names_each_file_and_reaches_its_end(tmp_path, kit):
    seen = []
    ready(tmp_path / "ds", kit, report=seen.append)
    assert [(each.stage, each.step, each.total, each.note) for each in seen] == [
        ("prepare", 0, 3, "clap.wav"), ("prepare", 1, 3, "kick.wav"), ("prepare", 2, 3, "snare.wav"),
        ("prepare", 3, 3, "")]


# -------------------------------------------------------------------------------------------------- a second time, too
def test_preparing_twice_changes_nothing(tmp_path, kit):
    first = ready(tmp_path / "ds", kit)
    before = files(tmp_path / "ds")
    again = ready(tmp_path / "ds", kit)
    assert again.added == () and again.unchanged == first.added
    assert files(tmp_path / "ds") == before


def test_sounds_that_stay_as_other_settings_made_them_are_counted(tmp_path, kit):
    assert ready(tmp_path / "ds", kit).otherwise == 0
    assert ready(tmp_path / "ds", kit).otherwise == 0
    again = ready(tmp_path / "ds", kit, settings=replace(PLAIN, fade_out_ms=50))
    assert again.otherwise == len(again.unchanged) > 0


def test_what_the_user_wrote_survives_preparing_again(tmp_path, kit):
    rows = ready(tmp_path / "ds", kit).added
    dataset.revise(tmp_path / "ds", [replace(rows[0], text="my own words", weight=3, enabled=False)])
    put(kit / "new.wav", tone(500))
    (tmp_path / "ds" / "diary.txt").write_text("mine")
    done = ready(tmp_path / "ds", kit, settings=PrepareSettings(caption="something else"))
    assert [row.file_name for row in done.added] == ["images/new.png"] and len(done.unchanged) == 3
    kept = dataset.load(tmp_path / "ds").one_shots[0]
    assert (kept.text, kept.weight, kept.enabled) == ("my own words", 3, False)
    assert (tmp_path / "ds" / "diary.txt").read_text() == "mine"


def test_a_caption_edited_while_preparing_runs_is_kept(tmp_path, kit):
    ready(tmp_path / "ds", kit / "kick.wav")

    def edit(progress):
        if progress.step == 1:
            dataset.revise(tmp_path / "ds", [OneShot(file_name="images/kick.png", text="edited")])

    ready(tmp_path / "ds", kit, report=edit)
    assert {row.text for row in dataset.load(tmp_path / "ds").one_shots} >= {"edited"}


def test_a_changed_source_becomes_a_row_of_its_own(tmp_path, kit):
    old = ready(tmp_path / "ds", kit / "kick.wav").added[0]
    put(kit / "kick.wav", tone(333))
    done = ready(tmp_path / "ds", kit / "kick.wav")
    assert [row.file_name for row in done.added] == ["images/kick_2.png"]
    assert old in dataset.load(tmp_path / "ds").one_shots
    assert len(ready(tmp_path / "ds", kit / "kick.wav").unchanged) == 1


def test_a_moved_sample_folder_is_recognised(tmp_path, kit):
    ready(tmp_path / "ds", kit)
    kit.rename(tmp_path / "elsewhere")
    done = ready(tmp_path / "ds", tmp_path / "elsewhere")
    assert done.added == () and len(done.unchanged) == 3


def test_a_sound_whose_copy_lies_in_the_dataset_is_recognised_where_it_came_from(tmp_path, kit):
    copies = shutil.copytree(kit, tmp_path / "ds" / "originals")
    assert len(ready(tmp_path / "ds", copies).added) == 3
    done = ready(tmp_path / "ds", kit)
    assert done.added == () and len(done.unchanged) == 3


def test_a_dataset_inside_its_own_source_does_not_eat_itself(tmp_path, kit):
    ready(kit / "ds", kit)
    done = ready(kit / "ds", kit)
    assert done.added == () and len(done.unchanged) == 3


def test_files_of_others_are_never_written_over(tmp_path, kit):
    put(tmp_path / "ds" / "audio" / "kick.wav", tone(999))
    mine = files(tmp_path / "ds")
    assert ready(tmp_path / "ds", kit / "kick.wav").added[0].audio == "audio/kick_2.wav"
    assert files(tmp_path / "ds")["audio/kick.wav"] == mine["audio/kick.wav"]


def test_other_mel_settings_are_refused_by_name_but_the_decoder_s_are_not(tmp_path, kit):
    ready(tmp_path / "ds", kit)
    before = files(tmp_path / "ds")
    with pytest.raises(StudioError, match="hop_length 347, not 256; use the same mel settings or another folder"):
        ready(tmp_path / "ds", kit, mel=replace(MEL, hop_length=256))
    put(tmp_path / "more" / "x.wav", tone(555))
    assert len(ready(tmp_path / "ds", tmp_path / "more", mel=replace(MEL, iterations=7)).added) == 1
    assert dataset.load(tmp_path / "ds").mel == MEL
    assert all(files(tmp_path / "ds")[name] == data for name, data in before.items() if not name.startswith("metadata"))


def test_a_folder_of_another_make_is_refused_untouched(tmp_path, kit):
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "metadata.jsonl").write_text('{"file_name": "cat.png"}\n')
    before = files(tmp_path / "ds")
    with pytest.raises(StudioError, match="not of this studio"):
        ready(tmp_path / "ds", kit)
    assert files(tmp_path / "ds") == before
    with pytest.raises(StudioError, match="is a file"):
        ready(kit / "kick.wav", kit)


# ---------------------------------------------------------------------------------------------------- stops and faults
def test_a_stop_in_the_middle_keeps_what_is_done_and_goes_on_later(tmp_path, kit):
    def stop(progress):
        if progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        ready(tmp_path / "ds", kit, report=stop)
    assert len(dataset.load(tmp_path / "ds").one_shots) == 2
    done = ready(tmp_path / "ds", kit)
    assert len(done.unchanged) == 2 and len(done.added) == 1


def test_a_full_disk_is_one_sentence_and_keeps_what_is_done(tmp_path, kit, monkeypatch):
    ready(tmp_path / "ds", kit / "clap.wav")

    def full(*_, **__):
        raise StudioError("images/x.png: could not be written (No space left on device); free some disk space")

    monkeypatch.setattr(picture, "save", full)
    with pytest.raises(StudioError, match="No space left"):
        ready(tmp_path / "ds", kit)
    monkeypatch.undo()
    assert len(dataset.load(tmp_path / "ds").one_shots) == 1
    names = [row.file_name for row in ready(tmp_path / "ds", kit).added]
    assert names == ["images/kick.png", "images/snare.png"]  # what the fault left behind is taken up again


def test_a_folder_that_cannot_be_written_is_told(tmp_path, kit, monkeypatch):
    def closed(*_, **__):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", closed)
    with pytest.raises(StudioError, match="Permission denied.*choose a folder"):
        ready(tmp_path / "ds", kit)


def test_many_sounds_are_all_kept_over_batches(tmp_path, kit, monkeypatch):
    monkeypatch.setattr(preparation, "BATCH", 2)
    ready(tmp_path / "ds", kit)
    assert len(dataset.load(tmp_path / "ds").one_shots) == 3
