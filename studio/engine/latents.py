"""Between a model's latents, its pictures and their sounds: what every verb that makes sound shares."""

import torch
from torch import Tensor

from studio.engine import devices, mel as codec
from studio.engine.models import Base
from studio.progress import Report, silent
from studio.settings import MelSettings

ATTACK_MS = 0.5  # a picture may begin in the middle of a wave, which would be a click
HEADROOM = 0.89  # peak of a take, -1 dBFS, so that no converter clips between the samples


def noise_for(base: Base, mel: MelSettings, seeds: list[int]) -> Tensor:
    """Starting latents, one a seed, drawn on the CPU so that a seed means the same on every device."""
    scale = base.pipeline.vae_scale_factor
    shape = (base.pipeline.unet.config.in_channels, mel.n_mels // scale, mel.n_frames // scale)
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(drawn).to(base.device, base.dtype)


@torch.no_grad()
def pixels_from_latents(base: Base, latents: Tensor, *, stereo: bool = False) -> Tensor:
    """VAE decode: latents (n, channels, h, w) to pictures, float 0…255: (n, n_mels, n_frames), or with their colours as
    left, middle and right (n, 3, n_mels, n_frames)."""
    vae = base.pipeline.vae
    images = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample.float()
    return (((images if stereo else images.mean(dim=1)) + 1) * 127.5).clamp(0, 255)


@torch.no_grad()
def latents_from_pixels(base: Base, pixels: Tensor) -> Tensor:
    """VAE encode, the inverse of `pixels_from_latents` but for the VAE's own loss: the posterior's mean."""
    vae = base.pipeline.vae
    images = pixels.float() / 127.5 - 1
    images = images if pixels.dim() == 4 else images[:, None].repeat(1, 3, 1, 1)
    return vae.encode(images.to(vae.device, vae.dtype)).latent_dist.mode() * vae.config.scaling_factor


def sound_from_pixels(pixels: Tensor, mel: MelSettings, *, report: Report = silent) -> Tensor:
    """Decode a model's pictures, float 0…255, to sounds that begin at 0 and have a peak of -1 dBFS.

    Shapes are as for `mel.decode`. A picture that is all black gives zeros.
    """
    pixels = pixels.to(devices.for_audio(pixels.device)).float()
    waveforms = codec.decode(pixels, torch.zeros(len(pixels), device=pixels.device), mel, report=report).cpu()
    rise = round(ATTACK_MS / 1000 * mel.sample_rate)
    waveforms[..., :rise] *= torch.linspace(0, 1, rise)
    peaks = waveforms.flatten(1).abs().amax(dim=1).view(-1, *[1] * (waveforms.dim() - 1))
    return torch.where(peaks > 0, waveforms * HEADROOM / peaks.clamp_min(1e-12), waveforms)
