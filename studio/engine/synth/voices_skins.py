"""Struck skins: kicks, the long 808, toms, congas."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import (
    TAU,
    add,
    band,
    column,
    decay,
    glide,
    level,
    modes,
    noise,
    plate_noise,
    power_of_time,
    rise,
    warp,
)
from studio.engine.synth.draws import Draws

MEMBRANE = (1.0, 1.593, 2.135, 2.295, 2.653, 2.917, 3.155, 3.5, 3.6, 4.06)
"""Mode ratios of an ideal circular membrane (zeros of the Bessel functions; Fletcher and Rossing, ch. 3)."""


@dataclass(frozen=True)
class Voice:
    """What a voice made: waveforms (count, samples), what is true of each clip (bool masks by word), its pitch (Hz)."""

    waveforms: Tensor
    traits: dict[str, Tensor] = field(default_factory=dict)
    pitch_hz: Tensor | None = None


def membrane(draws: Draws, pitch_hz: Tensor, time: Tensor, rolloff: Tensor, u: Tensor) -> Tensor:
    """(count, samples or fewer) the upper modes of a skin: detuned, quicker the higher, read along warped time u."""
    ratios = torch.tensor(MEMBRANE[1:], device=draws.device)[None]
    count = ratios.shape[1]
    spread = ratios * draws.uniform(0.94, 1.06, count)
    gains = draws.log(0.15, 1, count) * spread ** (-2 * rolloff[:, None])
    times = time[:, None] * draws.log(0.25, 0.9, count) / spread**0.7
    draws = draws.brief(6 * float(times.max()))
    sound = modes(draws, pitch_hz[:, None] * spread, times, gains, draws.uniform(0, TAU, count))
    return warp(sound, u[:, : draws.samples], draws.sample_rate)


def stick(draws: Draws, low_hz: Tensor, time: Tensor) -> Tensor:
    """(count, fewer samples) the click of a beater or stick: a few dead modes and a speck of noise, peak 1."""
    draws = draws.brief(max(0.02, 12 * float(time.max())))
    tones = low_hz[:, None] * draws.log(0.6, 4, 4)
    knock = modes(draws, tones, time[:, None] * draws.log(0.5, 2, 4), draws.log(0.2, 1, 4), draws.uniform(0, TAU, 4))
    speck = noise(draws, low_hz, low_hz * draws.log(3, 10)) * decay(draws, time) * 0.4
    return level(torch.lerp(speck, knock, column(draws.uniform(0, 1))))


def puff(draws: Draws, low_hz: Tensor, high_hz: Tensor, time: Tensor, order: float = 3.0) -> Tensor:
    """(count, fewer samples) band-limited noise that dies in `time` seconds."""
    draws = draws.brief(max(0.02, 8 * float(time.max())))
    return noise(draws, low_hz, high_hz, order) * decay(draws, time)


def kick(draws: Draws) -> Voice:
    """Acoustic, 808, 909 and hard kicks."""
    style = draws.pick((0.4, 0.18, 0.18, 0.24))
    pitch = draws.by(style, (36, 72), (42, 68), (40, 64), (36, 66))
    drop = draws.by(style, (0.05, 1.2), (0.1, 1.2), (1.2, 5), (2, 9))
    u = glide(draws, drop, draws.by(style, (0.008, 0.05), (0.005, 0.025), (0.012, 0.045), (0.01, 0.06)))
    u = u + glide(draws, draws.sometimes(0.5, 0.1, 0.5), draws.log(0.05, 0.2)) - draws.time
    time = draws.by(style, (0.018, 0.12), (0.025, 0.2), (0.035, 0.14), (0.025, 0.13))
    shape = draws.by(style, (0.7, 1.6), (0.9, 1.2), (1, 2), (1, 4))
    fall = power_of_time(draws, time * shape.sqrt() * 1.3, shape)
    sound = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1.5))) * fall.clamp_max_(30).neg_().exp_()
    skin_level = draws.even(style, (0, 0.8), (0, 0.03), (0, 0.08), (0, 0.3)) * draws.uniform(0, 1)
    add(sound, membrane(draws, pitch, time, draws.uniform(0.4, 1.2), u) * column(skin_level))
    click_level = draws.even(style, (0.05, 0.9), (0, 0.25), (0.03, 0.6), (0, 0.6)) * draws.uniform(0, 1) ** 2
    add(sound, stick(draws, draws.log(350, 4500), draws.log(0.0008, 0.007)) * column(click_level))
    tone, dies = band(draws.log(60, 250), draws.log(800, 12000), 2), draws.log(0.015, 0.12)
    air = plate_noise(draws.brief(0.9), tone, (dies, dies * draws.log(0.3, 1)), 2)  # the other head, the room
    add(sound, air * column(draws.even(style, (0, 0.15), (0, 0.004), (0, 0.02), (0, 0.08)) * draws.uniform(0, 1) ** 2))
    drive = draws.by(style, (0.3, 1.2), (0.3, 2), (0.5, 3), (1, 12))
    sound = torch.tanh(sound * drive[:, None]) / torch.tanh(drive)[:, None]
    traits = {"acoustic": style == 0, "808": style == 1, "909": style == 2, "hard": (style == 3) & (drive > 2.5)}
    return Voice(sound, traits | {"clicky": click_level > 0.3, "distorted": drive > 5, "warmed": drive > 1.5}, pitch)


def eight_oh_eight(draws: Draws) -> Voice:
    """The long 808 sub bass drum: a sine that glides a little, rings long, and is often driven."""
    pitch = draws.log(31, 64)
    u = glide(draws, draws.log(0.1, 4), draws.log(0.006, 0.06))
    u = u + glide(draws, draws.sometimes(0.35, 0.1, 0.6), draws.log(0.08, 0.3)) - draws.time
    time = draws.log(0.24, 1.3)
    sound = torch.sin(TAU * pitch[:, None] * u) * decay(draws, time) * rise(draws, draws.log(0.0004, 0.003))
    sound = sound + column(draws.uniform(0, 0.35)) * sound.square()
    click_level = draws.sometimes(0.5, 0.03, 0.5)
    add(sound, stick(draws, draws.log(500, 3500), draws.log(0.0008, 0.005)) * column(click_level))
    drive = draws.log(0.3, 9)
    sound = torch.tanh(sound * drive[:, None]) / torch.tanh(drive)[:, None]
    traits = {
        "clicky": click_level > 0.2,
        "distorted": drive > 4.5,
        "warmed": drive > 1.5,
        "analog": torch.ones(draws.count, dtype=torch.bool),
    }
    return Voice(sound, traits, pitch)


def _tom(draws: Draws, low_hz: float, high_hz: float) -> Voice:
    style = draws.pick((0.55, 0.25, 0.2))  # acoustic, analogue, electronic
    pitch = draws.log(low_hz, high_hz)
    drop = draws.by(style, (0.02, 0.35), (0.1, 0.6), (0.3, 2))
    u = glide(draws, drop, draws.by(style, (0.015, 0.12), (0.008, 0.05), (0.03, 0.12)))
    time = draws.by(style, (0.07, 0.75), (0.02, 0.16), (0.05, 0.3)) * (110 / pitch) ** 0.3
    sound = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1))) * decay(draws, time)
    skin = membrane(draws, pitch, time * draws.log(0.3, 1.2), draws.uniform(0, 0.9), u)
    add(sound, skin * column(draws.even(style, (0.2, 1.5), (0, 0.2), (0, 0.4))))
    click_level = draws.even(style, (0.1, 1), (0, 0.25), (0, 0.6)) * draws.uniform(0.1, 1)
    add(sound, stick(draws, draws.log(500, 4500), draws.log(0.001, 0.008)) * column(click_level))
    tone, dies = band(draws.log(60, 400), draws.log(1500, 16000), 2), draws.log(0.2, 1)
    air = plate_noise(draws, tone, (time * dies, time * dies * draws.log(0.1, 0.6)), 2)  # the other head, the room
    add(sound, air * column(draws.even(style, (0.003, 0.3), (0.003, 0.15), (0, 0.3)) * draws.uniform(0, 1)))
    draws = draws.brief(0.8)
    shell = modes(draws, pitch[:, None] * draws.log(1.4, 3.2, 3), draws.log(0.02, 0.12, 3), draws.log(0.02, 0.3, 3))
    add(sound, shell * column(style == 0))
    traits = {"acoustic": style == 0, "analog": style == 1, "electronic": style == 2, "clicky": click_level > 0.25}
    return Voice(sound, traits, pitch)


def low_tom(draws: Draws) -> Voice:
    """Floor toms and 808 low toms."""
    return _tom(draws, 74, 99)


def mid_tom(draws: Draws) -> Voice:
    """Rack toms and 808 mid toms."""
    return _tom(draws, 103, 148)


def high_tom(draws: Draws) -> Voice:
    """Small rack toms and 808 high toms."""
    return _tom(draws, 154, 250)


def conga(draws: Draws) -> Voice:
    """Congas, bongos and their analogue copies: open tones, slaps and muted strokes."""
    style = draws.pick((0.45, 0.3, 0.25))  # open tone, analogue, slap
    pitch = draws.by(style, (200, 440), (215, 480), (240, 520))
    u = glide(draws, draws.log(0.01, 0.12), draws.log(0.005, 0.03))
    time = draws.by(style, (0.03, 0.13), (0.015, 0.08), (0.012, 0.06))
    sound = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1))) * decay(draws, time)
    skin = membrane(draws, pitch, time * draws.log(0.3, 0.9), draws.uniform(0.2, 1.2), u)
    add(sound, skin * column(draws.even(style, (0.1, 0.8), (0, 0.05), (0.3, 1.4))))
    slap_level = draws.even(style, (0.05, 0.4), (0, 0.05), (0.25, 1))
    slap = puff(draws, draws.log(600, 2000), draws.log(2500, 9000), draws.log(0.002, 0.012)) * 0.3
    add(sound, slap * column(slap_level))
    tone = stick(draws, draws.log(800, 2500), draws.log(0.001, 0.005))
    add(sound, tone * column(slap_level * draws.uniform(0, 1)))
    return Voice(sound, {"acoustic": style != 1, "analog": style == 1, "slapped": style == 2}, pitch)
