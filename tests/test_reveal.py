"""What is asked to show a file in its folder; nothing is really opened."""

import shutil
import subprocess
import sys

import pytest

from studio.errors import StudioError
from studio.ui.reveal import reveal


@pytest.fixture
def asked(monkeypatch):
    """The commands that would have been run."""
    commands = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: commands.append(command))
    monkeypatch.setattr(shutil, "which", lambda name: name)
    return commands


@pytest.mark.parametrize("platform, marked, folder", [
    ("darwin", ["open", "-R", "{file}"], ["open", "{folder}"]),
    ("win32", 'explorer /select,"{file}"', ["explorer", "{folder}"]),
    ("linux", ["xdg-open", "{folder}"], ["xdg-open", "{folder}"]),
])
def test_each_system_is_asked_in_its_own_way(monkeypatch, asked, tmp_path, platform, marked, folder):
    monkeypatch.setattr(sys, "platform", platform)
    file = tmp_path / "kick; rm -rf.wav"
    file.touch()
    reveal(file)
    reveal(tmp_path)
    def meant(command):
        return command.format(file=file) if isinstance(command, str) else [
            part.format(file=file, folder=tmp_path) for part in command]

    assert asked == [meant(marked), meant(folder)]


def test_a_machine_without_a_file_manager_is_told_to_copy_the_path(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(StudioError, match="copy the path instead"):
        reveal(tmp_path / "kick.wav")
