"""The one place where sound becomes a mel spectrogram picture, and where the picture becomes sound again.

Forward: Hann-windowed STFT, triangular bands over |X|^power, decibels below the picture's own peak, 8 bits. The bass
may be there twice: the lowest rows read it with a longer slice, which tells its pitch, the others with the short one,
which tells its time.

Inverse: no mel inversion and no separate phase retrieval. As Griffin & Lim (1984) alternate between a signal and a
wanted spectrogram, each round here scales the signal's STFT so that its *bands* meet the picture's, with the momentum
of Perraudin, Balazs & Søndergaard (2013) and the overshoot of Nenov, Nguyen, Balazs & Boţ (2023, "Accelerated Griffin-
Lim algorithm"). What the bands do not fix (phase, and the grain inside a band) settles into what a real signal can
have; that it is silent before the sound and nowhere louder than the sound was are two things more that it must have.

The picture lies as it is shown: row 0 is the highest band, column 0 the first frame. A pixel is 0 for silence and
255 for the picture's peak; `peak_db` beside it keeps the level, so nothing is lost but what 8 bits cannot hold.
Everything is batched: waveforms are (n, samples), pixels (n, n_mels, n_frames). Stereo waveforms are (n, 2, samples),
their pixels (n, 3, n_mels, n_frames): left, middle, right, with one peak for all. The middle's picture is that of half
the sum, which alone tells how the sides' phases lie to one another: without it what was between the loudspeakers
wanders. Three planes make a colour picture, and sides that are the same make it grey. Here and in `engine/audio`
waveforms are float32 and full scale is ±1.
"""

import math

import torch
from torch import Tensor

from studio.engine import griffin_lim
from studio.engine.slices import Slice, slices_of
from studio.engine.undertone import carries, undertone
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings

SILENCE_DB = -200.0  # peak_db of a picture of nothing
FLOOR_START_DB, FLOOR_END_DB = -60.0, -100.0  # below the peak; a floor that ends high leaves hiss
LEAN = 1.5  # of the overshoot's own memory; 1.2 to 1.8 differ little
SPARING = 0.75  # of the rounds: until then every second, third … column will do, where there are more than enough
DARK, DIM = 3.0, 8.0  # mean levels of a neighbourhood: up to DARK it is silence, from DIM on it is sound
AROUND = 5  # pixels a side of that neighbourhood
PHASES = (-0.4, 0.4, 1.57)  # in which a low tone is tried; turned by half a wave it is as near to the picture
BEGINNING = 0.19  # seconds that are decoded to choose among them; in its first half a wrong one tells
CHOICE_FLOOR_DB = -70.0  # below the peak: what is quieter does not choose


# ---------------------------------------------------------------------------------------------- forward and inverse
def encode(waveforms: Tensor, mel: MelSettings) -> tuple[Tensor, Tensor]:
    """Sounds to pictures; `decode` is the inverse.

    waveforms : (n, samples) or (n, 2, samples) float32; longer than `mel.samples` is cut, shorter is followed by
                silence; with `mel.whole` neither: the picture is as wide as the sound is long
    returns   : pixels (n, n_mels, n_frames) or (n, 3, n_mels, n_frames) uint8, and peak_db (n,) float32: the band
                level that pixel 255 stands for
    """
    return to_pixels(mel_spectrogram(waveforms, mel), mel)


def decode(pixels: Tensor, peak_db: Tensor, mel: MelSettings, *, loudest: Tensor | None = None,
           start: Tensor | None = None, report: Report = silent) -> Tensor:
    """Pictures to sounds, lossy: phase is not in a picture and is found anew; `encode` is the inverse.

    pixels  : (n, n_mels, n_frames), or (n, 3, n_mels, n_frames) left, middle, right, or (n, 2, …) without the middle;
              uint8, or float in 0…255 from a model; any width
    peak_db : (n,) the level that 255 stands for
    loudest : (n,) the greatest |sample| of each sound, where it is known: none of the result is beyond it, and attacks
              come nearer to the original's
    start   : sounds of the result's shape to begin from instead of noise: what the picture leaves open, the phase above
              all, stays near theirs. The classic road, griffin-lim, always begins from noise
    returns : (n, samples) or (n, 2, samples) float32, the level kept, samples being (n_frames - 1) · hop_length - pad;
              black pictures give exact zeros
    """
    return invert(from_pixels(pixels, peak_db, mel), mel, loudest=loudest, start=start, report=report)


# ------------------------------------------------------------------------------------------------- sound ↔ band power
def mel_spectrogram(waveforms: Tensor, mel: MelSettings) -> Tensor:
    """Band power of sounds, (n, …, n_mels, n_frames) float32, the lowest band first; of stereo left, middle, right.

    NaN and infinity count as 0.
    """
    waveforms = torch.nan_to_num(waveforms.float(), nan=0.0, posinf=0.0, neginf=0.0)
    if waveforms.dim() == 3:
        left, right = waveforms.unbind(dim=1)
        waveforms = torch.stack([left, (left + right) / 2, right], dim=1)
    kept = waveforms.flatten(0, -2) if mel.whole else waveforms.flatten(0, -2)[:, : mel.samples]
    room = torch.zeros(len(kept), mel.pad + (kept.shape[1] if mel.whole else mel.samples), device=kept.device)
    room[:, mel.pad : mel.pad + kept.shape[1]] = kept
    power = [(each.rows.start, each.bands(each.stft(room))) for each in slices_of(mel, room.device)]
    power = torch.cat([rows for _, rows in sorted(power, key=lambda part: part[0])], dim=2).transpose(1, 2)
    return power.unflatten(0, waveforms.shape[:-1])


def invert(power: Tensor, mel: MelSettings, *, loudest: Tensor | None = None, start: Tensor | None = None,
           report: Report = silent) -> Tensor:
    """Sounds whose band power is near `power`, lowest band first; shapes, `loudest` and `start` as for `decode`.

    Same `mel.seed`, same samples: the search begins from that seed's noise, the same for every sound of the batch.
    """
    stereo = power.dim() == 4
    sides = power[:, [0, -1]].flatten(0, 1) if stereo else power
    bounds = None if loudest is None else loudest.to(power).repeat_interleave(len(sides) // len(power))[:, None]
    slices = slices_of(mel, power.device)
    if mel.decoder == "griffin-lim":
        waveforms = griffin_lim.search(sides, mel, slices[0], report=report)
        waveforms = waveforms if bounds is None else _held(waveforms, bounds)
    else:
        middle = power[:, 1] if stereo and power.shape[1] == 3 else None
        if start is None:
            begin = _begun(sides, middle, mel, slices, bounds)
            before = torch.zeros_like(begin)  # noise gets a push, a sound stays where it is
        else:
            begin = before = _placed(start.to(sides), sides, mel)
        waveforms = _search(sides, middle, mel, slices, bounds, (begin, before), report)
    sounding = _sounding(sides, waveforms.shape[1], mel.hop_length)
    waveforms = torch.nan_to_num(waveforms * sounding)[:, mel.pad :]
    return waveforms.unflatten(0, (-1, 2)) if stereo else waveforms


def _noise(power: Tensor, mel: MelSettings) -> Tensor:
    """(n, pad + samples) of one seeded noise for power (n, n_mels, n_frames): where the search begins."""
    length = (power.shape[2] - 1) * mel.hop_length
    noise = torch.randn(1, length, generator=torch.Generator().manual_seed(mel.seed))
    return noise.to(power.device).repeat(len(power), 1)


def _begun(power: Tensor, middle: Tensor | None, mel: MelSettings, slices: tuple[Slice, ...],
           bounds: Tensor | None) -> Tensor:
    """(n, pad + samples) where the search begins: noise, with the low tone of the sounds that one carries.

    In the phase with which their beginnings, decoded alone, come nearest to the picture. Sides share tone and phase.
    """
    noise, side_by_side = _noise(power, mel), 1 if middle is None else 2
    both = power.unflatten(0, (-1, side_by_side)).sum(dim=1)
    chosen = carries(both, mel).nonzero()[:, 0]
    if not len(chosen):
        return noise
    sides = (chosen[:, None] * side_by_side + torch.arange(side_by_side, device=power.device)).flatten()
    columns = min(power.shape[2], math.ceil(BEGINNING * mel.sample_rate / mel.hop_length))
    first = power[sides, :, :columns].repeat(len(PHASES), 1, 1)
    first_middle = None if middle is None else middle[chosen, :, :columns].repeat(len(PHASES), 1, 1)
    # (phases · sides, samples), all in one search: three small ones cost twice as much
    tones = torch.cat([undertone(both[chosen, :, :columns], mel, phase) for phase in PHASES])
    begin = noise[sides, : tones.shape[1]].repeat(len(PHASES), 1) + tones.repeat_interleave(side_by_side, dim=0)
    found = _search(first, first_middle, mel, slices, None if bounds is None else bounds[sides].repeat(len(PHASES), 1),
                    (begin, torch.zeros_like(begin)), silent)
    off = _off(found, first, slices).view(len(PHASES), len(chosen), side_by_side).sum(dim=2)
    best = power.new_tensor(PHASES)[off.argmin(dim=0)][:, None]
    noise[sides] += undertone(both[chosen], mel, best).repeat_interleave(side_by_side, dim=0)
    return noise


def _off(waveforms: Tensor, power: Tensor, slices: tuple[Slice, ...]) -> Tensor:
    """(n,) how far the bands of waveforms are from power (n, n_mels, n_frames) in its first half, |dB|."""
    floor = power.amax(dim=(1, 2))[:, None, None] * 10 ** (CHOICE_FLOOR_DB / 10) + 1e-30
    half, total = -(-power.shape[2] // 2), power.new_zeros(len(power))
    for each, rows in _fitted(power, slices, spare_main=False):
        found = each.bands(each.stft(waveforms))[:, : rows.shape[1]]
        apart = 10 * ((found + floor).log10() - (rows + floor).log10()).abs()
        total += apart[:, : -(-half * rows.shape[1] // power.shape[2])].mean(dim=(1, 2)) * rows.shape[2]
    return total / power.shape[1]


def _placed(start: Tensor, power: Tensor, mel: MelSettings) -> Tensor:
    """Sounds (n, samples) or (n, 2, samples) as the search holds them: sides in a row, after the silence before."""
    sounds = start.flatten(0, -2)
    placed = sounds.new_zeros(len(sounds), (power.shape[2] - 1) * mel.hop_length)
    placed[:, mel.pad : mel.pad + sounds.shape[1]] = sounds[:, : placed.shape[1] - mel.pad]
    return placed


def _search(power: Tensor, middle: Tensor | None, mel: MelSettings, slices: tuple[Slice, ...], bounds: Tensor | None,
            begin: tuple[Tensor, Tensor], report: Report) -> Tensor:
    """The rounds of the decoder toward power (n, n_mels, n_frames), and where they end: (n, pad + samples).

    middle : the power of half the sum of each pair of sounds, (n / 2, n_mels, n_frames), where they are sides
    begin  : (n, pad + samples) each: where they begin, and where they were before, which the momentum goes on from
    """
    peak = power.amax(dim=(1, 2))[:, None, None].clamp_min(1e-30)
    waveforms, before = begin
    shadow = waveforms
    coarse, fine = ([_fitted(each, slices, spare) for each in (power, middle) if each is not None]
                    for spare in (True, False))
    for step in range(mel.iterations):
        floor = peak * 10 ** (_floor_db(step, mel.iterations) / 10)
        wanted = coarse if step < SPARING * mel.iterations else fine
        met = _met(waveforms, wanted[0], floor, mel.pad)
        if middle is not None:
            between = met.unflatten(0, (-1, 2)).mean(dim=1)
            shift = _met(between, wanted[1], floor[::2], mel.pad) - between
            met = met + shift.repeat_interleave(2, dim=0)
        if bounds is not None:
            met = _held(met, bounds)
        further = torch.lerp(shadow, met, mel.overshoot)
        waveforms, shadow = further + mel.momentum * (further - before), further + LEAN * (further - before)
        before = further
        report(Progress("decode", step + 1, mel.iterations))
    return met


def _met(waveforms: Tensor, wanted: list[tuple[Slice, Tensor]], floor: Tensor, pad: int) -> Tensor:
    """The waveforms after one correction by each slice; nothing sounds before the sound."""
    for each, rows in wanted:
        waveforms = each.met(waveforms, rows, floor)
        waveforms[:, :pad] = 0
    return waveforms


def _fitted(power: Tensor, slices: tuple[Slice, ...], spare_main: bool) -> list[tuple[Slice, Tensor]]:
    """The slices with the rows they are to meet, (n, n_frames, rows); the bass always at as few columns as will do."""
    pairs = []
    for each in slices:
        stride = each.sparing if spare_main or each is not slices[0] else 1
        pairs.append((each.every(stride), power[:, each.rows, ::stride].transpose(1, 2).contiguous()))
    return pairs


def _held(waveforms: Tensor, bounds: Tensor) -> Tensor:
    """Samples within ±bounds (n, 1)."""
    return torch.minimum(torch.maximum(waveforms, -bounds), bounds)


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
    """Band power (n, …, n_mels, n_frames), lowest first, to uint8 as shown, and peak_db (n,); see `from_pixels`."""
    peak = power.flatten(1).amax(dim=1)
    peak_db = (10 * torch.log10(peak.clamp_min(1e-30))).clamp_min(SILENCE_DB)
    ratio = power / _per_sound(10 ** (peak_db / 10), power)
    if mel.intensity == "root":
        brightness = ratio.pow(mel.root)
    else:
        brightness = 1 + 10 * torch.log10(ratio.clamp_min(1e-30)) / mel.range_db
    levels = (255 * brightness).round().clamp(0, 255)
    levels[peak_db <= SILENCE_DB] = 0
    return (255 - levels if mel.inverted else levels).to(torch.uint8).flip(-2), peak_db


def from_pixels(pixels: Tensor, peak_db: Tensor, mel: MelSettings) -> Tensor:
    """Pixels as shown to band power, lowest band first; black is exact silence. The inverse of `to_pixels`."""
    levels = torch.nan_to_num(pixels.float()).clamp(0, 255).flip(-2)
    if mel.inverted:
        levels = 255 - levels
    if mel.intensity == "root":
        ratio = (levels / 255).pow(1 / mel.root)
    else:
        levels = _darkened(levels)
        ratio = torch.where(levels > 0, 10 ** (mel.range_db * (levels / 255 - 1) / 10), torch.zeros_like(levels))
    return ratio * _per_sound(10 ** (peak_db.to(levels) / 10), levels)


def _per_sound(values: Tensor, like: Tensor) -> Tensor:
    """One number a sound, (n,), to be multiplied with something of the shape of `like`."""
    return values.view(-1, *[1] * (like.dim() - 1))


def _darkened(levels: Tensor) -> Tensor:
    """Levels with what is dark all around made black: a model's black is a few levels off, and all of it would hiss."""
    side = AROUND // 2
    around = torch.nn.functional.pad(levels.flatten(0, -3)[:, None], (side, side, side, side), mode="replicate")
    mean = torch.nn.functional.avg_pool2d(around, AROUND, stride=1).view(levels.shape)
    return levels * ((mean - DARK) / (DIM - DARK)).clamp(0, 1)
