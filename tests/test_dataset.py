"""Datasets kept: read, edited and refused with the place, and nothing of the user's ever lost."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from test_preparation import MEL, PLAIN, files, ready, three_sounds

from studio.engine import dataset
from studio.errors import StudioError
from studio.settings import OneShot


@pytest.fixture
def kit(tmp_path):
    return three_sounds(tmp_path / "kit")


@pytest.mark.parametrize("lost", [["images/kick.png"], ["audio/kick.wav"], ["images/kick.png", "audio/kick.wav"]])
def test_a_vanished_file_is_named_and_comes_back_with_its_caption(tmp_path, kit, lost):
    rows = ready(tmp_path / "ds", kit).added
    dataset.revise(tmp_path / "ds", [replace(rows[1], text="mine")])
    before = files(tmp_path / "ds")
    for name in lost:
        (tmp_path / "ds" / name).unlink()
    with pytest.raises(StudioError, match="kick.*prepare the same sounds into it again"):
        dataset.load(tmp_path / "ds")
    ready(tmp_path / "ds", kit)
    assert files(tmp_path / "ds") == before and dataset.load(tmp_path / "ds").one_shots[1].text == "mine"


def test_damaged_datasets_are_refused_with_the_place(tmp_path, kit):
    with pytest.raises(StudioError, match="no dataset"):
        dataset.load(tmp_path / "nowhere")
    ready(tmp_path / "ds", kit)
    rows, about = tmp_path / "ds" / "metadata.jsonl", tmp_path / "ds" / "dataset.json"
    whole, settings = rows.read_text(), about.read_text()
    for broken, why in {"{\n": "line 1", "[]\n": "line 1.*no row", '{"file": "x"}\n': "line 1.*'file'",
                        whole + '{"weight": 1000}': "line 4.*weight",
                        whole.replace("images/", "../../.ssh/"): "line 1: ../../.ssh/.* outside the dataset",
                        whole.replace("audio/", "C:\\\\secret\\\\"): "line 1.*outside the dataset"}.items():
        rows.write_text(broken)
        with pytest.raises(StudioError, match=why):
            dataset.load(tmp_path / "ds")
    rows.write_text(whole)
    for broken, why in {"{": "JSON", "[]": "version", settings.replace('"version": 1', '"version": 9'): "version",
                        settings.replace("hop_length", "hop_lenght"): "did you mean 'hop_length'"}.items():
        about.write_text(broken)
        with pytest.raises(StudioError, match=why):
            dataset.load(tmp_path / "ds")


# ------------------------------------------------------------------------------------------------ captions and weights
def test_revising_changes_words_weights_and_flags_and_nothing_else(tmp_path, kit):
    rows = ready(tmp_path / "ds", kit).added
    before = files(tmp_path / "ds")
    edit = replace(rows[1], text="  deep \n kick ", weight=2.5, enabled=False, source="lies", gain_db=9, audio="no")
    revised = dataset.revise(tmp_path / "ds", [edit])
    assert revised.one_shots == (rows[0], replace(rows[1], text="deep kick", weight=2.5, enabled=False), rows[2])
    assert dataset.load(tmp_path / "ds") == revised
    after = files(tmp_path / "ds")
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"metadata.jsonl"}


def test_empty_captions_and_strangers_are_refused_and_nothing_is_lost(tmp_path, kit):
    rows = ready(tmp_path / "ds", kit).added
    before = files(tmp_path / "ds")
    with pytest.raises(StudioError, match="caption is empty"):
        dataset.revise(tmp_path / "ds", [replace(rows[0], text=" ")])
    with pytest.raises(StudioError, match="has no sound 'images/cat.png'"):
        dataset.revise(tmp_path / "ds", [replace(rows[0], file_name="images/cat.png")])
    assert files(tmp_path / "ds") == before


@pytest.mark.parametrize(("weights", "repeats"), [
    ((1, 1, 1), (1, 1, 1)), ((3,), (1,)), ((1, 1.5), (2, 3)), ((0.2, 1), (1, 5)), ((0.5, 100), (1, 100)),
    ((0, 2), (0, 1)), ((0.001, 1), (1, 100)), ((99, 100), (99, 100)), ((0.33, 0.66), (1, 2)), ((1e-9, 1e-9), (1, 1)),
    ((10, 0.1), (100, 1)), ((2, 4, 6), (1, 2, 3))])
def test_weights_become_repeats_and_drop_nothing(weights, repeats):
    rows = tuple(OneShot(file_name=f"{index}.png", text="x", weight=weight) for index, weight in enumerate(weights))
    seen = dataset.shown(dataset.Dataset(Path("ds"), MEL, PLAIN, rows))
    assert tuple(seen.count(row) for row in rows) == repeats


def test_disabled_sounds_are_not_shown_and_none_left_is_told():
    rows = (OneShot(file_name="a.png", enabled=False), OneShot(file_name="b.png", weight=0), OneShot(file_name="c.png"))
    made = dataset.Dataset(Path("ds"), MEL, PLAIN, rows)
    assert dataset.shown(made) == [rows[2]]
    with pytest.raises(StudioError, match="^ds: all of its sounds are left out.*use some"):
        dataset.shown(replace(made, one_shots=rows[:2]))


def test_only_sounds_of_the_wanted_roles_are_used():
    rows = tuple(OneShot(file_name=text, text=text) for text in ("kick, deep", "808", "tight snare", "texture"))
    made = dataset.Dataset(Path("ds"), MEL, PLAIN, (*rows, OneShot(file_name="off", text="kick", enabled=False)))
    assert dataset.used(made) == list(rows)
    assert dataset.used(made, ["kick", "808"]) == list(rows[:2])
    assert dataset.shown(made, ["snare"]) == [rows[2]]
    with pytest.raises(StudioError, match="ds: no caption names clap or rim, they name kick, 808, snare, no role; "):
        dataset.used(made, ["clap", "rim"])
    with pytest.raises(StudioError, match="no role is called 'snares'; did you mean 'snare'"):
        dataset.used(made, ["snares"])


def test_a_copied_dataset_is_whole(tmp_path, kit):
    ready(tmp_path / "ds", kit)
    shutil.move(tmp_path / "ds", tmp_path / "moved")
    assert len(dataset.load(tmp_path / "moved").one_shots) == 3


# ------------------------------------------------------------------------------------------- what it amounts to
def test_totals_count_the_sounds_in_use_and_their_roles():
    rows = [OneShot(file_name="a", text="hard kick, long", duration=0.5), OneShot(file_name="b", text="kick"),
            OneShot(file_name="c", text="dusty", duration=0.25), OneShot(file_name="d", text="clap", enabled=False)]
    assert dataset.totals(rows) == dataset.Totals(4, 3, 0.75, (("kick", 2), ("", 1)))
    assert dataset.totals([]) == dataset.Totals(0, 0, 0.0, ())


def test_rows_whose_files_vanished_are_looked_at_revised_and_forgotten(tmp_path, kit):
    rows = ready(tmp_path / "ds", kit).added
    (tmp_path / "ds" / rows[1].audio).unlink()
    assert dataset.look(tmp_path / "ds").one_shots == rows
    dataset.revise(tmp_path / "ds", [replace(rows[1], text="mine")])
    assert [row.text for row in dataset.forget_vanished(tmp_path / "ds")] == ["mine"]
    assert dataset.load(tmp_path / "ds").one_shots == (rows[0], rows[2])
    assert (tmp_path / "ds" / rows[1].file_name).is_file()
    assert dataset.forget_vanished(tmp_path / "ds") == []


def test_edits_of_many_hands_at_once_are_all_kept(tmp_path, kit):
    rows = ready(tmp_path / "ds", kit).added

    def louder(made):
        return [replace(made.one_shots[0], weight=made.one_shots[0].weight + 1)]

    with ThreadPoolExecutor(8) as hands:
        list(hands.map(lambda _: dataset.revise_with(tmp_path / "ds", louder), range(40)))
    assert dataset.load(tmp_path / "ds").one_shots[0].weight == 41
    assert dataset.load(tmp_path / "ds").one_shots[1:] == rows[1:]
