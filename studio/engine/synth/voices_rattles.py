"""Rattles: many small hits in a row. Shakers and tambourines."""

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import add, column, decay, falling, level, modes, noise, power_of_time, rise
from studio.engine.synth.draws import Draws
from studio.engine.synth.voices_metal import plate
from studio.engine.synth.voices_skins import Voice
from studio.engine.synth.voices_snares import strikes


def _grains(draws: Draws, count: int, span: Tensor, tail: Tensor) -> Tensor:
    """(count, samples) an envelope of `count` little hits over `span` seconds, each with a short tail, peak 1."""
    starts = draws.uniform(0, 1, count) ** 1.3 * span[:, None]
    starts[:, 0] = 0
    return level(strikes(draws, starts, draws.log(0.15, 1, count), tail))


def shaker(draws: Draws) -> Voice:
    """Shakers, maracas and cabasas: grains of high noise that swell and fall."""
    low = draws.log(2800, 7500)
    hiss = noise(draws, low, torch.maximum(draws.log(6500, 19000), low * 1.5), 3)
    swell = draws.log(0.018, 0.08)
    after = (draws.time[None] - swell[:, None]).clamp_min_(0)
    body = power_of_time(draws, swell, draws.log(0.7, 2)).clamp_max_(1)
    body *= falling(after, draws.log(0.01, 0.045)[:, None])
    grains = _grains(draws, 24, draws.log(0.06, 0.15), draws.log(0.002, 0.008)) * rise(draws, swell)
    where = (draws.time - column(draws.uniform(0.09, 0.2))) / column(draws.log(0.012, 0.04))
    back = torch.exp(-where.square_().clamp_max_(30)) * column(draws.sometimes(0.3, 0.3, 1))  # and back again
    share = column(draws.uniform(0, 1))
    sound = hiss * (torch.lerp(grains, body, share) + back)
    return Voice(sound, {"acoustic": share[:, 0] < 0.5, "noisy": share[:, 0] > 0.75})


def tambourine(draws: Draws) -> Voice:
    """Tambourines and sleigh bells: jingles that strike one after another, ringing high."""
    time = draws.log(0.04, 0.13)
    low, high = draws.log(2800, 6500), draws.log(11000, 17000)
    jingles = plate(draws, low, high, time, time * draws.log(0.4, 1), 40)
    rattle = plate(draws, low, high, *(torch.full_like(time, 9.0),) * 2, 32) * 0.3
    hiss = noise(draws, draws.log(4000, 8000), draws.log(10000, 18000))
    rattle.addcmul_(hiss, column(draws.uniform(0, 0.1)))
    hits = _grains(draws, 9, draws.log(0.08, 0.22), draws.log(0.012, 0.05))
    ring = level(jingles).addcmul_(hiss * decay(draws, time), column(draws.uniform(0, 0.09)))
    share = column(draws.uniform(0.1, 0.45))
    sound = ring * share + hits * rattle * (1 - share) * 2
    short = draws.brief(0.4)
    thump = modes(short, draws.log(150, 500, 3), draws.log(0.01, 0.05, 3), draws.log(0.05, 0.4, 3))
    add(sound, thump * column(draws.sometimes(0.3, 0.05, 0.4)))
    return Voice(sound, {"acoustic": time > 0, "metallic": share[:, 0] > 0.3})
