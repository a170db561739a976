"""Pictures of sound as files: grey PNGs that carry the settings they were made with, so that each plays right."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy
import torch
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from studio.engine import audio, mel as codec
from studio.errors import StudioError
from studio.files import write_whole
from studio.progress import Report, silent
from studio.settings import MelSettings, as_dict, from_dict

CHUNK = "one-shot-studio"  # keyword of the PNG's iTXt chunk
VERSION = 1
CUT_FADE_MS = 20.0  # of a sound that is longer than its picture


@dataclass(frozen=True)
class Picture:
    """A mel spectrogram as it is stored and shown, with all that is needed to hear it.

    pixels  : (n_mels, n_frames) uint8, row 0 the highest band; only the width may differ from `mel.n_frames`
    peak_db : the band level that pixel 255 stands for
    samples : length of the sound at `mel.sample_rate`; what follows in the picture is silence
    recipe  : how the sound came to be, plain JSON data; {} where nothing is known
    """

    pixels: Tensor
    peak_db: float
    samples: int
    mel: MelSettings
    recipe: dict[str, Any] = field(default_factory=dict)


def of_sound(waveform: Tensor, mel: MelSettings) -> Picture:
    """The picture of a sound (samples,) at `mel.sample_rate`; one longer than the picture is cut with a 20 ms fade."""
    samples = min(len(waveform), mel.samples)
    fade = round(CUT_FADE_MS / 1000 * mel.sample_rate)
    pixels, peak_db = codec.encode(audio.fit(waveform, mel.samples, fade)[None], mel)
    return Picture(pixels[0].cpu(), float(peak_db[0]), samples, mel)


def to_sound(picture: Picture, *, report: Report = silent) -> Tensor:
    """The sound (samples,) of a picture, lossy: phase is found anew (see `mel.decode`); the inverse of `of_sound`."""
    waveforms = codec.decode(picture.pixels[None], torch.tensor([picture.peak_db]), picture.mel, report=report)
    return waveforms[0, : picture.samples]


# --------------------------------------------------------------------------------------------------------------- files
def save(path: Path, picture: Picture) -> Path:
    """Write a grey 8-bit PNG, whole, with everything beside the pixels in an iTXt chunk; the inverse of `load`.

    Raises StudioError where it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise StudioError(f"{path}: pictures are written as PNG; let the name end in .png")
    carried = {"version": VERSION, "mel": as_dict(picture.mel), "peak_db": picture.peak_db,
               "samples": picture.samples, "recipe": picture.recipe}
    text = PngImagePlugin.PngInfo()
    text.add_itxt(CHUNK, json.dumps(carried, separators=(",", ":")))
    image = Image.fromarray(picture.pixels.cpu().numpy())
    return write_whole(path, lambda beside: image.save(beside, format="PNG", pnginfo=text))


def load(path: Path) -> Picture:
    """Read a PNG that `save` wrote.

    Raises StudioError for a file that is no picture, a picture that is no spectrogram of ours, and one that was
    scaled, cropped in height, coloured or otherwise no longer fits the settings it carries.
    """
    path = Path(path)
    pixels, text = _read(path)
    if text is None:
        raise StudioError(f"{path}: is a picture, but no spectrogram of this studio (its settings are missing); "
                          "give a PNG that the studio wrote, or encode a sound first")
    try:
        carried = json.loads(text)
    except ValueError as error:
        raise StudioError(f"{path}: the settings inside are damaged; encode the sound anew") from error
    return _checked(path, pixels, carried)


def _read(path: Path) -> tuple[Tensor, str | None]:
    """The pixels of an image file (height, width) or (height, width, channels), and our chunk's text, where it is."""
    try:
        with Image.open(path) as image:
            image.load()
            text = getattr(image, "text", {}).get(CHUNK)
            return torch.from_numpy(numpy.array(image)), text
    except UnidentifiedImageError as error:
        raise StudioError(f"{path}: is no picture; give a PNG that the studio wrote") from error
    except FileNotFoundError as error:
        raise StudioError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise StudioError(f"{path}: could not be read as a picture ({error.strerror or error}); "
                          "check the path, or encode the sound anew") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # how Pillow tells damaged chunks
        raise StudioError(f"{path}: is a damaged picture ({error}); encode the sound anew") from error


def _checked(path: Path, pixels: Tensor, carried: Any) -> Picture:
    """A Picture out of a file's pixels and settings, or the sentence that says why they do not belong together."""
    if not isinstance(carried, Mapping) or not isinstance(carried.get("mel"), Mapping):
        raise StudioError(f"{path}: the settings inside are damaged (no mel settings); encode the sound anew")
    if carried.get("version") != VERSION:
        raise StudioError(f"{path}: is of version {carried.get('version')}, this studio reads version {VERSION}; "
                          "update the studio or encode the sound anew")
    mel = from_dict(MelSettings, carried["mel"], where=str(path))
    if pixels.dim() != 2 or pixels.dtype != torch.uint8:
        raise StudioError(f"{path}: is no longer an 8-bit grey picture; save it as 8-bit grey, without colours")
    n_mels, n_frames = pixels.shape
    if n_mels != mel.n_mels:
        raise StudioError(f"{path}: is {n_mels} pixels high, but its settings say n_mels {mel.n_mels}; "
                          "give the picture unscaled, or encode the sound anew")
    if (n_frames - 1) * mel.hop_length <= mel.pad:
        raise StudioError(f"{path}: is {n_frames} pixels wide, which is too narrow for a sound; encode the sound anew")
    peak_db, samples, recipe = (carried.get(name) for name in ("peak_db", "samples", "recipe"))
    if not isinstance(peak_db, int | float) or not math.isfinite(peak_db):
        raise StudioError(f"{path}: its level peak_db is {peak_db!r}, not a number; encode the sound anew")
    if not isinstance(samples, int) or samples < 0:
        raise StudioError(f"{path}: its length is {samples!r} samples, which cannot be; encode the sound anew")
    return Picture(pixels, float(peak_db), samples, mel, recipe if isinstance(recipe, dict) else {})


# ------------------------------------------------------------------------------------------------------------- showing
def coloured(pixels: Tensor) -> Image.Image:
    """Pixels (n_mels, n_frames), 0…255, as an RGB image in the colours of magma: for eyes, nothing reads it back."""
    levels = torch.as_tensor(pixels).detach().cpu().round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(_magma()[levels.numpy()])


@lru_cache(maxsize=1)
def _magma() -> numpy.ndarray:
    """The colour of each pixel value, (256, 3) uint8."""
    return (matplotlib.colormaps["magma"](numpy.arange(256))[:, :3] * 255).round().astype(numpy.uint8)
