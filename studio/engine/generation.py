"""From words to sounds: prompt → latents → picture → waveform → a take on disk, one after the other."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from studio.engine import loras
from studio.engine.latents import noise_for, pixels_from_latents
from studio.engine.library import Take, keep_sound, recipe_for, with_seed
from studio.engine.models import Base, check_fits, load_base
from studio.progress import Progress, Report, silent
from studio.settings import GenerateSettings, MelSettings


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
            take = keep_sound(image, mel, recipe, folder, f"{settings.prompt}_{seed}", report=report)
            done += 1
            report(Progress("generate", done, settings.count, note=take.path.name))
            yield take


def _paint(base: Base, mel: MelSettings, settings: GenerateSettings, seeds: list[int], report: Report) -> Tensor:
    """Denoise one picture a seed: (n, n_mels, n_frames), or stereo (n, 3, n_mels, n_frames), float 0…255."""
    def after_step(pipeline: Any, step: int, timestep: int, tensors: dict) -> dict:
        report(Progress("denoise", step + 1, settings.steps))  # a stop leaves from here, before the VAE
        return tensors

    latents = base.pipeline(
        prompt=[settings.prompt] * len(seeds), negative_prompt=[settings.negative_prompt] * len(seeds),
        height=mel.n_mels, width=mel.n_frames, num_inference_steps=settings.steps, guidance_scale=settings.guidance,
        latents=noise_for(base, mel, seeds), output_type="latent", callback_on_step_end=after_step).images
    return pixels_from_latents(base, latents, stereo=mel.stereo)
