"""How near two sounds are to the ear, in figures: what a round trip lost, and at which end of the sound.

Spectrum, bands and envelope are compared after the energies were matched, so that a lost level counts once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from studio.errors import StudioError

FFT_SIZES = (256, 512, 1024, 2048, 4096)
FLOOR_DB = -80.0  # below the reference's peak; what lies deeper counts as this deep
LOWEST_BAND, HIGHEST_BAND = -15, 12  # third octaves from 1 kHz: 31.5 Hz to 16 kHz
BAND_FLOOR_DB = -60.0  # below the reference's loudest band; quieter bands do not count
ATTACK_MS, ONSET_MS = 100.0, 50.0  # where the rise and the envelope are looked at
NOTHING = 1e-12  # amplitude that stands for silence


@dataclass(frozen=True)
class Likeness:
    """The distances of a candidate from its reference; all are 0 for the same sound but envelope_correlation, 1.

    spectrum_db          : mean |dB| between STFTs of 256 to 4096 samples, where either is above -80 dB of the peak
    bands_db             : mean |dB| between third-octave energies of the whole sound, 31.5 Hz to 16 kHz
    attack_ms            : |difference| of the time the envelope takes from 10 % to 90 % of its peak, in 100 ms
    envelope_correlation : of the first 50 ms of the 1 ms envelopes, -1…1; 0 where one of them does not move
    level_db             : RMS of the candidate against the reference's
    peak_db              : loudest sample of the candidate against the reference's
    """

    spectrum_db: float
    bands_db: float
    attack_ms: float
    envelope_correlation: float
    level_db: float
    peak_db: float


def compare(reference: Tensor, candidate: Tensor, sample_rate: int) -> Likeness:
    """Measure how near `candidate` (samples,) is to `reference` (samples,), both at `sample_rate` Hz.

    The candidate is cut or followed by silence to the reference's length; its NaN and infinity count as 0.
    Raises StudioError where the reference has no samples.
    """
    if not len(reference):
        raise StudioError("the reference is a sound of 0 samples, so there is nothing to compare; give a longer one")
    reference = _finite(reference)
    candidate = _finite(candidate)[: len(reference)]
    candidate = torch.nn.functional.pad(candidate, (0, len(reference) - len(candidate)))
    level = _rms(candidate) / _rms(reference)
    peak = (candidate.abs().max() + NOTHING) / (reference.abs().max() + NOTHING)
    matched = candidate / level
    step_ms, envelopes = _step(sample_rate, 0.25) / sample_rate * 1000, [
        envelope(each, sample_rate) for each in (reference, matched)]
    rises = [_rise(each[: int(ATTACK_MS / step_ms)]) for each in envelopes]
    return Likeness(
        spectrum_db=_spectrum_db(reference, matched),
        bands_db=_bands_db(reference, matched, sample_rate),
        attack_ms=abs(rises[1] - rises[0]) * step_ms,
        envelope_correlation=_correlation(*(each[: int(ONSET_MS / step_ms)] for each in envelopes)),
        level_db=float(20 * torch.log10(level)), peak_db=float(20 * torch.log10(peak)))


def envelope(waveform: Tensor, sample_rate: int, window_ms: float = 1.0, step_ms: float = 0.25) -> Tensor:
    """RMS over `window_ms` around every `step_ms` of (samples,): (ceil(samples / step),) float64, 0 beyond the ends."""
    width, step = _step(sample_rate, window_ms), _step(sample_rate, step_ms)
    power = torch.nn.functional.pad(_finite(waveform).square(), (width // 2 + 1, width))
    sums = power.cumsum(dim=0)
    starts = torch.arange(0, len(waveform), step, device=waveform.device)
    return ((sums[starts + width] - sums[starts]).clamp_min(0) / width).sqrt()


def _step(sample_rate: int, ms: float) -> int:
    return max(1, int(sample_rate * ms / 1000))


def _finite(waveform: Tensor) -> Tensor:
    return torch.nan_to_num(waveform.detach().double(), nan=0.0, posinf=0.0, neginf=0.0)


def _rms(waveform: Tensor) -> Tensor:
    return waveform.square().mean().sqrt() + NOTHING


def _spectrum_db(reference: Tensor, candidate: Tensor) -> float:
    """Mean over FFT sizes of the mean |dB| over the cells that can be heard in either sound."""
    both = torch.stack([reference, candidate])
    distances = []
    for n_fft in FFT_SIZES:
        window = torch.hann_window(n_fft, dtype=torch.float64, device=both.device)
        levels = torch.stft(both, n_fft, n_fft // 4, window=window, pad_mode="constant", return_complex=True).abs()
        levels_db = 20 * torch.log10((levels / (levels[0].max() + NOTHING)).clamp_min(10 ** (FLOOR_DB / 20)))
        heard = (levels_db > FLOOR_DB).any(dim=0)
        difference = (levels_db[1] - levels_db[0]).abs()[heard]
        distances.append(float(difference.mean()) if len(difference) else 0.0)
    return sum(distances) / len(distances)


def _bands_db(reference: Tensor, candidate: Tensor, sample_rate: int) -> float:
    """Mean |dB| between the energies of third-octave bands, among those within 60 dB of the loudest."""
    power = torch.fft.rfft(torch.stack([reference, candidate])).abs().square()
    frequencies = torch.arange(power.shape[1], device=power.device) * (sample_rate / len(reference))
    centres = 1000 * 2 ** (torch.arange(LOWEST_BAND, HIGHEST_BAND + 1, dtype=torch.float64) / 3)
    edges = torch.stack([centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6)])
    first, after = torch.searchsorted(frequencies.double(), edges.to(frequencies.device))
    bands = torch.stack([power[:, low:high].sum(dim=1) for low, high in zip(first, after, strict=True)]) + 1e-20
    loudest = bands[:, 0].max()
    counted = bands[:, 0] > loudest * 10 ** (BAND_FLOOR_DB / 10)
    return float((10 * torch.log10(bands[:, 1].clamp_min(loudest * 1e-8) / bands[:, 0])).abs()[counted].mean())


def _rise(levels: Tensor) -> int:
    """Steps from the first value over 10 % of an envelope's peak to the first over 90 %."""
    peak = levels.max()
    if peak <= 0:
        return 0
    return int((levels >= 0.9 * peak).nonzero()[0]) - int((levels >= 0.1 * peak).nonzero()[0])


def _correlation(one: Tensor, other: Tensor) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = one.norm() * other.norm()
    return float(one @ other / size) if size > 0 else 0.0
