"""Ways through what a base can make: from point to point, or over the field between four corners.

A point is a prompt with a seed of its own, and LoRAs with strengths; the first and the last may be sounds. Words and
strengths travel in a straight line, noise on the sphere that Gaussian noise lives on.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio, denoising, loras, mel as codec, picture
from studio.engine.latents import latents_from_pixels, noise_for, pixels_from_latents
from studio.engine.library import settled
from studio.engine.models import Base, check_fits, load_base
from studio.engine.painting import paint_from
from studio.engine.prompts import guides
from studio.errors import StudioError
from studio.progress import Report, silent
from studio.settings import MelSettings, MorphSettings, TransformSettings


def slerp(start: Tensor, end: Tensor, place: float) -> Tensor:
    """Spherical interpolation of two tensors of one shape (Shoemake 1985), place 0…1; the ends are exact.

    Keeps the length that Gaussian noise has, where a straight line would sag. Parallel tensors go in a straight line.
    """
    exact = (each.flatten().cpu().double() for each in (start, end))  # MPS has no float64
    cosine = float(torch.nn.functional.cosine_similarity(*exact, dim=0))
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-4:
        return torch.lerp(start, end, place)
    return (start * (math.sin((1 - place) * angle) / math.sin(angle))
            + end * (math.sin(place * angle) / math.sin(angle)))


@dataclass(frozen=True)
class Point:
    """What a sound is made from: words as `prompts.guides` gives them, and noise (1, channels, h, w)."""

    guides: Tensor
    noise: Tensor

    def toward(self, other: "Point", place: float) -> "Point":
        """The point between this one (place 0) and another (place 1)."""
        if place in (0, 1):
            return other if place else self
        return Point(torch.lerp(self.guides, other.guides, place), slerp(self.noise, other.noise, place))


@dataclass(frozen=True)
class Way:
    """A base, the points of a way and, below them, those of the field's other side; () where it is no field."""

    base: Base
    mel: MelSettings
    settings: MorphSettings
    points: tuple[Point, ...]
    below: tuple[Point, ...]
    sounds: tuple[Tensor, Tensor] | None  # pictures (n_mels, n_frames) at both ends

    def picture(self, place: float, row: float = 0.0, *, report: Report = silent) -> Tensor:
        """The picture at a place of the way, 0…1, and in a field at a row of it: (n_mels, n_frames) float 0…255."""
        point = _along(self.points, place)
        if self.below:
            point = point.toward(_along(self.below, place), row)
        if self.settings.lora_end:
            loras.use(self.base, _travelling(self.settings.lora, self.settings.lora_end, place))
        if self.sounds is not None:
            return self._between_sounds(point, place, report)
        self.base.use_scheduler(self.settings.scheduler)
        return paint_from(self.base, self.mel, self.settings, point.guides, point.noise, [self.settings.seed],
                          report=report)[0]

    def _between_sounds(self, point: Point, place: float, report: Report) -> Tensor:
        """A picture between two: the ends are themselves, and the middle is made anew the most, guided by the words.

        Latents of both are mixed in a straight line and denoised from as much noise as `strength` says for the middle.
        """
        strength = self.settings.strength * math.sin(math.pi * place)
        if strength < 1 / (2 * self.settings.steps):
            return self.sounds[round(place)].float()
        start, end = latents_from_pixels(self.base, torch.stack(self.sounds)).split(1)
        knobs = TransformSettings(strength=strength, seed=self.settings.seed, steps=self.settings.steps,
                                  guidance=self.settings.guidance, scheduler=self.settings.scheduler)
        latents = denoising.denoise(self.base, point.noise, point.guides, knobs,
                                    original=torch.lerp(start, end, place), report=report)
        return pixels_from_latents(self.base, latents)[0]


def whole(settings: MorphSettings) -> MorphSettings:
    """The settings with the seed drawn, and with an end where there was none."""
    end = settings.end or settings.start
    return dataclasses.replace(settled(settings), end=end, end_sound=settings.end_sound or settings.start_sound)


def find(settings: MorphSettings) -> Way:
    """Load what a way needs; `settings` as `whole` gives them. Point i has the seed `settings.seed` + i.

    Raises StudioError for a base, LoRA or sound that does not work.
    """
    base = load_base(settings.base, settings.device)
    mel = loras.use(base, settings.lora) or base.mel
    mel = dataclasses.replace(mel, stereo=False, whole=False)
    check_fits(base, mel)
    prompts = [settings.start, *settings.via, settings.end]
    points = tuple(_point(base, mel, settings, prompt, settings.seed + number)
                   for number, prompt in enumerate([*prompts, *settings.below]))
    sounds = None
    if settings.start_sound:
        sounds = tuple(_pictured(Path(sound), mel) for sound in (settings.start_sound, settings.end_sound))
    return Way(base, mel, settings, points[: len(prompts)], points[len(prompts) :], sounds)


def _point(base: Base, mel: MelSettings, settings: MorphSettings, prompt: str, seed: int) -> Point:
    return Point(guides(base, [prompt], [settings.negative_prompt]), noise_for(base, mel, [seed]))


def _pictured(path: Path, mel: MelSettings) -> Tensor:
    waveform, sample_rate = audio.read(path)
    mono = audio.resample(audio.to_mono(waveform), sample_rate, mel.sample_rate)
    image = picture.of_sound(mono, mel)
    if image.peak_db <= codec.SILENCE_DB:
        raise StudioError(f"{path}: is silent, so there is nothing to travel from; give another sound")
    return image.pixels


def _along(points: tuple[Point, ...], place: float) -> Point:
    """The point at a place, 0…1, of a way through all points, which lie evenly spread."""
    far = place * (len(points) - 1)
    number = min(int(far), len(points) - 2)
    return points[number].toward(points[number + 1], far - number)


def _travelling(start: tuple[str, ...], end: tuple[str, ...], place: float) -> list[str]:
    """Each LoRA of both ends with its strength at a place; one that is at one end only is absent from the other."""
    ends = [loras.strengths(side) for side in (start, end)]
    files = list(dict.fromkeys([*ends[0], *ends[1]]))
    return [f"{file}:{(1 - place) * ends[0].get(file, 0.0) + place * ends[1].get(file, 0.0)}" for file in files]
