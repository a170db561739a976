"""Files that appear whole, under names that hurt nobody. Standard library only."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from studio.errors import StudioError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PATIENCE = 2.0  # seconds
LONGEST_STEM = 80  # characters; every file system takes 255 bytes, and a stem may be four bytes a character


def write_whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a file beside `path`, then rename it: a reader sees the old file or the new one, never a half.

    Raises StudioError where the disk is full or the folder cannot be written.
    """
    with whole(path) as beside:
        write(beside)
    return Path(path)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to be filled inside the block, as `write_whole` does; renamed at its end, not at a fault."""
    path = Path(path)
    # the suffix stays last, because soundfile and Pillow choose the format by it; of a long name a part must do
    beside = path.with_name(f".{path.stem[:LONGEST_STEM // 2]}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        _replace(beside, path)
    except OSError as error:
        raise StudioError(f"{path}: could not be written ({reason(error)}); {cure(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # a parent that is no folder, a name too long: told above
            beside.unlink(missing_ok=True)


def _replace(beside: Path, path: Path) -> None:
    """Rename over what is there. On Windows nothing is renamed over what anybody reads: so a while later."""
    until = time.monotonic() + PATIENCE if sys.platform == "win32" else 0.0
    while True:
        try:
            beside.replace(path)
            return
        except PermissionError:
            if time.monotonic() > until:
                raise
            time.sleep(PATIENCE / 40)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time: the others wait here. The system frees the lock of a process that dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if sys.platform == "win32":
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)


def write_json(path: Path, data: Any) -> Path:
    """Write `data` as indented UTF-8 JSON, whole."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Read a JSON file; raises StudioError where it is missing or is no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise StudioError(f"{path}: could not be read ({reason(error)}); check the path") from error
    except ValueError as error:
        raise StudioError(f"{path}: is not valid JSON ({error}); mend it or write it anew") from error


def slug(text: str) -> str:
    """A readable file stem from any text: letters, digits, '-', '_' and spaces turned to '_'; never empty."""
    stem = re.sub(r"(?:[^\w-]|_)+", "_", text).strip("_")[:LONGEST_STEM].strip("_")
    return _cut(stem, 2 * LONGEST_STEM) or "sound"


def slug_and(text: str, ending: Any) -> str:
    """The slug of a text with an ending, a seed or a number, that is not cut off where the text is long."""
    room = LONGEST_STEM - 1 - len(str(ending))
    return f"{_cut(slug(text)[:room], LONGEST_STEM + room).rstrip('_')}_{ending}"


def _cut(text: str, most: int) -> str:
    """As much of a text as `most` bytes hold."""
    return text.encode("utf-8")[:most].decode("utf-8", errors="ignore")


def told(path: Path | str) -> str:
    """A path as text that every program can read: bytes of a name that are no text become '?'."""
    return str(path).encode("utf-8", "replace").decode("utf-8")


def from_home(text: str | Path) -> Path:
    """A path as a user writes it, `~` for the home folder. Raises StudioError for the home of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise StudioError(f"{text}: nobody of that name has a home folder here; give a whole path") from error


def unused(path: Path, taken: Callable[[Path], bool] = Path.exists) -> Path:
    """`path` itself, or its first neighbour `stem_2`, `stem_3` … that is not `taken`: does not exist yet."""
    path, number = Path(path), 1
    free = path
    while taken(free):
        number += 1
        free = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return free


def sha1_of(path: Path) -> str:
    """SHA-1 of a file's bytes in hexadecimal digits, "" where it is no file or cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha1").hexdigest()
    except OSError:
        return ""


def reason(error: OSError) -> str:
    """What the system says of a fault, without its number and path."""
    return error.strerror or type(error).__name__


def cure(error: OSError) -> str:
    """What a user can do about a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some disk space and try again"
    if error.errno == errno.ENAMETOOLONG:
        return "give a shorter name"
    return "choose a folder you may write to"
