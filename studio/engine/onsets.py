"""A long recording into one-shots: where its sounds begin, and the pieces from one beginning to the next.

Spectral flux over logarithmic bands with the maximum filter of Böck & Widmer (2013, "Maximum filter vibrato suppression
for onset detection"): how much louder the bands have become within 10 ms, where a neighbouring band that was loud
already does not count. Peaks that stand out of their surroundings are onsets; each is then followed back in the
waveform to where the attack leaves what sounded before, so that a cut shaves nothing.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio
from studio.errors import StudioError
from studio.files import slug, unused
from studio.progress import Progress, Report, silent

STEP_MS = 5.0  # between two values of the strength
LAG = 2  # steps: what is louder than so long ago is new
SLICE = 0.023  # seconds of an analysis slice, before it becomes a power of two
LOWEST_HZ, BANDS_AN_OCTAVE = 60.0, 4
COMPRESSION = 1000.0  # log(1 + COMPRESSION · amplitude), amplitude 1 being the recording's loudest band
STRICTEST, LOOSEST = 0.4, 0.0085  # how far a peak must stand out, at sensitivity 0 and 1
AROUND_MS, AHEAD_MS = 100.0, 30.0  # what a peak is compared with: a mean around it, and nothing higher so near
TORN_MS = 30.0  # at the end of a recording, where its being torn off looks like an onset
BEFORE_MS, AFTER_MS, BACK_MS = 12.0, 25.0, 20.0  # around a peak of the strength: its attack, and what was before
BASS_HZ = 100.0  # from here on the differences of a waveform tell its level better than the waveform does
LEAVES, RISES = 0.03, 1.5  # of the attack's loudest millisecond, of the loudest before it: beyond both, it has begun
QUIETEST_DB = -50.0  # a piece whose peak is so far below the recording's is no sound
PRE_ROLL_MS, FADE_MS = 1.0, 3.0  # kept before an onset; fade at the end of a piece that the next one cuts off
BLOCK = 4096  # frames analysed at once, so that an hour needs no more memory than a minute


@dataclass(frozen=True)
class Piece:
    """A stretch of a recording, in samples: from `start` up to but without `end`."""

    start: int
    end: int


def strength(waveform: Tensor, sample_rate: int, *, report: Report = silent) -> Tensor:
    """How strongly something begins, (steps,) float32, one value each 5 ms; 0 where nothing does, 1 is the most.

    waveform : (samples,), at any level: it is judged against its own loudest moment
    """
    hop, n_fft = _hop(sample_rate), 2 ** round(math.log2(SLICE * sample_rate))
    steps = len(waveform) // hop + 1
    room = torch.nn.functional.pad(waveform.float(), (n_fft // 2, n_fft + hop))
    bands = []
    for first in range(0, steps, BLOCK):
        count = min(BLOCK, steps - first)
        frames = room[first * hop : (first + count - 1) * hop + n_fft].unfold(0, n_fft, hop)
        spectrum = torch.fft.rfft(frames * torch.hann_window(n_fft)).abs()
        bands.append(spectrum @ _grouping(n_fft, sample_rate))
        report(Progress("onsets", first + count, steps))
    amplitudes = torch.cat(bands)
    levels = torch.log1p(COMPRESSION * amplitudes / amplitudes.max().clamp_min(1e-12)) / math.log1p(COMPRESSION)
    earlier = torch.nn.functional.pad(levels, (0, 0, LAG, 0))[:steps]  # silence before the recording
    earlier = torch.nn.functional.max_pool1d(earlier, 3, stride=1, padding=1)
    return (levels - earlier).clamp_min(0).square().mean(dim=1).sqrt()


def onsets(waveform: Tensor, sample_rate: int, flux: Tensor, *, sensitivity: float = 0.5,
           min_gap_ms: float = 60.0) -> list[int]:
    """The samples at which sounds begin, in order.

    waveform    : (samples,), and `flux` what `strength` says of it: one flux serves every sensitivity
    sensitivity : 0 takes only what stands out clearly, 1 takes nearly everything that moves
    min_gap_ms  : of two onsets that are nearer to each other, the earlier counts
    Raises StudioError for a sensitivity that is not between 0 and 1.
    """
    if not 0 <= sensitivity <= 1:
        raise StudioError(f"sensitivity is {sensitivity:g}; give 0 for few onsets to 1 for many")
    peaks = _peaks(flux, STRICTEST * (LOOSEST / STRICTEST) ** sensitivity)
    found: list[int] = []
    for step in peaks:
        at = _attack(waveform, sample_rate, step * _hop(sample_rate))
        if not found or at - found[-1] >= min_gap_ms / 1000 * sample_rate:
            found.append(at)
    return found


def pieces(waveform: Tensor, sample_rate: int, found: Sequence[int]) -> list[Piece]:
    """One piece from each onset to the next, a millisecond before each; those that are as good as silent are left out.

    waveform : (samples,)
    """
    early = round(PRE_ROLL_MS / 1000 * sample_rate)
    starts = [max(0, at - early) for at in found]
    cut = [Piece(start, end) for start, end in itertools.pairwise([*starts, len(waveform)]) if end > start]
    quiet = waveform.abs().max() * 10 ** (QUIETEST_DB / 20) if len(waveform) else 0.0
    return [piece for piece in cut if waveform[piece.start : piece.end].abs().max() > quiet]


def cut_out(waveform: Tensor, sample_rate: int, piece: Piece) -> Tensor:
    """The samples of a piece of (..., samples), with 3 ms of fade where the recording goes on behind it."""
    cut = waveform[..., piece.start : piece.end].clone()
    if piece.end < waveform.shape[-1]:
        fade = min(cut.shape[-1], round(FADE_MS / 1000 * sample_rate))
        cut[..., cut.shape[-1] - fade :] *= torch.linspace(1, 0, fade)
    return cut


def write(waveform: Tensor, sample_rate: int, chosen: Sequence[Piece], folder: Path, name: str, *,
          report: Report = silent) -> list[Path]:
    """Write pieces of a recording as 24-bit WAVs NAME_01.wav, NAME_02.wav …; nothing that is there is written over.

    waveform : (channels, samples) or (samples,); one beyond full scale is brought down to it as a whole
    Raises StudioError where they cannot be written.
    """
    level = 1 / max(1.0, float(waveform.abs().max())) if waveform.numel() else 1.0
    digits, paths = max(2, len(str(len(chosen)))), []
    for number, piece in enumerate(chosen, start=1):
        path = unused(Path(folder) / f"{slug(name)}_{number:0{digits}}.wav")
        recipe = {"recording": name, "start": piece.start / sample_rate, "end": piece.end / sample_rate}
        paths.append(audio.write(path, level * cut_out(waveform, sample_rate, piece), sample_rate, recipe))
        report(Progress("cutting", number, len(chosen), note=path.name))
    return paths


# ------------------------------------------------------------------------------------------------------------ analysis
def _hop(sample_rate: int) -> int:
    return max(1, round(STEP_MS / 1000 * sample_rate))


def _grouping(n_fft: int, sample_rate: int) -> Tensor:
    """(bins, bands) that sums the bins of each quarter of an octave; the lowest band takes all below it."""
    hz = torch.arange(n_fft // 2 + 1) * sample_rate / n_fft
    numbers = (BANDS_AN_OCTAVE * torch.log2(hz.clamp_min(LOWEST_HZ) / LOWEST_HZ)).long()
    _, bands = torch.unique(numbers, return_inverse=True)  # bands too narrow for a bin of their own fall away
    return torch.nn.functional.one_hot(bands).float()


def _peaks(flux: Tensor, stands_out: float) -> list[int]:
    """Steps where the flux is the highest near by and stands out of the mean around it."""
    around, ahead, torn = round(AROUND_MS / STEP_MS), round(AHEAD_MS / STEP_MS), round(TORN_MS / STEP_MS)
    row = flux[None, None]
    mean = torch.nn.functional.avg_pool1d(row, 2 * around + 1, stride=1, padding=around)[0, 0]
    highest = torch.nn.functional.max_pool1d(row, 2 * ahead + 1, stride=1, padding=ahead)[0, 0]
    peaks = ((flux >= highest) & (flux > mean + stands_out)).nonzero()[:, 0].tolist()
    return [step for step in peaks if step < len(flux) - torn]


def _attack(waveform: Tensor, sample_rate: int, at: int) -> int:
    """The sample near `at` at which the attack leaves what sounded before it.

    By the level of the waveform's differences, where the long waves of a tail before it do not hide it; with a little
    of the waveform itself, as a bass has moments in which it stands still.
    """
    step = max(1, sample_rate // 1000)
    back, early = round((BACK_MS + BEFORE_MS) / 1000 * sample_rate), round(BACK_MS)
    first = at - back
    heard = waveform[max(0, first) : at + round(AFTER_MS / 1000 * sample_rate)].float()
    heard = torch.nn.functional.pad(heard, (max(0, -first), step))  # silence before the recording
    energy = heard.diff().square() + (2 * math.pi * BASS_HZ / sample_rate * heard[1:]).square()
    levels = energy[: len(energy) // step * step].view(-1, step).mean(dim=1).sqrt()
    most, rest = float(levels[early:].max()), float(levels[:early].max())
    begun = levels[early:] >= min(max(LEAVES * most, RISES * rest), 0.5 * most)
    return max(0, first + (early + int(begun.nonzero()[0])) * step)
