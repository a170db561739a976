"""Files to pictures and pictures to files, one or a whole folder in one go."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.engine import audio, picture, riffusion
from studio.errors import StudioError
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, PrepareSettings


@dataclass(frozen=True)
class Converted:
    """What came of a conversion: the files written, and (path, reason) of those left out."""

    written: tuple[Path, ...]
    refused: tuple[tuple[str, str], ...]


def encode(source: Path, target: Path, mel: MelSettings, *, trim: bool = False, report: Report = silent) -> Converted:
    """A sound file to a picture, or every sound file of a folder to a folder of pictures.

    trim : cut silence off both ends first; without it the picture starts where the sound starts
    Raises StudioError for a single file that cannot be read; in a folder such files are left out with their reason.
    """
    channels = "left" if riffusion.understands(mel) else "mix"  # Riffusion's own mono pictures show the left side

    def one(path: Path, to: Path) -> None:
        waveform, sample_rate = audio.read(path)
        sound = audio.resample(audio.to_sides(waveform, stereo=mel.stereo, channels=channels), sample_rate,
                               mel.sample_rate)
        if trim:
            sound = audio.trim(sound, mel.sample_rate, PrepareSettings())
        picture.save(to, picture.of_sound(sound, mel))

    return _each(source, target, audio.SUFFIXES, ".png", one, report)


def decode(source: Path, target: Path, changes: Mapping[str, Any], *, unmarked: bool = False,
           report: Report = silent) -> Converted:
    """A picture to a 24-bit WAV, or a folder of pictures to a folder of WAVs, each with the settings it carries.

    changes  : MelSettings of the decoder that replace the carried ones, see `settings.DECODER_ONLY`
    unmarked : see `picture.load`
    Raises StudioError for a single file that is no spectrogram; in a folder such files are left out with their reason.
    """
    def one(path: Path, to: Path) -> None:
        image = picture.load(path, unmarked=unmarked)
        image = dataclasses.replace(image, mel=dataclasses.replace(image.mel, **changes))
        audio.write(to, picture.to_sound(image), image.mel.sample_rate, image.recipe or None)

    return _each(source, target, frozenset({".png"}), ".wav", one, report)


def _each(source: Path, target: Path, suffixes: frozenset[str], to_suffix: str, one: Callable[[Path, Path], None],
          report: Report) -> Converted:
    """Do `one` file, or all of a folder that have one of the suffixes, keeping their relative places.

    Of a folder no sound is written over, which may be what a picture was made of, and into itself nothing is.
    """
    source, target = Path(source), Path(target)
    if not source.is_dir():
        one(source, target)
        report(Progress("convert", 1, 1, note=source.name))
        return Converted((target,), ())
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in suffixes)
    if not paths:
        raise StudioError(f"{source}: holds no file of {', '.join(sorted(suffixes))}; choose another folder")
    written, refused, names = [], [], set()
    keeps = to_suffix in audio.SUFFIXES or source.resolve() == target.resolve()
    for number, path in enumerate(paths, 1):
        to = target / path.relative_to(source).with_suffix(to_suffix)
        if str(to).casefold() in names:  # kick.wav and Kick.flac side by side
            to = to.with_name(f"{to.stem}_{path.suffix[1:]}{to_suffix}")
        try:
            if keeps and to.exists():
                raise StudioError(f"{to.name} is there already; give another folder")
            one(path, to)
            written.append(to)
            names.add(str(to).casefold())
        except StudioError as error:
            refused.append((str(path), str(error).removeprefix(f"{path}: ")))
        report(Progress("convert", number, len(paths), note=path.name))
    return Converted(tuple(written), tuple(refused))
