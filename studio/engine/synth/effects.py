"""What a room, a mixer and a sampler do to a sound: the effects that any voice may get, each on a part of the batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import (
    TAU,
    add,
    band,
    coarse_log_hz,
    falling,
    fft_size,
    level,
    plate_noise,
    spread,
    white,
)
from studio.engine.synth.draws import Draws

ROOM_DURATION = 0.3  # of a room's answer, s


def room(draws: Draws, waveforms: Tensor, wet: Tensor, which: Tensor, time: Tensor) -> Tensor:
    """Adds a room: convolution with noise that decays, after a short gap. wet : (count,) 0..1; time : (rooms,) s.

    There are fewer rooms than clips: the batch shares them, each clip in its own place and as wet as it likes.
    """
    size = fft_size(draws.samples + round(ROOM_DURATION * draws.sample_rate) // 2)  # what wraps has died down
    early = draws.like(len(time)).brief(ROOM_DURATION)
    fall = falling(early.time[None], time[:, None]) * early.normal(early.samples)
    fall *= early.time[None] > early.uniform(0.0005, 0.012)[:, None]
    log_hz = coarse_log_hz(draws.device)[None]
    split = torch.sigmoid(2.5 * (log_hz - early.log(1500, 7000).log()[:, None]))  # treble dies sooner
    tone = band(early.log(40, 400), early.log(3500, 20000), 1.5)
    slow, quick = torch.fft.rfft(torch.cat((fall, fall * falling(early.time[None], time[:, None]))), size).chunk(2)
    response = slow * spread(tone * (1 - split), size, draws.sample_rate)
    response += quick * spread(tone * split, size, draws.sample_rate)
    spectrum = torch.fft.rfft(waveforms, size).mul_(response[which])
    return torch.addcmul(waveforms, level(torch.fft.irfft(spectrum, size)[:, : draws.samples]), wet[:, None])


def equaliser(draws: Draws, waveforms: Tensor) -> Tensor:
    """What microphones, desks and years do to a spectrum: tilt, two broad resonances, now and then a cut."""
    size = fft_size(round(draws.samples * 1.04))  # what rings before the onset must not wrap into the end
    log_hz = coarse_log_hz(draws.device)[None]
    tilt = draws.normal() * draws.chance(0.7) * 0.17  # natural logarithm of gain per natural logarithm of frequency
    gain = tilt[:, None] * (log_hz - math.log(1000)).clamp(-2.5, 2.8)
    for chance in (0.6, 0.3):
        centre, height = draws.log(80, 12000).log(), draws.normal() * 0.55 * draws.chance(chance)
        near = torch.exp(-(((log_hz - centre[:, None]) / draws.log(0.15, 0.8)[:, None]) ** 2))
        gain = gain + near * height[:, None]
    top = torch.where(draws.chance(0.16), draws.log(2500, 14000), 60000.0).log()
    bottom = torch.where(draws.chance(0.1), draws.log(40, 160), 1.0).log()
    cut = torch.sigmoid(3 * (top[:, None] - log_hz)) * torch.sigmoid(3 * (log_hz - bottom[:, None]))
    curve = spread(gain.exp() * cut, size, draws.sample_rate)
    return torch.fft.irfft(torch.fft.rfft(waveforms, size).mul_(curve), size)[:, : draws.samples]


def crush(draws: Draws, waveforms: Tensor, bits: Tensor, hold: Tensor) -> Tensor:
    """Fewer bits and a lower sample rate: rounds to 2^bits steps and holds each value for `hold` samples."""
    index = torch.arange(draws.samples, device=draws.device)[None]
    steps = torch.div(index, hold[:, None], rounding_mode="floor") * hold[:, None]
    scale = (2 ** (bits - 1))[:, None]
    return torch.round(waveforms.gather(1, steps) * scale) / scale


def drive(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """A soft limit, driven `amount` times above it."""
    return torch.tanh(waveforms * amount[:, None]) / torch.tanh(amount)[:, None]


def rumble(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """The mains and the stage floor under a recording. amount : (count,) gain."""
    return torch.addcmul(waveforms, torch.sin(TAU * draws.log(18, 60)[:, None] * draws.time), amount[:, None])


def dust(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """Tape and vinyl: soft hiss, rumble and a few ticks under a sound of peak 1. amount : (count,) gain."""
    size = fft_size(draws.samples)
    pink = torch.exp(-0.5 * (coarse_log_hz(draws.device)[None] - math.log(100)).clamp_min(-1))
    hiss = level(torch.fft.irfft(white(draws, pink.expand(draws.count, -1), size), size)[:, : draws.samples])
    ticks = draws.log(0.05, 1, 6) * draws.normal(6).sign()
    where = (draws.uniform(0, 1, 6) * (draws.samples - 1)).long()
    return torch.addcmul(waveforms, hiss.scatter_add(1, where, ticks), amount[:, None])


def onsets(waveforms: Tensor, threshold: float = 0.03) -> list[int]:
    """The first sample of each clip that is above `threshold` of its peak, in the first sixth."""
    peak = torch.maximum(waveforms.amax(1, keepdim=True), -waveforms.amin(1, keepdim=True))
    return (waveforms[:, : waveforms.shape[1] // 6].abs() > threshold * peak).byte().argmax(1).tolist()


def to_onset(waveforms: Tensor) -> Tensor:
    """Moves each clip's onset to the start; silence fills the end."""
    out = torch.zeros_like(waveforms)
    for before, after, start in zip(waveforms, out, onsets(waveforms), strict=True):
        after[: len(after) - start] = before[start:]
    return out


def fade(waveforms: Tensor, sample_rate: int, duration: float = 0.02) -> Tensor:
    """Closes the last `duration` seconds with a straight line to zero, in place."""
    length = min(round(duration * sample_rate), waveforms.shape[1])
    waveforms[:, waveforms.shape[1] - length :] *= torch.linspace(1, 0, length, device=waveforms.device)
    return waveforms


def ambience(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """Adds what other skins, wires and walls answer: a quiet wash of many modes, gone sooner the higher they are.

    amount : (count,) gain.
    """
    draws = draws.brief(0.9)
    low, high = draws.log(0.05, 0.28), draws.log(0.012, 0.14)
    log_hz = coarse_log_hz(draws.device)[None]
    tilt = torch.exp(-draws.uniform(0, 0.6)[:, None] * (log_hz - math.log(300)).clamp_min(0))
    ripple = torch.exp(draws.log(0.1, 1)[:, None] * draws.normal(log_hz.shape[1]))
    tone = band(draws.log(40, 400), draws.log(5000, 20000)) * tilt * ripple
    return add(waveforms, plate_noise(draws, tone, (low, high)) * amount[:, None])


def ends(waveforms: Tensor, sample_rate: int, under_db: Tensor) -> Tensor:
    """(count,) s after which the 10 ms level stays `under_db` below the loudest."""
    step = sample_rate // 100
    energy = waveforms[:, : waveforms.shape[1] // step * step].unflatten(1, (-1, step)).square().mean(2)
    loud = energy > energy.amax(1, keepdim=True) * 10 ** (-under_db[:, None] / 10)
    return (loud * torch.arange(1, loud.shape[1] + 1, device=loud.device)).amax(1) * 0.01


def trim(draws: Draws, waveforms: Tensor, end: Tensor, close: Tensor) -> Tensor:
    """Cuts each clip as an editor does: a fade of `close` seconds from `end` (s) on, then silence, in place."""
    first = int(end.min().clamp_min(0) * draws.sample_rate)
    curve = ((end[:, None] - draws.time[None, first:]) / close[:, None] + 1).clamp_(0, 1)
    waveforms[:, first:] *= curve
    return waveforms


def some(mask: Tensor, effect: Callable[..., Tensor], draws: Draws, waveforms: Tensor, *amounts: Tensor) -> Tensor:
    """Applies `effect` to the clips of `mask` only, in place, with dice drawn from the batch's generator."""
    chosen = mask.nonzero()[:, 0]
    if len(chosen) > 0:
        waveforms[chosen] = effect(draws.like(len(chosen)), waveforms[chosen], *(each[chosen] for each in amounts))
    return waveforms


def finish(draws: Draws, waveforms: Tensor, roomy: float) -> tuple[Tensor, dict[str, Tensor]]:
    """All effects in the order of a studio; `roomy` is the role's chance of a room. Returns waveforms and what is true.

    waveforms (count, samples or fewer) -> (count, samples), onset at 0, silent after its end, peak 1;
    traits: (count,) bool by word.
    """
    sound = torch.zeros(draws.count, draws.samples, device=draws.device)
    add(sound, equaliser(draws.brief(waveforms.shape[1] / draws.sample_rate), waveforms))
    sound = level(to_onset(sound))
    answer = draws.log(0.001, 0.06) * draws.chance(min(1, 1.3 * roomy))
    sound = some(answer > 0, ambience, draws, sound, answer)
    wet = draws.log(0.004, 0.4) * draws.chance(roomy)
    time = draws.like(1 + draws.count // 5).log(0.02, 0.3)
    which = draws.pick((1,) * len(time))
    sound = level(some(wet > 0, lambda *part: room(*part, time), draws, sound, wet, which))
    driven = draws.sometimes(0.22, 1, 28)
    sound = some(driven > 0, drive, draws, sound, driven)
    crushed = draws.chance(0.08)
    sound = some(crushed, crush, draws, sound, draws.uniform(4, 9).floor(), draws.uniform(1, 9).long())
    end = ends(sound, draws.sample_rate, draws.uniform(12, 110))
    drift = draws.sometimes(0.15, 0.003, 0.03)
    sound = some(drift > 0, rumble, draws, sound, drift)
    amount = draws.log(0.0005, 0.015) * draws.chance(0.15)
    sound = some(amount > 0, dust, draws, sound, amount)
    sound = trim(draws, sound, end, draws.log(0.003, 0.04))
    traits = {
        "roomy": (wet > 0.1) & (time[which] > 0.06),
        "dry": wet < 0.015,
        "distorted": driven > 5,
        "clean": (driven == 0) & ~crushed,
        "lofi": crushed,
        "dusty": amount > 0.004,
    }
    return level(fade(to_onset(sound), draws.sample_rate)), traits
