"""What is to be made anew in a picture of sound: white is repainted, black is kept, grey is a soft edge.

A mask lies over the picture of the whole sound, however many windows that takes: (n_mels, columns) float32 in 0…1, row
0 the highest band, column c at sample c · hop_length - pad.
"""

import math
from pathlib import Path

import numpy
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from studio.errors import StudioError
from studio.files import reason
from studio.settings import MelSettings, TransformSettings

SOFT_ROWS = 2  # of the edge at `repaint_above_hz`


def read(path: Path) -> Tensor:
    """A mask file, any size and colour depth, as (height, width) float32 in 0…1; what is transparent counts as black.

    Raises StudioError where it is missing or no picture.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255
                return torch.from_numpy(numpy.array(image, dtype=numpy.float32) / 65535).clamp(0, 1)
            layers = image.convert("RGBA").convert("LA")
    except UnidentifiedImageError as error:
        raise StudioError(f"{path}: is no picture; give a PNG, white where the sound is to change") from error
    except FileNotFoundError as error:
        raise StudioError(f"{path}: there is no such mask; check the path") from error
    except OSError as error:
        raise StudioError(f"{path}: could not be read as a mask ({reason(error)}); save it anew as PNG") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # how Pillow tells damaged chunks
        raise StudioError(f"{path}: is a damaged picture ({error}); save the mask anew as PNG") from error
    grey, opaque = torch.from_numpy(numpy.array(layers, dtype=numpy.float32) / 255).unbind(dim=2)
    return grey * opaque


def columns(mel: MelSettings, samples: int) -> int:
    """Columns of the picture of a whole sound: those of one picture, or more where the sound is longer."""
    return max(mel.n_frames, -(-(samples + mel.pad) // mel.hop_length) + 1)


def over_sound(mel: MelSettings, samples: int, settings: TransformSettings, painted: Tensor | None) -> Tensor:
    """What to make anew in a sound of `samples` at `mel.sample_rate`: (n_mels, columns); all three ways multiply.

    painted : a mask of any size (height, width), stretched over the whole picture
    Raises StudioError where `keep_ms` or `repaint_above_hz` leave nothing to make anew.
    """
    width = columns(mel, samples)
    anew = torch.ones(mel.n_mels, width)
    if settings.keep_ms > 0:
        keep = kept_samples(settings, mel.sample_rate)
        if keep >= samples:
            raise StudioError(f"keep_ms is {settings.keep_ms:g}, which keeps the whole sound "
                              f"of {1000 * samples / mel.sample_rate:.0f} ms; give less")
        times = torch.arange(width) * mel.hop_length - mel.pad
        anew *= (times >= keep).float()
    if settings.repaint_above_hz > 0:
        if settings.repaint_above_hz >= mel.f_max:
            raise StudioError(f"repaint_above_hz is {settings.repaint_above_hz:g}, but the picture ends at "
                              f"{mel.f_max:g} Hz; give less")
        above = torch.cat([_above(torch.tensor(edges_hz[1:-1]), settings.repaint_above_hz)
                           for edges_hz in (mel.bass_edges_hz, mel.band_edges_hz) if edges_hz])
        anew *= above.flip(0)[:, None]
    if painted is not None:
        anew *= torch.nn.functional.interpolate(painted[None, None], size=(mel.n_mels, width), mode="bilinear",
                                                antialias=True)[0, 0].clamp(0, 1)
    return anew


def _above(peaks_hz: Tensor, hz: float) -> Tensor:
    """(rows,) 1 for rows from `hz` on, 0 below, and a soft edge between."""
    first = int((peaks_hz < hz).sum())
    return ((torch.arange(len(peaks_hz)) - first + 1) / SOFT_ROWS).clamp(0, 1) * (first < len(peaks_hz))


def kept_samples(settings: TransformSettings, sample_rate: int) -> int:
    """How many samples at the beginning `keep_ms` keeps."""
    return round(settings.keep_ms / 1000 * sample_rate)


def touched(anew: Tensor, mel: MelSettings, samples: int, sample_rate: int,
            settings: TransformSettings) -> list[tuple[int, int]]:
    """The stretches (first, end) of a sound's `samples`, at its own `sample_rate`, in which anything is made anew.

    A sample belongs to its nearest column, and `keep_ms` counts to the sample.
    """
    painted = torch.nn.functional.pad((anew.amax(dim=0) > 0).int(), (1, 1)).diff()
    keep = kept_samples(settings, sample_rate)

    def sample(column: int) -> int:
        if column == anew.shape[1]:
            return samples
        at = ((column - 0.5) * mel.hop_length - mel.pad) * sample_rate / mel.sample_rate
        return min(samples, max(0, math.ceil(at)))

    stretches = ((max(keep, sample(int(first))), sample(int(end)))
                 for first, end in zip((painted == 1).nonzero(), (painted == -1).nonzero(), strict=True))
    return [(first, end) for first, end in stretches if first < end]
