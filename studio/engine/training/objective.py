"""What a training lowers: the error of the UNet's prediction, and the same error on sounds that it never learns from.

Velocity and noise prediction follow the base's own scheduler: Ho et al. (2020); Salimans & Ho (2022). Min-SNR: Hang et
al., "Efficient Diffusion Training via Min-SNR Weighting Strategy" (2023).
"""

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from studio.engine.training.material import Batch, Material

CHECKED_AT_MOST = 64  # predictions on held-out sounds in one check


def errors(unet: torch.nn.Module, schedule: DDPMScheduler, batch: Batch) -> Tensor:
    """Mean squared error of each prediction of a batch, (n,)."""
    noisy = schedule.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = unet(noisy, batch.timesteps, batch.states, return_dict=False)[0]
    kind = schedule.config.prediction_type
    if kind == "v_prediction":
        target = schedule.get_velocity(batch.latents, batch.noise, batch.timesteps)
    else:
        target = batch.latents if kind == "sample" else batch.noise
    return (predicted.float() - target.float()).square().flatten(1).mean(dim=1)


def weights(schedule: DDPMScheduler, timesteps: Tensor, gamma: float) -> Tensor:
    """How much each prediction counts, (n,): all alike with `gamma` 0, else by min-SNR.

    The signal-to-noise ratio of a timestep, held below gamma, over what the kind of prediction already weighs it by:
    the ratio itself where noise is predicted, one more where velocity is.
    """
    if not gamma:
        return torch.ones(len(timesteps), device=timesteps.device)
    signal = schedule.alphas_cumprod.to(timesteps.device)[timesteps]
    ratio = signal / (1 - signal).clamp_min(1e-8)
    held = ratio.clamp_max(gamma)
    kind = schedule.config.prediction_type
    if kind == "sample":
        return held
    return held / (ratio + 1 if kind == "v_prediction" else ratio.clamp_min(1e-8))


class HeldOut:
    """The loss on the sounds kept apart: the same noise on the same sounds each time, over all levels of noise."""

    def __init__(self, material: Material) -> None:
        self.material = material
        held = material.kit.held
        count = min(CHECKED_AT_MOST, 4 * len(held))
        chance = torch.Generator().manual_seed(material.settings.seed * 131_071 + len(held))
        self.sounds = torch.tensor(held, dtype=torch.long)[torch.arange(count) * len(held) // max(1, count)]
        levels = ((torch.arange(count) + 0.5) / max(1, count) * material.timesteps).long()
        self.timesteps = levels[torch.randperm(count, generator=chance)]
        self.seeds = torch.randint(2**31, (count,), generator=chance).tolist()

    @torch.no_grad()
    def loss(self, unet: torch.nn.Module, schedule: DDPMScheduler) -> float:
        """Mean over all predictions, unweighted; in batches as the training's, whatever that does to memory it did."""
        total, size, device = 0.0, self.material.settings.batch_size, self.material.base.device
        for start in range(0, len(self.sounds), size):
            part = slice(start, start + size)
            noise = torch.stack([torch.randn(self.material.latents_shape, generator=torch.Generator().manual_seed(seed))
                                 for seed in self.seeds[part]])
            places = self.material.places[self.sounds[part], 0]
            batch = Batch(self.material.stored.latents(places).to(device), noise.to(device),
                          self.timesteps[part].to(device),
                          self.material.states_of(self.material.caption_of[self.sounds[part]]))
            total += errors(unet, schedule, batch).sum().item()
        return total / len(self.sounds)
