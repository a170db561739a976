"""Many pictures to sounds in one go, into one archive that is whole however the work ends."""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.engine import audio, picture
from studio.errors import StudioError
from studio.files import cure, reason, slug, unused
from studio.progress import Progress, Report, silent


@dataclass(frozen=True)
class Decoded:
    """What became of one picture: `name` is its WAV's in the archive, or where `refused` says why, the picture's."""

    name: str
    refused: str = ""


def decode(paths: Sequence[Path], archive: Path, *, report: Report = silent) -> Iterator[Decoded]:
    """Decode pictures, each with the settings it carries, into a zip of 24-bit WAVs; yields after every picture.

    A picture that cannot be read is left out with its reason. The archive is closed when the iterator ends, also by
    a stop or a fault, and holds all that was done until then. Raises StudioError where the archive cannot be written.
    """
    taken: set[str] = set()
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as whole, \
                tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            for number, path in enumerate(paths):
                here = Progress("decoding pictures", number, len(paths), note=path.name)
                report(here)
                try:
                    wav = _one(path, Path(folder), report, here)
                except StudioError as error:
                    yield Decoded(path.name, refused=str(error).removeprefix(f"{path}: "))
                    continue
                name = _unused(wav.stem, taken)
                whole.write(wav, name)
                wav.unlink()
                yield Decoded(name)
    except OSError as error:
        raise StudioError(f"{archive}: could not be written ({reason(error)}); {cure(error)}") from error


def _one(path: Path, folder: Path, report: Report, here: Progress) -> Path:
    """Decode a picture into a WAV in `folder`; every round of the decoder reports, so that a stop need not wait."""
    image = picture.load(path)
    waveform = picture.to_sound(image, report=lambda _: report(here))
    return audio.write(folder / f"{slug(path.stem)}.wav", waveform, image.mel.sample_rate, image.recipe or None)


def _unused(stem: str, taken: set[str]) -> str:
    """`stem.wav`, or `stem_2.wav` … where another picture of that name came before; remembered in `taken`."""
    name = unused(Path(f"{stem}.wav"), lambda path: path.name.lower() in taken).name
    taken.add(name.lower())
    return name
