"""Presets load, say a sentence, and refuse what they do not know."""

import json

import numpy
import pytest
import soundfile

from studio import cli, presets
from studio.engine import picture
from studio.errors import StudioError
from studio.settings import MelSettings

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


# ----------------------------------------------------------------------------------------------- of one's own, by name
def test_a_saved_preset_is_loaded_by_its_name_and_listed_after_the_built_in_ones(workspace):
    mine = MelSettings(range_db=70, f_max=15000)
    path = presets.save("mel", "dull-kick", "Dull,\n on purpose.", mine, workspace)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written == {"about": "Dull, on purpose.", "range_db": 70, "f_max": 15000}
    assert presets.load("mel", "dull-kick", workspace) == mine
    assert presets.about("mel", "dull-kick", workspace) == "Dull, on purpose."
    assert presets.names("mel", workspace) == [*presets.names("mel"), "dull-kick"]
    assert presets.names("train", workspace) == presets.names("train")


def test_a_preset_of_one_workspace_is_unknown_without_it(workspace):
    presets.save("mel", "mine", "", MelSettings(), workspace)
    with pytest.raises(StudioError, match="preset 'mine' is not there"):
        presets.load("mel", "mine")


@pytest.mark.parametrize("name", ["", "  ", "../mine", "a b", "mine.json", "one-shot-512"])
def test_a_name_that_is_no_file_name_or_is_taken_by_a_built_in_preset_is_refused(workspace, name):
    with pytest.raises(StudioError, match="preset name"):
        presets.save("mel", name, "", MelSettings(), workspace)
    assert not workspace.presets.exists()


def test_a_file_in_the_workspace_does_not_hide_a_built_in_preset(workspace):
    presets.save("mel", "mine", "", MelSettings(range_db=70), workspace)
    (workspace.presets / "mel" / "mine.json").rename(workspace.presets / "mel" / "one-shot-512.json")
    assert presets.load("mel", "one-shot-512", workspace).n_mels == 512
    assert presets.names("mel", workspace) == presets.names("mel")


def test_the_command_line_knows_the_presets_of_its_workspace(workspace, tmp_path):
    presets.save("mel", "mine", "", MelSettings(range_db=70), workspace)
    soundfile.write(tmp_path / "in.wav", numpy.linspace(1, 0, 9000), 44100)
    encode = ["encode", str(tmp_path / "in.wav"), str(tmp_path / "out.png"), "--mel", "mine"]
    assert cli.main(["--workspace", str(workspace.root), *encode]) == cli.DONE
    assert picture.load(tmp_path / "out.png").mel == MelSettings(range_db=70)
