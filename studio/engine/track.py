"""One long track or loop along a way, made window by window and joined without seams."""

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import crossfade, devices, mel as codec, way
from studio.engine.library import recipe_for
from studio.engine.wav_stream import WavStream
from studio.engine.way import Way
from studio.engine.windows import OVERLAP
from studio.errors import Cancelled, StudioError
from studio.files import whole
from studio.progress import Progress, Report, silent
from studio.settings import MorphSettings

TRACK_PEAK = 0.6  # of a window, so that two that overlap stay below full scale
ATTACK_MS = 16.0  # of a window's beginning, which tell whether it is an attack
END_FADE_MS = 20.0
SPACINGS = (4.0, 2.0, 1.0, 0.5, 0.25, 0.125)  # beats from one window to the next


def track(settings: MorphSettings, target: Path, *, report: Report = silent) -> Path:
    """Write what `stream` makes, `settings.duration` to the sample, as one 24-bit WAV with its recipe.

    Returns `target`. Memory stays flat: each piece goes to disk as it is made. A stop (`Cancelled` out of `report`)
    keeps what there is as a whole WAV that fades out, and then goes on to the caller; before the first piece it writes
    nothing. Raises StudioError for a base or LoRA that does not work, and where `target` cannot be written.
    """
    for _ in record(settings, target, report=report)[1]:
        pass
    return Path(target)


def record(settings: MorphSettings, target: Path, *, report: Report = silent) -> tuple[int, Iterator[Tensor]]:
    """As `stream`, and what is played is written as well: `target` is there, as by `track`, once the pieces end."""
    target, settings = Path(target), way.whole(settings)
    if target.suffix.lower() != ".wav":
        raise StudioError(f"{target}: tracks are written as WAV; let the name end in .wav")
    found = way.find(settings)
    return found.mel.sample_rate, _recorded(found, settings, target, report)


def _recorded(found: Way, settings: MorphSettings, target: Path, report: Report) -> Iterator[Tensor]:
    fade = round(END_FADE_MS / 1000 * found.mel.sample_rate)
    held, stopped = None, None  # the newest piece waits, so that a stop can fade it out
    with whole(target) as beside, \
            WavStream(beside, found.mel.sample_rate, recipe_for(settings, "track", found.mel), target.stem) as file:
        try:
            for piece in _pieces(found, settings, report):
                if held is not None:
                    file.append(held)
                held = piece
                yield piece
        except Cancelled as stop:
            if held is None:
                raise
            held, stopped = crossfade.fade_out(held, fade), stop
        file.append(held)
    if stopped:
        raise stopped


def stream(settings: MorphSettings, *, report: Report = silent) -> tuple[int, Iterator[Tensor]]:
    """A track as it is made: its sample_rate, and pieces (samples,) that are played in a row.

    The pieces are exactly `settings.duration` long in sum. Windows overlap by an eighth and cross-fade at constant
    power; with `bpm` each begins on a beat or a part of one. With `loop` the way goes there and back, and the first
    sample follows the last without a seam.
    """
    settings = way.whole(settings)
    found = way.find(settings)
    return found.mel.sample_rate, _pieces(found, settings, report)


def _pieces(found: Way, settings: MorphSettings, report: Report) -> Iterator[Tensor]:
    """A track window by window. A loop begins with its last window, whose end runs on into the beginning."""
    mel = found.mel
    beat = 60 / settings.bpm * mel.sample_rate if settings.bpm else 0.0
    starts, overlap = _plan(round(settings.duration * mel.sample_rate), mel.samples, settings.loop, beat)
    count = len(starts) - 1
    attack = round(ATTACK_MS / 1000 * mel.sample_rate)
    gain = _Gain()
    last = _window(found, settings, count - 1, count, gain, report) if settings.loop else None
    before = None if last is None else last[starts[-1] - starts[-2] :][:overlap]
    for number in range(count):
        spacing = starts[number + 1] - starts[number]
        if last is not None and number == count - 1:
            window = last
        else:
            window = _window(found, settings, number, count, gain, report)
        head = window[:overlap] if before is None else crossfade.enter(before, window[:overlap], attack)
        before = window[spacing : spacing + overlap]
        yield torch.cat([head, window[overlap:spacing]])
        report(Progress("track", number + 1, count))
    if not settings.loop:
        yield crossfade.fade_out(before, round(END_FADE_MS / 1000 * mel.sample_rate))


def _plan(samples: int, longest: int, loop: bool, beat: float = 0.0) -> tuple[list[int], int]:
    """Where the windows of a track begin, evenly spread, with the end of the last one's own part; and the overlap.

    Window i has its own part from starts[i] to starts[i + 1] and goes on for the overlap. In a loop the last one goes
    on into the first; else the track ends with it. With a `beat`, in samples, windows begin on beats: on every fourth,
    second, first, or on the half, quarter or eighth of one, whatever is the longest that a window can fill. Where the
    end is no beat, the last window's own part is longer than others, or it begins half a step earlier.
    """
    overlap = min(longest // OVERLAP, samples // 2)
    spacing = next((part * beat for part in SPACINGS if part * beat <= longest - overlap), 0.0)
    if spacing:
        overlap = min(overlap, int(spacing) // 2)
    own, span = longest - overlap, samples if loop else samples - overlap
    if not spacing:
        count = -(-span // own)
        return [round(i * span / count) for i in range(count + 1)], overlap
    count = max(1, round(span / spacing), math.ceil((span - own) / spacing) + 1)
    starts = [round(i * spacing) for i in range(count)]
    if count > 1 and span - starts[-1] < overlap:
        starts[-1] = round((count - 1.5) * spacing)
    return [*starts, span], overlap


def _window(found: Way, settings: MorphSettings, number: int, count: int, gain: "_Gain", report: Report) -> Tensor:
    """The sound (mel.samples,) of a track's window: along the way, in a loop there and back."""
    place = 1 - abs(1 - 2 * number / count) if settings.loop else number / max(1, count - 1)
    pixels = found.picture(place, report=report)[None]
    pixels = pixels.to(devices.for_audio(pixels.device))
    return gain(codec.decode(pixels, torch.zeros(1, device=pixels.device), found.mel, report=report)[0].cpu())


class _Gain:
    """One gain for a whole track, found at its first window that sounds; only a window that would clip gets less."""

    def __init__(self) -> None:
        self._found = 0.0

    def __call__(self, waveform: Tensor) -> Tensor:
        peak = float(waveform.abs().max())
        if peak == 0:
            return waveform
        self._found = self._found or TRACK_PEAK / peak
        return waveform * min(self._found, TRACK_PEAK / peak)
