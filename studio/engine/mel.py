"""The one place where sound becomes a mel spectrogram picture, and where the picture becomes sound again.

Forward: Hann-windowed STFT, triangular bands over |X|^power, decibels below the picture's own peak, 8 bits.
Inverse: no mel inversion and no separate phase retrieval. As Griffin & Lim (1984) alternate between a signal and a
wanted spectrogram, each round here scales the signal's STFT so that its *bands* meet the picture's, with the
momentum of Perraudin, Balazs & Søndergaard (2013). What the bands do not fix (phase, and the grain inside a band)
settles into what a real signal can have.

The picture lies as it is shown: row 0 is the highest band, column 0 the first frame. A pixel is 0 for silence and
255 for the picture's peak; `peak_db` beside it keeps the level, so nothing is lost but what 8 bits cannot hold.
Everything is batched: waveforms are (n, samples), pixels (n, n_mels, n_frames). Here and in `engine/audio` waveforms
are float32 and full scale is ±1.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from studio.progress import Progress, Report, silent
from studio.settings import MelSettings

SILENCE_DB = -200.0  # peak_db of a picture of nothing
NARROWEST, WIDEST = 0.1, 10.0  # bounds of one round's correction, so that an empty band cannot explode
ZONE_HZ = 50.0  # half width of the cross-fade between the bass slice and the other one
FLOOR_START_DB, FLOOR_END_DB = -60.0, -100.0  # below the peak; a floor that ends high leaves hiss


# ---------------------------------------------------------------------------------------------- forward and inverse
def encode(waveforms: Tensor, mel: MelSettings) -> tuple[Tensor, Tensor]:
    """Sounds to pictures; `decode` is the inverse.

    waveforms : (n, samples) float32; longer than `mel.samples` is cut, shorter is followed by silence
    returns   : pixels (n, n_mels, n_frames) uint8, peak_db (n,) float32: the band level that pixel 255 stands for
    """
    return to_pixels(mel_spectrogram(waveforms, mel), mel)


def decode(pixels: Tensor, peak_db: Tensor, mel: MelSettings, *, report: Report = silent) -> Tensor:
    """Pictures to sounds, lossy: phase is not in a picture and is found anew; `encode` is the inverse.

    pixels  : (n, n_mels, n_frames) uint8, or float in 0…255 from a model; any width
    peak_db : (n,) the level that 255 stands for
    returns : (n, (n_frames - 1) · hop_length - pad) float32, the level kept; black pictures give exact zeros
    """
    return invert(from_pixels(pixels, peak_db, mel), mel, report=report)


# ------------------------------------------------------------------------------------------------- sound ↔ band power
def mel_spectrogram(waveforms: Tensor, mel: MelSettings) -> Tensor:
    """Band power of sounds, (n, n_mels, n_frames) float32 with the lowest band first. NaN and infinity count as 0."""
    waveforms = torch.nan_to_num(waveforms.float(), nan=0.0, posinf=0.0, neginf=0.0)
    room = torch.zeros(len(waveforms), mel.pad + mel.samples, device=waveforms.device)
    kept = waveforms[:, : mel.samples]
    room[:, mel.pad : mel.pad + kept.shape[1]] = kept
    bands = [each.bands(each.stft(room)) for each in _slices(mel, waveforms.device)]
    return torch.cat(bands, dim=2).transpose(1, 2)


def invert(power: Tensor, mel: MelSettings, *, report: Report = silent) -> Tensor:
    """Sounds whose band power is near `power` (n, n_mels, n_frames), lowest band first; returns (n, samples) float32.

    Same `mel.seed`, same samples: the search starts from that seed's noise, the same for every sound of the batch.
    """
    n, _, n_frames = power.shape
    length = (n_frames - 1) * mel.hop_length
    slices = _slices(mel, power.device)
    wanted = [power[:, each.rows].transpose(1, 2).contiguous() for each in slices]
    peak = power.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)

    noise = torch.randn(1, length, generator=torch.Generator().manual_seed(mel.seed))
    waveforms = noise.to(power.device).repeat(n, 1)
    waveforms[:, : mel.pad] = 0
    before = torch.zeros_like(waveforms)
    for step in range(mel.iterations):
        floor = peak * 10 ** (_floor_db(step, mel.iterations) / 10)
        met = sum(each.meet(waveforms, want, floor) for each, want in zip(slices, wanted, strict=True))
        met[:, : mel.pad] = 0  # nothing sounds before the sound
        last = step == mel.iterations - 1
        waveforms = met if last else met + mel.momentum * (met - before)
        before = met
        report(Progress("decode", step + 1, mel.iterations))
    return torch.nan_to_num(waveforms * _sounding(power, length, mel.hop_length))[:, mel.pad :]


def _floor_db(step: int, iterations: int) -> float:
    """The regulariser's level: sinks over the first 80 % of the rounds, so that quiet cells are shaped last."""
    sunk = min(1.0, step / max(1.0, 0.8 * iterations - 1))
    return FLOOR_START_DB + (FLOOR_END_DB - FLOOR_START_DB) * sunk


def _sounding(power: Tensor, length: int, hop_length: int) -> Tensor:
    """(n, length) 1 where the picture sounds, 0 where it and its neighbouring columns are black."""
    active = (power > 0).any(dim=1).float()
    active = torch.nn.functional.max_pool1d(active[:, None], 3, stride=1, padding=1)[:, 0]
    return active.repeat_interleave(hop_length, dim=1)[:, hop_length // 2 :][:, :length]


# ----------------------------------------------------------------------------------------------- band power ↔ pixels
def to_pixels(power: Tensor, mel: MelSettings) -> tuple[Tensor, Tensor]:
    """Band power (n, n_mels, n_frames), lowest first, to pixels uint8 as shown, and peak_db (n,); see `from_pixels`."""
    peak = power.amax(dim=(1, 2))
    peak_db = (10 * torch.log10(peak.clamp_min(1e-30))).clamp_min(SILENCE_DB)
    below_db = 10 * torch.log10(power.clamp_min(1e-30)) - peak_db[:, None, None]
    levels = (255 * (1 + below_db / mel.range_db)).round().clamp(0, 255)
    levels[peak_db <= SILENCE_DB] = 0
    return levels.to(torch.uint8).flip(1), peak_db


def from_pixels(pixels: Tensor, peak_db: Tensor, mel: MelSettings) -> Tensor:
    """Pixels as shown to band power, lowest band first; black is exact silence. The inverse of `to_pixels`."""
    levels = torch.nan_to_num(pixels.float()).clamp(0, 255).flip(1)
    level_db = peak_db.to(levels)[:, None, None] + mel.range_db * (levels / 255 - 1)
    return torch.where(levels > 0, 10 ** (level_db / 10), torch.zeros_like(levels))


# ------------------------------------------------------------------------------------------------- slices and bands
@dataclass(frozen=True)
class _Slice:
    """One slice length of the analysis: its window, the rows it reads, and the bins that are its own to write.

    Inside, frames come before bins and rows, (n, n_frames, …), as the FFT wants them.
    """

    mel: MelSettings
    window: Tensor  # (n_fft,)
    bank: Tensor  # (bins, rows) weights of a band's sum
    spread: Tensor  # (rows, bins) a row's correction shared out over the bins, each bin's weights sum to its zone
    rows: slice

    def stft(self, waveforms: Tensor) -> Tensor:
        """(n, length) to (n, n_frames, bins) complex64; a frame every hop_length samples, length // hop_length + 1."""
        n_fft = len(self.window)
        left = n_fft // 2 if self.mel.center else 0
        mode = self.mel.pad_mode if left < waveforms.shape[1] else "constant"
        framed = torch.nn.functional.pad(waveforms[:, None], (left, n_fft - left), mode=mode)[:, 0]
        frames = framed.unfold(1, n_fft, self.mel.hop_length)[:, : waveforms.shape[1] // self.mel.hop_length + 1]
        return torch.fft.rfft(frames * self.window)

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """Least-squares overlap-add of (n, n_frames, bins) to (n, length): Griffin & Lim (1984), equation 6."""
        n_fft, hop_length = len(self.window), self.mel.hop_length
        frames = torch.fft.irfft(spectrum, n=n_fft) * self.window
        left = n_fft // 2 if self.mel.center else 0
        whole = _overlap_add(frames, hop_length) / _overlap(self.mel, n_fft, spectrum.shape[1], spectrum.device)
        return whole[:, left : left + length]

    def bands(self, spectrum: Tensor) -> Tensor:
        """Band power (n, n_frames, rows) of an STFT."""
        energy = spectrum.real.square() + spectrum.imag.square()
        return (energy if self.mel.power == 2 else energy.pow(self.mel.power / 2)) @ self.bank

    def meet(self, waveforms: Tensor, wanted: Tensor, floor: Tensor) -> Tensor:
        """This slice's share of the waveforms, with each band scaled toward `wanted` (n, n_frames, rows)."""
        spectrum = self.stft(waveforms)
        ratio = ((wanted + floor) / (self.bands(spectrum) + floor)).pow(1 / self.mel.power).clamp(NARROWEST, WIDEST)
        return self.istft(spectrum * (ratio @ self.spread), waveforms.shape[1])


def _overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """(n, n_frames, n_fft) frames laid `hop_length` apart and summed: (n, (n_frames - 1) · hop_length + n_fft).

    By whole hops, because `fold` is ten times slower on a CPU.
    """
    n, n_frames, n_fft = frames.shape
    hops = -(-n_fft // hop_length)
    parts = torch.nn.functional.pad(frames, (0, hops * hop_length - n_fft)).view(n, n_frames, hops, hop_length)
    summed = frames.new_zeros(n, n_frames + hops - 1, hop_length)
    for hop in range(hops):
        summed[:, hop : hop + n_frames] += parts[:, :, hop]
    return summed.view(n, -1)[:, : (n_frames - 1) * hop_length + n_fft]


@lru_cache(maxsize=16)
def _slices(mel: MelSettings, device: torch.device) -> tuple[_Slice, ...]:
    """The one or two slice lengths of `mel`, with all that they need, on `device`."""
    edges = torch.tensor(mel.band_edges_hz, dtype=torch.float64)
    of_row = [mel.n_fft_of_row(row) for row in range(mel.n_mels)]
    bass_rows = sum(n_fft != mel.n_fft for n_fft in of_row)
    slices = []
    for rows in (slice(0, bass_rows), slice(bass_rows, mel.n_mels)):
        if rows.start == rows.stop:
            continue
        n_fft = of_row[rows.start]
        bins_hz = torch.linspace(0, mel.sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
        peaked = _triangles(edges[rows.start : rows.stop + 2], bins_hz, widened=mel.norm == "mean",
                            whole=(rows.start == 0, rows.stop == mel.n_mels))
        zone = torch.ones_like(bins_hz)
        if mel.norm != "mean":  # of what lies beyond the rows the picture says nothing: it is silent
            zone = ((bins_hz > mel.f_min) & (bins_hz < mel.f_max)).double()
        if bass_rows:
            above = ((bins_hz - mel.bass_hz) / (2 * ZONE_HZ) + 0.5).clamp(0, 1)
            zone = zone * (above if n_fft == mel.n_fft else 1 - above)
        slices.append(_Slice(
            mel=mel, rows=rows, window=_window(mel, n_fft).to(device),
            bank=_normed(peaked, edges[rows.start : rows.stop + 2], mel.norm).float().T.contiguous().to(device),
            spread=(_shared_out(peaked) * zone).float().to(device)))
    return tuple(slices)


def _triangles(edges_hz: Tensor, bins_hz: Tensor, *, widened: bool, whole: tuple[bool, bool]) -> Tensor:
    """Triangles of height 1 over the bins, (rows, bins); `widened`, the outermost rows take all beyond them."""
    left, peak, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - left) / (peak - left), (right - bins_hz) / (right - peak)
    triangles = torch.minimum(rising, falling).clamp_min(0)
    if widened and whole[0]:
        triangles[0, bins_hz <= edges_hz[1]] = 1
    if widened and whole[1]:
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
    for bin_index in (~covered).nonzero()[:, 0]:
        weights[:, bin_index] = weights[:, known[(known - bin_index).abs().argmin()]]
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


@lru_cache(maxsize=16)
def _overlap(mel: MelSettings, n_fft: int, n_frames: int, device: torch.device) -> Tensor:
    """Sum of the squared, overlapped windows, (1, length); never so small that a division could explode."""
    frames = _window(mel, n_fft).to(device).square().expand(1, n_frames, -1)
    total = _overlap_add(frames, mel.hop_length)
    return total.clamp_min(1e-3 * total.max())
