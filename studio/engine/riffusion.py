"""Riffusion's own pictures: its EXIF tags and its colours, read and written.

Riffusion (Forsgren & Martiros 2022, `riffusion/spectrogram_params.py` and `util/image_util.py` of riffusion-hobby)
stores the fourth root of mel amplitudes, loud is dark, low is at the bottom. Lengths are told in milliseconds and the
level as `max_value`, the loudest row of a sound whose full scale is 32768. A mono picture has three equal channels; a
stereo one is empty in red, its left side is green and its right side blue.
"""

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy
import torch
from PIL import Image
from torch import Tensor

from studio import presets
from studio.engine import mel as codec
from studio.errors import StudioError
from studio.settings import DECODER_ONLY, MelSettings

FULL_SCALE = 32768.0
NUMBERS = {"sample_rate": 11000, "stereo": 11005, "step_size_ms": 11010, "window_duration_ms": 11020,
           "padded_duration_ms": 11030, "num_frequencies": 11040, "min_frequency": 11050, "max_frequency": 11060,
           "power_for_image": 11070, "max_value": 11080}
DEFAULTS = {"sample_rate": 44100, "stereo": 0, "step_size_ms": 10, "window_duration_ms": 100,
            "padded_duration_ms": 400, "num_frequencies": 512, "min_frequency": 0, "max_frequency": 10000,
            "power_for_image": 0.25, "max_value": 30e6}
MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
COLOURLESS = 24  # mean difference of a pixel's channels up to which a drawn picture counts as grey
GREY = 1  # the same for one without any mark


@dataclass(frozen=True)
class Spectrogram:
    """What a picture of Riffusion holds: pixels (n_mels, n_frames), or (2, n_mels, n_frames) left and right, uint8."""

    pixels: Tensor
    peak_db: float
    samples: int
    mel: MelSettings


# ------------------------------------------------------------------------------------------------------------- reading
def read(image: Image.Image, where: str, *, unmarked: bool = False) -> Spectrogram | None:
    """The spectrogram in a picture that says it is one of Riffusion's, or None for a picture that does not say so.

    It says so by any of Riffusion's EXIF tags (the missing ones take Riffusion's defaults), or by its looks: 512 high
    and grey though it is RGB, as Riffusion's seed pictures are, which carry no marks at all; or nearly grey with the
    "parameters" text of a web UI, which signs photographs, too. With `unmarked` any picture of 512 rows is taken.

    image : opened, of any format that Pillow reads; where : what sentences call it
    Raises StudioError where the picture does not fit what it says, or what it says cannot be.
    """
    tags = {name: image.getexif()[number] for name, number in NUMBERS.items() if number in image.getexif()}
    if not tags and not unmarked and not _is_drawn_spectrogram(image):
        return None
    said = DEFAULTS | {name: _number(value, name, where) for name, value in tags.items()}
    mel = _settings(said, where)
    if image.mode not in MODES:
        raise StudioError(f"{where}: is a picture of mode {image.mode}, but Riffusion's are 8-bit RGB; "
                          "give it as it was written")
    if image.height != mel.n_mels:
        raise StudioError(f"{where}: is {image.height} pixels high, but Riffusion's picture of these settings has "
                          f"{mel.n_mels} rows; give it unscaled")
    if image.width < 2:
        raise StudioError(f"{where}: is {image.width} pixel wide, which is too narrow for a sound; give more of it")
    if said["max_value"] < 0:
        raise StudioError(f"{where}: its max_value is {said['max_value']:g}, below 0; give the picture as it was "
                          "written")
    peak_db = 10 * math.log10(max(said["max_value"] / FULL_SCALE, 10 ** (codec.SILENCE_DB / 10)))
    return Spectrogram(pixels_of(image, stereo=mel.stereo), peak_db, (image.width - 1) * mel.hop_length, mel)


def pixels_of(image: Image.Image, *, stereo: bool) -> Tensor:
    """The pixels (n_mels, n_frames) of the red channel, or (2, n_mels, n_frames) of green and blue: left, right."""
    channels = torch.from_numpy(numpy.array(image.convert("RGB")))
    return channels[..., 1:].permute(2, 0, 1).contiguous() if stereo else channels[..., 0].contiguous()


def _number(value: object, name: str, where: str) -> float:
    """A tag's value; EXIF may hold anything."""
    try:
        number = float(value)  # Pillow's fractions are floats only by this
    except (TypeError, ValueError, ZeroDivisionError):
        number = math.nan
    if not math.isfinite(number):
        raise StudioError(f"{where}: its EXIF tag {NUMBERS[name]} ({name}) is {value!r}, not a number; "
                          "give the picture as it was written")
    return number


def _settings(said: dict[str, float], where: str) -> MelSettings:
    """Mel settings from what the tags say; lengths are cut to whole samples, as Riffusion does."""
    rate = said["sample_rate"]

    def samples(milliseconds: float) -> int:
        return int(milliseconds / 1000 * rate)

    try:
        return dataclasses.replace(
            _own_mel(), sample_rate=rate, stereo=said["stereo"] != 0,
            hop_length=samples(said["step_size_ms"]), win_length=samples(said["window_duration_ms"]),
            n_fft=samples(said["padded_duration_ms"]), n_mels=said["num_frequencies"], f_min=said["min_frequency"],
            f_max=said["max_frequency"], root=said["power_for_image"])
    except StudioError as error:
        raise StudioError(f"{where}: Riffusion's settings inside do not work here: {error}") from error


def _is_drawn_spectrogram(image: Image.Image) -> bool:
    """Whether it looks as Riffusion draws: 512 rows of RGB that are grey, or nearly so where a web UI signed them.

    A palette is what a program that makes files small has made of RGB.
    """
    if image.height != DEFAULTS["num_frequencies"] or image.mode not in ("RGB", "RGBA", "P"):
        return False
    colours = numpy.array(image.convert("RGB")).astype(int)
    return float(numpy.ptp(colours, axis=2).mean()) <= (COLOURLESS if "parameters" in image.info else GREY)


# ------------------------------------------------------------------------------------------------------------- writing
def understands(mel: MelSettings) -> bool:
    """Whether Riffusion opens pictures of these settings: its tags tell lengths, rows and root, and nothing else."""
    free = DECODER_ONLY | {"sample_rate", "stereo", "hop_length", "win_length", "n_fft", "n_mels", "n_frames", "f_min",
                           "f_max", "root", "whole", "range_db", "split_hz", "bass_hz"}
    own = _own_mel()
    return all(getattr(mel, each.name) == getattr(own, each.name) for each in dataclasses.fields(mel)
               if each.name not in free)


@lru_cache(maxsize=1)
def _own_mel() -> MelSettings:
    """Riffusion's own settings, read once: every picture is held against them."""
    return presets.load("mel", "riffusion")


def image_of(pixels: Tensor) -> Image.Image:
    """Pixels (n_mels, n_frames) or (2, n_mels, n_frames), uint8, in Riffusion's colours; `pixels_of` is the inverse."""
    levels = pixels.cpu()
    if levels.dim() == 2:
        channels = (levels, levels, levels)
    else:
        channels = (torch.zeros_like(levels[0]), levels[0], levels[1])
    return Image.fromarray(torch.stack(channels, dim=2).numpy())


def tags_of(mel: MelSettings, peak_db: float) -> Image.Exif:
    """The EXIF that Riffusion writes: whole numbers as such, power_for_image and max_value as doubles."""
    said = {"sample_rate": mel.sample_rate, "stereo": int(mel.stereo),
            "step_size_ms": _milliseconds(mel.hop_length, mel.sample_rate),
            "window_duration_ms": _milliseconds(mel.win_length or mel.n_fft, mel.sample_rate),
            "padded_duration_ms": _milliseconds(mel.n_fft, mel.sample_rate), "num_frequencies": mel.n_mels,
            "min_frequency": _whole(mel.f_min), "max_frequency": _whole(mel.f_max), "power_for_image": mel.root,
            "max_value": 10 ** (peak_db / 10) * FULL_SCALE}
    exif = Image.Exif()
    for name, number in NUMBERS.items():
        exif[number] = said[name]
    return exif


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _milliseconds(samples: int, sample_rate: int) -> int | float:
    """The duration that Riffusion, which cuts to whole samples, reads as `samples`; a whole number where one does."""
    rounded = round(samples / sample_rate * 1000)
    if int(rounded / 1000 * sample_rate) == samples:
        return rounded
    return (samples + 0.5) / sample_rate * 1000
