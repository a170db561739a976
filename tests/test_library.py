"""Takes on disk: three files a take, found again, never overwritten, strangers left out."""

import pytest
import torch

from studio.engine import audio, library
from studio.engine.picture import Picture
from studio.errors import StudioError
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
