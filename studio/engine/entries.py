"""What an index of takes holds: an entry a take, made of its files, and as a row of a table."""

import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from studio.engine import audio, captions, loras, loudness, wording
from studio.engine.library import Take
from studio.errors import StudioError

Stamp = tuple[int, int, int, int]  # mtime in ns and size of the WAV, then of the JSON
Measured = tuple[float, str | None, float]  # length in seconds; words as JSON, None as long as they are not; level_db
UNMEASURED: Measured = (0.0, None, 0.0)


@dataclass(frozen=True)
class Entry:
    """What the index says of a take.

    name     : of its file, "kick_12.wav"
    title    : what to call it
    role     : the kind of sound that its prompt names, "" where it names none
    loras    : names of the LoRAs it was made with
    made     : seconds since the epoch
    duration : seconds; 0 as long as it was not measured
    words    : measured of its sound, as in `captions.measured_words`
    level_db : gain that makes it as loud as other sounds, as in `loudness.matching_gain_db`
    """

    name: str
    title: str
    prompt: str
    role: str
    loras: tuple[str, ...]
    seed: int
    base: str
    made: float
    duration: float
    words: tuple[str, ...]
    level_db: float
    starred: bool
    note: str


COLUMNS = tuple(field.name for field in fields(Entry))
STAMPS = ("wav_mtime", "wav_size", "json_mtime", "json_size")


def row_of(take: Take, stamp: Stamp, measured: Measured) -> tuple:
    """A take as a row of COLUMNS, STAMPS and the text that is searched; `entry_of` reads it back.

    Raises StudioError where a file's name or what the recipe says is no text.
    """
    duration, words, level_db = measured
    settings = take.part("settings")
    role, names = wording.role_of(take.prompt), []
    if isinstance(settings.get("lora"), list):
        names = [loras.split(str(lora))[0].stem for lora in settings["lora"]]
    found_by = searched(take.title, take.prompt, take.note, role, take.path.stem, *names, *json.loads(words or "[]"))
    seed = take.seed if abs(take.seed) < 2**63 else 0  # what no generator takes, no table does
    row = (take.path.name, take.title, take.prompt, role, json.dumps(names, ensure_ascii=False), seed,
           str(settings.get("base", "")), stamp[0] / 1e9, duration, words, level_db, int(take.starred), take.note,
           *stamp, found_by)
    if any(isinstance(each, str) and not _is_text(each) for each in row):
        raise StudioError(f"{take.path.name!r}: its name or its recipe holds letters that are no text; "
                          "rename it, or mend the recipe")
    return row


def searched(*texts: str) -> str:
    """Texts as they are searched: each word once, a blank before it."""
    return "".join(f" {word}" for word in dict.fromkeys(words_of(" ".join(texts))))


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry that a row's COLUMNS say."""
    said = dict(zip(COLUMNS, row, strict=True))
    said["loras"], said["words"] = (tuple(json.loads(said[name] or "[]")) for name in ("loras", "words"))
    return Entry(**{**said, "starred": bool(said["starred"])})


# ------------------------------------------------------------------------------------------------------------ the files
def stamps(folder: Path) -> dict[str, Stamp]:
    """What the system says of each take's WAV and JSON."""
    try:
        files = {entry.name: entry for entry in os.scandir(folder) if entry.name.endswith((".wav", ".json"))}
    except FileNotFoundError:
        return {}  # nothing was ever generated
    found = {}
    for name, wav in files.items():
        recipe = files.get(f"{name.removesuffix('.wav')}.json") if name.endswith(".wav") else None
        if recipe is not None and not name.startswith(".") and not wav.is_symlink():
            try:
                sound, words = wav.stat(), recipe.stat()
            except FileNotFoundError:
                continue  # it went away just now
            found[name] = sound.st_mtime_ns, sound.st_size, words.st_mtime_ns, words.st_size
    return found


def measured(path: Path, role: str) -> Measured:
    """All that is measured of a sound."""
    waveform, sample_rate = audio.read(path)
    words = captions.measured_words(audio.to_mono(waveform), sample_rate, role)
    return waveform.shape[-1] / sample_rate, json.dumps(words), loudness.matching_gain_db(waveform, sample_rate)


def _is_text(text: str) -> bool:
    """Whether a text can be stored: the names of damaged files and damaged JSON hold halves of letters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def words_of(text: str) -> list[str]:
    """Words as they are compared: without case and accents; "F#1" is one."""
    plain = unicodedata.normalize("NFKD", str(text).casefold())
    return re.findall(r"(?:[^\W_]|#)+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
