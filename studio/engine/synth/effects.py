"""What a room, a mixer and a sampler do to a sound: the effects that any voice may get, each on a part of the batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import TAU, band, column, falling, fft_size, level, log_frequencies, plate_noise
from studio.engine.synth.draws import Draws


def room(draws: Draws, waveforms: Tensor, wet: Tensor, time: Tensor) -> Tensor:
    """Adds a room: convolution with noise that decays for `time` seconds, after a short gap. wet : (count,) 0..1."""
    size = fft_size(draws.samples * 4 // 3)
    early = draws.time[: size - draws.samples]  # no longer than the transform has room for
    fall = falling(early[None], time[:, None]) * draws.normal(len(early))
    gap = draws.uniform(0.0005, 0.012)[:, None]
    fall = fall * (early[None] > gap)
    log_hz = log_frequencies(size, draws)
    split = torch.sigmoid(2.5 * (log_hz[None] - draws.log(1500, 7000).log()[:, None]))  # treble dies sooner
    fall = torch.fft.rfft(fall, size) * (1 - split) + torch.fft.rfft(fall * fall.abs().clamp_max(1), size) * split
    response = fall * band(log_hz, draws.log(40, 400), draws.log(3500, 20000), 1.5)
    tail = torch.fft.irfft(torch.fft.rfft(waveforms, size) * response, size)[:, : draws.samples]
    return waveforms + level(tail) * wet[:, None]


def equaliser(draws: Draws, waveforms: Tensor) -> Tensor:
    """Tilt, one broad resonance, now and then a low-pass or a high-pass."""
    size = fft_size(draws.samples)
    log_hz = log_frequencies(size, draws)[None]
    tilt = draws.normal() * draws.chance(0.6) * 0.11  # natural logarithm of gain per natural logarithm of frequency
    gain = tilt[:, None] * (log_hz - math.log(1000)).clamp(-2.5, 2.8)
    centre, height = draws.log(100, 9000).log(), draws.normal() * 0.5 * draws.chance(0.5)
    gain = gain + height[:, None] * torch.exp(-(((log_hz - centre[:, None]) / draws.log(0.15, 0.7)[:, None]) ** 2))
    top = torch.where(draws.chance(0.14), draws.log(2500, 12000), 40000.0).log()
    bottom = torch.where(draws.chance(0.1), draws.log(40, 160), 2.0).log()
    cut = torch.sigmoid(3 * (top[:, None] - log_hz)) * torch.sigmoid(3 * (log_hz - bottom[:, None]))
    return torch.fft.irfft(torch.fft.rfft(waveforms, size) * (gain.exp() * cut), size)[:, : draws.samples]


def crush(draws: Draws, waveforms: Tensor, bits: Tensor, hold: Tensor) -> Tensor:
    """Fewer bits and a lower sample rate: rounds to 2^bits steps and holds each value for `hold` samples."""
    index = torch.arange(draws.samples, device=draws.device)[None]
    steps = torch.div(index, hold[:, None], rounding_mode="floor") * hold[:, None]
    scale = (2 ** (bits - 1))[:, None]
    return torch.round(waveforms.gather(1, steps) * scale) / scale


def dust(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """Tape and vinyl: soft hiss, rumble and a few ticks under a sound of peak 1. amount : (count,) gain."""
    size = fft_size(draws.samples)
    log_hz = log_frequencies(size, draws)[None]
    pink = draws.spectrum(size // 2 + 1) * torch.exp(-0.5 * (log_hz - math.log(100)).clamp_min(-1))
    hiss = level(torch.fft.irfft(pink, size)[:, : draws.samples])
    ticks = draws.log(0.05, 1, 6) * draws.normal(6).sign()
    where = (draws.uniform(0, 1, 6) * (draws.samples - 1)).long()
    return waveforms + amount[:, None] * (hiss + torch.zeros_like(hiss).scatter_add(1, where, ticks))


def to_onset(waveforms: Tensor, threshold: float = 0.03) -> Tensor:
    """Moves the first sample above `threshold` of the clip's peak to the start; silence fills the end."""
    samples = waveforms.shape[1]
    window = waveforms[:, : samples // 3].abs()
    start = (window > threshold * waveforms.abs().amax(1, keepdim=True)).to(torch.uint8).argmax(1)
    index = torch.arange(samples, device=waveforms.device)[None] + start[:, None]
    moved = waveforms.gather(1, index.clamp_max(samples - 1))
    return moved * (index < samples)


def fade(waveforms: Tensor, sample_rate: int, duration: float = 0.02) -> Tensor:
    """Closes the last `duration` seconds with a straight line to zero."""
    length = min(round(duration * sample_rate), waveforms.shape[1])
    out = waveforms.clone()
    out[:, waveforms.shape[1] - length :] *= torch.linspace(1, 0, length, device=waveforms.device)
    return out


def ambience(draws: Draws, waveforms: Tensor, amount: Tensor) -> Tensor:
    """Adds what other skins, wires and walls answer: a quiet diffuse wash. amount : (count,) gain."""
    times = (draws.log(0.05, 0.3), draws.log(0.03, 0.16))
    wash = plate_noise(draws, draws.log(60, 600), draws.log(7000, 20000), times, 3)
    return waveforms + wash * amount[:, None]


def trim(draws: Draws, waveforms: Tensor, under_db: Tensor, mask: Tensor) -> Tensor:
    """Cuts the clips of `mask` as an editor does: where the 10 ms level stays `under_db` below the loudest."""
    step = draws.sample_rate // 100
    energy = waveforms.unfold(1, step, step).square().mean(2)
    loud = energy > energy.amax(1, keepdim=True) * 10 ** (-under_db[:, None] / 10)
    end = (loud * torch.arange(1, loud.shape[1] + 1, device=loud.device)).amax(1) * 0.01
    close = ((end[:, None] - draws.time[None]) / column(draws.log(0.003, 0.03)) + 1).clamp(0, 1)
    return torch.where(mask[:, None], waveforms * close, waveforms)


def some(mask: Tensor, effect: Callable[..., Tensor], draws: Draws, waveforms: Tensor, *amounts: Tensor) -> Tensor:
    """Applies `effect` to the clips of `mask` only, with dice of their own drawn from the batch's generator."""
    chosen = mask.nonzero()[:, 0]
    if len(chosen) == 0:
        return waveforms
    part = Draws.like(draws, len(chosen))
    out = waveforms.clone()
    out[chosen] = effect(part, waveforms[chosen], *(amount[chosen] for amount in amounts))
    return out


def finish(draws: Draws, waveforms: Tensor, roomy: float) -> tuple[Tensor, dict[str, Tensor]]:
    """All effects in the order of a studio; `roomy` is the role's chance of a room. Returns waveforms and what is true.

    waveforms (count, samples) -> the same, onset at 0, faded, peak 1; traits: (count,) bool by word.
    """
    sound = equaliser(draws, level(waveforms))
    sound = to_onset(level(sound))
    answer = draws.log(0.001, 0.04) * draws.chance(roomy)
    sound = some(answer > 0, ambience, draws, sound, answer)
    wet = draws.log(0.004, 0.4) * draws.chance(roomy)
    time = draws.log(0.02, 0.3)
    sound = level(some(wet > 0, room, draws, sound, wet, time))
    drive = draws.log(0.8, 8)
    driven = draws.chance(0.16)
    sound = torch.where(driven[:, None], torch.tanh(sound * drive[:, None]) / torch.tanh(drive)[:, None], sound)
    crushed = draws.chance(0.08)
    sound = some(crushed, crush, draws, sound, draws.uniform(4, 9).floor(), draws.uniform(1, 9).long())
    sound = to_onset(level(sound))
    drift = draws.sometimes(0.2, 0.003, 0.06)  # real samples carry rumble, mains and offsets
    sound = sound + drift[:, None] * torch.sin(TAU * draws.log(0.5, 60)[:, None] * draws.time)
    amount = draws.log(0.0005, 0.015) * draws.chance(0.15)
    sound = some(amount > 0, dust, draws, sound, amount)
    sound = trim(draws, sound, draws.uniform(24, 66), draws.chance(0.65))
    traits = {
        "roomy": (wet > 0.1) & (time > 0.06),
        "dry": wet < 0.015,
        "distorted": driven & (drive > 3),
        "clean": ~driven & ~crushed,
        "lofi": crushed,
        "dusty": amount > 0.004,
    }
    return level(fade(sound, draws.sample_rate)), traits
