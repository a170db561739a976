"""The index of takes: it says what the files say, finds by every word, and can be thrown away."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest
import torch

from studio.engine import audio, catalogue, entries, library, loudness
from studio.engine.catalogue import Catalogue
from studio.engine.picture import Picture
from studio.errors import Cancelled, StudioError
from studio.settings import MelSettings


def keep(folder: Path, prompt: str = "kick", seed: int = 1, made: float = 0.0, **settings) -> library.Take:
    mel = MelSettings()
    recipe = {"version": 1, "verb": "generate",
              "settings": {"prompt": prompt, "seed": seed, "base": "embedded", "lora": [], **settings}, "mel": {}}
    image = Picture(torch.zeros(128, 128, dtype=torch.uint8), 0.0, 100, mel, recipe)
    time = torch.arange(22050) / 44100
    waveform = 0.5 * torch.sin(2 * torch.pi * 104 * time) * torch.exp(-8 * time)
    take = library.keep(waveform, image, recipe, folder, f"{prompt}_{seed}")
    if made:
        os.utime(take.path, (made, made))
    return take


@pytest.fixture
def index(tmp_path):
    made = Catalogue(tmp_path / "takes", tmp_path / "cache" / "takes.sqlite")
    yield made
    made.close()


def names(found: catalogue.Found) -> list[str]:
    return [entry.name for entry in found.entries]


def test_an_entry_says_what_the_files_say(index):
    take = keep(index.folder, "deep kick", 7, made=1000.5, lora=["/loras/my kit.safetensors:0.5"])
    library.mark(take, starred=True, note="for the drop")
    assert index.refresh() == []
    entry, = index.search().entries
    assert entry.words == tuple(library_words(take))
    assert entry == catalogue.Entry(
        name="deep_kick_7.wav", title="deep kick", prompt="deep kick", role="kick", loras=("my kit",), seed=7,
        base="embedded", made=1000.5, duration=0.5, words=entry.words, level_db=entry.level_db, starred=True,
        note="for the drop")
    assert entry.level_db == pytest.approx(loudness.matching_gain_db(*audio.read(take.path)))


def library_words(take: library.Take) -> list[str]:
    from studio.engine import captions

    waveform, sample_rate = audio.read(take.path)
    return captions.measured_words(waveform[0], sample_rate, "kick")


def test_an_empty_library_and_one_that_is_not_there_hold_nothing(index):
    assert index.refresh() == [] and index.search() == catalogue.Found((), 0)
    index.folder.mkdir()
    assert index.refresh() == [] and index.roles() == [] and index.loras() == []


@pytest.mark.parametrize(("text", "expected"), [
    ("", ["a kick", "b snare"]), ("kick", ["a kick"]), ("KI", ["a kick"]), ("ick", []), ("kick snare", []),
    ("drop", ["a kick"]), ("kick drop", ["a kick"]), ("dröp", ["a kick"]), ("room", ["b snare"]),
    ("snare_2", ["b snare"]), ("g#2", ["a kick", "b snare"]), ("g2", []), ("'; DROP TABLE takes; --", []),
    ("% _ ' \"", ["a kick", "b snare"]), ("%", ["a kick", "b snare"]), ("snare " * 2000, ["b snare"]),
    (" ".join(map(str, range(2000))), []), ("a kick 1 deep for the drop a_kick_1 dro dr d kick", []),
    ("a kick 1 kic ki k for fo the th drop dro dr", ["a kick"])])
def test_every_word_must_be_there_and_its_beginning_is_enough(index, text, expected):
    library.mark(keep(index.folder, "a kick", 1, made=2000), note="for the Dröp")
    keep(index.folder, "b snare", 2, made=1000, lora=["room.safetensors"])
    index.refresh()
    assert [entry.prompt for entry in index.search(text).entries] == expected


def test_takes_are_filtered_by_role_lora_star_and_date(index):
    library.mark(keep(index.folder, "deep kick", 1, made=1000), starred=True)
    keep(index.folder, "kick, long", 2, made=2000, lora=["a.safetensors:1", "b.safetensors"])
    keep(index.folder, "closed hat", 3, made=3000, lora=["b.safetensors:0.3", 'my "a" kit.safetensors'])
    keep(index.folder, "strange thing", 4, made=4000)
    index.refresh()
    assert index.roles() == ["closed hat", "kick"] and index.loras() == ["a", "b", 'my "a" kit']
    assert names(index.search(role="kick")) == ["kick_long_2.wav", "deep_kick_1.wav"]
    assert names(index.search(lora="b")) == ["closed_hat_3.wav", "kick_long_2.wav"]
    assert names(index.search(lora="a")) == ["kick_long_2.wav"]
    assert names(index.search(lora='my "a" kit')) == ["closed_hat_3.wav"]
    assert names(index.search(lora="b", role="kick")) == ["kick_long_2.wav"]
    assert names(index.search(starred=True)) == ["deep_kick_1.wav"]
    assert names(index.search(since=3000)) == ["strange_thing_4.wav", "closed_hat_3.wav"]


def test_orders_and_pages(index):
    for number, prompt in enumerate(("b", "a", "C")):
        keep(index.folder, prompt, made=1000 + number)
    index.refresh()
    titles = {order: [entry.title for entry in index.search(order=order).entries] for order in catalogue.ORDERS}
    assert titles["newest"] == ["C", "a", "b"] and titles["oldest"] == ["b", "a", "C"]
    assert titles["name"] == ["a", "b", "C"]
    second = index.search(order="newest", limit=1, offset=1)
    assert [entry.title for entry in second.entries] == ["a"] and second.total == 3
    with pytest.raises(StudioError, match="did you mean 'newest'"):
        index.search(order="newst")


def test_only_what_is_new_or_changed_is_measured_again(index, monkeypatch):
    takes = [keep(index.folder, "kick", seed, made=1000 + seed) for seed in range(3)]
    index.refresh()
    measured = []
    measure = entries.measured
    monkeypatch.setattr(entries, "measured", lambda path, role: measured.append(path.name) or measure(path, role))
    index.refresh()
    assert measured == []
    library.mark(takes[0], starred=True)  # the sound is the same
    keep(index.folder, "snare")
    audio.write(takes[1].path, torch.ones(4410) * 0.5, 44100)
    os.utime(takes[1].path, (5000, 5000))
    takes[2].path.unlink()
    index.refresh()
    assert sorted(measured) == ["kick_1.wav", "snare_1.wav"]
    assert names(index.search(starred=True)) == ["kick_0.wav"]
    assert {entry.name: entry.duration for entry in index.search().entries} == {
        "kick_0.wav": 0.5, "kick_1.wav": 0.1, "snare_1.wav": 0.5}


def test_a_name_changes_what_is_found_and_the_sound_stays_measured(index):
    take = keep(index.folder, "kick")
    index.refresh()
    library.rename(take, "Müllkübel")
    index.reread()
    entry, = index.search("mullk g#2").entries
    assert (entry.name, entry.title, entry.prompt) == ("Müllkübel.wav", "Müllkübel", "kick")


def test_rereading_measures_nothing_and_needs_not_wait_for_who_does(index):
    keep(index.folder, "kick", 1, made=1000)
    kept = []

    def report(progress):
        if progress.stage == "listening to the library" and not kept:
            kept.append(keep(index.folder, "snare", 2, made=2000))  # as another page does meanwhile
            assert index.reread() == index.refresh() == []
            assert [entry.duration for entry in index.search().entries] == [0, 0]

    index.refresh(report=report)
    assert [entry.duration for entry in index.search().entries] == [0.5, 0.5]  # measured by who was at it


def test_strangers_are_left_out_and_damaged_takes_are_told(index):
    keep(index.folder, "kick")
    (index.folder / "mine.wav").write_bytes(b"no recipe beside it")
    broken, silent = keep(index.folder, "snare"), keep(index.folder, "hat")
    broken.path.with_suffix(".json").write_text("[", encoding="utf-8")
    silent.path.write_bytes(b"no sound")
    faults = index.refresh()
    assert [("snare_1.json" in fault, "hat_1.wav" in fault) for fault in sorted(faults, reverse=True)] == [
        (True, False), (False, True)]
    assert sorted(names(index.search())) == ["hat_1.wav", "kick_1.wav"]  # a broken sound can be thrown away


def test_a_take_whose_recipe_is_damaged_later_is_no_longer_found(index):
    take = keep(index.folder, "kick")
    index.refresh()
    take.path.with_suffix(".json").write_text("{", encoding="utf-8")
    assert len(index.refresh()) == 1 and index.search().total == 0


def test_one_take_that_cannot_be_stored_hides_no_other(index):
    keep(index.folder, "kick")
    half, huge, name = keep(index.folder, "half"), keep(index.folder, "huge", 2), keep(index.folder, "name")
    half.path.with_suffix(".json").write_text('{"settings": {"prompt": "\\ud800"}}', encoding="utf-8")
    huge.path.with_suffix(".json").write_text('{"settings": {"prompt": "huge", "seed": 1%s}}' % ("0" * 40))
    bad = os.fsdecode(b"\xff")  # as a name comes out of an old archive
    if os.name == "posix":
        for suffix in (".wav", ".json"):
            name.path.with_suffix(suffix).rename(index.folder / f"{bad}{suffix}")
    faults = index.refresh()
    assert {"kick", "huge"} <= {entry.title for entry in index.search().entries}
    assert "half" not in {entry.title for entry in index.search().entries} and "half_1.wav" in "".join(faults)
    assert all("no text" in fault for fault in faults) and len(faults) == (2 if os.name == "posix" else 1)


@pytest.mark.parametrize("harm", ["gone", "garbage", "older", "damaged while open"])
def test_an_index_that_is_lost_is_made_again(tmp_path, harm):
    folder, file = tmp_path / "takes", tmp_path / "takes.sqlite"
    for seed in range(3):
        keep(folder, "kick", seed)
    index = Catalogue(folder, file)
    index.refresh()
    before = index.search()
    if harm != "damaged while open":
        index.close()
    if harm == "gone":
        file.unlink()
    elif harm == "older":
        with sqlite3.connect(file) as connection:
            connection.executescript("DROP TABLE takes; CREATE TABLE takes (name, other); PRAGMA user_version = 0")
        connection.close()
    else:
        file.write_bytes(b"this is no database " * 1000)
    index.refresh()
    assert index.search() == before
    index.close()


def test_an_index_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(StudioError, match="index of takes could not be used"):
        Catalogue(tmp_path / "takes", tmp_path / "cache" / "takes.sqlite").search()


def test_many_threads_find_and_refresh_at_once(index):
    for seed in range(4):
        keep(index.folder, "kick", seed)
    faults = []

    def use() -> None:
        try:
            for _ in range(5):
                index.refresh()
                assert index.search("kick").total == 4
        except BaseException as error:  # told by the test below, in its own thread
            faults.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_two_studios_share_one_index(index):
    keep(index.folder, "kick")
    other = Catalogue(index.folder, index.file)
    index.refresh()
    other.refresh()
    assert other.search() == index.search()
    other.close()


def test_all_takes_are_found_before_they_are_measured_and_a_stop_keeps_what_is_done(index, monkeypatch):
    monkeypatch.setattr(catalogue, "BATCH", 2)
    for seed in range(5):
        keep(index.folder, "kick", seed)

    def report(progress):
        if progress.stage == "listening to the library":
            assert index.search().total == progress.total == 5
            if progress.step == 2:
                raise Cancelled

    with pytest.raises(Cancelled):
        index.refresh(report=report)
    assert sorted(entry.duration for entry in index.search().entries) == [0, 0, 0, 0.5, 0.5]
    assert index.refresh() == [] and all(entry.duration for entry in index.search("g#2").entries)
    assert index.search("g#2").total == 5
