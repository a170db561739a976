"""Datasets of synthesised thumps for the tests of training."""

from pathlib import Path

import torch

from studio.engine import audio, preparation
from studio.settings import MelSettings, PrepareSettings

QUICK = MelSettings(iterations=2)  # a decoder of two rounds: previews are heard by nobody here


def thumps(folder: Path, count: int, mel: MelSettings = QUICK) -> Path:
    """A dataset of `count` kicks that differ in pitch and length."""
    time = torch.arange(20000) / 44100
    for number in range(count):
        sound = torch.exp(-(8 + 2 * number) * time) * torch.sin(2 * torch.pi * (50 + 20 * number) * time)
        audio.write(folder / "sounds" / f"kick {number:02d}.wav", 0.9 * sound, 44100)
    preparation.prepare([folder / "sounds"], folder / "dataset", mel, PrepareSettings())
    return folder / "dataset"
