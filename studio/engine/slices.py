"""One slice length of the analysis: the STFT of a sound, the bands over it, and the correction from bands to sound.

Here frames come before bins and rows, (n, n_frames, …), as the FFT wants them.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from studio.settings import MelSettings

NARROWEST, WIDEST = 0.1, 10.0  # bounds of one correction, so that an empty band cannot explode
OVERLAP = 4  # columns a slice length that fix a sound; a picture with more is fitted on every second, third …
BLOCKS = 8  # into which a nearly diagonal matrix is cut: each row needs only a few of the bins
BASS_FADE = 0.8  # of bass_hz: from here up to it, the bass slice's correction gives way


@dataclass(frozen=True, eq=False)
class Slice:
    """A window, the rows it reads, and how their errors are shared out over its bins."""

    window: Tensor  # (n_fft,)
    hop_length: int
    center: bool
    pad_mode: str
    power: float
    rows: slice  # of the picture, the lowest band first
    bank: Tensor  # (bins, rows) weights of a band's sum over |X|^power; bins above the highest one used are left out
    triangles: Tensor  # (rows, bins) of height 1, which share out a row's correction over its bins
    heard: Tensor  # (bins,) 0 for bins of which the picture says nothing, so that they stay silent, 1 for the others
    zone: Tensor | None  # (bins,) how much of the correction is taken; None takes all of it

    def stft(self, waveforms: Tensor) -> Tensor:
        """(n, length) to (n, n_frames, bins) complex64; a frame every hop_length samples, length // hop_length + 1."""
        n_fft = len(self.window)
        left = n_fft // 2 if self.center else 0
        mode = self.pad_mode if n_fft - left < waveforms.shape[1] else "constant"
        framed = torch.nn.functional.pad(waveforms[:, None], (left, n_fft - left), mode=mode)[:, 0]
        frames = framed.unfold(1, n_fft, self.hop_length)[:, : waveforms.shape[1] // self.hop_length + 1]
        return torch.fft.rfft(frames * self.window)[..., : len(self.bank)]

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """Least-squares overlap-add of (n, n_frames, bins) to (n, length): Griffin & Lim (1984), equation 6."""
        n_fft, n_frames = len(self.window), spectrum.shape[1]
        frames = torch.fft.irfft(spectrum, n=n_fft).mul_(self.window)
        left = n_fft // 2 if self.center else 0
        whole = _overlap_add(frames, self.hop_length)[:, left : left + length]
        whole = whole * _evening(self, n_frames)[:, left : left + length]
        beyond = length - whole.shape[1]
        return torch.nn.functional.pad(whole, (0, beyond)) if beyond else whole

    def bands(self, spectrum: Tensor) -> Tensor:
        """Band power (n, n_frames, rows) of an STFT."""
        energy = spectrum.real.square() + spectrum.imag.square()
        return _multiplied(energy if self.power == 2 else energy.pow(self.power / 2), self._bank)

    def met(self, waveforms: Tensor, wanted: Tensor, floor: Tensor) -> Tensor:
        """The waveforms (n, length) with each band scaled toward `wanted` (n, n_frames, rows), by least squares."""
        spectrum = self.stft(waveforms)[:, : wanted.shape[1]]
        ratio = ((wanted + floor) / (self.bands(spectrum) + floor)).pow(1 / self.power).clamp(NARROWEST, WIDEST)
        scale = _multiplied(ratio, self._spread)
        if self.zone is None:
            return self.istft(spectrum * scale, waveforms.shape[1])
        return waveforms + self.istft(spectrum * ((scale - 1) * self.zone), waveforms.shape[1])

    @cached_property
    def sparing(self) -> int:
        """Every how many columns are enough to fit a sound to."""
        return max(1, int((self.window > 0).sum()) // (OVERLAP * self.hop_length))

    def every(self, stride: int) -> "Slice":
        """The same slice at every `stride`-th column."""
        return self if stride == 1 else _strided(self, stride)

    @cached_property
    def _bank(self) -> list[tuple[int, int, Tensor]]:
        return _blocks(self.bank)

    @cached_property
    def _spread(self) -> list[tuple[int, int, Tensor]]:
        return _blocks(_shared_out(self.triangles) * self.heard)  # not needed for encoding, and it takes its time


@lru_cache(maxsize=32)
def _strided(each: Slice, stride: int) -> Slice:
    return dataclasses.replace(each, hop_length=each.hop_length * stride)


@lru_cache(maxsize=32)
def _evening(each: Slice, n_frames: int) -> Tensor:
    """1 ÷ the sum of the squared, overlapped windows, (1, length); the sum is never so small that it explodes."""
    total = _overlap_add(each.window.square().expand(1, n_frames, -1), each.hop_length)
    return 1 / total.clamp_min(1e-3 * total.max())


def _overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """(n, n_frames, n_fft) frames laid `hop_length` apart and summed: (n, (n_frames - 1) · hop_length + n_fft).

    By whole hops, because `fold` is ten times slower on a CPU.
    """
    n, n_frames, n_fft = frames.shape
    summed = frames.new_zeros(n, n_frames - 1 - (-n_fft // hop_length), hop_length)
    for hop, start in enumerate(range(0, n_fft, hop_length)):
        part = frames[:, :, start : start + hop_length]
        summed[:, hop : hop + n_frames, : part.shape[2]] += part
    return summed.view(n, -1)[:, : (n_frames - 1) * hop_length + n_fft]


def _blocks(matrix: Tensor) -> list[tuple[int, int, Tensor]]:
    """A matrix that is nearly diagonal as blocks of columns: (first row, end row, what lies between)."""
    blocks = []
    for part in matrix.split(-(-matrix.shape[1] // BLOCKS), dim=1):
        used = part.any(dim=1).nonzero()[:, 0]
        first, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        blocks.append((first, end, part[first:end].contiguous()))
    return blocks


def _multiplied(values: Tensor, blocks: list[tuple[int, int, Tensor]]) -> Tensor:
    """`values @ matrix`, block by block: three times faster than the whole at 512 rows."""
    return torch.cat([values[..., first:end] @ part for first, end, part in blocks], dim=-1)


# ---------------------------------------------------------------------------------------------- from settings to slices
@lru_cache(maxsize=16)
def slices_of(mel: MelSettings, device: torch.device) -> tuple[Slice, ...]:
    """The slice that reads all frequencies and, where the settings want one, the longer one for the bass."""
    bass_rows = mel.rows_of_bass
    made = [_slice(mel, mel.n_fft, mel.band_edges_hz, slice(bass_rows, mel.n_mels), device)]
    if bass_rows:
        made.append(_slice(mel, mel.bass_n_fft, mel.bass_edges_hz, slice(0, bass_rows), device))
    return tuple(made)


def _slice(mel: MelSettings, n_fft: int, edges_hz: tuple[float, ...], rows: slice, device: torch.device) -> Slice:
    bass = rows.start == 0 and rows.stop < mel.n_mels
    edges = torch.tensor(edges_hz, dtype=torch.float64)
    bins_hz = torch.linspace(0, mel.sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    triangles = _triangles(edges, bins_hz, widened=mel.norm == "mean", upward=not bass)
    heard = torch.ones_like(bins_hz) if mel.norm == "mean" else ((bins_hz > mel.f_min) & (bins_hz < mel.f_max)).double()
    zone, used = None, len(bins_hz)
    if bass:
        zone = ((mel.bass_hz - bins_hz) / ((1 - BASS_FADE) * mel.bass_hz)).clamp(0, 1)
        used = int(((zone > 0) | triangles.any(dim=0)).nonzero().max()) + 1
        zone = zone[:used].float().to(device)
    return Slice(window=_window(mel, n_fft).to(device), hop_length=mel.hop_length, center=mel.center,
                 pad_mode=mel.pad_mode, power=mel.power, rows=rows, zone=zone,
                 bank=_normed(triangles, edges, mel.norm).float().T[:used].contiguous().to(device),
                 triangles=triangles[:, :used].float().contiguous().to(device), heard=heard[:used].float().to(device))


def _triangles(edges_hz: Tensor, bins_hz: Tensor, *, widened: bool, upward: bool) -> Tensor:
    """Triangles of height 1 over the bins, (rows, bins).

    widened : the lowest row takes all below it, too, and `upward` the highest all above it
    """
    left, peak, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - left) / (peak - left), (right - bins_hz) / (right - peak)
    triangles = torch.minimum(rising, falling).clamp_min(0)
    if widened:
        triangles[0, bins_hz <= edges_hz[1]] = 1
    if widened and upward:
        triangles[-1, bins_hz >= edges_hz[-2]] = 1
    return triangles


def _normed(triangles: Tensor, edges_hz: Tensor, norm: str) -> Tensor:
    """Band weights: 'mean' sums to 1 a row, 'slaney' has area 1 over Hz, 'none' peaks at 1."""
    if norm == "mean":
        return triangles / triangles.sum(dim=1, keepdim=True)
    if norm == "slaney":
        return triangles * 2 / (edges_hz[2:] - edges_hz[:-2])[:, None]
    return triangles


def _shared_out(triangles: Tensor) -> Tensor:
    """(rows, bins) weights that interpolate rows over bins; a bin outside all triangles follows its nearest row."""
    weights = triangles.clone()
    covered = weights.sum(dim=0) > 1e-9
    known = covered.nonzero()[:, 0]
    lost = (~covered).nonzero()[:, 0]
    nearest = known[(lost[:, None] - known).abs().argmin(dim=1)]
    weights[:, lost] = weights[:, nearest]
    return weights / weights.sum(dim=0)


def _window(mel: MelSettings, n_fft: int) -> Tensor:
    """The analysis window (n_fft,), a shorter one centred in it; `normalized`, of energy 1."""
    shorter = min(mel.win_length or mel.n_fft, n_fft) if n_fft == mel.n_fft else n_fft
    make = {"hann": torch.hann_window, "hamming": torch.hamming_window, "blackman": torch.blackman_window,
            "bartlett": torch.bartlett_window, "kaiser": torch.kaiser_window}[mel.window]
    window, before = make(shorter, dtype=torch.float64), (n_fft - shorter) // 2
    if mel.normalized:
        window = window / window.square().sum().sqrt()
    return torch.nn.functional.pad(window, (before, n_fft - shorter - before)).float()
