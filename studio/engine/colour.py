"""The colour of one sound on another: how loud and how lively each band is, moved from picture to picture."""

import torch
from torch import Tensor

STEADIEST = 4.0  # levels a row's deviation is never under, so that a steady row is not blown up


def coloured_as(pixels: Tensor, reference: Tensor, mix: float) -> Tensor:
    """Pictures with the bands of another: each row's mean and deviation become the reference's, as far as `mix` asks.

    The statistics of adaptive instance normalisation (Huang & Belongie 2017), by rows, since a row is a band; black is
    silence, which neither counts nor changes. What the rows do in time stays.

    pixels    : (n, …, n_mels, n_frames) in 0…255, bright for loud
    reference : (n_mels, n_frames) of the same mel settings
    mix       : 0 leaves them as they are, 1 gives them the reference's bands
    """
    levels, target = pixels.float(), reference.float().to(pixels.device)
    mean, deviation = _bands(levels)
    wanted_mean, wanted_deviation = _bands(target)
    moved = (levels - mean) / deviation * wanted_deviation + wanted_mean
    known = (levels > 0) & (target > 0).any(dim=-1, keepdim=True)
    dark = (levels > 0) & ~known  # bands that the reference does not have
    moved = torch.where(known, moved, torch.where(dark, torch.zeros_like(levels), levels))
    return torch.lerp(levels, moved, mix).clamp(0, 255)


def _bands(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each row where it sounds, (…, n_mels, 1)."""
    heard = (levels > 0).float()
    count = heard.sum(dim=-1, keepdim=True).clamp_min(1)
    mean = (levels * heard).sum(dim=-1, keepdim=True) / count
    variance = ((levels - mean).square() * heard).sum(dim=-1, keepdim=True) / count
    return mean, variance.sqrt().clamp_min(STEADIEST)
