"""Shows a file in its folder, with the file manager of the machine that the studio runs on."""

import shutil
import subprocess
import sys
from pathlib import Path

from studio.errors import StudioError


def reveal(path: Path) -> None:
    """Open the folder of `path` with the file marked, or the folder itself where `path` is one.

    On Linux the folder opens without a mark. Raises StudioError where the machine has no file manager to ask.
    """
    command = _command(Path(path))
    program = command.split()[0] if isinstance(command, str) else command[0]
    if shutil.which(program) is None:
        raise StudioError(f"{path}: no file manager to show it in ({program} is missing); copy the path instead")
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _command(path: Path) -> list[str] | str:
    if sys.platform == "darwin":
        return ["open", str(path)] if path.is_dir() else ["open", "-R", str(path)]
    if sys.platform == "win32":
        # as one text: it reads its line itself, and does not know the quotes that a list gets where a path has spaces
        return ["explorer", str(path)] if path.is_dir() else f'explorer /select,"{path}"'
    return ["xdg-open", str(path if path.is_dir() else path.parent)]
