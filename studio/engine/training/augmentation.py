"""Variants of a sound that are still that sound: a little quieter, a little later.

Which variants a sound has is a function of its picture and of what was asked for alone, so that the latents of one run
serve the next.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio, picture
from studio.settings import MelSettings, OneShot, TrainSettings

VARIANTS = 4  # of a sound that is augmented, the first of them as it is


@dataclass(frozen=True)
class Variant:
    """How a sound is changed: quieter by `gain_db`, later by `shift` samples."""

    gain_db: float = 0.0
    shift: int = 0


AS_IT_IS = Variant()


def variants_of(sha1: str, mel: MelSettings, settings: TrainSettings) -> list[Variant]:
    """The variants of the sound whose picture has this SHA-1: itself first, and alone where nothing is augmented."""
    if not (settings.gain_augment_db or settings.shift_augment_ms):
        return [AS_IT_IS]
    chance = torch.Generator().manual_seed(int(sha1[:12], 16))
    shares = (torch.rand(VARIANTS - 1, 2, generator=chance) + torch.arange(VARIANTS - 1)[:, None]) / (VARIANTS - 1)
    shifts = shares[torch.randperm(VARIANTS - 1, generator=chance), 1]
    longest = settings.shift_augment_ms / 1000 * mel.sample_rate
    # float32, as they are looked up again
    return [AS_IT_IS, *(Variant(float(torch.tensor(settings.gain_augment_db) * gain), round(longest * float(shift)))
                        for gain, shift in zip(shares[:, 0], shifts, strict=True))]


def pixels_of(folder: Path, shot: OneShot, mel: MelSettings, variant: Variant) -> Tensor:
    """The picture of a variant of a sound of the dataset in `folder`: (n_mels, n_frames), stereo (3, …); 0…255."""
    if variant.shift:
        waveform, _ = audio.read(folder / shot.audio)
        later = torch.nn.functional.pad(audio.to_sides(waveform, stereo=mel.stereo), (variant.shift, 0))
        pixels = picture.of_sound(later[..., : mel.samples], mel).pixels
    else:
        pixels = picture.pixels_of(folder / shot.file_name, mel)
    return quieter(pixels, mel, variant.gain_db) if variant.gain_db else pixels


def quieter(pixels: Tensor, mel: MelSettings, gain_db: float) -> Tensor:
    """A picture as it would be `gain_db` below its own peak: float 0…255, what falls out of the range is silent."""
    levels = 255 - pixels.float() if mel.inverted else pixels.float()
    gain_db *= mel.power / 2  # of a band, whose level is that of the waveform only where it holds power
    if mel.intensity == "decibels":
        levels = (levels - 255 * gain_db / mel.range_db).clamp_min(0)
    else:
        levels = levels * 10 ** (-gain_db / 10 * mel.root)
    return 255 - levels if mel.inverted else levels
