"""Sound to sound: an existing sound made anew as far as `strength` asks, or only where a mask says so.

The sound is read in overlapping windows of one picture each; every window is denoised from its own noise and decoded at
its own level, and the windows are joined by cross-fades of constant power. Both sides of a stereo sound, and what they
have in common, are denoised from the same noise, so that they change alike and the sound stays where it was.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio, crossfade, denoising, devices, loras, masks, mel as codec, stems
from studio.engine.colour import coloured_as
from studio.engine.latents import latents_from_pixels, noise_for, pixels_from_latents
from studio.engine.library import recipe_for, settled
from studio.engine.models import Base, check_fits, load_base
from studio.engine.prompts import guides
from studio.engine.windows import Window, windows
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, TransformSettings

BATCH = 4  # windows made at once
KNEE = 0.9  # a decoder can overshoot what it was given; peaks above this are bent below full scale
MOST_GAIN, LEAST_GAIN = 100.0, 0.01  # ±20 dB of power, to bring a new picture to its sound's level
END_FADE_MS = 3.0  # what is made is cut where the sound ended
BORDER_MS = 8.0  # cross-fade between kept and made samples


def transform(source: Path, target: Path, settings: TransformSettings, *, mask: Path | None = None,
              report: Report = silent) -> Path:
    """Make the sound of a file anew and write it as 24-bit WAV with its recipe; returns `target`.

    The result has the source's sample_rate, exactly its length, about its level, and two channels where the source
    has two; more become one. `strength` 0 gives the codec's round trip: lossy, because phase is found anew, unless
    `keep_phase` begins from the source's. Where a mask leaves whole stretches of time untouched, the samples there are
    the source's own. With `stem` only those instruments are made anew, and mixed back `stem_db` louder; a mix that
    exceeds full scale by it is made quieter as a whole.

    mask : a picture of any size over the whole sound, white = make anew, black = keep, grey = in between
    Raises StudioError for a file, base, LoRA, mask or reference that does not work; a stop (`Cancelled`) writes
    nothing.
    """
    audio.check_name(target)
    settings = settled(settings)
    waveform, sample_rate = audio.read(source)
    original = waveform if len(waveform) == 2 else audio.to_mono(waveform)[None]
    painted = None if mask is None else masks.read(mask)
    base = load_base(settings.base, settings.device)
    mel = loras.use(base, settings.lora) or base.mel
    check_fits(base, mel)
    part = original if not settings.stem else stems.apart(original, sample_rate, device=settings.device,
                                                          report=report)[settings.stem]
    made = over(base, mel, part, sample_rate, settings, painted, report=report)
    whole = made if not settings.stem else original - part + made * 10 ** (settings.stem_db / 20)
    whole = whole / whole.abs().max().clamp_min(1)  # a louder stem beside the others may need room
    recipe = {**recipe_for(settings, "transform", mel), "source": Path(source).name}
    if mask is not None:
        recipe["mask"] = Path(mask).name
    return audio.write(target, whole, sample_rate, recipe)


def over(base: Base, mel: MelSettings, original: Tensor, sample_rate: int, settings: TransformSettings,
         painted: Tensor | None = None, *, report: Report = silent) -> Tensor:
    """A sound (1 or 2, samples) at any rate made anew where it is to be, untouched elsewhere; same shape.

    painted : what `masks.read` gives, over the whole sound; None leaves it to the settings alone
    """
    heard = audio.resample(original, sample_rate, mel.sample_rate)
    twins = len(original) == 2 and torch.equal(*original)
    anew = masks.over_sound(mel, heard.shape[1], settings, painted)
    made = remake(base, mel, heard[:1] if twins else heard, anew, settings, report=report)
    made = audio.resample(made, mel.sample_rate, sample_rate).expand(len(original), -1)
    made = audio.fit(made, original.shape[1], 0)
    if settings.strength > 0:
        made = crossfade.fade_out(made, min(round(END_FADE_MS / 1000 * sample_rate), made.shape[1] // 8))
    touched = masks.touched(anew, mel, original.shape[1], sample_rate, settings)
    return crossfade.lay_over(original, crossfade.soften(made, KNEE), touched, round(BORDER_MS / 1000 * sample_rate))


def remake(base: Base, mel: MelSettings, waveform: Tensor, anew: Tensor, settings: TransformSettings, *,
           report: Report = silent) -> Tensor:
    """A sound (1 or 2, samples) at `mel.sample_rate` made anew, same shape; window i has seed + i.

    anew : (n_mels, columns) in 0…1, what `masks.over_sound` gives; windows without any come out as silence
    """
    plan = [each for each in windows(mel, waveform.shape[1]) if _part(anew, each, mel).any()]
    whole = torch.zeros_like(waveform)
    written = 0
    for window, sound in _remade(base, mel, waveform, anew, plan, settings, report):
        shared = max(0, written - window.start)
        whole[:, window.start + shared : window.end] = sound[:, shared : window.end - window.start]
        if shared:
            outgoing = whole[:, window.start : written]
            whole[:, window.start : written] = crossfade.join(outgoing, sound[:, :shared])
        written = window.end
    return whole


def repaint(base: Base, pixels: Tensor, noise: Tensor, words: Tensor, settings: TransformSettings, *,
            stereo: bool = False, anew: Tensor | None = None, seeds: Sequence[int] = (),
            report: Report = silent) -> Tensor:
    """Pictures (n, n_mels, n_frames), or stereo (n, 3, n_mels, n_frames), 0…255, denoised anew from `strength` on.

    noise   : (n, channels, h, w), what `noise_for` gives
    words   : what `prompts.guides` gives
    stereo  : whether the base, or the LoRA on it, has learned stereo pictures; one that has not draws the three planes
              of a stereo picture as three of its own, from the same noise
    anew    : (n, n_mels, n_frames) in 0…1; where it is 0 the pixels come out as they went in
    seeds   : as for `denoising.denoise`
    returns : float, same shape as `pixels`
    """
    pixels = pixels.float().to(base.device)
    if settings.strength == 0:
        return pixels
    anew = torch.ones_like(pixels[:, -1] if pixels.dim() == 4 else pixels) if anew is None else anew.to(base.device)
    if pixels.dim() == 4 and not stereo:
        planes = pixels.shape[1]
        fresh = repaint(base, pixels.flatten(0, 1), noise.repeat_interleave(planes, dim=0), words, settings,
                        anew=anew.repeat_interleave(planes, dim=0),
                        seeds=[each for each in seeds for _ in range(planes)], report=report)
        return fresh.unflatten(0, (-1, planes))
    original = latents_from_pixels(base, pixels)
    small = torch.nn.functional.adaptive_avg_pool2d(anew[:, None], noise.shape[-2:]).to(noise.dtype)
    latents = denoising.denoise(base, noise, words, settings, original=original, anew=small, seeds=seeds,
                                report=report)
    fresh = pixels_from_latents(base, latents, stereo=pixels.dim() == 4).to(pixels.device)
    return pixels + (anew[:, None] if pixels.dim() == 4 else anew) * (fresh - pixels)


def _remade(base: Base, mel: MelSettings, waveform: Tensor, anew: Tensor, plan: list[Window],
            settings: TransformSettings, report: Report) -> Iterator[tuple[Window, Tensor]]:
    """Each window with its new sound (1 or 2, mel.samples); silent windows are not put to the model."""
    mel = dataclasses.replace(mel, whole=False)
    words = guides(base, [settings.prompt], [settings.negative_prompt])
    reference = None if not settings.reference else _pictured(Path(settings.reference), mel)
    for first in range(0, len(plan), BATCH):
        batch = plan[first : first + BATCH]
        masked = torch.stack([_part(anew, each, mel) for each in batch])
        sounds = torch.stack([audio.fit(waveform[:, each.start : each.start + mel.samples], mel.samples, 0)
                              for each in batch])
        pixels, peak_db = codec.encode(sounds if len(waveform) == 2 else sounds[:, 0], mel)
        busy = peak_db > codec.SILENCE_DB
        made = torch.zeros_like(sounds)
        if busy.any():
            seeds = [settings.seed + each.number for each, is_busy in zip(batch, busy, strict=True) if is_busy]
            told = pixels[busy] if reference is None else _coloured(pixels[busy], reference, settings.mix, mel)
            fresh = repaint(base, told, noise_for(base, mel, seeds), words, settings, stereo=mel.stereo,
                            anew=masked[busy], seeds=seeds, report=report)
            own = sounds[busy] if len(waveform) == 2 else sounds[busy, 0]
            loudest = own.abs().flatten(1).amax(dim=1)
            decoded = _decoded(fresh, pixels[busy], peak_db[busy], masked[busy], mel, report,
                               # known, where nothing changes; else no more than what needs no bending
                               loudest=loudest if settings.strength == 0 else loudest.clamp_min(KNEE),
                               start=own if settings.keep_phase else None)
            made[busy] = decoded if decoded.dim() == 3 else decoded[:, None]
        yield from zip(batch, made, strict=True)
        report(Progress("transform", first + len(batch), len(plan)))


def _pictured(path: Path, mel: MelSettings) -> Tensor:
    """The picture (n_mels, n_frames) of the beginning of a sound file, mono."""
    waveform, sample_rate = audio.read(path)
    mono = audio.resample(audio.to_mono(waveform), sample_rate, mel.sample_rate)
    return codec.encode(audio.fit(mono, mel.samples, 0)[None], dataclasses.replace(mel, stereo=False))[0][0]


def _coloured(pixels: Tensor, reference: Tensor, mix: float, mel: MelSettings) -> Tensor:
    """Pictures of `mel` with the colour of another; those of Riffusion are dark for loud."""
    if not mel.inverted:
        return coloured_as(pixels, reference, mix)
    return 255 - coloured_as(255 - pixels, 255 - reference, mix)


def _part(anew: Tensor, window: Window, mel: MelSettings) -> Tensor:
    """A window's part of the whole sound's mask; beyond the sound's end its last column goes on."""
    part = anew[:, window.column : window.column + mel.n_frames]
    return torch.nn.functional.pad(part[None], (0, mel.n_frames - part.shape[1]), mode="replicate")[0]


def _decoded(fresh: Tensor, pixels: Tensor, peak_db: Tensor, anew: Tensor, mel: MelSettings, report: Report, *,
             loudest: Tensor | None = None, start: Tensor | None = None) -> Tensor:
    """New pictures as sounds (n, samples) or (n, 2, samples) at the old ones' level: their loudest columns get the
    same power."""
    device = devices.for_audio(fresh.device)
    fresh, peak_db = fresh.to(device), peak_db.to(device)
    power = codec.from_pixels(fresh, peak_db, mel)
    before = _loudest(codec.from_pixels(pixels.to(device), peak_db, mel), mel)
    after = _loudest(power, mel)
    gain = torch.where(after > 0, before / after.clamp_min(1e-30), 1.0).clamp(LEAST_GAIN, MOST_GAIN)
    level = gain[:, None, None] ** anew.to(device).flip(1)  # power lies with its lowest band first
    return codec.invert(power * (level[:, None] if power.dim() == 4 else level), mel, loudest=loudest, start=start,
                        report=report).cpu()


def _loudest(power: Tensor, mel: MelSettings) -> Tensor:
    """Energy of the loudest column of each band power (n, …, n_mels, n_frames), in any one unit: (n,)."""
    edges_hz = torch.tensor(mel.band_edges_hz, device=power.device)
    widths = torch.ones_like(edges_hz[2:]) if mel.norm == "none" else edges_hz[2:] - edges_hz[:-2]
    columns = (power[..., mel.rows_of_bass :, :] * widths[:, None]).sum(dim=-2)  # the bass once
    return columns.flatten(1).amax(dim=1)
