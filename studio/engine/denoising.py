"""The denoising loop, from noise alone or from a picture with as much noise on it as `strength` asks for."""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor

from studio.engine.models import Base
from studio.progress import Progress, Report, silent
from studio.settings import TransformSettings, guidance_of


@torch.no_grad()
def denoise(base: Base, noise: Tensor, guides: Tensor, settings: TransformSettings, *, original: Tensor | None = None,
            anew: Tensor | None = None, seeds: Sequence[int] = (), report: Report = silent) -> Tensor:
    """Latents (n, channels, h, w) out of `noise` of that shape; uses `strength`, `steps`,
    `guidance` and `scheduler` of `settings`.

    guides   : what `prompts.guides` gives, (2, tokens, channels)
    original : latents to begin from (Meng et al. 2022, "SDEdit"); None begins from noise alone, as does strength 1
    anew     : (n, 1, h, w) in 0…1; where it is 0 the original's latents are put back at every step's own noise
               (Lugmayr et al. 2022, "RePaint", without its resampling)
    seeds    : n, of the noise that "euler a" adds on the way; () takes the settings' for all
    """
    base.use_scheduler(settings.scheduler)
    scheduler, unet = base.pipeline.scheduler, base.pipeline.unet
    scheduler.set_timesteps(settings.steps, device=base.device)
    strength = 1.0 if original is None else settings.strength
    taken = max(1, round(settings.steps * strength))
    first = settings.steps - taken
    timesteps = scheduler.timesteps[first * scheduler.order :]
    if hasattr(scheduler, "set_begin_index"):  # all but "ddim", which goes by the timesteps themselves
        scheduler.set_begin_index(first * scheduler.order)
    if strength == 1:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(original, noise, timesteps[:1])
    takes_dice = "generator" in inspect.signature(scheduler.step).parameters  # "euler a" adds noise on the way
    seeds = seeds or [max(0, settings.seed)] * len(noise)
    dice = {"generator": [torch.Generator().manual_seed(seed) for seed in seeds]} if takes_dice else {}
    guidance = guidance_of(settings)
    guided = guidance > 1
    both = guides.repeat_interleave(len(noise), dim=0) if guided else guides[:1].repeat(len(noise), 1, 1)
    for step, timestep in enumerate(timesteps):
        asked = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, timestep)
        predicted = unet(asked, timestep, encoder_hidden_states=both).sample
        if guided:
            positive, negative = predicted.chunk(2)
            predicted = negative + guidance * (positive - negative)
        latents = scheduler.step(predicted, timestep, latents, **dice).prev_sample
        if original is not None and anew is not None:
            last = step == len(timesteps) - 1
            put_back = original if last else scheduler.add_noise(original, noise, timesteps[step + 1 : step + 2])
            latents = put_back + anew * (latents - put_back)
        report(Progress("denoise", step + 1, len(timesteps)))
    return latents
