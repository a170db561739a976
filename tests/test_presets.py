"""Presets load, say a sentence, and refuse what they do not know."""

import json

import pytest

from studio import presets
from studio.errors import StudioError

ALL = [(kind, name) for kind in presets.KINDS for name in presets.names(kind)]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_preset_loads_and_says_what_it_is(kind, name):
    assert isinstance(presets.load(kind, name), presets.KINDS[kind])
    assert presets.about(kind, name).endswith(".")


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_preset_holds_only_what_differs(kind, name):
    data = json.loads((presets.FOLDER / kind / f"{name}.json").read_text(encoding="utf-8"))
    default = presets.KINDS[kind]()
    assert not [key for key, value in data.items() if key != "about" and getattr(default, key) == value]


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(StudioError, match="did you mean 'one-shot-512'?"):
        presets.load("mel", "one-shot-51")


def test_a_preset_of_ones_own_is_a_file(tmp_path):
    mine = tmp_path / "mine.json"
    mine.write_text('{"about": "Mine.", "range_db": 70}', encoding="utf-8")
    assert presets.load("mel", str(mine)).range_db == 70
    mine.write_text('{"rnage_db": 70}', encoding="utf-8")
    with pytest.raises(StudioError, match="did you mean 'range_db'?"):
        presets.load("mel", str(mine))
    mine.write_text("[1, 2", encoding="utf-8")
    with pytest.raises(StudioError, match="not valid JSON"):
        presets.load("mel", str(mine))
