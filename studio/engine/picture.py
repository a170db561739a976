"""Pictures of sound as files: PNGs that carry the settings they were made with, so that each plays right."""

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

from studio.engine import audio, mel as codec, riffusion
from studio.errors import StudioError
from studio.files import write_whole
from studio.knobs import as_dict, from_dict
from studio.progress import Report, silent
from studio.settings import MelSettings

CHUNK = "one-shot-studio"  # keyword of the PNG's iTXt chunk
VERSION = 1
LONGEST = 2 * 3600  # seconds that are decoded
CUT_FADE_MS = 20.0  # of a sound that is longer than its picture


@dataclass(frozen=True)
class Picture:
    """A mel spectrogram as it is stored and shown, with all that is needed to hear it.

    pixels  : (n_mels, n_frames) uint8, row 0 the highest band; only the width may differ from `mel.n_frames`. Stereo is
              (3, n_mels, n_frames) left, middle, right, or (2, …) without the middle, as Riffusion has it
    peak_db : the band level that pixel 255 stands for
    samples : length of the sound at `mel.sample_rate`; what follows in the picture is silence
    recipe  : how the sound came to be, plain JSON data; {} where nothing is known
    loudest : the greatest |sample| of the sound, None where no sound was there before the picture
    """

    pixels: Tensor
    peak_db: float
    samples: int
    mel: MelSettings
    recipe: dict[str, Any] = field(default_factory=dict)
    loudest: float | None = None


def of_sound(waveform: Tensor, mel: MelSettings) -> Picture:
    """The picture of a sound at `mel.sample_rate`: (samples,), or (2, samples) where `mel.stereo`.

    One that is longer than the picture is cut with a 20 ms fade, unless the picture grows with it (`mel.whole`).
    """
    kept = waveform
    if not mel.whole:
        kept = audio.fit(waveform, mel.samples, round(CUT_FADE_MS / 1000 * mel.sample_rate))
    pixels, peak_db = codec.encode(kept[None], mel)
    pixels = pixels[0].cpu()
    if mel.stereo and riffusion.understands(mel):
        pixels = pixels[[0, 2]]
    samples = waveform.shape[-1] if mel.whole else min(waveform.shape[-1], mel.samples)
    return Picture(pixels, float(peak_db[0]), samples, mel, loudest=float(kept.abs().max()) if kept.numel() else 0.0)


def to_sound(picture: Picture, *, report: Report = silent) -> Tensor:
    """The sound (samples,), or (2, samples), of a picture, lossy: phase is found anew (see `mel.decode`).

    The inverse of `of_sound`. What would be beyond full scale is brought down to it as a whole.
    """
    loudest = None if picture.loudest is None else torch.tensor([picture.loudest])
    waveform = codec.decode(picture.pixels[None], torch.tensor([picture.peak_db]), picture.mel, loudest=loudest,
                            report=report)[0, ..., : picture.samples]
    return waveform / waveform.abs().max().clamp_min(1) if waveform.numel() else waveform


# --------------------------------------------------------------------------------------------------------------- files
def save(path: Path, picture: Picture) -> Path:
    """Write an 8-bit PNG, whole, with everything beside the pixels in an iTXt chunk; the inverse of `load`.

    Mono is grey, stereo red, green and blue for left, middle and right. With settings that Riffusion understands the
    colours and the EXIF are its own. Raises StudioError where it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise StudioError(f"{path}: pictures are written as PNG; let the name end in .png")
    carried = {"version": VERSION, "mel": as_dict(picture.mel), "peak_db": picture.peak_db,
               "samples": picture.samples, "loudest": picture.loudest, "recipe": picture.recipe}
    text = PngImagePlugin.PngInfo()
    text.add_itxt(CHUNK, json.dumps(carried, separators=(",", ":")))
    pixels, others = picture.pixels.cpu(), {}
    if riffusion.understands(picture.mel):
        image, others = riffusion.image_of(pixels), {"exif": riffusion.tags_of(picture.mel, picture.peak_db)}
    else:
        image = Image.fromarray((pixels if pixels.dim() == 2 else pixels.permute(1, 2, 0).contiguous()).numpy())
    return write_whole(path, lambda beside: image.save(beside, format="PNG", pnginfo=text, **others))


def load(path: Path, *, unmarked: bool = False) -> Picture:
    """Read a PNG that `save` wrote, or a picture of Riffusion's, with Riffusion's settings.

    unmarked : take any picture of 512 rows for one of Riffusion's, because its seed pictures say nothing of themselves
    Raises StudioError for a file that is no picture, a picture that is no spectrogram, and one that was scaled, cropped
    in height, coloured or otherwise no longer fits the settings it carries.
    """
    path = Path(path)
    image = _opened(path)
    text = getattr(image, "text", {}).get(CHUNK)
    if text is None:
        return _foreign(path, image, unmarked)
    try:
        carried = json.loads(text)
    except ValueError as error:
        raise StudioError(f"{path}: the settings inside are damaged; encode the sound anew") from error
    return _checked(path, image, carried)


def pixels_of(path: Path, mel: MelSettings) -> Tensor:
    """Only the pixels of a picture whose settings are known, as those of a dataset are: `load` takes thrice as long.

    Raises StudioError as `load` does, but for the settings inside, which it does not read.
    """
    return _pixels(path, _opened(path), mel)


def _opened(path: Path) -> Image.Image:
    """An image file, all of it read."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except UnidentifiedImageError as error:
        raise StudioError(f"{path}: is no picture; give a PNG that the studio wrote") from error
    except FileNotFoundError as error:
        raise StudioError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise StudioError(f"{path}: could not be read as a picture ({error.strerror or error}); "
                          "check the path, or encode the sound anew") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # how Pillow tells damaged chunks
        raise StudioError(f"{path}: is a damaged picture ({error}); encode the sound anew") from error


def _foreign(path: Path, image: Image.Image, unmarked: bool) -> Picture:
    """A picture without our settings: Riffusion's, or none that can be heard."""
    found = riffusion.read(image, str(path), unmarked=unmarked)
    if found is None:
        raise StudioError(f"{path}: is a picture, but no spectrogram of this studio (its settings are missing) nor one "
                          "that says it is Riffusion's; give a PNG that the studio wrote, or encode a sound first")
    return Picture(found.pixels, found.peak_db, found.samples, found.mel)


def _checked(path: Path, image: Image.Image, carried: Any) -> Picture:
    """A Picture out of a file's pixels and settings, or the sentence that says why they do not belong together."""
    if not isinstance(carried, Mapping) or not isinstance(carried.get("mel"), Mapping):
        raise StudioError(f"{path}: the settings inside are damaged (no mel settings); encode the sound anew")
    if carried.get("version") != VERSION:
        raise StudioError(f"{path}: is of version {carried.get('version')}, this studio reads version {VERSION}; "
                          "update the studio or encode the sound anew")
    mel = from_dict(MelSettings, carried["mel"], where=str(path))
    pixels = _pixels(path, image, mel)
    n_mels, n_frames = pixels.shape[-2:]
    if n_mels != mel.n_mels:
        raise StudioError(f"{path}: is {n_mels} pixels high, but its settings say n_mels {mel.n_mels}; "
                          "give the picture unscaled, or encode the sound anew")
    if (n_frames - 1) * mel.hop_length <= mel.pad:
        raise StudioError(f"{path}: is {n_frames} pixels wide, which is too narrow for a sound; encode the sound anew")
    if n_frames * mel.hop_length > LONGEST * mel.sample_rate:
        raise StudioError(f"{path}: is {n_frames} pixels wide, more than {LONGEST // 3600} hours of sound; cut it")
    peak_db, samples, loudest, recipe = (carried.get(name) for name in ("peak_db", "samples", "loudest", "recipe"))
    if not isinstance(peak_db, int | float) or not math.isfinite(peak_db):
        raise StudioError(f"{path}: its level peak_db is {peak_db!r}, not a number; encode the sound anew")
    if not isinstance(samples, int) or samples < 0:
        raise StudioError(f"{path}: its length is {samples!r} samples, which cannot be; encode the sound anew")
    if loudest is not None and (not isinstance(loudest, int | float) or not 0 <= loudest < math.inf):
        raise StudioError(f"{path}: its loudest sample is {loudest!r}, which cannot be; encode the sound anew")
    return Picture(pixels, float(peak_db), samples, mel, recipe if isinstance(recipe, dict) else {}, loudest)


def _pixels(path: Path, image: Image.Image, mel: MelSettings) -> Tensor:
    """The pixels of an image that carries our settings: grey for mono, colours for stereo."""
    theirs = riffusion.understands(mel)
    wanted = "RGB" if mel.stereo or theirs else "L"
    if image.mode != wanted:
        raise StudioError(f"{path}: is no longer an 8-bit {'RGB' if wanted == 'RGB' else 'grey'} picture; save it as "
                          f"8-bit {'RGB' if wanted == 'RGB' else 'grey, without colours'}")
    if theirs:
        return riffusion.pixels_of(image, stereo=mel.stereo)
    pixels = torch.from_numpy(numpy.array(image))
    return pixels.permute(2, 0, 1).contiguous() if mel.stereo else pixels


# ------------------------------------------------------------------------------------------------------------- showing
def coloured(pixels: Tensor) -> Image.Image:
    """Pixels, 0…255, as an RGB image for eyes, which nothing reads back.

    (n_mels, n_frames) in the colours of magma; stereo as it is stored, so that what is grey is in the middle.
    """
    levels = torch.as_tensor(pixels).detach().cpu().float()
    if levels.dim() == 3 and len(levels) == 2:
        levels = torch.stack([levels[0], levels.mean(dim=0), levels[1]])
    levels = levels.round().clamp(0, 255).to(torch.uint8)
    if levels.dim() == 3:
        return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())
    return Image.fromarray(_magma()[levels.numpy()])


@lru_cache(maxsize=1)
def _magma() -> numpy.ndarray:
    """The colour of each pixel value, (256, 3) uint8."""
    return (matplotlib.colormaps["magma"](numpy.arange(256))[:, :3] * 255).round().astype(numpy.uint8)
