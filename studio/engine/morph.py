"""Travelling between two sounds: a row of one-shots on the way, or one long track or loop.

Words travel in a straight line, noise on the sphere that Gaussian noise lives on.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.engine import crossfade, denoising, devices, loras, mel as codec
from studio.engine.latents import noise_for, pixels_from_latents
from studio.engine.library import Take, keep_sound, recipe_for, with_seed
from studio.engine.models import Base, check_fits, load_base
from studio.engine.wav_stream import WavStream
from studio.errors import Cancelled, StudioError
from studio.files import write_whole
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, MorphSettings

OVERLAP = 8  # neighbouring windows of a track share one part in so many
TRACK_PEAK = 0.6  # of a window, so that two that overlap stay below full scale
ATTACK_MS = 16.0  # of a window's beginning, which tell whether it is an attack
END_FADE_MS = 20.0


def morph(settings: MorphSettings, folder: Path, *, report: Report = silent) -> Iterator[Take]:
    """Make `settings.count` one-shots from `start` to `end`, both included; yields each take as soon as it is on disk.

    The first is what `generate` makes of `start` and `seed`, the last of `end` and seed + 1. Each recipe carries its
    "place" on the way, 0…1. Raises StudioError for a base or LoRA that does not work, and lets `Cancelled` out of
    `report` through; takes that were yielded stay.
    """
    settings = _whole(settings)
    way = _open(settings)
    places = torch.linspace(0, 1, settings.count, dtype=torch.float64).tolist()
    for number, place in enumerate(places):
        pixels = _picture(way, settings, place, report)
        recipe = {**recipe_for(settings, "morph", way.mel), "place": round(place, 6)}
        name = f"{settings.start}_to_{settings.end}_{settings.seed}_{number + 1:03d}"
        take = keep_sound(pixels, way.mel, recipe, folder, name, report=report)
        report(Progress("morph", number + 1, settings.count, note=take.path.name))
        yield take


def track(settings: MorphSettings, target: Path, *, report: Report = silent) -> Path:
    """Write what `stream` makes, `settings.seconds` to the sample, as one 24-bit WAV with its recipe; returns `target`.

    Memory stays flat: each piece goes to disk as it is made. A stop (`Cancelled` out of `report`) keeps what there is
    as a whole WAV that fades out, and then goes on to the caller; before the first piece it writes nothing.
    Raises StudioError for a base or LoRA that does not work, and where `target` cannot be written.
    """
    target, settings = Path(target), _whole(settings)
    if target.suffix.lower() != ".wav":
        raise StudioError(f"{target}: tracks are written as WAV; let the name end in .wav")
    way = _open(settings)
    fade = round(END_FADE_MS / 1000 * way.mel.sample_rate)
    stops: list[Cancelled] = []

    def fill(beside: Path) -> None:
        held = None  # the newest piece waits, so that a stop can fade it out
        with WavStream(beside, way.mel.sample_rate, recipe_for(settings, "track", way.mel)) as file:
            try:
                for piece in _pieces(way, settings, report):
                    if held is not None:
                        file.append(held)
                    held = piece
            except Cancelled as stop:
                if held is None:
                    raise
                stops.append(stop)
                held = crossfade.fade_out(held, fade)
            file.append(held)

    write_whole(target, fill)
    if stops:
        raise stops[0]
    return target


def stream(settings: MorphSettings, *, report: Report = silent) -> tuple[int, Iterator[Tensor]]:
    """A track as it is made: its sample_rate, and pieces (samples,) that are played in a row.

    The pieces are exactly `settings.seconds` long in sum. Windows overlap by an eighth and cross-fade at constant
    power. With `loop` the way goes there and back, and the first sample follows the last without a seam.
    """
    settings = _whole(settings)
    way = _open(settings)
    return way.mel.sample_rate, _pieces(way, settings, report)


def slerp(start: Tensor, end: Tensor, place: float) -> Tensor:
    """Spherical interpolation of two tensors of one shape (Shoemake 1985), place 0…1; the ends are exact.

    Keeps the length that Gaussian noise has, where a straight line would sag. Parallel tensors go in a straight line.
    """
    cosine = float(torch.nn.functional.cosine_similarity(start.flatten().double(), end.flatten().double(), dim=0))
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-4:
        return torch.lerp(start, end, place)
    return (start * (math.sin((1 - place) * angle) / math.sin(angle))
            + end * (math.sin(place * angle) / math.sin(angle)))


# ----------------------------------------------------------------------------------------------------------- the way
@dataclass(frozen=True)
class _Way:
    """A base, and both ends of a way through what it can make."""

    base: Base
    mel: MelSettings
    guides: tuple[Tensor, Tensor]  # (2, tokens, channels) each
    noises: tuple[Tensor, Tensor]  # (1, channels, h, w) each


def _whole(settings: MorphSettings) -> MorphSettings:
    """The settings with the seed drawn, and with an end where there was none."""
    return replace(with_seed(settings), end=settings.end or settings.start)


def _open(settings: MorphSettings) -> _Way:
    base = load_base(settings.base, settings.device)
    mel = loras.use(base, settings.lora) or base.mel
    check_fits(base, mel)
    start, end = (denoising.words(base, prompt, settings.negative_prompt) for prompt in (settings.start, settings.end))
    first, last = (noise_for(base, mel, [settings.seed + i]) for i in (0, 1))
    return _Way(base, mel, (start, end), (first, last))


def _picture(way: _Way, settings: MorphSettings, place: float, report: Report) -> Tensor:
    """The picture at a place of the way, (n_mels, n_frames) float 0…255, by the same steps as `generate`."""
    def after_step(pipeline: Any, step: int, timestep: int, tensors: dict) -> dict:
        report(Progress("denoise", step + 1, settings.steps))
        return tensors

    way.base.use_scheduler(denoising.SCHEDULER)
    prompt, negative = torch.lerp(*way.guides, place).split(1)
    latents = way.base.pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, height=way.mel.n_mels, width=way.mel.n_frames,
        num_inference_steps=settings.steps, guidance_scale=settings.guidance, latents=slerp(*way.noises, place),
        output_type="latent", callback_on_step_end=after_step).images
    return pixels_from_latents(way.base, latents)[0]


# ------------------------------------------------------------------------------------------------------------- tracks
def _pieces(way: _Way, settings: MorphSettings, report: Report) -> Iterator[Tensor]:
    """A track window by window. A loop begins with its last window, whose end runs on into the beginning."""
    mel = way.mel
    starts, overlap = _plan(round(settings.seconds * mel.sample_rate), mel.samples, settings.loop)
    count = len(starts) - 1
    attack = round(ATTACK_MS / 1000 * mel.sample_rate)
    gain = _Gain()
    last = _window(way, settings, count - 1, count, gain, report) if settings.loop else None
    before = None if last is None else last[starts[-1] - starts[-2] :][:overlap]
    for number in range(count):
        spacing = starts[number + 1] - starts[number]
        if last is not None and number == count - 1:
            window = last
        else:
            window = _window(way, settings, number, count, gain, report)
        head = window[:overlap] if before is None else crossfade.enter(before, window[:overlap], attack)
        before = window[spacing : spacing + overlap]
        yield torch.cat([head, window[overlap:spacing]])
        report(Progress("track", number + 1, count))
    if not settings.loop:
        yield crossfade.fade_out(before, round(END_FADE_MS / 1000 * mel.sample_rate))


def _plan(samples: int, longest: int, loop: bool) -> tuple[list[int], int]:
    """Where the windows of a track begin, evenly spread, with the end of the last one's own part; and the overlap.

    Window i has its own part from starts[i] to starts[i + 1] and goes on for the overlap. In a loop the last one goes
    on into the first; else the track ends with it.
    """
    overlap = min(longest // OVERLAP, samples // 2)
    way = samples if loop else samples - overlap
    count = -(-way // (longest - overlap))
    return [round(i * way / count) for i in range(count + 1)], overlap


def _window(way: _Way, settings: MorphSettings, number: int, count: int, gain: "_Gain", report: Report) -> Tensor:
    """The sound (mel.samples,) of a track's window: along the way, in a loop there and back."""
    place = 1 - abs(1 - 2 * number / count) if settings.loop else number / max(1, count - 1)
    pixels = _picture(way, settings, place, report)[None]
    pixels = pixels.to(devices.for_audio(pixels.device))
    return gain(codec.decode(pixels, torch.zeros(1, device=pixels.device), way.mel, report=report)[0].cpu())


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
