"""Closed forms that every voice is built of: damped modes, time warps, coloured noise, envelopes, filters.

Nothing loops over samples. Filters work in the frequency domain, modes by a factorised sum.
"""

import math

import torch
from torch import Tensor

from studio.engine.synth.draws import Draws

TAU = 2 * math.pi
FLOOR = -30.0
"""Exponents stop here (-260 dB): what is smaller turns into denormal numbers, which are many times slower."""


def fft_size(samples: int) -> int:
    """The smallest quick transform size that leaves at least 4 % of silence after the sound."""
    least = math.ceil(samples * 1.04)
    sizes = (odd << power for odd in (1, 3, 5, 9, 15, 45) for power in range(24))
    return min(size for size in sizes if size >= least and size % 2 == 0)


def modes(draws: Draws, frequencies_hz: Tensor, decays: Tensor, gains: Tensor, phases: Tensor | None = None) -> Tensor:
    """A sum of damped sines: sum_k gain_k exp(-t / decay_k) sin(2 pi f_k t + phase_k).

    frequencies_hz, decays (s), gains, phases : (count, k); modes above 0.47 of the sample rate are left out.
    Returns (count, samples). With t = block + rest every exponential is a product, so that the whole sum is two
    small matrix products instead of k passes over the samples.
    """
    rate, samples = draws.sample_rate, draws.samples
    side = math.ceil(math.sqrt(samples))
    gains = gains * (frequencies_hz < 0.47 * rate)
    phases = torch.zeros_like(gains) if phases is None else phases
    inner = torch.arange(side, device=gains.device, dtype=torch.float64) / rate
    outer = inner * side
    omega = (TAU * frequencies_hz.double())[:, None, :]
    damp = (1 / decays.double())[:, None, :]
    angle = omega * outer[None, :, None] + phases.double()[:, None, :]
    level = torch.exp((-damp * outer[None, :, None]).clamp_min(FLOOR)) * gains.double()[:, None, :]
    left = torch.cat((level * angle.sin(), level * angle.cos()), 2).float()
    angle = omega * inner[None, :, None]
    level = torch.exp((-damp * inner[None, :, None]).clamp_min(FLOOR))
    right = torch.cat((level * angle.cos(), level * angle.sin()), 2).float()
    return (left @ right.transpose(1, 2)).reshape(draws.count, side * side)[:, :samples]


def glide(draws: Draws, drop: Tensor, time: Tensor) -> Tensor:
    """(count, samples) seconds of warped time whose speed falls from 1 + drop to 1 with time constant `time`."""
    t = draws.time[None]
    return t + (drop * time)[:, None] * (1 - falling(t, time[:, None]))


def warp(waveforms: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
    """Reads (count, samples) at `positions` (s) by linear interpolation; past the end it is silent."""
    samples = waveforms.shape[1]
    place = (positions * sample_rate).clamp(0, samples - 2)
    index = place.long()
    part = place - index
    start = waveforms.gather(1, index)
    return start + part * (waveforms.gather(1, index + 1) - start)


def falling(t: Tensor, time: Tensor) -> Tensor:
    """exp(-t / time), held at its floor."""
    return torch.exp((t * (-1 / time)).clamp_min_(FLOOR))


def decay(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) exp(-t / time)."""
    return falling(draws.time[None], time[:, None])


def rise(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) a straight rise to 1 in `time` seconds."""
    return (draws.time[None] / time[:, None].clamp_min(1e-5)).clamp_max(1)


def log_frequencies(size: int, draws: Draws) -> Tensor:
    """(bins,) natural logarithm of the transform's frequencies in Hz (first bin taken as half a bin)."""
    bins = torch.arange(size // 2 + 1, device=draws.device, dtype=torch.float32)
    return (bins.clamp_min(0.5) * (draws.sample_rate / size)).log()


def band(log_hz: Tensor, low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """(count, bins) magnitude of a band-pass with smooth edges of `order` x 6 dB per octave."""
    up = torch.sigmoid(order * (log_hz[None] - low_hz.log()[:, None]))
    return up * torch.sigmoid(order * (high_hz.log()[:, None] - log_hz[None]))


def noise(draws: Draws, low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """(count, samples) steady band-limited noise of about unit level. low_hz, high_hz : (count,)."""
    size = fft_size(draws.samples)
    spectrum = draws.spectrum(size // 2 + 1) * band(log_frequencies(size, draws), low_hz, high_hz, order)
    sound = torch.fft.irfft(spectrum, size)[:, : draws.samples]
    return sound / sound.square().mean(1, keepdim=True).sqrt().clamp_min(1e-9)


def plate_noise(draws: Draws, low_hz: Tensor, high_hz: Tensor, times: tuple[Tensor, Tensor], bands: int = 4) -> Tensor:
    """(count, samples) noise whose low bands ring for times[0] and whose high bands for times[1] seconds: a wash."""
    size = fft_size(draws.samples)
    log_hz = log_frequencies(size, draws)
    spectrum = draws.spectrum(size // 2 + 1) * band(log_hz, low_hz, high_hz)
    edges = torch.linspace(math.log(700), math.log(12000), bands + 1)[1:-1].tolist()
    out = torch.zeros(draws.count, draws.samples, device=draws.device)
    below = torch.zeros_like(log_hz)
    for index in range(bands):
        above = torch.sigmoid(4 * (log_hz - edges[index])) if index < bands - 1 else torch.zeros_like(log_hz)
        part = torch.fft.irfft(spectrum * (1 - above if index == 0 else below - above), size)[:, : draws.samples]
        share = index / max(bands - 1, 1)
        out += part * decay(draws, times[0] ** (1 - share) * times[1] ** share)
        below = above
    start = out[:, : draws.sample_rate // 50].square().mean(1, keepdim=True).sqrt()
    return out / start.clamp_min(1e-9)


def level(waveforms: Tensor) -> Tensor:
    """Scales each clip to a peak of 1."""
    return waveforms / waveforms.abs().amax(1, keepdim=True).clamp_min(1e-9)


def column(values: Tensor) -> Tensor:
    """(count,) as (count, 1), to weigh waveforms by."""
    return values[:, None].float()
