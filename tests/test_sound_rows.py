"""What the Dataset tab answers the browser: by id, never by path, and every fault as a sentence."""

import base64
import io
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
import torch

from studio.engine import dataset, preparation
from studio.errors import StudioError
from studio.progress import Progress
from studio.settings import MelSettings, PrepareSettings
from studio.ui.preparing import Preparing
from studio.ui.slicing import Slicing
from studio.ui.sound_rows import SoundRows
from studio.ui.studio import Studio

RATE, MEL = 44100, MelSettings(n_mels=32, n_frames=32)


def tone(hz, level=0.5):
    time = torch.arange(RATE // 5) / RATE
    return level * torch.sin(2 * torch.pi * hz * time) * torch.exp(-12 * time) * torch.linspace(1, 0, len(time))


@pytest.fixture
def rows(workspace):
    """Three sounds in the dataset "set"; the third is the first at another level."""
    for name, sound in {"kick": tone(60), "hat": tone(6000), "copy kick": tone(60, 0.1)}.items():
        path = workspace.root / "kit" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound.numpy(), RATE)
    preparation.prepare([workspace.root / "kit"], workspace.datasets / "set", MEL, PrepareSettings())
    return SoundRows(Studio(workspace, page=None, timer=None))


def asked(rows, **others):
    return {"dataset": "set", "stamp": rows.contents("set")["stamp"], **others}


def ids(rows):
    return {Path(row["id"]).stem: row["id"] for row in rows.contents("set")["rows"]}


def texts(rows):
    return {Path(row["id"]).stem: row["text"] for row in rows.contents("set")["rows"]}


def heard(answer):
    return soundfile.read(io.BytesIO(base64.b64decode(answer)), dtype="float32")


def test_a_dataset_is_told_with_its_totals_and_a_new_one_is_empty(rows):
    told = rows.contents("set")
    assert [Path(row["id"]).stem for row in told["rows"]] == ["copy_kick", "hat", "kick"]
    assert told["totals"]["sounds"] == 3 and dict(told["totals"]["roles"]) == {"kick": 2, "hat": 1}
    assert not any(row["gone"] for row in told["rows"]) and "kick" in told["roles"]
    new = rows.contents("not yet")
    assert (new["dataset"], new["rows"], new["there"]) == ("not_yet", [], False)


def test_a_damaged_dataset_is_told_in_place(rows, workspace):
    (workspace.datasets / "set" / "metadata.jsonl").write_text("{")
    assert "line 1" in rows.contents("set")["fault"] and rows.contents("set")["rows"] == []


def test_an_edit_answers_with_what_changed_and_what_it_was(rows):
    kick = ids(rows)["kick"]
    was = texts(rows)["kick"]
    answer = rows.edit(asked(rows, changes=[{"id": kick, "text": "boom", "weight": 2, "duration": 99, "audio": "x"}]))
    assert answer["before"] == [{"id": kick, "text": was, "weight": 1.0, "enabled": True}]
    assert not answer["whole"] and [row["text"] for row in answer["rows"]] == ["boom"]
    assert answer["rows"][0]["weight"] == 2 and answer["rows"][0]["duration"] < 1
    assert rows.contents("set")["stamp"] == answer["stamp"]


def test_whoever_missed_an_edit_of_another_page_hears_all_rows(rows):
    old = asked(rows, changes=[{"id": ids(rows)["hat"], "enabled": False}])
    rows.edit(asked(rows, changes=[{"id": ids(rows)["kick"], "text": "from elsewhere"}]))
    answer = rows.edit(old)
    assert answer["whole"] and "from elsewhere" in [row["text"] for row in answer["rows"]]


@pytest.mark.parametrize("change", [
    {"id": "../../../etc/passwd", "text": "x"}, {"id": "nowhere.png", "enabled": False}, {"id": 7, "text": "x"}])
def test_an_id_that_is_no_sound_of_the_dataset_is_refused(rows, change):
    assert "no longer in this dataset" in rows.edit(asked(rows, changes=[change]))["error"]
    for ask in (rows.sound, rows.compare):
        assert "no longer in this dataset" in ask(asked(rows, id=change["id"]))["error"]
    assert rows.thumbs(asked(rows, ids=[change["id"]])) == {"images": {}}


@pytest.mark.parametrize(("change", "why"), [
    ({"text": " "}, "caption is empty"), ({"weight": 1000}, "at most 100"), ({"weight": "much"}, "of type float"),
    ({"enabled": "yes"}, "of type bool"), ({"text": None}, "of type str")])
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_changes(rows, change, why):
    before = rows.contents("set")["rows"]
    assert why in rows.edit(asked(rows, changes=[{"id": ids(rows)["kick"], **change}]))["error"]
    assert rows.contents("set")["rows"] == before


def test_a_dataset_named_by_a_path_stays_inside_the_workspace(rows, workspace):
    elsewhere = workspace.root / "secret"
    preparation.prepare([workspace.root / "kit"], elsewhere, MEL, PrepareSettings())
    for name in ("../secret", str(elsewhere)):
        assert rows.contents(name)["there"] is False
        assert "no dataset" in rows.thumbs({"dataset": name, "ids": ["images/kick.png"]})["error"]


def test_a_dataset_is_opened_whatever_its_folder_is_called(rows, workspace):
    (workspace.datasets / "set").rename(workspace.datasets / "808 kit")
    assert len(rows.contents("808 kit")["rows"]) == 3 and not rows.contents("808_kit")["there"]


def test_a_dataset_whose_sounds_have_all_gone_is_empty_and_no_fault(rows, workspace):
    for wav in (workspace.datasets / "set" / "audio").iterdir():
        wav.unlink()
    answer = rows.forget(asked(rows))
    assert answer["forgotten"] == 3 and answer["rows"] == [] and "fault" not in answer


@pytest.mark.parametrize(("how", "words", "others", "after"), [
    ("add", "dusty", "", "kick, dusty"), ("front", "my kit", "", "my kit, kick"), ("replace", "kick", "boom", "boom"),
    ("role", "clap", "", "clap")])
def test_captions_are_reworded_together(rows, how, words, others, after):
    rows.edit(asked(rows, changes=[{"id": ids(rows)["kick"], "text": "kick"}]))
    hat = texts(rows)["hat"]
    answer = rows.reword(asked(rows, ids=[ids(rows)["kick"]], how=how, words=words, others=others))
    assert texts(rows)["kick"] == after and texts(rows)["hat"] == hat
    assert answer["before"][0]["text"] == "kick"


def test_a_rewording_that_empties_one_caption_changes_none(rows):
    rows.edit(asked(rows, changes=[{"id": ids(rows)["kick"], "text": "kick"}]))
    before = texts(rows)
    refused = rows.reword(asked(rows, ids=list(ids(rows).values()), how="remove", words="kick"))
    assert "caption is empty" in refused["error"]
    assert "no edit" in rows.reword(asked(rows, ids=[], how="delete", words="x"))["error"]
    assert "no edit" in rows.reword(asked(rows, ids=[], how="role", words="no such role"))["error"]
    assert texts(rows) == before


def test_pictures_sounds_and_duplicates_are_found_by_id(rows, workspace):
    names = ids(rows)
    (workspace.datasets / "set" / names["hat"]).unlink()
    images = rows.thumbs(asked(rows, ids=list(names.values())))["images"]
    assert images[names["hat"]] is None and images[names["kick"]].startswith("data:image/png;base64,")
    waveform, rate = heard(rows.sound(asked(rows, id=names["kick"]))["wav"])
    assert (len(waveform), rate) == (MEL.samples, RATE)
    assert rows.duplicates(asked(rows))["groups"] == [[names["copy_kick"], names["kick"]]]


def test_before_and_after_are_heard_and_a_source_that_is_gone_is_said(rows, workspace):
    kick = ids(rows)["kick"]
    told = rows.compare(asked(rows, id=kick))
    assert told["source"] == "kick.wav" and told["image"].startswith("data:")
    waveform, rate = heard(told["original"])
    assert len(waveform) / rate == pytest.approx(told["whole"]) and told["start"] <= told["until"] <= told["end"]
    (workspace.root / "kit" / "kick.wav").unlink()
    assert "is no longer there" in rows.compare(asked(rows, id=kick))["missing"]


def test_lines_whose_files_are_gone_are_forgotten_and_no_others(rows, workspace):
    (workspace.datasets / "set" / "audio" / "hat.wav").unlink()
    assert [row["gone"] for row in rows.contents("set")["rows"]] == [False, True, False]
    answer = rows.forget(asked(rows))
    assert answer["forgotten"] == 1 and [Path(row["id"]).stem for row in answer["rows"]] == ["copy_kick", "kick"]


# ------------------------------------------------------------------------------------------------------- recordings
@pytest.fixture
def slicing(workspace):
    return Slicing(Studio(workspace, page=None, timer=None))


def opened(slicing, path):
    shown = [slicer for _, slicer, _ in slicing.open(str(path)) if isinstance(slicer, dict) and slicer.get("token")]
    return shown[-1]


@pytest.fixture
def recording(slicing, tmp_path):
    silence = torch.zeros(RATE // 4)
    waveform = torch.cat([part for hz in (60, 900, 4000) for part in (silence, tone(hz))])
    soundfile.write(tmp_path / "jam.wav", waveform.numpy(), RATE)
    return opened(slicing, tmp_path / "jam.wav")


def test_a_recording_is_shown_with_its_pieces_and_each_is_heard(slicing, recording):
    assert recording["name"] == "jam" and len(recording["pieces"]) == 3 and max(recording["outline"]) > 0.4
    start, end = recording["pieces"][1]
    waveform, _ = heard(slicing.piece({"token": recording["token"], "start": start, "end": end})["wav"])
    assert len(waveform) == pytest.approx((end - start) * RATE, abs=2) and abs(waveform).max() > 0.4
    fewer = slicing.pieces({"token": recording["token"], "sensitivity": 0.5, "gap_ms": 500})["pieces"]
    assert len(fewer) == 2


def test_chosen_pieces_are_written_and_nonsense_is_refused(slicing, recording, tmp_path):
    asked = {"token": recording["token"], "pieces": recording["pieces"][:2]}
    made = slicing.write(asked, tmp_path / "out", lambda _: None)
    assert [path.name for path in made] == ["jam_01.wav", "jam_02.wav"]
    for pieces in ([[0, 99]], [[-1, 0.1]], [[0.2, 0.1]], [["a", "b"]], [[0, float("nan")]], [[0]], [[0, 0.01]] * 5000):
        with pytest.raises(StudioError, match="drop it again"):
            slicing.write(asked | {"pieces": pieces}, tmp_path / "out", lambda _: None)
    with pytest.raises(StudioError, match="no piece"):
        slicing.write(asked | {"pieces": []}, tmp_path / "out", lambda _: None)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_recording_that_is_no_longer_held_is_told(slicing, recording, tmp_path):
    for _ in range(2):
        opened(slicing, tmp_path / "jam.wav")
    assert "drop it again" in slicing.pieces({"token": recording["token"], "sensitivity": 0.5, "gap_ms": 60})["error"]
    assert "drop it again" in slicing.piece({"token": "../x", "start": 0, "end": 1})["error"]


# --------------------------------------------------------------------------------------------------------- preparing
def test_one_page_at_a_time_brings_sounds_into_a_dataset(rows, slicing, workspace, monkeypatch):
    gate, plain = threading.Event(), preparation.prepare

    def slow(*values, report):
        report(Progress("prepare", 0, 3))
        gate.wait()
        return plain(*values, report=report)

    monkeypatch.setattr(preparation, "prepare", slow)
    form = SimpleNamespace(read=lambda values: PrepareSettings())
    preparing = Preparing(rows.studio, form, rows, slicing)

    def begin(session, name="set"):
        return preparing.prepare(SimpleNamespace(session_hash=session), name, None, str(workspace.root / "kit"),
                                 "one-shot-128")

    first, second = begin("one"), begin("two")
    next(first)
    assert next(second)[2]["tone"] == "bad"
    with pytest.raises(StudioError, match="brought into set already"):
        next(second)
    gate.set()
    assert "were there already" in list(first)[-1][2]["text"]
    assert "were there already" in list(begin("two"))[-1][2]["text"]
    assert len(dataset.load(workspace.datasets / "set").one_shots) == 3
