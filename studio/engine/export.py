"""Sounds out of the library for a DAW or a sampler: under readable names, in the format it wants, with an SFZ."""

import io
import itertools
import re
import tempfile
import threading
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy
import soundfile
import torch
from torch import Tensor

from studio.engine import audio, wording
from studio.engine.library import Take
from studio.errors import StudioError
from studio.files import unused, write_whole
from studio.progress import Progress, Report, silent
from studio.settings import ExportSettings

FIRST_KEY, LAST_KEY = 36, 127  # MIDI; 36 is C1 as Ableton and Yamaha count, where drum kits begin
SUFFIXES: Mapping[str, str] = {"wav": ".wav", "flac": ".flac", "aiff": ".aif"}
BITS: Mapping[str, int] = {"16-bit": 16, "24-bit": 24}
SUBTYPES: Mapping[str, str] = {"16-bit": "PCM_16", "24-bit": "PCM_24", "32-bit float": "FLOAT"}
LONGEST_WORDS = 48  # characters of a prompt in a name; a browser shows no more
LONGEST_NAME = 80  # characters, of at most two bytes each on the whole
UNWELCOME = re.compile(r"[^\w #&'()+.-]+|(?<![A-G])#")  # in a file's name, on one system or another, or in an SFZ
DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\.|$)", re.IGNORECASE)  # names that Windows keeps for itself

_naming = threading.Lock()  # two pages may export into one folder: no name is taken twice


def export(takes: Sequence[Take], folder: Path, settings: ExportSettings, *, report: Report = silent) -> list[Path]:
    """Write the sounds of `takes` into `folder`; returns the paths, that of the SFZ last.

    Nothing is overwritten: names that are taken get the next number. 24-bit WAVs of untouched sounds are sample for
    sample what the takes are, and WAVs carry the recipe. Raises StudioError where there is nothing to export, a sound
    is gone, the folder cannot be written, or an SFZ has no keys left; what was written until then stays.
    """
    if not takes:
        raise StudioError("no sounds are chosen to export; choose some first")
    if settings.sfz and len(takes) > LAST_KEY - FIRST_KEY + 1:
        raise StudioError(f"an SFZ has keys for {LAST_KEY - FIRST_KEY + 1} sounds, not for {len(takes)}; "
                          "choose fewer, or leave the SFZ out")
    folder, paths = Path(folder), []
    for number, take in enumerate(takes):
        report(Progress("exporting", number, len(takes), note=take.title))
        waveform, sample_rate = prepared(*audio.read(take.path), settings)
        data = encoded(waveform, sample_rate, settings)
        if settings.format == "wav":
            data = audio.signed(data, take.title, dict(take.recipe))
        with _naming:
            path = _free(folder, take, settings)
            paths.append(write_whole(path, lambda beside, data=data: beside.write_bytes(data)))
    if settings.sfz:
        text = sfz([path.name for path in paths])
        with _naming:
            paths.append(write_whole(unused(folder / f"{_plain(folder.resolve().name) or 'kit'}.sfz"),
                                     lambda beside: beside.write_text(text, encoding="utf-8")))
    report(Progress("exporting", len(takes), len(takes)))
    return paths


def zipped(takes: Sequence[Take], file: Path, settings: ExportSettings, *, report: Report = silent) -> Path:
    """What `export` writes, in one zip with a folder of its name inside; `file`, or the first neighbour not there."""
    file = Path(file)
    with tempfile.TemporaryDirectory(prefix="studio-") as scratch:
        paths = export(takes, Path(scratch) / file.stem, settings, report=report)

        def pack(beside: Path) -> None:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in paths:
                    archive.write(path, f"{file.stem}/{path.name}")

        with _naming:
            return write_whole(unused(file), pack)


# ------------------------------------------------------------------------------------------------------------ the sound
def prepared(waveform: Tensor, sample_rate: int, settings: ExportSettings) -> tuple[Tensor, int]:
    """(channels, samples) as it is exported, and its rate: sides, then rate, then level.

    Where a sound is beyond full scale and the format would clip it, it is brought down as a whole.
    """
    if settings.channels != "as made":
        waveform = audio.to_sides(waveform, stereo=settings.channels == "stereo").reshape(-1, waveform.shape[-1])
    if settings.sample_rate and settings.sample_rate != sample_rate:
        waveform, sample_rate = audio.resample(waveform, sample_rate, settings.sample_rate), settings.sample_rate
    peak = float(waveform.abs().max())
    if settings.normalise and peak > 0:
        waveform = (waveform.double() * (10 ** (settings.peak_db / 20) / peak)).float()
    elif peak > 1 and settings.bits in BITS:
        waveform = waveform / peak
    return waveform, sample_rate


def encoded(waveform: Tensor, sample_rate: int, settings: ExportSettings) -> bytes:
    """(channels, samples) as the bytes of a sound file; the same input gives the same samples."""
    samples = waveform.double().numpy().T if settings.bits not in BITS else _steps(waveform, BITS[settings.bits])
    written = io.BytesIO()
    soundfile.write(written, samples, sample_rate, format=settings.format.upper(), subtype=SUBTYPES[settings.bits])
    return written.getvalue()


def _steps(waveform: Tensor, bits: int) -> numpy.ndarray:
    """(channels, samples) as whole numbers of `bits`, (samples, channels) int32 with the sign in its topmost bit.

    Down to 16 bits with triangular dither of ±1 step (Lipshitz, Wannamaker & Vanderkooy, "Quantization and Dither",
    1992), so that tails fade into noise instead of distortion; what is exactly silent stays so.
    """
    scaled = waveform.double() * 2 ** (bits - 1)
    if bits == 16:
        draws = torch.Generator().manual_seed(0)  # same sound, same file
        noise = sum(torch.rand(scaled.shape, generator=draws, dtype=torch.float64) for _ in range(2)) - 1
        scaled = scaled + noise * (scaled != 0)
    steps = scaled.round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int32)
    return (steps * 2 ** (32 - bits)).numpy().T


def sfz(names: Sequence[str]) -> str:
    """An SFZ instrument of sound files beside it: one key each from 36 on, whole velocity range, played to the end."""
    regions = (f"<region> sample={name} key={FIRST_KEY + number} lovel=0 hivel=127"
               for number, name in enumerate(names))
    return "\n".join(("// one-shots, one a key from C1 (36) on", "<group> loop_mode=one_shot amp_veltrack=100",
                      *regions)) + "\n"


# ------------------------------------------------------------------------------------------------------------ the names
def _alike(name: str) -> str:
    """What two names share that are one to some disk: case does not count, nor how an accent is written."""
    return unicodedata.normalize("NFC", name).casefold()


def _free(folder: Path, take: Take, settings: ExportSettings) -> Path:
    """The first name for a take that no file in the folder has: the one that the user gave it, else "kick 02 deep",
    where the number goes on after the last kick in the folder, or the file's own."""
    there = {_alike(path.stem) for path in folder.iterdir()} if folder.is_dir() else set()
    given = str(take.part("marks").get("name") or "")
    stem = _plain(take.path.stem if settings.names == "as made" else given)
    if stem:
        names = itertools.chain([stem], (f"{stem} {number:02}" for number in itertools.count(2)))
        stem = next(name for name in names if _alike(name) not in there)
    else:
        role = wording.role_of(take.prompt)
        words = _plain(wording.exchanged(take.prompt, role) if role else take.prompt)[:LONGEST_WORDS].strip()
        head = role or words or "sound"
        numbers = (re.match(rf"{re.escape(_alike(head))} (\d+)( |$)", name) for name in there)
        number = 1 + max((int(found[1]) for found in numbers if found), default=0)
        stem = f"{head} {number:02} {words if role else ''}".strip()
    return folder / f"{stem}{SUFFIXES[settings.format]}"


def _plain(text: str) -> str:
    """Text as a file's name that every system takes and an SFZ can say; "" where nothing is left of it."""
    name = " ".join(UNWELCOME.sub(" ", text.replace("_", " ")).split())[:LONGEST_NAME].strip(" .-")
    while len(name.encode("utf-8")) > 2 * LONGEST_NAME:
        name = name[:-1].strip(" .-")
    return f"sound {name}" if DEVICES.match(name) else name
