"""Datasets: folders of prepared sounds, their pictures and what is said of them.

    dataset.json     version, mel and prepare settings          images/STEM.png   what training sees
    metadata.jsonl   one row a sound, a Hugging Face imagefolder   audio/STEM.wav   the prepared sound, 24 bit
    originals/, slices/   what the page was given, as it was: sounds that were dropped, pieces of recordings

Only ever added to: a sound that is there already keeps its row, whatever the user made of it.
"""

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path, PureWindowsPath

from studio.engine import audio
from studio.engine.wording import role_of, roles as role_names
from studio.errors import StudioError, did_you_mean
from studio.files import read_json, write_json, write_whole
from studio.knobs import as_dict, from_dict
from studio.settings import DECODER_ONLY, MelSettings, OneShot, PrepareSettings

VERSION = 1
SETTINGS, ROWS, IMAGES, AUDIO = "dataset.json", "metadata.jsonl", "images", "audio"
MOST_REPEATS = 100
_ROWS_IN_HAND = threading.RLock()  # rows are read, changed and written by one thread at a time


@dataclass(frozen=True)
class Dataset:
    """A dataset as it lies on disk: all pictures share one `mel`; `prepare` holds the settings used last."""

    folder: Path
    mel: MelSettings
    prepare: PrepareSettings
    one_shots: tuple[OneShot, ...]


@dataclass(frozen=True)
class Totals:
    """What a dataset amounts to: its sounds, those that training uses, their seconds, and how many there are a role.

    roles : (role, sounds) of the sounds in use, the most frequent first; "" for captions that name no role
    """

    sounds: int
    used: int
    duration: float
    roles: tuple[tuple[str, int], ...]


def load(folder: Path) -> Dataset:
    """Read a dataset.

    Raises StudioError where it is none, is damaged, or a row's file has vanished: training on fewer sounds than the
    musician sees would be worse than a sentence, and preparing the same sounds again brings the file back.
    """
    dataset = look(folder)
    folder = dataset.folder
    gone = [name for row in dataset.one_shots for name in (row.file_name, row.audio) if not (folder / name).is_file()]
    if gone:
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        raise StudioError(f"{folder / gone[0]}{more}: vanished from the dataset; prepare the same sounds into it "
                          f"again, which keeps captions, or delete the line from {ROWS}")
    return dataset


def look(folder: Path) -> Dataset:
    """Read a dataset as `load` does, but with the rows whose files have vanished, so that they can be shown."""
    folder = Path(folder)
    dataset = open_or_none(folder, None)
    if dataset is None or not dataset.one_shots:
        raise StudioError(f"{folder}: is no dataset or holds no sounds; prepare sounds into it first")
    return dataset


def totals(one_shots: Sequence[OneShot]) -> Totals:
    """Count the sounds of a dataset."""
    used = [row for row in one_shots if row.enabled]
    roles = Counter(role_of(row.text) for row in used)
    return Totals(len(one_shots), len(used), sum(row.duration for row in used), tuple(roles.most_common()))


def revise(folder: Path, one_shots: Sequence[OneShot]) -> Dataset:
    """Take over captions, weights and enabled flags from `one_shots`, found by `file_name`; all else stays as it is.

    Rows that are not among `one_shots` stay. Raises StudioError for a sound that is not there or an empty caption.
    """
    return revise_with(folder, lambda _: one_shots)


def revise_with(folder: Path, edit: Callable[[Dataset], Sequence[OneShot]]) -> Dataset:
    """As `revise`, with rows that `edit` makes of the dataset as it is now: no other edit comes between the two."""
    with _ROWS_IN_HAND:
        dataset = look(folder)
        wanted = {row.file_name: row for row in edit(dataset)}
        for name in wanted.keys() - {row.file_name for row in dataset.one_shots}:
            raise StudioError(f"{folder}: has no sound {name!r}; load the dataset again")
        rows = []
        for row in dataset.one_shots:
            edited = wanted.get(row.file_name, row)
            text = " ".join(edited.text.split())
            if not text:
                raise StudioError(f"{row.file_name}: its caption is empty; write a word, or disable the sound")
            rows.append(replace(row, text=text, weight=edited.weight, enabled=edited.enabled))
        _write_rows(dataset.folder, rows)
        return replace(dataset, one_shots=tuple(rows))


def forget_vanished(folder: Path) -> list[OneShot]:
    """Take the rows out whose picture or sound is gone, and return them; no file is touched, and no row with files."""
    with _ROWS_IN_HAND:
        dataset = look(folder)
        gone = [row for row in dataset.one_shots if not whole(dataset.folder, row)]
        if gone:
            _write_rows(dataset.folder, [row for row in dataset.one_shots if row not in gone])
        return gone


def whole(folder: Path, row: OneShot) -> bool:
    """Whether a row's picture and sound are there."""
    return (folder / row.file_name).is_file() and (folder / row.audio).is_file()


def made_of(prepared: Path) -> str:
    """SHA-1 of the file that a prepared sound was made of, "" where that cannot be told."""
    recipe = audio.read_recipe(prepared) if prepared.is_file() else None
    return str((recipe or {}).get("sha1", ""))


def used(dataset: Dataset, roles: Sequence[str] = ()) -> list[OneShot]:
    """The sounds that training sees: enabled, with a weight above 0, and of one of `roles`, () for all.

    Raises StudioError where nothing is left, and for a role that no caption can name.
    """
    for role in roles:
        if role not in role_names():
            raise StudioError(f"no role is called {role!r}; {did_you_mean(role, role_names())}")
    rows = [row for row in dataset.one_shots if row.enabled and row.weight > 0]
    if not rows:
        raise StudioError(f"{dataset.folder.name}: all of its sounds are left out or have weight 0; use some of them")
    wanted = [row for row in rows if not roles or role_of(row.text) in roles]
    if not wanted:
        there = ", ".join(dict.fromkeys(role_of(row.text) or "no role" for row in rows))
        raise StudioError(f"{dataset.folder.name}: no caption names {' or '.join(roles)}, they name {there}; "
                          "learn other roles or all, or mend the captions")
    return wanted


def shown(dataset: Dataset, roles: Sequence[str] = ()) -> list[OneShot]:
    """What `used` gives, each sound as often as its weight says: weights 1 and 1.5 give 2 and 3 times.

    Each comes at least once; nothing comes more than 100 times. Raises StudioError as `used` does.
    """
    rows = used(dataset, roles)
    exact = [Fraction(row.weight).limit_denominator(MOST_REPEATS) for row in rows]
    unit = Fraction(math.gcd(*(each.numerator for each in exact)), math.lcm(*(each.denominator for each in exact)))
    repeats = [int(each / unit) if unit else 0 for each in exact]
    if max(repeats) > MOST_REPEATS or min(repeats) < 1:
        most = max(row.weight for row in rows)
        repeats = [max(1, round(MOST_REPEATS * row.weight / most)) for row in rows]
    common = math.gcd(*repeats)
    return [row for row, times in zip(rows, repeats, strict=True) for _ in range(times // common)]


# ------------------------------------------------------------------------------------------------------------ on disk
def open_or_none(folder: Path, mel: MelSettings | None) -> Dataset | None:
    """The dataset in `folder` as it is, None where there is none; refuses other mel settings than `mel`."""
    has_settings, has_rows = (folder / SETTINGS).is_file(), (folder / ROWS).is_file()
    if folder.exists() and not folder.is_dir():
        raise StudioError(f"{folder}: is a file; choose a folder for the dataset")
    if has_rows and not has_settings:
        raise StudioError(f"{folder}: holds a {ROWS} that is not of this studio ({SETTINGS} is missing); "
                          "choose another folder")
    if not has_settings:
        return None
    where, data = folder / SETTINGS, read_json(folder / SETTINGS)
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise StudioError(f"{where}: is not of version {VERSION}; choose another folder or update the studio")
    own = from_dict(MelSettings, data.get("mel", {}), where=str(where))
    for field in fields(MelSettings) if mel else ():
        theirs, ours = getattr(own, field.name), getattr(mel, field.name)
        if theirs != ours and field.name not in DECODER_ONLY:
            raise StudioError(f"{folder}: was prepared with {field.name} {theirs}, not {ours}; "
                              "use the same mel settings or another folder")
    prepared = from_dict(PrepareSettings, data.get("prepare", {}), where=str(where))
    return Dataset(folder, own, prepared, tuple(_read_rows(folder)) if has_rows else ())


def write_settings(folder: Path, mel: MelSettings, settings: PrepareSettings) -> None:
    """Write dataset.json: the mel settings of all pictures, and the prepare settings used last."""
    write_json(folder / SETTINGS, {"version": VERSION, "mel": as_dict(mel), "prepare": as_dict(settings)})


def _read_rows(folder: Path) -> list[OneShot]:
    path, rows = folder / ROWS, []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would split at more than line feeds
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"{path}: could not be read ({error}); mend it or choose another folder") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise StudioError(f"{path}, line {number}: is not valid JSON ({error}); mend the line") from error
        if not isinstance(data, dict):
            raise StudioError(f"{path}, line {number}: is no row; mend the line")
        row = from_dict(OneShot, data, where=f"{path}, line {number}")
        for name in (row.file_name, row.audio):
            place = PureWindowsPath(name)  # which knows both kinds of slashes
            if place.anchor or place.drive or ".." in place.parts:
                raise StudioError(f"{path}, line {number}: {name} lies outside the dataset; mend the line")
        rows.append(row)
    return rows


def _write_rows(folder: Path, rows: Sequence[OneShot]) -> None:
    text = "".join(json.dumps(as_dict(row), ensure_ascii=False) + "\n" for row in rows)
    write_whole(folder / ROWS, lambda beside: beside.write_text(text, encoding="utf-8"))


def append_rows(folder: Path, rows: Sequence[OneShot]) -> None:
    """Add rows to those on disk now, so that captions edited in the meantime stay."""
    if rows:
        with _ROWS_IN_HAND:
            _write_rows(folder, [*(_read_rows(folder) if (folder / ROWS).is_file() else ()), *rows])
