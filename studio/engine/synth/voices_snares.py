"""Snares, claps, and the dry knocks: rim shots and claves."""

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import (
    TAU,
    add,
    column,
    decay,
    falling,
    fft_size,
    glide,
    level,
    modes,
    noise,
    power_of_time,
    rise,
)
from studio.engine.synth.draws import Draws
from studio.engine.synth.voices_skins import Voice, membrane, puff, stick


def snare(draws: Draws) -> Voice:
    """Acoustic, 808, 909 and hard electronic snares: skin, wires, crack."""
    style = draws.pick((0.42, 0.18, 0.18, 0.22))
    pitch = draws.by(style, (140, 270), (160, 260), (140, 240), (110, 340))
    drop = draws.by(style, (0.01, 0.25), (0.01, 0.2), (0.3, 2), (0.1, 4))
    u = glide(draws, drop, draws.log(0.006, 0.035))
    time = draws.by(style, (0.015, 0.09), (0.012, 0.05), (0.015, 0.08), (0.012, 0.12))
    sound = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1.5))) * decay(draws, time)
    second = pitch * draws.by(style, (1.5, 1.9), (1.7, 2.1), (1.4, 2), (1.3, 2.2))
    short = draws.brief(0.7)
    add(sound, modes(short, second[:, None], (time * draws.log(0.3, 1))[:, None], draws.log(0.1, 0.7, 1)))
    skin = membrane(draws, pitch, time * draws.log(0.5, 2.5), draws.uniform(0, 0.7), u)
    add(sound, skin * column(draws.even(style, (0.2, 1.5), (0, 0.1), (0, 0.4), (0, 0.8))))
    wire_level = draws.by(style, (0.1, 1.6), (0.05, 0.6), (0.06, 0.9), (0.06, 1.6))
    add(sound, _wires(draws, style) * column(wire_level))
    crack_level = draws.even(style, (0, 1), (0, 0.4), (0.1, 0.7), (0, 0.9)) * draws.uniform(0, 1)
    add(sound, stick(draws, draws.log(900, 5000), draws.log(0.001, 0.006)) * column(crack_level))
    traits = {
        "acoustic": style == 0,
        "808": style == 1,
        "909": style == 2,
        "electronic": style == 3,
        "noisy": wire_level > 0.35,
    }
    return Voice(sound, traits, pitch)


def _wires(draws: Draws, style: Tensor) -> Tensor:
    """(count, samples) snare wires: two noise bands, the high one quicker, late onset, a rattle that thins out."""
    low = draws.by(style, (250, 2500), (600, 4000), (400, 2500), (250, 2500))
    high = draws.by(style, (4000, 16000), (6000, 18000), (6000, 16000), (4000, 16000))
    length = draws.by(style, (0.018, 0.13), (0.012, 0.08), (0.025, 0.16), (0.015, 0.18))
    shape = draws.by(style, (0.8, 1.6), (0.8, 1.2), (0.9, 1.6), (0.8, 3))  # over 1: gated, it holds and then falls
    fall = power_of_time(draws, length * shape.sqrt(), shape).clamp_max_(30).neg_().exp_()
    main = noise(draws, low, high, 2.5) * fall
    grit = noise(draws, low * 0.6, low * draws.log(1.5, 4), 2.5) * decay(draws, length * draws.log(0.6, 2))
    main.addcmul_(grit, column(draws.uniform(0, 0.8)))
    rattle = torch.sin(TAU * draws.log(60, 400)[:, None] * draws.time + column(draws.uniform(0, TAU)))
    late = rise(draws, draws.sometimes(0.6, 0.0005, 0.012))
    return main * (1 + column(draws.uniform(0, 0.8)) * rattle) * late


def strikes(draws: Draws, starts: Tensor, gains: Tensor, tail: Tensor) -> Tensor:
    """(count, samples) envelope of k little hits, each dying in about `tail`. starts (s), gains : (count, k)."""
    hits = torch.zeros(draws.count, draws.samples, device=draws.device)
    hits.scatter_add_(1, (starts * draws.sample_rate).long().clamp_max(draws.samples - 1), gains)
    size = fft_size(draws.samples)
    spectrum = torch.fft.rfft(hits, size).mul_(torch.fft.rfft(decay(draws, tail), size))
    return torch.fft.irfft(spectrum, size)[:, : draws.samples]


def clap(draws: Draws) -> Voice:
    """Machine claps, hand claps of few and many, and amplified claps: bursts, then a tail."""
    style = draws.pick((0.4, 0.3, 0.3))  # analogue, hands, electronic
    bursts = 6
    gap = draws.by(style, (0.008, 0.014), (0.004, 0.022), (0.006, 0.03))
    starts = torch.cumsum(gap[:, None] * draws.log(0.6, 1.5, bursts), 1)
    starts = starts - starts[:, :1]
    last = draws.pick((0.05, 0.15, 0.25, 0.25, 0.2, 0.1))
    place = torch.arange(bursts, device=draws.device)[None]
    gains = draws.log(0.35, 1, bursts) * (place <= last[:, None])
    end = starts.gather(1, last[:, None])
    centre = draws.by(style, (700, 1500), (800, 2400), (800, 3000))
    hiss = noise(draws, centre / draws.log(1.1, 3.5), centre * draws.log(1.1, 3), 4)
    top = noise(draws, centre * 1.5, draws.log(5000, 20000), 2)
    hiss.addcmul_(top, column(draws.even(style, (0.05, 0.5), (0.1, 1), (0.1, 1.2))))
    burst = strikes(draws, starts, gains, draws.log(0.002, 0.009))
    tail_time = draws.by(style, (0.016, 0.07), (0.007, 0.05), (0.012, 0.1))
    since = draws.time[None] - end
    tail = falling(since.clamp_min(0), tail_time[:, None]).mul_(since >= 0)
    sound = hiss * burst.addcmul_(tail, column(draws.even(style, (0.3, 1), (0.05, 0.5), (0.1, 1)))) / 3
    short = draws.brief(0.25)
    tones = centre[:, None] * draws.log(0.4, 1.8, 3)
    palm = modes(short, tones, draws.log(0.003, 0.02, 3), draws.log(0.1, 0.9, 3))
    add(sound, palm * column(draws.uniform(0, 0.7) * (style == 1)))
    drive = draws.by(style, (0.3, 1), (0.3, 1), (0.5, 5))
    sound = torch.tanh(sound * drive[:, None] * 1.5)
    return Voice(sound, {"analog": style == 0, "acoustic": style == 1, "electronic": style == 2}, centre)


def rim(draws: Draws) -> Voice:
    """Side sticks, rim shots and their analogue copies: a hard short knock, some shell under it."""
    style = draws.pick((0.6, 0.4))  # side stick, analogue
    pitch = draws.by(style, (380, 900), (400, 1800))
    ratios = torch.cat((torch.ones(draws.count, 1, device=draws.device), draws.log(1.3, 7, 7)), 1)
    times = draws.by(style, (0.004, 0.022), (0.002, 0.012))[:, None] * draws.log(0.5, 1.5, 8) / ratios**0.3
    rolloff = draws.even(style, (0.2, 1.3), (0.3, 1.5))[:, None]
    gains = draws.log(0.3, 1, 8) * ratios**-rolloff
    sound = level(modes(draws, pitch[:, None] * ratios, times, gains, draws.uniform(0, TAU, 8)))
    shell_hz = draws.log(150, 320)[:, None] * draws.log(0.9, 2.5, 3)
    shell = modes(draws, shell_hz, draws.log(0.012, 0.06, 3), draws.log(0.1, 0.9, 3), draws.uniform(0, TAU, 3))
    sound.addcmul_(shell, column(draws.even(style, (0.2, 1.2), (0, 0.1))))
    speck = puff(draws, draws.log(900, 3000), draws.log(5000, 14000), draws.log(0.001, 0.018))
    add(sound, speck * column(draws.uniform(0.02, 0.5)))
    wires = puff(draws, draws.log(900, 3000), draws.log(4000, 10000), draws.log(0.015, 0.05))
    add(sound, wires * column(draws.even(style, (0.001, 0.06), (0, 0.002))))
    return Voice(sound, {"acoustic": style == 0, "analog": style == 1}, pitch)


def clave(draws: Draws) -> Voice:
    """Claves and wood blocks: one pure short bar, a little of its second mode."""
    pitch = draws.log(900, 3200)
    wooden = draws.chance(0.55)
    time = draws.log(0.006, 0.03)
    ratios = torch.stack((torch.ones_like(pitch), draws.uniform(2.4, 2.9), draws.uniform(4.8, 5.6)), 1)
    gains = torch.stack((torch.ones_like(pitch), draws.log(0.02, 0.4), draws.log(0.01, 0.2)), 1)
    gains[:, 1:] *= column(wooden * 0.85 + 0.15)
    times = time[:, None] * torch.tensor((1, 0.5, 0.3), device=draws.device)
    sound = modes(draws, pitch[:, None] * ratios, times, gains, draws.uniform(0, 1.5, 3))
    block = torch.sin(TAU * (pitch / draws.log(1.6, 3))[:, None] * draws.time)  # the body under a wood block
    block *= decay(draws, time * draws.log(0.5, 1.2))
    sound.addcmul_(block, column(draws.uniform(0, 0.35) * wooden))
    tick = stick(draws, draws.log(2000, 6000), draws.log(0.0006, 0.002))
    add(sound, tick * column(draws.uniform(0, 0.3) * wooden))
    return Voice(sound, {"acoustic": wooden, "wooden": wooden, "analog": ~wooden}, pitch)
