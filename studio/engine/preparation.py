"""Sounds into a dataset: any file becomes a one-shot with a picture and a caption, or is named with its reason."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from studio.engine import audio, captions, picture
from studio.engine.dataset import AUDIO, IMAGES, append_rows, made_of, open_or_none, whole, write_settings
from studio.errors import StudioError
from studio.files import sha1_of, slug, told, unused
from studio.knobs import as_dict
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, OneShot, PrepareSettings

SILENT_DB = -80.0  # dBFS; a peak below is no sound
MUCH_LONGER = 3.0  # times what a picture holds: most of such a file is not in it
BATCH = 16  # sounds between two writings of the rows


@dataclass(frozen=True)
class Prepared:
    """What became of a `prepare`: rows added or restored, rows that were there already, and (path, reason) refused.

    otherwise : how many of those that were there had been prepared with other settings, and stay so
    """

    folder: Path
    added: tuple[OneShot, ...]
    unchanged: tuple[OneShot, ...]
    refused: tuple[tuple[str, str], ...]
    otherwise: int = 0

    def hardly_in(self, mel: MelSettings) -> list[str]:
        """A sentence for each added sound of which the pictures of `mel` hold only the beginning."""
        return [f"{Path(row.source).name} lasts {row.duration:.1f} s and only its first {mel.duration:.2f} s went in"
                for row in self.added if row.duration > MUCH_LONGER * mel.duration]


def find_sounds(sources: Sequence[Path]) -> list[Path]:
    """The sound files among `sources`, sorted: files as they are named, folders searched to the bottom.

    Files that are named are returned even if they are missing or no sound, so that `prepare` can say so. In folders,
    what is hidden is passed over, and so are links to other folders.
    """
    return list(_found(sources))


def _found(sources: Sequence[Path]) -> dict[Path, Path]:
    """Sound files, sorted, each with the folder that the user gave: a file stands for its own folder."""
    found: dict[Path, Path] = {}
    for source in map(Path, sources):
        if _is_folder(source):
            for path in _inside(source):
                found.setdefault(path, source)
        else:
            found[source] = source.parent
    return dict(sorted(found.items()))


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder; one that cannot even be asked, as its name is too long, is read as a file."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _inside(folder: Path) -> list[Path]:
    """Sound files anywhere in a folder, and the folders that could not be opened."""
    found: list[Path] = []

    def closed(error: OSError) -> None:
        found.append(Path(error.filename))

    for top, folders, names in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        found += [Path(top, name) for name in names
                  if Path(name).suffix.lower() in audio.SUFFIXES and not name.startswith(".")]
    return found


def prepare(sources: Sequence[Path], folder: Path, mel: MelSettings, settings: PrepareSettings, *,
            report: Report = silent) -> Prepared:
    """Bring sounds into the dataset `folder`, which is made if need be, and say what became of each of them.

    A file counts as already there if its path and its content (SHA-1, kept in the prepared WAV's comment) are those of
    a row, or if its name and content are and the row's own source is gone, as after moving a sample folder, or lies in
    the dataset, as the copy of a sound that was dropped on the page. Content and not its date, because copying and
    unpacking change dates. Such a row is left as the user has it; only files of it that have vanished are made anew. A
    file that has changed since becomes a row of its own beside the older one.

    Raises StudioError where the dataset has other mel settings, is of another make, or cannot be written. A stop or a
    fault in the middle keeps what is done. Without any usable sound nothing is written.
    """
    folder = Path(folder)
    here = open_or_none(folder, mel)
    mel = here.mel if here else mel
    known = _known(folder, here.one_shots if here else ())
    found, refused = _wanted(sources, folder)
    added, unchanged, waiting = [], [], []
    try:
        for step, (path, root) in enumerate(found.items()):
            report(Progress("prepare", step, len(found), note=told(path.name)))
            try:
                sha1 = sha1_of(path)  # without one `audio.read` says why
                row = known.find(path, sha1) if sha1 else None
                if row and whole(folder, row):
                    unchanged.append(row)
                    continue
                sound = _prepared(path, root, mel, settings)
            except StudioError as error:
                refused.append((told(path), str(error).removeprefix(f"{path}: ")))
                continue
            if not added:
                write_settings(folder, mel, settings)
            restored, row = row, row or replace(sound.row, **_free_names(folder, path, sha1, known))
            _write_sound(folder, row, sound.waveform, mel, settings, sha1)
            known.add(row, sha1)
            added.append(row)
            waiting += [] if restored else [row]
            if len(waiting) == BATCH:
                append_rows(folder, waiting)
                waiting = []
    finally:
        append_rows(folder, waiting)
    report(Progress("prepare", len(found), len(found)))
    otherwise = sum(_settings_of(folder, row) not in (None, as_dict(settings)) for row in unchanged)
    return Prepared(folder, tuple(added), tuple(unchanged), tuple(refused), otherwise)


# ----------------------------------------------------------------------------------------------------------- one sound
@dataclass(frozen=True)
class _Sound:
    """A sound on its way in: (mel.samples,) or (2, mel.samples) at mel.sample_rate, and its row without file names."""

    waveform: Tensor
    row: OneShot


def _prepared(path: Path, root: Path, mel: MelSettings, settings: PrepareSettings) -> _Sound:
    """One file made ready; StudioError with the reason where it cannot be used.

    Trimmed and cut before it is resampled, so that an hour of recording costs no more than the second that is kept.
    """
    waveform, sample_rate = audio.read(path)
    sound = audio.to_sides(waveform, stereo=mel.stereo, channels=settings.channels)
    if _peak_db(sound) < SILENT_DB:
        raise StudioError(f"{path}: is silent (its peak is below {SILENT_DB:g} dBFS); leave it out or record it louder")
    trimmed = audio.trim(sound, sample_rate, settings)
    duration = trimmed.shape[-1] / sample_rate
    if duration * 1000 < settings.min_ms:
        raise StudioError(f"{path}: is {duration * 1000:.1f} ms long, shorter than min_ms {settings.min_ms:g}; "
                          "lower min_ms or leave it out")
    enough = math.ceil((mel.duration + 0.1) * sample_rate)
    resampled = audio.resample(trimmed[..., :enough], sample_rate, mel.sample_rate)
    fade = round(settings.fade_out_ms / 1000 * mel.sample_rate)
    fitted = audio.fit(resampled, mel.samples, fade)
    if _peak_db(fitted) < SILENT_DB:
        raise StudioError(f"{path}: is silent for its first {mel.duration:.2f} s, which is all that the picture holds; "
                          "turn trim on or cut the silence off")
    loud, gain_db = audio.normalise(fitted)
    found = captions.caption_of(path, root, audio.to_mono(trimmed) if mel.stereo else trimmed, sample_rate)
    text = " ".join(settings.caption.replace("{auto}", found).split()) or found
    row = OneShot(text=text, source=told(path.absolute()), gain_db=round(gain_db, 4), duration=round(duration, 6))
    return _Sound(loud, row)


def _peak_db(waveform: Tensor) -> float:
    """Peak in dBFS; -inf for silence."""
    peak = float(waveform.abs().max()) if waveform.numel() else 0.0
    return 20 * math.log10(peak) if peak else -math.inf


def _wanted(sources: Sequence[Path], folder: Path) -> tuple[dict[Path, Path], list[tuple[str, str]]]:
    """The files to bring in, each with its root, without the dataset's own; and the folders that hold none."""
    own = os.path.realpath(folder / AUDIO)
    found = {path: root for path, root in _found(sources).items()
             if not Path(os.path.realpath(path)).is_relative_to(own)}
    hollow = [(told(source), "holds no sound files; give a folder with WAV, FLAC, OGG, MP3 or AIFF in it")
              for source in map(Path, sources)
              if _is_folder(source) and not any(path.is_relative_to(source) for path in found)]
    return found, hollow


# ------------------------------------------------------------------------------------------------ what is there already
class _Known:
    """The rows of a dataset by what they were made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_path: dict[str, list[tuple[str, OneShot]]] = {}
        self.by_content: dict[tuple[str, str], OneShot] = {}

    def add(self, row: OneShot, sha1: str) -> None:
        """Remember a row; `sha1` is "" where its prepared sound has vanished, and with it what it was made of."""
        self.by_path.setdefault(row.source, []).append((sha1, row))
        self.by_content[Path(row.source).name, sha1] = row

    def find(self, path: Path, sha1: str) -> OneShot | None:
        """The row of this file, if there is one; see `prepare` for what counts."""
        for content, row in self.by_path.get(told(path.absolute()), ()):
            if content in (sha1, ""):
                return row
        moved = self.by_content.get((told(path.name), sha1))
        if moved is None:
            return None
        source = Path(moved.source)
        return moved if source.is_relative_to(self.folder.absolute()) or _is_gone(source) else None

    def names(self) -> set[str]:
        """The stems that rows use."""
        return {Path(row.file_name).stem for rows in self.by_path.values() for _, row in rows}


def _known(folder: Path, rows: Sequence[OneShot]) -> _Known:
    known = _Known(folder)
    for row in rows:
        known.add(row, made_of(folder / row.audio))
    return known


def _settings_of(folder: Path, row: OneShot) -> dict[str, Any] | None:
    """The settings that a row was prepared with, None where that cannot be told."""
    return (audio.read_recipe(folder / row.audio) or {}).get("prepare")


def _is_gone(path: Path) -> bool:
    """Whether a path leads nowhere; one that may not be looked at is not gone."""
    try:
        return not path.exists()
    except OSError:
        return False


def _free_names(folder: Path, path: Path, sha1: str, known: _Known) -> dict[str, str]:
    """Names inside the dataset that no row and no file has, but for what an interrupted run left of this very sound."""
    rows = known.names()

    def taken(prepared: Path) -> bool:
        leftover = prepared.exists() and made_of(prepared) == sha1
        there = prepared.exists() or (folder / IMAGES / f"{prepared.stem}.png").exists()
        return prepared.stem in rows or (there and not leftover)

    stem = unused(folder / AUDIO / f"{slug(path.stem)}.wav", taken).stem
    return {"file_name": f"{IMAGES}/{stem}.png", "audio": f"{AUDIO}/{stem}.wav"}


def _write_sound(folder: Path, row: OneShot, waveform: Tensor, mel: MelSettings, settings: PrepareSettings,
                 sha1: str) -> None:
    """The prepared WAV and then its picture, both with what they were made of."""
    recipe = {"source": row.source, "sha1": sha1, "gain_db": row.gain_db, "prepare": as_dict(settings)}
    audio.write(folder / row.audio, waveform, mel.sample_rate, recipe)
    picture.save(folder / row.file_name, replace(picture.of_sound(waveform, mel), recipe=recipe))
