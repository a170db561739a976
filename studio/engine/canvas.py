"""A whole sound as a picture to paint a mask on: its columns lie as `masks` lays them, however long it is."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio, closeup, loras, masks, mel as codec
from studio.engine.models import check_fits, load_base
from studio.engine.windows import windows
from studio.errors import StudioError
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, TransformSettings

WIDEST = 2400  # columns that are shown; of a longer sound several share one
AT_ONCE = 4096  # columns whose spectrum is held in memory


@dataclass(frozen=True)
class Canvas:
    """What a page needs to let a mask be painted.

    pixels  : (n_mels, width) uint8, row 0 the highest band; `heard` columns, or several of them in one
    columns : of the picture that a mask lies over; only the first `heard` of them hold sound
    begin, end : in seconds, where the first column begins and the last one that is heard ends
    ticks   : frequencies in words, each with its height, 0 at the bottom and 1 at the top
    windows : pictures of the base's size that the whole sound takes
    """

    pixels: Tensor
    columns: int
    heard: int
    begin: float
    end: float
    ticks: tuple[tuple[str, float], ...]
    windows: int


def of_file(path: Path, settings: TransformSettings, *, report: Report = silent) -> tuple[Canvas, Tensor, int]:
    """The canvas of a sound file for the base and the LoRAs of `settings`; its waveform and sample_rate beside it.

    Raises StudioError for a file that is no sound or silent, and for a base or LoRA that does not work.
    """
    waveform, sample_rate = audio.read(path)
    if not waveform.any():
        raise StudioError(f"{Path(path).name}: is silent, so there is nothing to make anew; choose another sound")
    base = load_base(settings.base, settings.device)
    mel = next(filter(None, (loras.read(file).mel for file, _ in map(loras.split, settings.lora))), base.mel)
    check_fits(base, mel)
    return of_sound(waveform, sample_rate, mel, report=report), waveform, sample_rate


def of_sound(waveform: Tensor, sample_rate: int, mel: MelSettings, *, report: Report = silent) -> Canvas:
    """The canvas of a sound (channels, samples) at any rate, its channels mixed."""
    mono = audio.resample(audio.to_mono(waveform), sample_rate, mel.sample_rate)
    samples, hop = len(mono), mel.hop_length
    heard = -(-(samples + mel.pad) // hop) + 1
    seen = dataclasses.replace(mel, whole=True, stereo=False, inverted=False)
    pixels = codec.to_pixels(_power(mono, seen, heard, report)[None], seen)[0][0]
    begin, end = (((column - 0.5) * hop - mel.pad) / mel.sample_rate for column in (0, heard))
    return Canvas(pixels, masks.columns(mel, samples), heard, begin, end, closeup.ticks(mel),
                  len(windows(mel, samples)))


def _power(mono: Tensor, mel: MelSettings, heard: int, report: Report) -> Tensor:
    """Band power (n_mels, width), the loudest of the columns that share one; stretch by stretch."""
    shared = -(-heard // WIDEST)
    step = shared * (AT_ONCE // shared or 1)
    # columns that a slice reaches over: each stretch hears as much on both sides of it, so that no seam is seen
    reach = -(-max(mel.n_fft, mel.bass_n_fft) // mel.hop_length)
    parts = []
    for first in range(0, heard, step):
        lead = min(reach, first)
        start = (first - lead) * mel.hop_length
        power = codec.mel_spectrogram(mono[None, start : start + (lead + step + reach) * mel.hop_length], mel)[0]
        part = power[:, lead : lead + step]
        missing = shared * -(-min(step, heard - first) // shared) - part.shape[1]
        part = torch.nn.functional.pad(part, (0, missing))
        parts.append(part.unflatten(1, (-1, shared)).amax(dim=2))
        report(Progress("looking at the sound", min(heard, first + step), heard))
    return torch.cat(parts, dim=1)
