"""The drag tray: a small window beside the DAW, from which sounds are dragged as real files.

A browser on Linux hands a DAW only an address, and elsewhere only some DAWs take what Chrome hands over; a native drag
of `file://` works everywhere. Needs the extra `desktop` (PySide6, https://doc.qt.io/qtforpython-6/).
"""

import sys
from pathlib import Path

from studio.errors import StudioError

try:
    from PySide6.QtCore import QFileSystemWatcher, QMimeData, QSize, Qt, QTimer, QUrl
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget
except ImportError as error:
    raise StudioError("the drag tray needs PySide6; install it with: "
                      "pip install --constraint constraints.txt --editable '.[desktop]'") from error

MOST = 500  # sounds in the list, the newest first
CALM_MS = 300  # after the folder has changed: a run writes many files
PATH = Qt.ItemDataRole.UserRole


class Sounds(QListWidget):
    """A list of sounds whose drag carries their files."""

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setDragDropMode(QListWidget.DragDropMode.DragOnly)
        self.setIconSize(QSize(48, 36))

    def show_files(self, paths: list[Path]) -> None:
        """Show these, keeping what is chosen."""
        chosen = {item.data(PATH) for item in self.selectedItems()}
        self.clear()
        for path in paths:
            item = QListWidgetItem(QIcon(str(path.with_suffix(".png"))), path.stem)
            item.setData(PATH, str(path))
            self.addItem(item)
            item.setSelected(str(path) in chosen)

    def mimeData(self, items: list[QListWidgetItem]) -> QMimeData:  # noqa: N802
        """The files of the dragged items, those that are still there."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(item.data(PATH)) for item in items if Path(item.data(PATH)).is_file()])
        return data


class Tray(QWidget):
    """A search line over the sounds of a folder; it follows the folder as sounds come and go, and stays on top."""

    def __init__(self, folder: Path) -> None:
        super().__init__(windowTitle="One-Shot Studio: drag these", windowFlags=Qt.WindowType.WindowStaysOnTopHint)
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.search = QLineEdit(placeholderText="search", clearButtonEnabled=True)
        self.sounds = Sounds()
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.sounds)
        self.resize(300, 520)
        self.later = QTimer(self, singleShot=True, interval=CALM_MS)
        self.later.timeout.connect(self.reload)
        self.search.textChanged.connect(self.reload)
        self.watcher = QFileSystemWatcher([str(folder)], self)
        self.watcher.directoryChanged.connect(lambda _: self.later.start())
        self.reload()

    def reload(self) -> None:
        """Read the folder again."""
        words = self.search.text().lower().split()
        found = []
        for path in self.folder.glob("*.wav"):
            try:
                made = path.stat().st_mtime_ns
            except FileNotFoundError:  # thrown away meanwhile
                continue
            if path.with_suffix(".json").is_file() and all(word in path.stem.lower() for word in words):
                found.append((made, path))
        self.sounds.show_files([path for _, path in sorted(found, reverse=True)[:MOST]])


def run(folder: Path) -> int:
    """Show the tray for a folder of takes until it is closed; returns Qt's exit status."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    tray = Tray(folder)
    tray.show()
    return application.exec()
