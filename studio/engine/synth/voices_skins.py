"""Struck skins: kicks, the long 808, toms, congas."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import TAU, column, decay, glide, level, modes, noise, rise, warp
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
    """(count, samples) the upper modes of a skin: detuned, quicker the higher, read along warped time u."""
    ratios = torch.tensor(MEMBRANE[1:], device=draws.device)[None]
    count = ratios.shape[1]
    spread = ratios * draws.uniform(0.94, 1.06, count)
    gains = draws.log(0.15, 1, count) * spread ** (-2 * rolloff[:, None])
    times = time[:, None] * draws.log(0.25, 0.9, count) / spread**0.7
    return warp(
        modes(draws, pitch_hz[:, None] * spread, times, gains, draws.uniform(0, TAU, count)), u, draws.sample_rate
    )


def stick(draws: Draws, low_hz: Tensor, time: Tensor) -> Tensor:
    """(count, samples) the click of a beater or stick: a few dead modes and a speck of noise, peak 1."""
    tones = low_hz[:, None] * draws.log(0.6, 4, 4)
    knock = modes(draws, tones, time[:, None] * draws.log(0.5, 2, 4), draws.log(0.2, 1, 4), draws.uniform(0, TAU, 4))
    speck = noise(draws, low_hz, low_hz * draws.log(3, 10)) * decay(draws, time) * 0.4
    share = column(draws.uniform(0, 1))
    return level(knock * share + speck * (1 - share))


def kick(draws: Draws) -> Voice:
    """Acoustic, 808, 909 and hard kicks."""
    style = draws.pick((0.36, 0.18, 0.18, 0.28))
    pitch = draws.by(style, (40, 76), (44, 72), (42, 66), (38, 72))
    drop = draws.by(style, (0.1, 1.2), (0.2, 1.2), (1.5, 5), (2, 9))
    u = glide(draws, drop, draws.by(style, (0.008, 0.05), (0.005, 0.025), (0.012, 0.045), (0.01, 0.06)))
    u = u + glide(draws, draws.sometimes(0.5, 0.1, 0.5), draws.log(0.05, 0.2)) - draws.time
    time = draws.by(style, (0.04, 0.14), (0.03, 0.22), (0.05, 0.18), (0.03, 0.14))
    shape = draws.by(style, (0.8, 1.5), (0.9, 1.2), (1, 2), (1, 4))
    fall = torch.exp(-((draws.time[None] / (time * shape.sqrt() * 1.3)[:, None]) ** shape[:, None]).clamp_max(30))
    body = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1.5))) * fall
    skin = membrane(draws, pitch, time, draws.uniform(0.4, 1.2), u)
    skin = skin * column(draws.even(style, (0, 0.7), (0, 0.03), (0, 0.08), (0, 0.3)) * draws.uniform(0, 1))
    click_level = draws.even(style, (0, 0.5), (0, 0.2), (0.02, 0.5), (0, 0.5)) * draws.uniform(0, 1) ** 2.5
    click = stick(draws, draws.log(350, 4500), draws.log(0.0008, 0.007)) * column(click_level)
    air = noise(draws, draws.log(60, 250), draws.log(500, 5000), 2) * decay(draws, draws.log(0.015, 0.09))
    air = air * column(draws.even(style, (0, 0.12), (0, 0.004), (0, 0.02), (0, 0.08)) * draws.uniform(0, 1) ** 2)
    drive = draws.by(style, (0.3, 1.2), (0.3, 2), (0.5, 3), (1, 12))
    sound = torch.tanh((body + skin + click + air) * drive[:, None]) / torch.tanh(drive)[:, None]
    traits = {"acoustic": style == 0, "808": style == 1, "909": style == 2, "hard": (style == 3) & (drive > 2.5)}
    return Voice(sound, traits | {"clicky": click_level > 0.3, "distorted": drive > 5}, pitch)


def eight_oh_eight(draws: Draws) -> Voice:
    """The long 808 sub bass drum: a sine that glides a little, rings long, and is often driven."""
    pitch = draws.log(31, 64)
    u = glide(draws, draws.log(0.1, 4), draws.log(0.006, 0.06))
    u = u + glide(draws, draws.sometimes(0.35, 0.1, 0.6), draws.log(0.08, 0.3)) - draws.time
    time = draws.log(0.2, 1.3)
    body = torch.sin(TAU * pitch[:, None] * u) * decay(draws, time) * rise(draws, draws.log(0.0004, 0.003))
    click_level = draws.sometimes(0.5, 0.03, 0.5)
    click = stick(draws, draws.log(500, 3500), draws.log(0.0008, 0.005)) * column(click_level)
    drive = draws.log(0.3, 9)
    lean = column(draws.uniform(0, 0.35))
    sound = torch.tanh((body + click + lean * body**2) * drive[:, None]) / torch.tanh(drive)[:, None]
    traits = {
        "clicky": click_level > 0.2,
        "distorted": drive > 4.5,
        "analog": torch.ones(draws.count, dtype=torch.bool),
    }
    return Voice(sound, traits, pitch)


def _tom(draws: Draws, low_hz: float, high_hz: float) -> Voice:
    style = draws.pick((0.55, 0.25, 0.2))  # acoustic, analogue, electronic
    pitch = draws.log(low_hz, high_hz)
    drop = draws.by(style, (0.02, 0.35), (0.1, 0.6), (0.3, 2.5))
    u = glide(draws, drop, draws.by(style, (0.015, 0.12), (0.008, 0.05), (0.03, 0.2)))
    time = draws.by(style, (0.06, 0.4), (0.018, 0.16), (0.05, 0.3)) * (110 / pitch) ** 0.3
    body = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1))) * decay(draws, time)
    skin = membrane(draws, pitch, time * draws.log(0.3, 1), draws.uniform(0.2, 1), u)
    skin = skin * column(draws.even(style, (0.2, 1.3), (0, 0.15), (0, 0.3)))
    click_level = draws.even(style, (0.05, 0.6), (0, 0.15), (0, 0.5)) * draws.uniform(0.1, 1)
    click = stick(draws, draws.log(700, 4500), draws.log(0.001, 0.008)) * column(click_level)
    air = noise(draws, draws.log(100, 500), draws.log(800, 7000), 2) * decay(draws, time * draws.log(0.15, 0.6))
    air = air * column(draws.even(style, (0.005, 0.1), (0.005, 0.15), (0, 0.3)) * draws.uniform(0, 1))
    shell = modes(draws, pitch[:, None] * draws.log(1.4, 3.2, 3), draws.log(0.02, 0.12, 3), draws.log(0.02, 0.3, 3))
    sound = body + skin + click + air + shell * column(style == 0)
    return Voice(
        sound,
        {"acoustic": style == 0, "analog": style == 1, "electronic": style == 2, "clicky": click_level > 0.25},
        pitch,
    )


def low_tom(draws: Draws) -> Voice:
    """Floor toms and 808 low toms."""
    return _tom(draws, 62, 105)


def mid_tom(draws: Draws) -> Voice:
    """Rack toms and 808 mid toms."""
    return _tom(draws, 92, 150)


def high_tom(draws: Draws) -> Voice:
    """Small rack toms and 808 high toms."""
    return _tom(draws, 112, 260)


def conga(draws: Draws) -> Voice:
    """Congas, bongos and their analogue copies: open tones, slaps and muted strokes."""
    style = draws.pick((0.45, 0.3, 0.25))  # open tone, analogue, slap
    pitch = draws.by(style, (165, 430), (180, 470), (220, 500))
    u = glide(draws, draws.log(0.01, 0.15), draws.log(0.01, 0.06))
    time = draws.by(style, (0.03, 0.16), (0.015, 0.08), (0.012, 0.06))
    body = torch.sin(TAU * pitch[:, None] * u + column(draws.uniform(0, 1))) * decay(draws, time)
    skin = membrane(draws, pitch, time * draws.log(0.3, 0.9), draws.uniform(0.2, 1.2), u)
    skin = skin * column(draws.even(style, (0.1, 0.8), (0, 0.05), (0.3, 1.4)))
    slap_level = draws.even(style, (0.02, 0.3), (0, 0.05), (0.2, 1))
    slap = noise(draws, draws.log(600, 2000), draws.log(2500, 9000)) * decay(draws, draws.log(0.002, 0.012)) * 0.3
    tone = stick(draws, draws.log(800, 2500), draws.log(0.001, 0.005)) * column(slap_level * draws.uniform(0, 1))
    traits = {"acoustic": style != 1, "analog": style == 1, "slapped": style == 2}
    return Voice(body + skin + slap * column(slap_level) + tone, traits, pitch)
