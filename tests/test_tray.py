import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6", reason="the extra `desktop` is not installed")

from PySide6.QtCore import QEventLoop, QTimer  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from studio.tray import Tray  # noqa: E402


@pytest.fixture
def tray(tmp_path):
    QApplication.instance() or QApplication([])
    for number, name in enumerate(("deep kick", "bright snare ünï", "somebody_elses")):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(b"RIFF")
        os.utime(path, (number, number))
        if number < 2:
            path.with_suffix(".json").write_text("{}")
    return Tray(tmp_path)


def names(tray):
    return [tray.sounds.item(i).text() for i in range(tray.sounds.count())]


def test_the_tray_shows_takes_newest_first_and_finds_by_words(tray):
    assert names(tray) == ["bright snare ünï", "deep kick"]
    tray.search.setText("KICK deep")
    assert names(tray) == ["deep kick"]


def test_a_drag_carries_the_files_themselves(tray, tmp_path):
    items = [tray.sounds.item(i) for i in range(2)]
    data = tray.sounds.mimeData(items)
    assert {url.toLocalFile() for url in data.urls()} == {str(tmp_path / f"{name}.wav") for name in names(tray)}
    (tmp_path / "deep kick.wav").unlink()
    assert len(tray.sounds.mimeData(items).urls()) == 1


def test_a_new_sound_appears_by_itself_and_what_is_chosen_stays(tray, tmp_path):
    tray.sounds.item(1).setSelected(True)
    waiting = QEventLoop()
    tray.later.timeout.connect(waiting.quit)  # after the reload, which was connected before
    QTimer.singleShot(60_000, waiting.quit)
    (tmp_path / "new.json").write_text("{}")
    (tmp_path / "new.wav").write_bytes(b"RIFF")
    waiting.exec()
    assert names(tray)[0] == "new"
    assert [item.text() for item in tray.sounds.selectedItems()] == ["deep kick"]
