"""From words to pictures: the road that new sounds, previews of a training and ways between sounds share."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from studio.engine.latents import noise_for, pixels_from_latents
from studio.engine.models import Base
from studio.engine.prompts import guides
from studio.progress import Progress, Report, silent
from studio.settings import GenerateSettings, MelSettings, MorphSettings, guidance_of


def paint(base: Base, mel: MelSettings, settings: GenerateSettings, prompts: Sequence[str], seeds: Sequence[int], *,
          report: Report = silent) -> Tensor:
    """Denoise one picture for each prompt and its seed, with the base's scheduler as it is set.

    returns : (n, n_mels, n_frames), or stereo (n, 3, n_mels, n_frames), float 0…255
    Raises StudioError for a prompt whose weights are none.
    """
    words = guides(base, prompts, [settings.negative_prompt] * len(prompts))
    noise = noise_for(base, mel, list(seeds))
    return paint_from(base, mel, settings, words, noise, seeds, report=report)


def paint_from(base: Base, mel: MelSettings, settings: GenerateSettings | MorphSettings, words: Tensor, noise: Tensor,
               seeds: Sequence[int], *, report: Report = silent) -> Tensor:
    """As `paint`, from embeddings and noise; uses `steps`, `guidance` and `variety` of `settings`.

    words : what `prompts.guides` gives for n prompts, (2 · n, tokens, channels)
    noise : (n, channels, h, w), what `noise_for` gives
    seeds : n, of the noise that "euler a" adds on the way, so that it, too, is the same each time

    `variety` is the share of the timesteps, the noisiest, that have no guidance: there it would draw all seeds to one
    sound (Kynkäänniemi et al. 2024). The step in which it begins has a part of it.
    """
    prompt, negative = words.chunk(2)
    guidance = _guidance(base.pipeline.scheduler, settings)

    def after_step(pipeline: Any, step: int, timestep: Tensor, tensors: dict) -> dict:
        report(Progress("denoise", step + 1, settings.steps))  # a stop leaves from here, before the VAE
        guided = pipeline.do_classifier_free_guidance
        pipeline._guidance_scale = guidance[min(step + 1, len(guidance) - 1)]  # as diffusers documents it for callbacks
        if pipeline.do_classifier_free_guidance and not guided:
            return tensors | {"prompt_embeds": torch.cat([negative, prompt])}
        return tensors

    latents = base.pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, height=mel.n_mels, width=mel.n_frames,
        num_inference_steps=settings.steps, latents=noise,
        guidance_scale=guidance[0],
        generator=[torch.Generator().manual_seed(seed) for seed in seeds], output_type="latent",
        callback_on_step_end=after_step, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"]).images
    return pixels_from_latents(base, latents, stereo=mel.stereo)


def _guidance(scheduler: Any, settings: GenerateSettings | MorphSettings) -> list[float]:
    """The guidance of each step; 1, which is none, where `variety` leaves it alone, and a part of it on the edge."""
    scheduler.set_timesteps(settings.steps)
    timesteps = [*map(float, scheduler.timesteps), 0.0]
    begins = (1 - settings.variety) * scheduler.config.num_train_timesteps
    shares = [min(1.0, max(0.0, (begins - after) / max(before - after, 1e-6)))
              for before, after in itertools.pairwise(timesteps)]
    return [1 + (guidance_of(settings) - 1) * share for share in shares]
