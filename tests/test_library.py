"""Takes on disk: three files a take, found again, never overwritten, strangers left out; marks, names and the trash."""

import errno
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import torch

from studio.engine import audio, library, picture
from studio.engine.picture import Picture
from studio.errors import StudioError
from studio.knobs import as_dict
from studio.settings import MelSettings

RECIPE = {"version": 1, "verb": "generate", "settings": {"prompt": "kick", "seed": 3}, "mel": {}}


def keep(folder, name="kick_3"):
    mel = MelSettings()
    image = Picture(torch.zeros(128, 128, dtype=torch.uint8), 0.0, 100, mel, RECIPE)
    return library.keep(torch.linspace(-0.5, 0.5, 100), image, RECIPE, folder, name)


def test_takes_are_found_newest_first_and_strangers_are_left_out(tmp_path):
    kept = [keep(tmp_path) for _ in range(3)]
    audio.write(tmp_path / "mine.wav", torch.zeros(10), 44100)
    found = library.takes(tmp_path)
    assert [take.path for take in found] == [take.path for take in reversed(kept)]
    assert found[0].prompt == "kick" and found[0].seed == 3


def test_a_name_with_any_leftover_file_counts_as_taken(tmp_path):
    (tmp_path / "kick_3.png").touch()
    assert keep(tmp_path).path.name == "kick_3_2.wav"
    assert (tmp_path / "kick_3.png").stat().st_size == 0


def test_a_sound_without_a_recipe_says_so(tmp_path):
    path = audio.write(tmp_path / "mine.wav", torch.zeros(10), 44100)
    with pytest.raises(StudioError, match="carries no recipe"):
        library.recipe_of(path)


def test_an_empty_library_is_empty(tmp_path):
    assert library.takes(tmp_path / "nowhere") == []


def test_a_damaged_recipe_hides_its_own_take_and_no_other(tmp_path):
    good, bad, odd = keep(tmp_path), keep(tmp_path), keep(tmp_path)
    bad.path.with_suffix(".json").write_text("{", encoding="utf-8")
    odd.path.with_suffix(".json").write_text("[1]", encoding="utf-8")
    assert library.takes(tmp_path) == [good]


def test_a_recipe_written_by_hand_breaks_nothing():
    for recipe in ({}, {"settings": None, "marks": 3}, {"settings": {"seed": "x", "start": 1}, "marks": []}):
        take = library.Take(Path("kick_7.wav"), recipe)
        assert take.seed == 0 and not take.starred and take.note == ""
        assert take.title in ("kick_7", "1")


# ---------------------------------------------------------------------------------------------------------- by name
def test_a_take_is_found_by_its_file_name(tmp_path):
    assert library.find(tmp_path, keep(tmp_path).path.name) == library.takes(tmp_path)[0]


@pytest.mark.parametrize("name", ["", ".", "..", "../outside.wav", "inner/kick_3.wav", "/etc/passwd", "kick_3.json",
                                  "gone.wav", "kick_3.wav\0", "inner", None, 7, {"name": "kick_3.wav"}, "link.wav"])
def test_what_is_not_a_take_of_the_folder_is_never_found(tmp_path, name):
    folder = tmp_path / "takes"
    outside = keep(tmp_path, "outside")
    keep(folder)
    keep(folder / "inner")
    for suffix in (".wav", ".json"):
        (folder / f"link{suffix}").symlink_to(outside.path.with_suffix(suffix))
    with pytest.raises(StudioError, match="no longer in takes"):
        library.find(folder, name)


# ------------------------------------------------------------------------------------------------------------ marks
def test_marks_live_in_the_json_and_leave_sound_picture_and_recipe_as_they_were(tmp_path):
    take = keep(tmp_path)
    before = take.path.read_bytes(), take.picture.read_bytes()
    marked = library.mark(library.mark(take, starred=True), note="  for the intro \n")
    assert marked == library.takes(tmp_path)[0]
    assert (marked.starred, marked.note, marked.title) == (True, "for the intro", "kick")
    assert (take.path.read_bytes(), take.picture.read_bytes()) == before
    assert {key: value for key, value in marked.recipe.items() if key != "marks"} == RECIPE
    assert not library.mark(marked, starred=False).starred
    assert library.takes(tmp_path)[0].note == "for the intro"


def test_a_mark_set_on_an_old_look_at_a_take_keeps_the_marks_set_since(tmp_path):
    old = keep(tmp_path)
    library.mark(old, note="mine")
    assert library.mark(old, starred=True).note == "mine"


def test_marks_set_at_the_same_time_are_all_kept(tmp_path):
    takes = [keep(tmp_path, name) for name in ("a", "b")]
    threads = [threading.Thread(target=library.mark, args=(take,), kwargs=marks)
               for take in takes for marks in ({"starred": True}, {"note": "n"})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(take.starred, take.note) for take in library.takes(tmp_path)] == [(True, "n")] * 2


def test_marking_a_take_that_is_gone_says_so_and_leaves_no_file(tmp_path):
    take = keep(tmp_path)
    take.path.unlink()
    with pytest.raises(StudioError, match="kick_3.wav: is no longer in"):
        library.mark(take, starred=True)
    assert "marks" not in json.loads(take.path.with_suffix(".json").read_text(encoding="utf-8"))


def test_a_note_that_is_a_book_is_refused(tmp_path):
    with pytest.raises(StudioError, match="note is 5000 characters"):
        library.mark(keep(tmp_path), note="x" * 5000)


# ------------------------------------------------------------------------------------------------------------ names
def test_a_name_moves_all_three_files_and_is_shown_as_typed(tmp_path):
    renamed = library.rename(library.mark(keep(tmp_path), starred=True), "  Deep  & dark: no. 1 ")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Deep_dark_no_1.json", "Deep_dark_no_1.png", "Deep_dark_no_1.wav"]
    assert renamed == library.takes(tmp_path)[0]
    assert (renamed.title, renamed.prompt, renamed.starred) == ("Deep & dark: no. 1", "kick", True)


def test_a_name_that_is_taken_gets_a_number_and_the_same_name_again_moves_nothing(tmp_path):
    other, take = keep(tmp_path, "kick"), keep(tmp_path, "snare")
    take = library.rename(take, "kick")
    assert (take.path.name, take.title, other.path.is_file()) == ("kick_2.wav", "kick", True)
    assert library.rename(take, "kick").path == take.path


@pytest.mark.parametrize("name", ["", "  \n ", "x" * 201])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(StudioError, match="name is"):
        library.rename(keep(tmp_path), name)
    assert (tmp_path / "kick_3.wav").is_file()


@pytest.mark.parametrize("name", ["${alert(1)}<img src=x onerror=alert(1)>", "../../etc/passwd", "a/b", "NUL\0", "…"])
def test_a_hostile_name_stays_in_the_folder(tmp_path, name):
    renamed = library.rename(keep(tmp_path / "takes"), name)
    assert renamed.path.parent == tmp_path / "takes" and renamed.title == name
    assert library.takes(tmp_path / "takes") == [renamed]


def test_a_take_that_cannot_be_moved_stays_whole(tmp_path, monkeypatch):
    take = keep(tmp_path)
    rename = Path.rename

    def held(self, target):
        if self.suffix == ".json":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", held)
    with pytest.raises(StudioError, match="could not be moved"):
        library.rename(take, "deep")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kick_3.json", "kick_3.png", "kick_3.wav"]


def test_a_folder_on_another_disk_is_as_good(tmp_path, monkeypatch):
    def elsewhere(path, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    take = keep(tmp_path / "takes")
    monkeypatch.setattr(os, "rename", elsewhere)
    thrown = library.throw_away([take], tmp_path / "trash")
    assert not list((tmp_path / "takes").iterdir()) and len(list((tmp_path / "trash").iterdir())) == 3
    assert library.bring_back(thrown, tmp_path / "takes") == [take]

    def full(path, target):
        Path(target).write_bytes(Path(path).read_bytes()[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "move", full)
    with pytest.raises(StudioError, match="free some disk space"):
        library.throw_away([take], tmp_path / "trash")
    assert not list((tmp_path / "trash").iterdir()) and library.takes(tmp_path / "takes") == [take]


# ------------------------------------------------------------------------------------------------------------ trash
def test_what_is_thrown_away_comes_back_as_it_was_and_where_it_stood(tmp_path):
    folder, trash = tmp_path / "takes", tmp_path / "trash"
    kept = [library.mark(keep(folder), note=str(number)) for number in range(3)]
    for number, take in enumerate(kept):
        os.utime(take.path, (number, number))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    order = library.takes(folder)
    thrown = library.throw_away(kept[:2], trash)
    assert library.takes(folder) == kept[2:] and len(list(trash.iterdir())) == 6
    assert library.bring_back(thrown, folder) == kept[:2]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert library.takes(folder) == order and not list(trash.iterdir())


def test_the_trash_overwrites_nothing_and_neither_does_coming_back(tmp_path):
    folder, trash = tmp_path / "takes", tmp_path / "trash"
    first = library.throw_away([keep(folder)], trash)
    second = library.throw_away([keep(folder)], trash)
    assert [path.name for path in (*first, *second)] == ["kick_3.wav", "kick_3_2.wav"]
    keep(folder)
    assert library.bring_back(first, folder)[0].path.name == "kick_3_2.wav"
    assert len(library.takes(folder)) == 2


def test_throwing_away_what_is_gone_is_no_fault(tmp_path):
    takes = [keep(tmp_path / "takes"), keep(tmp_path / "takes")]
    takes[0].path.unlink()
    thrown = library.throw_away(takes, tmp_path / "trash")
    assert [path.name for path in thrown] == ["kick_3_2.wav"]
    thrown[0].unlink()
    assert library.bring_back(thrown, tmp_path / "takes") == []


def test_where_one_of_several_cannot_be_thrown_away_all_stay(tmp_path, monkeypatch):
    folder = tmp_path / "takes"
    takes = [keep(folder, name) for name in ("a", "b")]
    rename = Path.rename

    def held(self, target):
        if self.name == "b.wav":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", held)
    with pytest.raises(StudioError, match="b.wav: could not be moved"):
        library.throw_away(takes, tmp_path / "trash")
    assert len(library.takes(folder)) == 2


# --------------------------------------------------------------------------------------------------------- adopted
def loose(folder, samples=60_000, channels=1, rate=44100, recipe=None):
    """A WAV as `transform` writes it: its recipe inside, nothing beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = torch.rand(channels, samples, generator=torch.Generator().manual_seed(1)) - 0.5
    recipe = recipe or {"version": 1, "verb": "transform", "settings": {"prompt": "glass", "seed": 4},
                        "mel": as_dict(MelSettings())}
    return audio.write(folder / "my sound.wav", noise, rate, recipe)


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 48000)])
def test_an_adopted_sound_moves_in_with_its_picture_and_recipe_and_stays_as_it_was(tmp_path, channels, rate):
    wav = loose(tmp_path / "made", channels=channels, rate=rate)
    before = wav.read_bytes()
    take = library.adopt(wav, tmp_path / "takes")
    assert take.path == tmp_path / "takes" / "my_sound.wav" and not wav.exists()
    assert take.path.read_bytes() == before
    assert take == library.takes(tmp_path / "takes")[0] and take.title == "glass"
    image = picture.load(take.picture)
    assert image.mel.stereo == (channels == 2) and image.pixels.shape[-2:] == (128, 128)
    assert image.recipe["verb"] == "transform"


def test_adopting_overwrites_nothing(tmp_path):
    paths = [library.adopt(loose(tmp_path / "made"), tmp_path / "takes").path for _ in range(2)]
    assert [path.name for path in paths] == ["my_sound.wav", "my_sound_2.wav"]


def test_a_sound_that_stays_is_adopted_where_it_lies_and_only_once(tmp_path):
    wav = loose(tmp_path)
    take = library.adopt(wav)
    assert take.path == wav and take.picture.is_file()
    library.mark(take, starred=True)
    assert library.adopt(wav).starred


def test_a_sound_without_recipe_or_mel_settings_is_not_adopted(tmp_path):
    audio.write(tmp_path / "foreign.wav", torch.zeros(1, 400), 44100)
    with pytest.raises(StudioError, match="carries no recipe"):
        library.adopt(tmp_path / "foreign.wav")
    with pytest.raises(StudioError, match="no mel settings"):
        library.adopt(loose(tmp_path, recipe={"verb": "split", "source": "x"}))
    assert not list(tmp_path.glob("*.json"))
