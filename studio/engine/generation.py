"""From words to sounds: prompt → latents → picture → waveform → a take on disk, one after the other."""

import dataclasses
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.engine import audio, devices, library, loras, mel as codec
from studio.engine.library import Take
from studio.engine.models import Base, check_fits, load_base
from studio.engine.picture import Picture
from studio.progress import Progress, Report, silent
from studio.settings import GenerateSettings, MelSettings, PrepareSettings, as_dict

HEADROOM = 0.89  # peak of a take, -1 dBFS, so that no converter clips between the samples
BLACK_LEVEL = 3.0  # a model's black is a few levels off; below this it is silence, else it would hiss
ENDS = PrepareSettings(onset_db=-50, tail_db=-70, fade_out_ms=10)  # of a take: where it begins and ends


def generate(settings: GenerateSettings, folder: Path, *, report: Report = silent) -> Iterator[Take]:
    """Make `settings.count` sounds; yields each take as soon as it is decoded and on disk in `folder`.

    Sound i has the seed `settings.seed` + i, so each can be made again alone. Raises StudioError for a base or LoRA
    that does not work, and lets `Cancelled` out of `report` through; takes that were yielded stay.
    """
    settings = with_seed(settings)
    base = load_base(settings.base, settings.device)
    mel = loras.use(base, settings.lora) or base.mel
    check_fits(base, mel)
    base.use_scheduler(settings.scheduler)
    done = 0
    while done < settings.count:
        seeds = [settings.seed + done + i for i in range(min(settings.batch_size, settings.count - done))]
        pixels = _paint(base, mel, settings, seeds, report)
        for seed, image in zip(seeds, pixels, strict=True):
            recipe = recipe_for(dataclasses.replace(settings, seed=seed, count=1), "generate", mel)
            take = keep_sound(image, mel, recipe, folder, f"{settings.prompt}_{seed}")
            done += 1
            report(Progress("generate", done, settings.count, note=take.path.name))
            yield take


def with_seed(settings: Any) -> Any:
    """The same settings with a seed drawn where it was -1, so that it is known before the work starts."""
    return settings if settings.seed >= 0 else dataclasses.replace(settings, seed=secrets.randbelow(2**31 - 10_000))


def recipe_for(settings: Any, verb: str, mel: MelSettings) -> dict[str, Any]:
    """All that makes a sound again, as JSON data: the verb, its settings, the mel settings of the picture."""
    return {"version": 1, "verb": verb, "settings": as_dict(settings), "mel": as_dict(mel)}


def keep_sound(pixels: Tensor, mel: MelSettings, recipe: Mapping[str, Any], folder: Path, name: str) -> Take:
    """Decode one picture (n_mels, n_frames), float 0…255, and keep it as a take."""
    waveform = sound_from_pixels(pixels[None], mel)[0]
    trimmed = audio.trim(waveform, mel.sample_rate, ENDS)
    image = Picture(pixels=pixels.round().to(torch.uint8).cpu(), peak_db=0.0, samples=len(waveform), mel=mel,
                    recipe=dict(recipe))
    return library.keep(trimmed, image, recipe, folder, name)


def sound_from_pixels(pixels: Tensor, mel: MelSettings, *, report: Report = silent) -> Tensor:
    """Decode a model's pictures (n, n_mels, n_frames), float 0…255, to (n, samples), each at a peak of -1 dBFS.

    Near-black counts as silence. A picture that is all black gives zeros.
    """
    pixels = pixels.to(devices.for_audio(pixels.device)).float()
    pixels = torch.where(pixels < BLACK_LEVEL, torch.zeros_like(pixels), pixels)
    waveforms = codec.decode(pixels, torch.zeros(len(pixels), device=pixels.device), mel, report=report).cpu()
    peaks = waveforms.abs().amax(dim=1, keepdim=True)
    return torch.where(peaks > 0, waveforms * HEADROOM / peaks.clamp_min(1e-12), waveforms)


def _paint(base: Base, mel: MelSettings, settings: GenerateSettings, seeds: list[int], report: Report) -> Tensor:
    """Denoise one picture a seed: (n, n_mels, n_frames) float 0…255."""
    def after_step(pipeline: Any, step: int, timestep: int, tensors: dict) -> dict:
        report(Progress("denoise", step + 1, settings.steps))  # a stop leaves from here, before the VAE
        return tensors

    latents = base.pipeline(
        prompt=[settings.prompt] * len(seeds), negative_prompt=[settings.negative_prompt] * len(seeds),
        height=mel.n_mels, width=mel.n_frames, num_inference_steps=settings.steps, guidance_scale=settings.guidance,
        latents=noise_for(base, mel, seeds), output_type="latent", callback_on_step_end=after_step).images
    return pixels_from_latents(base, latents)


def noise_for(base: Base, mel: MelSettings, seeds: list[int]) -> Tensor:
    """Starting latents, one a seed, drawn on the CPU so that a seed means the same on every device."""
    scale = base.pipeline.vae_scale_factor
    shape = (base.pipeline.unet.config.in_channels, mel.n_mels // scale, mel.n_frames // scale)
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(drawn).to(base.device, base.dtype)


@torch.no_grad()
def pixels_from_latents(base: Base, latents: Tensor) -> Tensor:
    """VAE decode: latents (n, 4, h, w) to grey pictures (n, n_mels, n_frames), float 0…255."""
    vae = base.pipeline.vae
    images = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample
    return ((images.float().mean(dim=1) + 1) * 127.5).clamp(0, 255)


@torch.no_grad()
def latents_from_pixels(base: Base, pixels: Tensor) -> Tensor:
    """VAE encode, the inverse of `pixels_from_latents` but for the VAE's own loss: the posterior's mean."""
    vae = base.pipeline.vae
    images = (pixels.float() / 127.5 - 1)[:, None].repeat(1, 3, 1, 1).to(vae.device, vae.dtype)
    return vae.encode(images).latent_dist.mode() * vae.config.scaling_factor
