"""Datasets out for kohya and `datasets`, spectrogram pictures in; both ways back to what they were."""

import contextlib
import json
import os

import numpy
import pytest
import torch
from PIL import Image

from studio import cli, presets
from studio.engine import dataset, exchange, library, picture
from studio.engine.picture import Picture
from studio.errors import Cancelled, StudioError
from studio.settings import MelSettings

MEL = MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048, iterations=4)


def falling(seed, mel=MEL):
    noise = torch.rand(mel.samples, generator=torch.Generator().manual_seed(seed)) - 0.5
    return picture.of_sound(noise * torch.exp(-6 * torch.arange(mel.samples) / mel.samples), mel)


@pytest.fixture
def pictures(tmp_path):
    """Three pictures of ours in a folder: one with a .txt of two lines, one with none, one in kohya's folder."""
    folder = tmp_path / "pictures"
    for number, name in enumerate(("one.png", "Snare Bright.png", "3_kick/two.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name, falling(number))
    (folder / "one.txt").write_text("my  hat, dark\nsecond line", encoding="utf-8")
    (folder / "3_kick" / "two.txt").write_text("my kick", encoding="utf-8")
    return folder


@pytest.fixture
def kit(pictures, tmp_path):
    exchange.import_pictures(pictures, tmp_path / "kit")
    return tmp_path / "kit"


def rows_of(folder):
    return {row.text: row for row in dataset.load(folder).one_shots}


# --------------------------------------------------------------------------------------------------------------- in
def test_a_row_whose_files_are_gone_keeps_its_name_to_itself(kit, pictures):
    row = rows_of(kit)["my kick"]
    for name in (row.audio, row.file_name):
        (kit / name).unlink()
    (pictures / "3_kick" / "two.txt").write_text("another kick", encoding="utf-8")
    exchange.import_pictures(pictures, kit)
    names = [each.file_name for each in dataset.look(kit).one_shots]
    assert len(names) == 4 == len(set(names))


@pytest.mark.parametrize("name", ["808_kicks", "2024_kit"])
def test_a_folder_named_after_a_machine_or_a_year_weighs_as_others_do(pictures, tmp_path, name):
    (pictures / "3_kick").rename(pictures / name)
    exchange.import_pictures(pictures, tmp_path / "kohya's")
    assert rows_of(tmp_path / "kohya's")["my kick"].weight == 100  # its captions lie beside, as kohya's do
    (pictures / name / "two.txt").unlink()
    exchange.import_pictures(pictures, tmp_path / "ds")
    assert [row.weight for row in rows_of(tmp_path / "ds").values()] == [1, 1, 1]


def test_pictures_of_ours_become_a_dataset_with_captions_weights_and_sounds(kit, pictures):
    rows = rows_of(kit)
    assert rows["my hat, dark"].weight == 1 and rows["my kick"].weight == 3
    assert [text for text in rows if text.startswith("snare") or "snare" in text]
    for row in rows.values():
        assert torch.equal(picture.load(kit / row.file_name).pixels,
                           picture.load(pictures / row.source.split("pictures/")[1]).pixels)
        waveform, rate = library.audio.read(kit / row.audio)
        assert waveform.shape == (1, MEL.samples) and rate == MEL.sample_rate and waveform.abs().max() > 0.5
    assert dataset.load(kit).mel == MEL


def test_what_is_there_is_not_brought_in_again(kit, pictures):
    picture.save(pictures / "new.png", falling(9))
    again = exchange.import_pictures(pictures, kit)
    assert len(again.added) == 1 and again.unchanged == 3 and len(dataset.load(kit).one_shots) == 4


def test_pictures_made_in_different_ways_are_refused_before_anything_is_written(pictures, tmp_path):
    other = MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048, range_db=60)
    picture.save(pictures / "zz.png", falling(5, other))
    with pytest.raises(StudioError, match="zz.png: was made with range_db 60.0, but .* with 90.0"):
        exchange.import_pictures(pictures, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_pictures_of_other_settings_do_not_go_into_a_dataset_that_is_there(kit, tmp_path):
    other = MelSettings(n_mels=32, n_frames=64, hop_length=347, n_fft=2048)
    (tmp_path / "wide").mkdir()
    picture.save(tmp_path / "wide" / "a.png", falling(1, other))
    with pytest.raises(StudioError, match="was prepared with n_frames 32, not 64"):
        exchange.import_pictures(tmp_path / "wide", kit)


def test_riffusions_pictures_bring_their_own_settings(tmp_path):
    mel = presets.load("mel", "riffusion")
    mel = MelSettings(**{**mel.__dict__, "n_frames": 64, "whole": False, "iterations": 4})
    (tmp_path / "theirs").mkdir()
    picture.save(tmp_path / "theirs" / "a kick.png", falling(1, mel))
    image = Image.open(tmp_path / "theirs" / "a kick.png")
    image.save(tmp_path / "theirs" / "a kick.png", exif=image.getexif())  # as Riffusion writes it: EXIF and no text
    exchange.import_pictures(tmp_path / "theirs", tmp_path / "kit")
    made = dataset.load(tmp_path / "kit")
    assert made.mel.n_mels == 512 and made.mel.n_frames == 64 and made.mel.inverted
    assert torch.equal(picture.load(made.folder / made.one_shots[0].file_name).pixels, torch.from_numpy(
        numpy.array(image.convert("L"))))


def test_other_pictures_need_to_be_told_how_they_were_made(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    shape = falling(3).pixels.numpy()
    Image.fromarray(numpy.stack([shape] * 3, axis=2)).save(folder / "clap.png")
    Image.fromarray(shape[:20]).save(folder / "low.png")
    with pytest.raises(StudioError, match="none of 2 pictures .* name their settings with --mel"):
        exchange.import_pictures(folder, tmp_path / "kit")
    told = exchange.import_pictures(folder, tmp_path / "kit", MEL)
    assert torch.equal(picture.load(tmp_path / "kit" / told.added[0].file_name).pixels, torch.from_numpy(shape))
    assert [why for _, why in told.refused if "20 pixels high" in why]


def test_what_is_no_spectrogram_is_left_out_with_its_reason(pictures, tmp_path):
    (pictures / "torn.png").write_bytes(b"\x89PNG nothing")
    picture.save(pictures / "black.png", Picture(torch.zeros(32, 32, dtype=torch.uint8), 0.0, MEL.samples, MEL))
    result = exchange.import_pictures(pictures, tmp_path / "kit")
    assert len(result.added) == 3 and len(result.refused) == 2
    assert "silence" in dict(result.refused)[str(pictures / "black.png")]


def test_a_stop_keeps_what_is_done(pictures, tmp_path):
    def report(progress):
        if progress.stage == "import" and progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        exchange.import_pictures(pictures, tmp_path / "kit", report=report)
    assert len(dataset.load(tmp_path / "kit").one_shots) == 2


# -------------------------------------------------------------------------------------------------------------- out
def test_kohyas_folders_hold_pictures_captions_and_repeats(kit, tmp_path):
    rows = dataset.load(kit).one_shots
    hidden = next(row for row in rows if row.text == "my hat, dark")
    dataset.revise(kit, [type(hidden)(**{**hidden.__dict__, "enabled": False})])
    paths = exchange.export(kit, tmp_path / "out", "kohya")
    assert sorted(path.parent.name for path in paths) == ["1_snare", "3_kick"]
    for path in paths:
        assert path.with_suffix(".txt").read_text(encoding="utf-8").strip() in rows_of(kit)
        assert picture.load(path).mel.n_mels == 32
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("format", exchange.FORMATS)
def test_what_is_exported_comes_back_as_it_was(kit, tmp_path, format):
    exchange.export(kit, tmp_path / "out", format)
    exchange.import_pictures(tmp_path / "out", tmp_path / "again")
    before, after = rows_of(kit), rows_of(tmp_path / "again")
    assert before.keys() == after.keys()
    if format == "kohya":
        assert {text: row.weight for text, row in before.items()} == {text: row.weight for text, row in after.items()}
    for text, row in before.items():
        assert torch.equal(picture.load(kit / row.file_name).pixels,
                           picture.load(tmp_path / "again" / after[text].file_name).pixels)


def test_an_export_writes_over_nothing(kit, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudioError, match="holds something already"):
        exchange.export(kit, tmp_path / "out", "kohya")
    with pytest.raises(StudioError, match="'cohya' is not known; give kohya or imagefolder"):
        exchange.export(kit, tmp_path / "other", "cohya")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"] and not (tmp_path / "other").exists()


def test_an_export_that_is_stopped_leaves_nothing(kit, tmp_path):
    def report(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        exchange.export(kit, tmp_path / "out", "kohya", report=report)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_the_imagefolder_loads_with_datasets(kit, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the library datasets is not installed")
    exchange.export(kit, tmp_path / "out", "imagefolder")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), split="train",
                                   cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded["text"]) == sorted(rows_of(kit)) and loaded[0]["image"].size == (32, 32)


def test_the_imagefolders_rows_are_what_datasets_asks_for(kit, tmp_path):
    exchange.export(kit, tmp_path / "out", "imagefolder")
    rows = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text(encoding="utf-8").split("\n")
            if line]
    assert {row["text"] for row in rows} == rows_of(kit).keys()
    assert all((tmp_path / "out" / row["file_name"]).is_file() for row in rows)


def test_both_ways_are_verbs(pictures, tmp_path, capsys):
    kit, out = tmp_path / "kit", tmp_path / "out"
    assert cli.main(["import-dataset", str(pictures), "--out", str(kit), "--json"]) == cli.DONE
    assert len(json.loads(capsys.readouterr().out)["added"]) == 3
    assert cli.main(["export-dataset", str(kit), str(out), "--format", "kohya", "--json"]) == cli.DONE
    assert len(json.loads(capsys.readouterr().out)["files"]) == 3
    assert cli.main(["export-dataset", str(kit), str(out), "--format", "kohya"]) == cli.FAULT
    assert cli.main(["import-dataset", str(tmp_path / "loras"), "--out", str(kit)]) == cli.FAULT


def test_pictures_from_windows_and_names_that_are_no_text_come_in(pictures, tmp_path):
    (pictures / "one.png").rename(pictures / "ONE.PNG")
    (pictures / "one.txt").rename(pictures / "ONE.txt")
    (pictures / "ONE.txt").write_text("my hat", encoding="utf-8-sig")
    odd = picture.save(tmp_path / "odd.png", falling(7))
    with contextlib.suppress(OSError):  # a disk that takes nothing but text
        odd.rename(pictures / os.fsdecode(b"caf\xe9.png"))
    for added in (len(list(pictures.rglob("*.[pP][nN][gG]"))), 0):
        assert len(exchange.import_pictures(pictures, tmp_path / "kit").added) == added
    assert "my hat" in rows_of(tmp_path / "kit")


def test_an_export_into_the_folder_one_stands_in_is_a_sentence_at_worst(kit, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with contextlib.suppress(StudioError):
        exchange.export(kit, ".", "kohya")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "kit", "pictures"]


def test_a_damaged_metadata_beside_pictures_is_a_sentence(pictures, tmp_path):
    (pictures / "metadata.jsonl").write_bytes('{"file_name": "one.png", "text": "caf\u00e9"}\n'.encode("latin-1"))
    with pytest.raises(StudioError, match="a line is no row with file_name and text"):
        exchange.import_pictures(pictures, tmp_path / "kit")
    (pictures / "metadata.jsonl").write_text('{"file_name": "one.png"}\n', encoding="utf-8")
    with pytest.raises(StudioError, match="a line is no row with file_name and text"):
        exchange.import_pictures(pictures, tmp_path / "kit")
