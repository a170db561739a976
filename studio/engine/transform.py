"""Sound to sound: an existing sound made anew as far as `strength` asks, or only where a mask says so.

The sound is read in overlapping windows of one picture each; every window is denoised from its own noise and decoded at
its own level, and the windows are joined by cross-fades of constant power.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio, crossfade, denoising, devices, loras, masks, mel as codec
from studio.engine.latents import latents_from_pixels, noise_for, pixels_from_latents
from studio.engine.library import recipe_for, with_seed
from studio.engine.models import Base, check_fits, load_base
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, TransformSettings

BATCH = 4  # windows made at once
OVERLAP = 8  # neighbouring windows share one part in so many
KNEE = 0.9  # a decoder can overshoot what it was given; peaks above this are bent below full scale
MOST_GAIN, LEAST_GAIN = 100.0, 0.01  # ±20 dB of power, to bring a new picture to its sound's level
END_FADE_MS = 3.0  # what is made is cut where the sound ended
BORDER_MS = 8.0  # cross-fade between kept and made samples


def transform(source: Path, target: Path, settings: TransformSettings, *, mask: Path | None = None,
              report: Report = silent) -> Path:
    """Make the sound of a file anew and write it as 24-bit WAV with its recipe; returns `target`.

    The result is mono, has the source's sample_rate and exactly its length, and about its level. `strength` 0 gives
    the codec's round trip: lossy, because phase is found anew. Where a mask leaves whole stretches of time untouched,
    the samples there are the original's own (the mono mix's, where it is stereo).

    mask : a picture of any size over the whole sound, white = make anew, black = keep, grey = in between
    Raises StudioError for a file, base, LoRA or mask that does not work; a stop (`Cancelled`) writes nothing.
    """
    settings = with_seed(settings)
    waveform, sample_rate = audio.read(source)
    original = audio.to_mono(waveform)
    painted = None if mask is None else masks.read(mask)
    base = load_base(settings.base, settings.device)
    mel = loras.use(base, settings.lora) or base.mel
    check_fits(base, mel)
    heard = audio.resample(original, sample_rate, mel.sample_rate)
    anew = masks.over_sound(mel, len(heard), settings, painted)
    made = audio.resample(remake(base, mel, heard, anew, settings, report=report), mel.sample_rate, sample_rate)
    made = audio.fit(made, len(original), 0)
    if settings.strength > 0:
        made = crossfade.fade_out(made, min(round(END_FADE_MS / 1000 * sample_rate), len(made) // 8))
    touched = masks.touched(anew, mel, len(original), sample_rate, settings)
    whole = crossfade.lay_over(original, crossfade.soften(made, KNEE), touched, round(BORDER_MS / 1000 * sample_rate))
    recipe = {**recipe_for(settings, "transform", mel), "source": Path(source).name}
    if mask is not None:
        recipe["mask"] = Path(mask).name
    return audio.write(target, whole, sample_rate, recipe)


def remake(base: Base, mel: MelSettings, waveform: Tensor, anew: Tensor, settings: TransformSettings, *,
           report: Report = silent) -> Tensor:
    """A sound (samples,) at `mel.sample_rate` made anew, (samples,), window by window; window i has seed + i.

    anew : (n_mels, columns) in 0…1, what `masks.over_sound` gives; windows without any come out as silence
    """
    plan = [each for each in windows(mel, len(waveform)) if _part(anew, each, mel).any()]
    guides = denoising.words(base, settings.prompt, settings.negative_prompt)
    whole = torch.zeros_like(waveform)
    written = 0
    for window, sound in _remade(base, mel, waveform, anew, plan, guides, settings, report):
        shared = max(0, written - window.start)
        whole[window.start + shared : window.end] = sound[shared : window.end - window.start]
        if shared:
            outgoing = whole[window.start : written]
            whole[window.start : written] = crossfade.join(outgoing, sound[:shared])
        written = window.end
    return whole


@dataclass(frozen=True)
class Window:
    """One picture's part of a sound: it hears from `start` on, and its share of the result ends at `end` (samples)."""

    number: int
    column: int  # of the whole sound's picture, where this one begins
    start: int
    end: int


def windows(mel: MelSettings, samples: int) -> list[Window]:
    """The windows of a sound of `samples`, evenly spread on whole columns; neighbours overlap by an eighth."""
    shared = mel.n_frames // OVERLAP  # columns
    furthest = max(1, mel.samples // mel.hop_length - shared)  # columns from one to the next
    alone = samples <= mel.samples
    way = 0 if alone else samples - shared * mel.hop_length
    count = 1 if alone else -(-way // (furthest * mel.hop_length))
    columns = [round(i * way / count / mel.hop_length) for i in range(count)]
    ends = [(column + shared) * mel.hop_length for column in columns[1:]] + [samples]
    return [Window(i, column, column * mel.hop_length, end)
            for i, (column, end) in enumerate(zip(columns, ends, strict=True))]


def repaint(base: Base, pixels: Tensor, noise: Tensor, guides: Tensor, settings: TransformSettings, *,
            anew: Tensor | None = None, report: Report = silent) -> Tensor:
    """Pictures (n, n_mels, n_frames), 0…255, denoised anew from `strength` on; float, same shape.

    noise  : (n, channels, h, w), what `noise_for` gives
    guides : what `denoising.words` gives
    anew   : (n, n_mels, n_frames) in 0…1; where it is 0 the pixels come out as they went in
    """
    pixels = pixels.float().to(base.device)
    if settings.strength == 0:
        return pixels
    if anew is None:
        anew = torch.ones_like(pixels)
    anew = anew.to(base.device)
    original = latents_from_pixels(base, pixels)
    small = torch.nn.functional.adaptive_avg_pool2d(anew[:, None], noise.shape[-2:]).to(noise.dtype)
    latents = denoising.denoise(base, noise, guides, settings, original=original, anew=small, report=report)
    fresh = pixels_from_latents(base, latents).to(pixels.device)
    return pixels + anew * (fresh - pixels)


def _remade(base: Base, mel: MelSettings, waveform: Tensor, anew: Tensor, plan: list[Window], guides: Tensor,
            settings: TransformSettings, report: Report) -> Iterator[tuple[Window, Tensor]]:
    """Each window with its new sound (mel.samples,); silent windows are not put to the model."""
    for first in range(0, len(plan), BATCH):
        batch = plan[first : first + BATCH]
        masked = torch.stack([_part(anew, each, mel) for each in batch])
        sounds = torch.stack([audio.fit(waveform[each.start : each.start + mel.samples], mel.samples, 0)
                              for each in batch])
        pixels, peak_db = codec.encode(sounds, mel)
        busy = peak_db > codec.SILENCE_DB
        made = torch.zeros_like(sounds)
        if busy.any():
            seeds = [settings.seed + each.number for each, is_busy in zip(batch, busy, strict=True) if is_busy]
            noise = noise_for(base, mel, seeds)
            fresh = repaint(base, pixels[busy], noise, guides, settings, anew=masked[busy], report=report)
            loudest = sounds[busy].abs().amax(dim=1) if settings.strength == 0 else None  # else nobody knows it
            made[busy] = _decoded(fresh, pixels[busy], peak_db[busy], masked[busy], mel, report, loudest)
        yield from zip(batch, made, strict=True)
        report(Progress("transform", first + len(batch), len(plan)))


def _part(anew: Tensor, window: Window, mel: MelSettings) -> Tensor:
    """A window's part of the whole sound's mask; beyond the sound's end its last column goes on."""
    part = anew[:, window.column : window.column + mel.n_frames]
    return torch.nn.functional.pad(part[None], (0, mel.n_frames - part.shape[1]), mode="replicate")[0]


def _decoded(fresh: Tensor, pixels: Tensor, peak_db: Tensor, anew: Tensor, mel: MelSettings, report: Report,
             loudest: Tensor | None = None) -> Tensor:
    """New pictures as sounds (n, mel.samples) at the old ones' level: their loudest columns get the same power."""
    device = devices.for_audio(fresh.device)
    fresh, peak_db = fresh.to(device), peak_db.to(device)
    power = codec.from_pixels(fresh, peak_db, mel)
    before = _loudest(codec.from_pixels(pixels.to(device), peak_db, mel), mel)
    after = _loudest(power, mel)
    gain = torch.where(after > 0, before / after.clamp_min(1e-30), 1.0).clamp(LEAST_GAIN, MOST_GAIN)
    level = gain[:, None, None] ** anew.to(device).flip(1)  # power lies with its lowest band first
    return codec.invert(power * level, mel, loudest=loudest, report=report).cpu()


def _loudest(power: Tensor, mel: MelSettings) -> Tensor:
    """Energy of the loudest column of each band power (n, n_mels, n_frames), in any one unit: (n,)."""
    edges_hz = torch.tensor(mel.band_edges_hz, device=power.device)
    widths = torch.ones_like(edges_hz[2:]) if mel.norm == "none" else edges_hz[2:] - edges_hz[:-2]
    return (power[:, mel.rows_of_bass :] * widths[:, None]).sum(dim=1).amax(dim=1)  # the bass once
