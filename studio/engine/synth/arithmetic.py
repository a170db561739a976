"""Closed forms that every voice is built of: damped modes, time warps, coloured noise, envelopes, filters.

Nothing loops over samples. Filters work in the frequency domain, modes and envelopes by factorised sums; what is
over soon is made short (`Draws.brief`) and laid onto the long sound (`add`).
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from studio.engine.synth.draws import Draws

TAU = 2 * math.pi
FLOOR = -30.0
"""Exponents stop here (-260 dB): what is smaller turns into denormal numbers, which are many times slower."""


@cache
def fft_size(least: int) -> int:
    """The smallest quick even transform size that is no smaller than `least`."""
    sizes = (odd << power for odd in (1, 3, 5, 7, 9, 15, 21, 35, 45, 49, 63, 75) for power in range(1, 24))
    return min(size for size in [*sizes, 44100, 22050] if size >= least)


def modes(draws: Draws, frequencies_hz: Tensor, decays: Tensor, gains: Tensor, phases: Tensor | None = None) -> Tensor:
    """A sum of damped sines: sum_k gain_k exp(-t / decay_k) sin(2 pi f_k t + phase_k).

    frequencies_hz, decays (s), gains, phases : (count, k); modes above 0.47 of the sample rate are left out.
    Returns (count, samples). With t = block + rest every exponential is a product, so that the whole sum is one
    small matrix product instead of k passes over the samples.
    """
    rate, samples = draws.sample_rate, draws.samples
    side = math.ceil(math.sqrt(samples))
    gains = gains * (frequencies_hz < 0.47 * rate)
    phases = torch.zeros_like(gains) if phases is None else phases
    inner = torch.arange(side, device=gains.device, dtype=torch.float32)[None, :, None] / rate
    outer = torch.arange(math.ceil(samples / side), device=gains.device, dtype=torch.float64)[None, :, None]
    outer = outer * (side / rate)
    turns = frequencies_hz.double()[:, None, :] * outer  # whole turns are dropped while precision is double
    angle = TAU * ((turns - turns.floor()).float() - 0.25) + phases[:, None, :]  # a quarter back: sine from cosine
    damp = (-1 / decays)[:, None, :]
    fall = torch.exp((damp * outer.float()).clamp_min(FLOOR)) * gains[:, None, :]
    left = torch.cat((fall * angle.cos(), fall * angle.sin()), 2)
    angle = (TAU * frequencies_hz)[:, None, :] * inner
    fall = torch.exp((damp * inner).clamp_min(FLOOR))
    right = torch.cat((fall * angle.cos(), -fall * angle.sin()), 2)
    return (left @ right.transpose(1, 2)).flatten(1)[:, :samples]


def glide(draws: Draws, drop: Tensor, time: Tensor) -> Tensor:
    """(count, samples) seconds of warped time whose speed falls from 1 + drop to 1 with time constant `time`."""
    size = (drop * time)[:, None]
    return torch.addcmul(draws.time[None] + size, decay(draws, time), size, value=-1)


def warp(waveforms: Tensor, positions: Tensor, sample_rate: int) -> Tensor:
    """Reads (count, samples) at `positions` (s) by linear interpolation; past the end it is silent."""
    samples = waveforms.shape[1]
    place = (positions * sample_rate).clamp(0, samples - 2)
    index = place.long()
    start = waveforms.gather(1, index)
    return torch.lerp(start, waveforms.gather(1, index + 1), place - index)


def falling(t: Tensor, time: Tensor) -> Tensor:
    """exp(-t / time), held at its floor."""
    return torch.exp((t * (-1 / time)).clamp_min_(FLOOR))


def decay(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) exp(-t / time), as the product of a coarse and a fine one."""
    side = math.ceil(math.sqrt(draws.samples))
    blocks = torch.arange(math.ceil(draws.samples / side), device=draws.device) * (side / draws.sample_rate)
    coarse = torch.exp((blocks[None] * (-1 / time)[:, None]).clamp_min(FLOOR))
    fine = torch.exp((draws.time[None, :side] * (-1 / time)[:, None]).clamp_min(FLOOR))
    return (coarse[:, :, None] * fine[:, None, :]).flatten(1)[:, : draws.samples]


def power_of_time(draws: Draws, time: Tensor, power: Tensor) -> Tensor:
    """(count, samples) (t / time) ** power."""
    log_t = draws.time.clamp_min(1e-9).log()[None]
    return ((log_t - time.log()[:, None]) * power[:, None]).exp_()


def rise(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) a straight rise to 1 in `time` seconds."""
    return (draws.time[None] / time[:, None].clamp_min(1e-5)).clamp_max_(1)


def add(waveforms: Tensor, part: Tensor) -> Tensor:
    """Adds a part that may be shorter to the beginning of (count, samples), which is changed and returned."""
    waveforms[:, : part.shape[1]] += part
    return waveforms


def partly(mask: Tensor, draws: Draws, make: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """(count, samples) what `make` gives for the clips of `mask`, silence for the others."""
    out = torch.zeros(draws.count, draws.samples, device=draws.device)
    chosen = mask.nonzero()[:, 0]
    if len(chosen) > 0:
        out[chosen] = make(draws.like(len(chosen)), *(each[chosen] for each in values))
    return out


@cache
def coarse_log_hz(device: torch.device) -> Tensor:
    """(128,) natural logarithm of 8 Hz to 24 kHz in even steps: where filters are worked out."""
    return torch.linspace(math.log(8), math.log(24000), 128, device=device)


@cache
def _spreading(size: int, sample_rate: int, device: torch.device) -> Tensor:
    """(128, bins) weights that take a curve from the coarse frequencies to a transform's bins by straight lines."""
    bins = torch.arange(size // 2 + 1, device=device, dtype=torch.float32).clamp_min(0.5) * (sample_rate / size)
    coarse = coarse_log_hz(device)
    place = (bins.log()[None] - coarse[:, None]) / (coarse[1] - coarse[0])
    place[0].clamp_min_(0)
    place[-1].clamp_max_(0)
    return (1 - place.abs()).clamp_min(0)


def spread(curves: Tensor, size: int, sample_rate: int) -> Tensor:
    """(count, bins) curves over a transform's bins, of (count, 128) curves over the coarse frequencies."""
    return curves @ _spreading(size, sample_rate, curves.device)


def band(low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """(count, 128) magnitude of a band-pass with smooth edges of `order` x 6 dB per octave, over coarse frequencies."""
    log_hz = coarse_log_hz(low_hz.device)[None]
    up = torch.sigmoid(order * (log_hz - low_hz.log()[:, None]))
    return up * torch.sigmoid(order * (high_hz.log()[:, None] - log_hz))


def white(draws: Draws, curves: Tensor, size: int) -> Tensor:
    """(count, bins) spectrum of noise of about unit level, coloured by (count, 128) curves."""
    curves = spread(curves, size, draws.sample_rate)
    power = torch.linalg.vector_norm(curves, dim=1, keepdim=True)
    return draws.spectrum(size // 2 + 1).mul_(curves.mul_(size / 2 / power.clamp_min(1e-9)))


def noise(draws: Draws, low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """(count, samples) steady band-limited noise of about unit level. low_hz, high_hz : (count,)."""
    size = fft_size(draws.samples)
    return torch.fft.irfft(white(draws, band(low_hz, high_hz, order), size), size)[:, : draws.samples]


def plate_noise(draws: Draws, tone: Tensor, times: tuple[Tensor, Tensor], bands: int = 3) -> Tensor:
    """(count, samples) noise whose low bands ring for times[0] and whose high bands for times[1] seconds: a wash.

    tone : (count, 128) its spectrum over the coarse frequencies, such as a `band`.
    """
    size = fft_size(draws.samples)
    spectrum = white(draws, tone, size)
    edges = torch.linspace(math.log(400), math.log(12000), bands + 1, device=draws.device)[1:-1]
    above = spread(torch.sigmoid(4 * (coarse_log_hz(draws.device)[None] - edges[:, None])), size, draws.sample_rate)
    above = torch.cat((torch.ones_like(above[:1]), above, torch.zeros_like(above[:1])))
    out = torch.zeros(draws.count, draws.samples, device=draws.device)
    for index in range(bands):
        part = torch.fft.irfft(spectrum * (above[index] - above[index + 1]), size)[:, : draws.samples]
        share = index / max(bands - 1, 1)
        out.addcmul_(part, decay(draws, times[0] ** (1 - share) * times[1] ** share))
    return out


def level(waveforms: Tensor) -> Tensor:
    """Scales each clip to a peak of 1."""
    peak = torch.maximum(waveforms.amax(1, keepdim=True), -waveforms.amin(1, keepdim=True))
    return waveforms / peak.clamp_min(1e-9)


def column(values: Tensor) -> Tensor:
    """(count,) as (count, 1), to weigh waveforms by."""
    return values[:, None].float()
