"""The low tone that carries a kick, a tom or an 808, as something for the decoder to begin from.

A search that begins from noise finds such a tone, but not always how it begins: it may end in a sound that starts amid
its wave, with a click of which the picture says nothing, and no number of rounds leads out of there. Two toms
and a kick of an 808, five seeds: 1.4 to 7.4 dB from the sounds that were drawn, by chance alone.
"""

import math

import torch
from torch import Tensor

from studio.settings import MelSettings

STEADY = 2.0  # columns, standard deviation, over which its pitch is smoothed
TINY = 1e-30


def carries(power: Tensor, mel: MelSettings) -> Tensor:
    """(n,) whether the loudest place of a picture lies below `mel.bass_hz`; power (n, n_mels, n_frames), lowest first.

    Never where all is silent, where no row lies so low, and in one column, which has no length.
    """
    middles = torch.tensor((*mel.bass_edges_hz[1:-1], *mel.band_edges_hz[1:-1]), device=power.device)
    high = middles >= mel.bass_hz
    loudest, peak = power[:, high].amax(dim=(1, 2)) if high.any() else 0, power.amax(dim=(1, 2))
    return (peak > loudest) & (power.shape[2] > 1) & bool(len(_low_hz(mel)))


def undertone(power: Tensor, mel: MelSettings, phase: float | Tensor) -> Tensor:
    """(n, pad + samples) of amplitude 1 from `mel.pad` on, with the pitch of the loudest row below `mel.bass_hz`.

    power : (n, n_mels, n_frames) of pictures that it carries; silent columns count as their neighbours
    phase : where in its wave it begins, in radians; one for all, or (n, 1)
    """
    hz = _low_hz(mel).to(power)
    low = power[:, : len(hz)]
    around = torch.tensor([-1, 0, 1], device=power.device)[None, :, None]
    rows = (low.argmax(dim=1, keepdim=True) + around).clamp(0, len(hz) - 1)  # (n, 3, n_frames)
    loud = low.gather(1, rows)
    pitch = _smoothed((loud * hz[rows]).sum(dim=1)) / _smoothed(loud.sum(dim=1)).clamp_min(TINY)
    length = (power.shape[2] - 1) * mel.hop_length
    sounding = torch.nn.functional.interpolate(pitch[:, None], size=length, mode="linear", align_corners=True)[:, 0]
    sounding[:, : mel.pad] = 0
    turns = (sounding.cpu().double() / mel.sample_rate).cumsum(dim=1)  # on the CPU, because MPS has no doubles
    wave = torch.sin(2 * math.pi * (turns % 1).to(power) + phase)
    wave[:, : mel.pad] = 0
    return wave


def _low_hz(mel: MelSettings) -> Tensor:
    """(rows,) the middles of the lowest rows, those below `mel.bass_hz`."""
    middles = torch.tensor(mel.bass_edges_hz or mel.band_edges_hz, dtype=torch.float32)[1:-1]
    return middles[middles < mel.bass_hz]


def _smoothed(tracks: Tensor) -> Tensor:
    """(n, n_frames) tracks under a Gaussian of STEADY columns."""
    reach = math.ceil(3 * STEADY)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=tracks.device) / STEADY) ** 2)
    return torch.nn.functional.conv1d(tracks[:, None], bell[None, None].to(tracks), padding=reach)[:, 0]
