"""Kits: the demo kit, so that someone without samples can go through everything."""

from pathlib import Path

from studio.engine import audio, synth
from studio.engine.latents import HEADROOM
from studio.progress import Progress, Report, silent

SAMPLE_RATE = 44100


def write_demo_kit(folder: Path, seed: int = 1, *, report: Report = silent) -> list[Path]:
    """Write the synthesised demo kit as 24-bit WAVs whose names caption themselves; returns their paths.

    Same seed, same bytes; a kit that is there already is written again, file for file.
    """
    sounds = synth.demo_kit(seed)
    paths = []
    for stem, waveform in sounds:
        paths.append(audio.write(Path(folder) / f"{stem}.wav", waveform * HEADROOM, SAMPLE_RATE))
        report(Progress("demo kit", len(paths), len(sounds), note=stem))
    return paths
