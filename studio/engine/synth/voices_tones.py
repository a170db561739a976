"""Pitched one-shots: basses, plucks, chord stabs, and zaps."""

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import TAU, add, column, decay, glide, level, modes, noise, partly, rise
from studio.engine.synth.draws import Draws
from studio.engine.synth.voices_skins import Voice, puff

CHORDS = ((0, 3, 7, 12), (0, 4, 7, 12), (0, 3, 7, 10), (0, 4, 7, 11), (0, 7, 12, 19), (0, 5, 7, 12), (0, 3, 7, 14))
"""Semitones above the root: minor, major, minor 7th, major 7th, fifths, suspended, minor 9th."""


def harmonic_gains(draws: Draws, count: int, square: Tensor) -> Tensor:
    """(draws.count, count) harmonic amplitudes between a saw (square 0) and a square wave (square 1)."""
    number = torch.arange(1, count + 1, device=draws.device, dtype=torch.float32)[None]
    even = (number % 2 == 0).float()
    return (1 - square[:, None] * even) / number


def filtered(number: Tensor, cutoff: Tensor, order: Tensor) -> Tensor:
    """(count, k) low-pass over harmonic numbers: 1 / (1 + (number / cutoff) ** order)."""
    return 1 / (1 + (number / cutoff[:, None]) ** order[:, None])


def _saw(draws: Draws, pitch: Tensor, time: Tensor) -> Tensor:
    """(count, samples) saw to square waves whose filter closes."""
    number = torch.arange(1, 41, device=draws.device, dtype=torch.float32)[None]
    closing = draws.log(0.1, 1.2)[:, None]
    gains = harmonic_gains(draws, 40, draws.uniform(0, 1)) * filtered(number, draws.log(6, 40), draws.uniform(1.5, 3.5))
    return level(modes(draws, pitch[:, None] * number, time[:, None] / (1 + (number - 1) * 0.15 * closing), gains))


def _modulated(draws: Draws, pitch: Tensor, time: Tensor) -> Tensor:
    """(count, samples) frequency modulation (Chowning 1973) by the 1st, 2nd or 3rd multiple, calming down."""
    ratio = draws.pick((1, 1, 1)).float() + 1
    index = column(draws.log(1.5, 7)) * decay(draws, time * draws.log(0.3, 1))
    wave = index * torch.sin(TAU * (pitch * ratio)[:, None] * draws.time)
    return torch.sin(wave.add_(TAU * pitch[:, None] * draws.time)) * decay(draws, time)


def bass(draws: Draws) -> Voice:
    """Synth basses: saw to square through a closing filter, or FM, or a round sine."""
    style = draws.pick((0.7, 0.27, 0.03))  # subtractive, fm, sine
    pitch = 36.7 * 2 ** (draws.uniform(0, 23).floor() / 12)
    time = draws.log(0.3, 1.2)
    sine = torch.sin(TAU * pitch[:, None] * glide(draws, draws.log(0.01, 0.1), draws.log(0.005, 0.03)))
    sound = sine * decay(draws, time) * torch.where(style == 2, 1.0, draws.sometimes(0.4, 0.1, 0.6))[:, None]
    sound += partly(style == 0, draws, _saw, pitch, time) + partly(style == 1, draws, _modulated, pitch, time)
    held = torch.where(draws.chance(0.5), draws.uniform(0.15, 0.9), 9.0)  # how long the key is held
    sound *= torch.sigmoid((column(held) - draws.time) / 0.008)
    drive = draws.log(0.3, 5)
    sound = torch.tanh(sound * drive[:, None]) * rise(draws, draws.log(0.0005, 0.006))
    traits = {"analog": style == 0, "fm": style == 1, "round": style == 2}
    return Voice(sound, traits | {"distorted": drive > 3.2, "warmed": drive > 1.5}, pitch)


def pluck(draws: Draws) -> Voice:
    """Plucked strings, mallets, bells and FM keys: upper partials fade first."""
    style = draws.pick((0.5, 0.25, 0.25))  # string, mallet, bell
    pitch = 130.8 * 2 ** (draws.uniform(0, 36).floor() / 12)
    number = torch.arange(1, 31, device=draws.device, dtype=torch.float32)[None].expand(draws.count, -1)
    stretch = (1 + draws.log(1e-5, 6e-4)[:, None] * number**2).sqrt()
    point = draws.uniform(0.05, 0.5)[:, None]  # where the string is plucked, as a part of its length
    string = (torch.sin(torch.pi * number * point).abs() + 0.02) / number ** draws.uniform(0.4, 1.6)[:, None]
    bars = torch.tensor((1, 3.9, 9.2, 1.99, 5.4, 2.76, 6.8, 13.3), device=draws.device)[None] * draws.log(0.97, 1.03, 8)
    few = torch.zeros_like(number)
    few[:, :8] = draws.log(0.02, 0.5, 8)
    few[:, 0] = 1
    ratios = torch.where(column(style == 0) > 0, number * stretch, torch.cat((bars, number[:, 8:]), 1))
    gains = torch.where(column(style == 0) > 0, string, few)
    time = draws.by(style, (0.06, 0.5), (0.04, 0.25), (0.15, 0.9))
    times = time[:, None] / (1 + draws.log(0.05, 0.8)[:, None] * (ratios - 1)) * draws.log(0.8, 1.2, 30)
    sound = level(modes(draws, pitch[:, None] * ratios, times, gains)) * rise(draws, draws.log(0.0003, 0.003))
    pick = puff(draws, draws.log(800, 3000), draws.log(4000, 12000), draws.log(0.001, 0.006)) * 0.3
    add(sound, pick * column(draws.sometimes(0.5, 0.05, 0.5)))
    return Voice(sound, {"string": style == 0, "mallet": style == 1, "bell": style == 2}, pitch)


def stab(draws: Draws) -> Voice:
    """Chord stabs: three or four detuned voices through a closing filter."""
    chords = torch.tensor(CHORDS, device=draws.device)[draws.pick((2, 1, 2, 1, 1, 1, 1))]
    root = 130.8 * 2 ** (draws.uniform(0, 19).floor() / 12)
    notes = root[:, None] * 2 ** (chords / 12)
    notes = torch.cat((notes, notes * (1 + column(draws.sometimes(0.7, 0.001, 0.012)))), 1)  # (count, 8)
    number = torch.arange(1, 17, device=draws.device, dtype=torch.float32)
    gains = harmonic_gains(draws, 16, draws.uniform(0, 1)) * filtered(
        number[None], draws.log(1.2, 30), draws.uniform(1, 4)
    )
    voices = draws.log(0.4, 1, 8)
    time = draws.log(0.09, 0.6)
    times = time[:, None] / (1 + draws.log(0.02, 0.6)[:, None] * (number[None] - 1))
    tones = (notes[:, :, None] * number).flatten(1)
    sound = modes(
        draws,
        tones,
        times[:, None].expand(-1, 8, -1).flatten(1),
        (voices[:, :, None] * gains[:, None]).flatten(1),
        draws.uniform(0, TAU, tones.shape[1]),
    )
    gate = torch.sigmoid((column(draws.uniform(0.08, 0.5)) - draws.time) / 0.006)
    sound = torch.where(draws.chance(0.4)[:, None], sound * gate, sound) * rise(draws, draws.log(0.0005, 0.008))
    minor = chords[:, 1] == 3
    return Voice(level(sound), {"minor": minor, "major": chords[:, 1] == 4}, root)


def zap(draws: Draws) -> Voice:
    """Zaps, lasers and blips: sweeps, rings and noise with no name in nature."""
    style = draws.pick((0.6, 0.2, 0.17, 0.03))  # falling, ring, rising, noise
    low = draws.by(style, (110, 500), (200, 900), (200, 800), (200, 900))
    u = glide(draws, draws.by(style, (6, 50), (0.5, 6), (0.1, 0.5), (2, 20)), draws.log(0.008, 0.09))
    rising = draws.time[None] + draws.time[None] ** 2 * column(draws.log(5, 60))
    u = torch.where((style == 2)[:, None], rising, u)
    phase = TAU * low[:, None] * u
    index = column(draws.by(style, (0.02, 2), (1, 8), (0.02, 2), (0.5, 5)))
    wave = torch.sin(phase + index * torch.sin(phase * column(draws.log(0.5, 7))))
    square = torch.tanh(wave * 5)
    wave = torch.where(draws.chance(0.3)[:, None], square, wave)
    hiss = noise(draws, draws.log(300, 3000), draws.log(3500, 15000)) * 0.4
    share = column(draws.even(style, (0, 0.1), (0, 0.12), (0, 0.1), (0.3, 0.7)))
    time = draws.by(style, (0.02, 0.2), (0.03, 0.25), (0.04, 0.2), (0.03, 0.25))
    trill = 1 - column(draws.sometimes(0.25, 0.3, 1)) * (
        0.5 + 0.5 * torch.sin(TAU * draws.log(12, 60)[:, None] * draws.time)
    )
    sound = (wave * (1 - share) + hiss * share) * decay(draws, time) * trill
    return Voice(
        sound,
        {
            "electronic": style >= 0,
            "falling": style == 0,
            "rising": style == 2,
            "metallic": style == 1,
            "noisy": share[:, 0] > 0.6,
        },
    )
