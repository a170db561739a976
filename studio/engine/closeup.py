"""A sound's spectrogram for eyes: from its first sample to its last, so that a play head runs true over it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from studio.engine import audio, mel as codec
from studio.settings import MelSettings

ROWS = 160
MOST_COLUMNS = 800  # more than a player is wide
CLOSEST, FARTHEST = 64, 8192  # samples between two columns; of minutes of sound several columns become one
LOWEST_RATE, HIGHEST_RATE = 8000, 192_000  # Hz that mel settings know
SLICE = 2048  # samples at 44.1 kHz
TICKS_HZ = (100, 1000, 10_000)


@dataclass(frozen=True)
class Closeup:
    """pixels : (ROWS, columns) uint8, row 0 the highest; ticks : a frequency in words and its height, 0 to 1."""

    pixels: Tensor
    ticks: tuple[tuple[str, float], ...]


def of_sound(waveform: Tensor, sample_rate: int) -> Closeup:
    """The close-up of a sound (channels, samples), its channels mixed."""
    mono = audio.to_mono(waveform)
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        within = min(max(sample_rate, LOWEST_RATE), HIGHEST_RATE)
        mono, sample_rate = audio.resample(mono, sample_rate, within), within
    mel = _settings(mono.shape[-1], sample_rate)
    parts = mono.split(MOST_COLUMNS * mel.hop_length)  # one, but for a sound of minutes
    power = torch.cat([codec.mel_spectrogram(part[None], mel) for part in parts], dim=-1)
    power = adaptive_avg_pool1d(power[0], min(power.shape[-1], MOST_COLUMNS + 1))
    pixels, _ = codec.to_pixels(power[None], mel)
    return Closeup(pixels[0], ticks(mel))


def ticks(mel: MelSettings) -> tuple[tuple[str, float], ...]:
    """Frequencies in words, each with its height in a picture: 0 at the bottom, 1 at the top."""
    return tuple((f"{hz // 1000}k" if hz >= 1000 else str(hz), _height(mel, hz)) for hz in TICKS_HZ if hz < mel.f_max)


def _settings(samples: int, sample_rate: int) -> MelSettings:
    hop_length = min(FARTHEST, max(CLOSEST, math.ceil(samples / MOST_COLUMNS)))
    n_fft = max(SLICE * max(1, round(sample_rate / 44100)), 2 * math.ceil(1.5 * hop_length))  # no gaps between slices
    return MelSettings(sample_rate=sample_rate, n_mels=ROWS, hop_length=hop_length, n_fft=n_fft, whole=True, pad=0,
                       f_max=min(20_000.0, sample_rate / 2))


def _height(mel: MelSettings, hz: float) -> float:
    """How high a frequency stands in the picture: the first row above the bass rows that peaks above it."""
    peaks_hz = mel.band_edges_hz[1:-1]
    row = next(row for row, peak_hz in enumerate([*peaks_hz, math.inf]) if peak_hz >= hz)
    return (mel.rows_of_bass + row) / mel.n_mels
