"""The classic road from a mel spectrogram to sound: first the bands back to the STFT's magnitude, then its phase.

The bands are unmixed by Richardson-Lucy's rule (Richardson 1972, Lucy 1974; in audio the KL update of Lee & Seung
2001): every bin is scaled by how far its rows fall short. It never goes below zero, keeps the bands' sum in every
round, and needs neither a full-rank bank nor a solver's driver, where least squares can answer near-silence. The
phase is Griffin & Lim's (1984) with the momentum of Perraudin, Balazs & Søndergaard (2013): the same rounds as
`torchaudio.functional.griffinlim` from the same start, but with a seed of its own, a stop, and silence kept.
"""

import torch
from torch import Tensor

from studio.engine.slices import Slice
from studio.errors import StudioError
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings

UNMIXING_ROUNDS = 16  # a hundredth of a percent of the bands is left then; more changed no figure
MOST_PUT_BACK = 2.0  # a sound loses under 1 dB on this road; a picture of no sound shall not be blown up
TINY = 1e-30


def search(power: Tensor, mel: MelSettings, analysis: Slice, *, report: Report = silent) -> Tensor:
    """Sounds whose band power is near `power` (n, n_mels, n_frames), lowest band first.

    analysis : the slice that reads the whole picture, with its STFT and its bank
    Returns (n, (n_frames - 1) · hop_length) float32; the first `mel.pad` samples are zeros. The level is the bands':
    what the search lost of their sum is put back. Same `mel.seed`, same samples, for every sound of a batch alike.
    Raises StudioError for settings with a slice of its own for the bass, which this road cannot join.
    """
    if mel.bass_n_fft:
        raise StudioError(f"bass_n_fft is {mel.bass_n_fft}, but decoder griffin-lim works with one slice length; "
                          "give bass_n_fft 0, or decoder bands")
    length = (power.shape[2] - 1) * mel.hop_length
    wanted = power.transpose(1, 2)
    magnitude = unmix(wanted, analysis.bank).pow(1 / mel.power)
    start = torch.rand(1, magnitude.shape[2], magnitude.shape[1], dtype=torch.complex64,
                       generator=torch.Generator().manual_seed(mel.seed))  # drawn as torchaudio draws it
    phase, before = start.transpose(1, 2).to(power.device), 0.0
    for step in range(mel.iterations):
        rebuilt = analysis.stft(_sounding(analysis.istft(magnitude * phase, length), mel))
        leaning = rebuilt + mel.momentum * (rebuilt - before)
        phase, before = leaning / (leaning.abs() + 1e-16), rebuilt
        report(Progress("decode", step + 1, mel.iterations))
    waveforms = _sounding(analysis.istft(magnitude * phase, length), mel)
    heard = analysis.bands(analysis.stft(waveforms)).sum(dim=(1, 2))
    lost = (wanted.sum(dim=(1, 2)) / heard.clamp_min(TINY)).pow(1 / mel.power)
    return waveforms * lost.clamp(1 / MOST_PUT_BACK, MOST_PUT_BACK)[:, None]


def unmix(wanted: Tensor, bank: Tensor, rounds: int = UNMIXING_ROUNDS) -> Tensor:
    """The non-negative bins (n, n_frames, bins) whose bands are near `wanted` (n, n_frames, rows) ≥ 0.

    bank : (bins, rows) ≥ 0. Starts from the rows spread over their bins, which is as smooth as the rows are; bins that
    no row reads stay 0, and of rows that read no bin nothing can be kept.
    """
    share = bank / bank.sum(dim=1, keepdim=True).clamp_min(TINY)  # of each row in a bin's correction
    bins = wanted @ (share / bank.sum(dim=0).clamp_min(TINY)).T
    for _ in range(rounds):
        bins = bins * ((wanted / (bins @ bank).clamp_min(TINY)) @ share.T)
    return bins


def _sounding(waveforms: Tensor, mel: MelSettings) -> Tensor:
    """The waveforms with silence before the sound, where it is known."""
    waveforms[:, : mel.pad] = 0
    return waveforms
