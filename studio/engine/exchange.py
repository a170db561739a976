"""Datasets for other programs, and other programs' spectrogram pictures as datasets.

kohya       : OUT/N_class/NAME.png with its caption in NAME.txt, N times an epoch, as sd-scripts' DreamBooth folders are
              (kohya-ss/sd-scripts, `library/config_util.py`); A1111's and ComfyUI's trainers read the same
imagefolder : OUT/metadata.jsonl and OUT/images/NAME.png, which `datasets.load_dataset("imagefolder", …)` reads
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy
import torch
from PIL import Image, UnidentifiedImageError

from studio.engine import audio, captions, picture
from studio.engine.dataset import (
    AUDIO,
    IMAGES,
    ROWS,
    Dataset,
    append_rows,
    load,
    made_of,
    open_or_none,
    shown,
    write_settings,
)
from studio.engine.picture import Picture
from studio.engine.wording import role_of
from studio.errors import StudioError
from studio.files import cure, reason, sha1_of, slug, told, unused
from studio.progress import Progress, Report, silent
from studio.settings import DECODER_ONLY, MelSettings, OneShot, PrepareSettings

FORMATS = ("kohya", "imagefolder")
REPEATED = re.compile(r"(\d+)_.+")  # a folder of kohya's, and how often its pictures are shown
MOST_WEIGHT = 100
BATCH = 16  # pictures between two writings of the rows


# -------------------------------------------------------------------------------------------------------------- out
def export(folder: Path, out: Path, format: str, *, report: Report = silent) -> list[Path]:
    """Write the sounds of a dataset that training sees into the new folder `out`; returns the pictures' paths.

    Weights become kohya's repeats, or stay in imagefolder's column `weight`. The pictures are copies, so that ours
    still carry their mel settings. Raises StudioError for a format that is not one of FORMATS, a dataset with nothing
    to show, and an `out` that holds something already or cannot be written.
    """
    if format not in FORMATS:
        raise StudioError(f"format {format!r} is not known; give {' or '.join(FORMATS)}")
    dataset, out = load(folder), Path(out).absolute()
    rows = shown(dataset)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StudioError(f"{out}: holds something already; choose a new or an empty folder")
    beside = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        write = _write_kohya if format == "kohya" else _write_imagefolder
        pictures = write(dataset, rows, beside, report)
        if out.exists():
            out.rmdir()
        beside.rename(out)
    except OSError as error:
        raise StudioError(f"{out}: could not be written ({reason(error)}); {cure(error)}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [out / path for path in pictures]


def _write_kohya(dataset: Dataset, rows: Sequence[OneShot], out: Path, report: Report) -> list[Path]:
    """A folder for each number of repeats and role; `rows` names each sound as often as it is shown."""
    repeats = Counter(row.file_name for row in rows)
    written: list[Path] = []
    for step, row in enumerate(_once(rows)):
        report(Progress("export", step, len(repeats), note=row.text))
        place = out / f"{repeats[row.file_name]}_{slug(role_of(row.text) or dataset.folder.name)}"
        path = _copied(dataset, row, place)
        path.with_suffix(".txt").write_text(row.text + "\n", encoding="utf-8")
        written.append(path.relative_to(out))
    return written


def _write_imagefolder(dataset: Dataset, rows: Sequence[OneShot], out: Path, report: Report) -> list[Path]:
    written, lines, once = [], [], _once(rows)
    for step, row in enumerate(once):
        report(Progress("export", step, len(once), note=row.text))
        path = _copied(dataset, row, out / IMAGES).relative_to(out)
        written.append(path)
        lines.append(json.dumps({"file_name": path.as_posix(), "text": row.text, "weight": row.weight},
                                ensure_ascii=False))
    (out / ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return written


def _once(rows: Sequence[OneShot]) -> list[OneShot]:
    return list({row.file_name: row for row in rows}.values())


def _copied(dataset: Dataset, row: OneShot, place: Path) -> Path:
    """A copy of a row's picture in a folder, which is made."""
    place.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(dataset.folder / row.file_name, place / Path(row.file_name).name))


# --------------------------------------------------------------------------------------------------------------- in
@dataclass(frozen=True)
class Imported:
    """What became of an import: rows added, how many were there already, and (path, reason) of those left out."""

    folder: Path
    added: tuple[OneShot, ...]
    unchanged: int
    refused: tuple[tuple[str, str], ...]


def import_pictures(source: Path, folder: Path, mel: MelSettings | None = None, *,
                    report: Report = silent) -> Imported:
    """Bring the spectrogram PNGs in `source`, and in the folders inside it, into the dataset `folder`.

    A picture of ours or of Riffusion's says itself how it was made; `mel` is for those that say nothing. All must be
    made alike. Each is heard once to get its sound, so that it can be played, trimmed and compared as any other; lossy,
    since a picture holds no phase. Captions come from NAME.txt (first line) or metadata.jsonl beside a picture, else
    from its name; a folder of kohya's, `3_kick`, gives its pictures the weight 3.

    Raises StudioError where there are no pictures, where they differ in their settings, or where the dataset has
    others. A stop keeps what is done.
    """
    source, folder = Path(source), Path(folder)
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() == ".png" and path.name[0] != ".")
    if not paths:
        raise StudioError(f"{source}: holds no PNG pictures; give a folder with spectrograms in it")
    common, refused = _common_mel(paths, mel, report)
    here = open_or_none(folder, common)
    common = here.mel if here else common
    rows = here.one_shots if here else ()
    known = {(row.source, made_of(folder / row.audio)) for row in rows}
    names = {Path(row.file_name).stem for row in rows}  # of some the files may be gone
    said, added, waiting, unchanged = _said(paths), [], [], 0
    left_out = {path for path, _ in refused}
    wanted = [path for path in paths if str(path) not in left_out]
    try:
        for step, path in enumerate(wanted):
            report(Progress("import", step, len(wanted), note=path.name))
            sha1 = sha1_of(path)
            if (told(path.absolute()), sha1) in known:
                unchanged += 1
                continue
            try:
                shown_picture = replace(_read(path, mel), mel=common)
                waveform, gain_db = _heard(path, shown_picture)
            except StudioError as error:
                refused.append((str(path), str(error).removeprefix(f"{path}: ")))
                continue
            if not added:
                write_settings(folder, common, here.prepare if here else PrepareSettings())
            row = _row(path, source, said, waveform, gain_db, common, folder, names)
            recipe = {"source": row.source, "sha1": sha1, "gain_db": row.gain_db}
            audio.write(folder / row.audio, waveform, common.sample_rate, recipe)
            picture.save(folder / row.file_name, replace(shown_picture, recipe=recipe))
            added.append(row)
            waiting.append(row)
            if len(waiting) == BATCH:
                append_rows(folder, waiting)
                waiting = []
    finally:
        append_rows(folder, waiting)
    report(Progress("import", len(wanted), len(wanted)))
    return Imported(folder, tuple(added), unchanged, tuple(refused))


def _common_mel(paths: Sequence[Path], mel: MelSettings | None,
                report: Report) -> tuple[MelSettings, list[tuple[str, str]]]:
    """The settings that all pictures share, as wide as they are; and those that are no spectrograms, with why."""
    first, refused = None, []
    for step, path in enumerate(paths):
        report(Progress("look", step, len(paths), note=path.name))
        try:
            found = _read(path, mel)
        except StudioError as error:
            refused.append((str(path), str(error).removeprefix(f"{path}: ")))
            continue
        own = replace(found.mel, n_frames=found.pixels.shape[-1], whole=False)
        first = first or (path, own)
        for field in fields(MelSettings):
            one, other = getattr(own, field.name), getattr(first[1], field.name)
            if one != other and field.name not in DECODER_ONLY:
                raise StudioError(f"{path}: was made with {field.name} {one}, but {first[0].name} with {other}; a "
                                  "dataset's pictures are all made alike, so import them from folders of their own")
    if first is None:
        raise StudioError(f"none of {len(paths)} pictures is a spectrogram that says how it was made, the first: "
                          f"{refused[0][0]}: {refused[0][1]}; name their settings with --mel")
    return first[1], refused


def _read(path: Path, mel: MelSettings | None) -> Picture:
    """A picture with the settings that it carries, else with `mel`; raises StudioError where neither will do."""
    try:
        return picture.load(path)
    except StudioError:
        if mel is None or _carries_settings(path):
            raise
    with Image.open(path) as image:
        grey = torch.from_numpy(numpy.array(image.convert("L")))
    if grey.shape[0] != mel.n_mels:
        raise StudioError(f"{path}: is {grey.shape[0]} pixels high, but the settings say n_mels {mel.n_mels}; "
                          "name settings of its height with --mel")
    own = replace(mel, n_frames=grey.shape[1], stereo=False)
    return Picture(grey, 0.0, own.samples, own)


def _carries_settings(path: Path) -> bool:
    """Whether it is a picture of ours, or none at all: then what `picture.load` said of it stands."""
    try:
        with Image.open(path) as image:
            image.load()
            return picture.CHUNK in getattr(image, "text", {})
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return True


def _heard(path: Path, image: Picture) -> tuple[torch.Tensor, float]:
    """The sound of a picture at its dataset's length and level, and the gain in dB that this took."""
    fade = round(picture.CUT_FADE_MS / 1000 * image.mel.sample_rate)
    waveform = audio.fit(picture.to_sound(image), image.mel.samples, fade)
    if not waveform.numel() or float(waveform.abs().max()) == 0:
        raise StudioError(f"{path}: is a picture of silence; leave it out")
    return audio.normalise(waveform)


def _row(path: Path, root: Path, said: Mapping[Path, str], waveform: torch.Tensor, gain_db: float, mel: MelSettings,
         folder: Path, names: set[str]) -> OneShot:
    heard = audio.to_mono(waveform) if waveform.dim() == 2 else waveform
    text = said.get(path) or captions.caption_of(path, root, heard, mel.sample_rate)
    repeated = REPEATED.fullmatch(path.parent.name)
    repeats = int(repeated[1]) if repeated else 1
    if repeats > MOST_WEIGHT and not path.with_suffix(".txt").is_file():  # 808_kicks or 2024_kit, and not kohya's
        repeats = 1
    stem = unused(folder / AUDIO / f"{slug(path.stem)}.wav",
                  lambda wav: wav.stem in names or wav.exists() or (folder / IMAGES / f"{wav.stem}.png").exists()).stem
    return OneShot(file_name=f"{IMAGES}/{stem}.png", audio=f"{AUDIO}/{stem}.wav", text=text,
                   source=told(path.absolute()), gain_db=round(gain_db, 4),
                   duration=round(waveform.shape[-1] / mel.sample_rate, 6),
                   weight=float(min(MOST_WEIGHT, repeats)))


def _said(paths: Sequence[Path]) -> dict[Path, str]:
    """Captions that lie beside pictures: the first line of NAME.txt, else `text` in a metadata.jsonl at or above it."""
    found: dict[Path, str] = {}
    for rows in {parent / ROWS for path in paths for parent in (path.parent, path.parent.parent)}:
        if rows.is_file():
            try:
                for line in filter(str.strip, rows.read_text(encoding="utf-8-sig").split("\n")):
                    row = json.loads(line)
                    found[rows.parent / row["file_name"]] = " ".join(str(row["text"]).split())
            except (ValueError, KeyError, TypeError) as error:  # of these UnicodeDecodeError is one
                raise StudioError(f"{rows}: a line is no row with file_name and text ({error}); "
                                  "mend it or move it away") from error
    for path in paths:
        words = path.with_suffix(".txt")
        if words.is_file():
            lines = words.read_text(encoding="utf-8-sig", errors="replace").strip().split("\n")
            found[path] = " ".join(lines[0].split()) or found.get(path, "")
    return found

