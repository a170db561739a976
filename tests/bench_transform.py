"""Sound to sound, tracks and loops in figures (`make bench-transform SOUND=file`): likeness, seams, wraps, seconds.

    python tests/bench_transform.py SOUND [--base BASE] [--seconds N]

SOUND : a sound of some seconds, such as a clip of music
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import torch
from bench_base import head, row
from torch import Tensor

from studio.engine import audio, track as track_room
from studio.engine.likeness import compare
from studio.engine.track import track
from studio.engine.transform import transform
from studio.settings import MorphSettings, TransformSettings

AROUND_MS = 20.0  # on either side of a join


def changed(sound: Path, base: str, folder: Path) -> None:
    """Sound to sound at several strengths, its phase found anew and begun from the sound's own."""
    original, rate = audio.read(sound)
    head(f"{sound.name}, {original.shape[1] / rate:.2f} s, made anew as “piano”", "strength", "phase", "spectrum dB",
         "level dB", "samples off", "peak", "seconds")
    for strength, keep_phase in itertools.product((0.0, 0.3, 0.6), (False, True)):
        settings = TransformSettings(prompt="piano", strength=strength, keep_phase=keep_phase, seed=1, base=base,
                                     device="cpu")
        start = time.perf_counter()
        made, _ = audio.read(transform(sound, folder / "made.wav", settings))
        seconds = time.perf_counter() - start
        mono = audio.to_mono(original), audio.to_mono(made)
        like = compare(*mono, rate)
        level = float(20 * torch.log10(mono[1].norm() / mono[0].norm()))
        row(f"{strength:g}", "the sound's own" if keep_phase else "anew", like.spectrum_db, level,
            made.shape[1] - original.shape[1], float(made.abs().max()), seconds)


def jumps(waveform: Tensor, rate: int, places: list[int]) -> Tensor:
    """(places, 2) dB: how far level and spectrum jump from the time before a place to the time after it."""
    width = round(AROUND_MS / 1000 * rate)
    found = []
    for place in places:
        before, after = waveform[place - width : place], waveform[place : place + width]
        window = torch.hann_window(width)
        spectra = [torch.fft.rfft(part * window).abs().clamp_min(1e-5) for part in (before, after)]
        level = 20 * (after.square().mean().sqrt() + 1e-5).log10() - 20 * (before.square().mean().sqrt() + 1e-5).log10()
        found.append([abs(float(level)), float((20 * (spectra[1] / spectra[0]).log10()).abs().mean())])
    return torch.tensor(found)


def seams(seconds: float, base: str, folder: Path) -> None:
    """A track's joins against as many other places of it: an attack jumps wherever it stands, a seam must not."""
    settings = MorphSettings(start="long crash", end="long ride", seconds=seconds, seed=1, base=base, device="cpu")
    start = time.perf_counter()
    waveform, rate = audio.read(track(settings, folder / "track.wav"))
    spent = time.perf_counter() - start
    mono = waveform[0]
    mel = track_room.way.find(track_room.way.whole(settings)).mel
    starts, overlap = track_room._plan(len(mono), mel.samples, False)
    joins = [begin + part for begin in starts[1:-1] for part in (overlap // 4, overlap // 2, overlap)]
    others = [begin + (starts[1] - starts[0]) // 2 + part for begin in starts[1:-2] for part in (0, overlap // 2)]
    head(f"A track of {seconds:g} s, {len(starts) - 1} windows, made in {spent:.1f} s", "where",
         "level jump dB, median", "largest", "spectrum jump dB, median", "largest")
    for name, places in (("in the joins", joins), ("elsewhere", others)):
        found = jumps(mono, rate, places)
        row(name, *(float(value) for column in found.T for value in (column.median(), column.max())))


def wraps(base: str, folder: Path) -> None:
    """A loop played twice: the step at the wrap against the steps elsewhere."""
    head("Loops of 2 bars, played twice", "tempo", "samples off", "step at the wrap", "steps elsewhere, 99.9 %",
         "largest", "level jump dB at the wrap")
    for bpm in (90.0, 120.0, 174.0):
        settings = MorphSettings(start="shaker", end="closed hat", bpm=bpm, bars=2, loop=True, seed=1, base=base,
                                 device="cpu")
        mono, rate = audio.read(track(settings, folder / "loop.wav"))
        twice = torch.cat([mono[0], mono[0]])
        steps = twice.diff().abs()
        wrap = len(mono[0]) - 1
        row(f"{bpm:g}", len(mono[0]) - round(8 * 60 / bpm * rate), float(steps[wrap - 1 : wrap + 2].max()),
            float(steps.quantile(0.999)) if len(steps) < 1 << 24 else float("nan"), float(steps.max()),
            float(jumps(twice, rate, [wrap + 1])[0, 0]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        changed(options.sound, options.base, Path(made))
        seams(options.seconds, options.base, Path(made))
        wraps(options.base, Path(made))
