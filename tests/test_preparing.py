"""What the Dataset tab does, asked without a browser."""

import types

import pytest
import torch

from studio.engine import audio, exchange, picture
from studio.errors import StudioError
from studio.settings import MelSettings, PrepareSettings
from studio.ui import preparing
from studio.ui.preparing import Preparing
from studio.ui.studio import Studio

MEL = MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048, iterations=2)


def test_a_dataset_is_exported_into_the_export_folder_and_nothing_is_written_over(workspace, tmp_path):
    (tmp_path / "pictures").mkdir()
    picture.save(tmp_path / "pictures" / "kick.png", picture.of_sound(torch.rand(MEL.samples) - 0.5, MEL))
    exchange.import_pictures(tmp_path / "pictures", workspace.datasets / "kit")
    bench = Preparing(Studio(workspace, None, None), None, None, None)
    for name in ("kit_kohya", "kit_kohya_2"):
        waiting, told = bench.export("kit", "kohya")
        assert waiting["tone"] == "busy" and told["tone"] == "good"
        assert told["lines"] == [str(workspace.exports / name)]
        assert list((workspace.exports / name).glob("1_kick/*.png"))


def test_what_is_no_dataset_is_not_exported(workspace):
    asked = Preparing(Studio(workspace, None, None), None, None, None).export("none", "kohya")
    next(asked)
    assert next(asked)["tone"] == "bad"
    with pytest.raises(StudioError, match="is no dataset"):
        next(asked)


def test_a_folder_that_is_no_dataset_is_not_held_after_the_fault(workspace):
    (workspace.datasets / "kit").mkdir(parents=True)
    (workspace.datasets / "kit" / "metadata.jsonl").touch()
    form = types.SimpleNamespace(read=lambda values: PrepareSettings())
    bench, me = Preparing(Studio(workspace, None, None), form, None, None), types.SimpleNamespace(session_hash="me")
    for _ in range(2):  # the second time, too, it is the folder that is wrong
        with pytest.raises(StudioError, match="is not of this studio"):
            list(bench._prepare("kit", lambda report: [], "one-shot-128", (), me))


def test_originals_outlive_a_dataset_that_is_renamed_or_has_lost_its_rows(workspace, tmp_path):
    time = torch.arange(4410) / 44100
    kick = audio.write(tmp_path / "kick.wav", torch.sin(400 * time) * torch.exp(-30 * time), 44100)
    form = types.SimpleNamespace(read=lambda values: PrepareSettings())
    rows = types.SimpleNamespace(contents=lambda name: {})
    bench, me = Preparing(Studio(workspace, None, None), form, rows, None), types.SimpleNamespace(session_hash="me")
    list(bench.prepare(me, "kit", [str(kick)], "", "one-shot-128"))
    (workspace.datasets / "kit").rename(workspace.datasets / "drums")
    for more in ("snare", "hat"):
        other = audio.write(tmp_path / f"{more}.wav", torch.rand(4410) * torch.exp(-30 * time), 44100)
        list(bench.prepare(me, "drums", [str(other)], "", "one-shot-128"))
        (workspace.datasets / "drums" / "metadata.jsonl").unlink()
    kept = (workspace.datasets / "drums").glob("originals/*/*")
    assert sorted(path.name for path in kept) == ["hat.wav", "kick.wav", "snare.wav"]


def test_nothing_is_left_of_a_dataset_whose_dropped_sounds_were_all_refused(tmp_path):
    (tmp_path / "upload").mkdir()
    for name in ("silent.wav", "notes.txt"):
        (tmp_path / "upload" / name).write_bytes(b"none")
    dataset = tmp_path / "datasets" / "kit"
    copy, notes = preparing._copied(sorted((tmp_path / "upload").iterdir(), reverse=True), dataset / "originals")
    assert copy.read_bytes() == b"none" and copy.is_relative_to(dataset) and notes == tmp_path / "upload" / "notes.txt"
    preparing._forget_refused(dataset, set())
    assert not dataset.exists() and notes.is_file()
