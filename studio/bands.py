"""Where the rows of a mel spectrogram lie on the frequency axis. Standard library only.

All functions return the n_mels + 2 corner frequencies of triangles, in Hz, rising from f_min to f_max.
"""

import math
from functools import lru_cache


def mel_edges(mel_scale: str, n_mels: int, f_min: float, f_max: float) -> tuple[float, ...]:
    """Corners evenly spaced in mel: "htk" (O'Shaughnessy 1987, as in HTK) or "slaney" (Slaney's Auditory Toolbox)."""
    to_mel, to_hz = (_hz_to_htk, _htk_to_hz) if mel_scale == "htk" else (_hz_to_slaney, _slaney_to_hz)
    low, high = to_mel(f_min), to_mel(f_max)
    return tuple(to_hz(low + (high - low) * i / (n_mels + 1)) for i in range(n_mels + 2))


def _hz_to_htk(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _htk_to_hz(mel: float) -> float:
    return 700 * (10 ** (mel / 2595) - 1)


def _hz_to_slaney(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _slaney_to_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def linear_edges(n_mels: int, f_min: float, f_max: float) -> tuple[float, ...]:
    """Corners evenly spaced in Hz."""
    return tuple(f_min + (f_max - f_min) * i / (n_mels + 1) for i in range(n_mels + 2))


@lru_cache(maxsize=64)
def linear_log_edges(n_mels: int, f_min: float, f_max: float, split_hz: float, bin_hz: float) -> tuple[float, ...]:
    """Corners evenly spaced up to `split_hz`, then by equal ratios, never closer than one FFT bin.

    Rows closer than a bin would repeat one another, so the spacing at f is max(bin, slope · max(f, split)), and
    the slope is the one that fits n_mels rows. Where even one row a bin is too few, all spacings shrink alike.
    """
    def layout(slope: float) -> tuple[float, float, float]:
        """Where the even spacing ends, the spacing below it, and how many spacings there are in all."""
        spacing = max(bin_hz, slope * split_hz)
        bend = min(f_max, max(f_min, spacing / slope))
        return bend, spacing, (bend - f_min) / spacing + math.log(f_max / bend) / slope

    low, high = 1e-9, 10.0
    for _ in range(50):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if layout(middle)[2] > n_mels + 1 else (low, middle)
    bend, spacing, spacings = layout(high)
    edges = []
    for i in range(n_mels + 1):
        at = i * spacings / (n_mels + 1)
        even = (bend - f_min) / spacing
        edges.append(f_min + at * spacing if at <= even else bend * math.exp((at - even) * high))
    return (*edges, f_max)
