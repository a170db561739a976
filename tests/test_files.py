"""Files appear whole, under names that hurt nobody."""

import errno

import pytest

from studio.errors import StudioError
from studio.files import LONGEST_STEM, read_json, sha1_of, slug, slug_and, unused, write_json, write_whole


def test_a_write_that_breaks_leaves_the_old_file_and_no_litter(tmp_path):
    path = write_json(tmp_path / "a.json", {"old": 1})

    def breaks(beside):
        beside.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StudioError, match="No space left on device.*free some disk space"):
        write_whole(path, breaks)
    assert read_json(path) == {"old": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("text", ["kick", "../../etc/passwd", "a/b\\c:d", "${alert(1)}<img src=x>", "日本語" * 100, "",
                                  "...", "con\n\tx", "x" * 4000])
def test_any_text_makes_a_harmless_stem(text):
    stem = slug(text)
    assert stem and not set(stem) & set('/\\:*?"<>|${}\n\t .')
    assert len(stem.encode()) <= 160


def test_a_taken_name_gets_a_number(tmp_path):
    first = tmp_path / "kick.wav"
    first.touch()
    (tmp_path / "kick_2.wav").touch()
    assert unused(first).name == "kick_3.wav"
    assert unused(tmp_path / "snare.wav").name == "snare.wav"


def test_a_missing_or_broken_json_is_named(tmp_path):
    with pytest.raises(StudioError, match="nowhere.json: could not be read"):
        read_json(tmp_path / "nowhere.json")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(StudioError, match="choose a folder you may write to"):
        write_json(tmp_path / "file" / "inside.json", {})
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_the_longest_name_that_a_disk_takes_is_written_and_a_longer_one_is_told(tmp_path):
    assert write_json(tmp_path / f"{'k' * 250}.json", [1]).stat().st_size
    with pytest.raises(StudioError, match="give a shorter name"):
        write_json(tmp_path / f"{'k' * 251}.json", [1])
    assert [len(each.name) for each in tmp_path.iterdir()] == [255]


def test_a_sum_tells_files_apart_and_what_is_no_file_has_none(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha1_of(tmp_path / "a") == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert sha1_of(tmp_path / "b") == sha1_of(tmp_path) == ""


@pytest.mark.parametrize("words", ["kick", "a long prompt " * 20, "大太鼓" * 60, "🥁" * 90, ""])
def test_what_must_not_be_cut_off_is_at_the_end_of_any_name(words):
    name = slug_and(words, 12345)
    assert name.endswith("_12345") and slug(name) == name and len(name) <= LONGEST_STEM
    assert name != slug_and(words, 12346)
