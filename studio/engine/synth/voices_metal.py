"""Metal and rattles: hats, cymbals, cowbells, shakers, tambourines."""

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import (
    TAU,
    band,
    column,
    decay,
    falling,
    fft_size,
    level,
    log_frequencies,
    modes,
    noise,
    plate_noise,
    rise,
)
from studio.engine.synth.draws import Draws
from studio.engine.synth.voices_skins import Voice, stick
from studio.engine.synth.voices_snares import strikes

SQUARES_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The six square-wave oscillators of the analogue metal circuit (measured values of the 808 service notes)."""


def squares(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) six detuned square waves as their odd harmonics, all ringing for `time` seconds, unit level."""
    base = (
        torch.tensor(SQUARES_HZ, device=draws.device)[None] * draws.log(0.75, 1.9)[:, None] * draws.log(0.93, 1.07, 6)
    )
    odd = torch.arange(1, 48, 2, device=draws.device, dtype=torch.float32)
    tones = (base[:, :, None] * odd).flatten(1)
    gains = (1 / odd)[None, None].expand(draws.count, 6, -1).flatten(1)
    spread = modes(draws, tones, time[:, None].expand_as(tones), gains, draws.uniform(0, TAU, tones.shape[1]))
    return spread / 1.7


def plate(draws: Draws, low_hz: Tensor, high_hz: Tensor, times: tuple[Tensor, Tensor], count: int = 72) -> Tensor:
    """(count, samples) dense inharmonic partials of a metal plate, low ones ring times[0], high times[1]."""
    share = draws.uniform(0, 1, count) ** 0.8
    tones = low_hz[:, None] * (high_hz / low_hz)[:, None] ** share
    times = times[0][:, None] ** (1 - share) * times[1][:, None] ** share * draws.log(0.4, 1.6, count)
    gains = draws.log(0.1, 1, count)
    return (
        modes(draws, tones, times, gains, draws.uniform(0, TAU, count)) / (gains.pow(2).sum(1, keepdim=True) / 2).sqrt()
    )


def colour(draws: Draws, waveforms: Tensor, low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """Band-passes (count, samples)."""
    size = fft_size(draws.samples)
    curve = band(log_frequencies(size, draws), low_hz, high_hz, order)
    return torch.fft.irfft(torch.fft.rfft(waveforms, size) * curve, size)[:, : draws.samples]


def hiss_flat(draws: Draws, low_hz: Tensor, high_hz: Tensor) -> Tensor:
    """(count, samples) steady noise of peak 1."""
    return level(noise(draws, low_hz, torch.maximum(high_hz, low_hz * 1.6), 4))


def _hat(draws: Draws, time_range: tuple[float, float], soft: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    style = draws.pick((0.42, 0.28, 0 if soft else 0.3))  # plates, analogue squares, electronic noise
    time = draws.log(*time_range)
    low = draws.by(style, (250, 900), (4000, 9000), (900, 6000))
    high = draws.by(style, (13000, 21000), (14000, 21000), (3500, 19000))
    shape = draws.log(0.75, 2.6)  # over 1: holds, then falls, as real hats do when the pair closes
    ring = time * 1.3 * shape
    times = (ring * draws.log(0.7, 1.5), ring * draws.log(0.7, 1.2))
    metal = plate(draws, low, draws.log(15000, 19000), times)
    shares = [
        column(draws.even(style, *bounds))
        for bounds in (((0.2, 1), (0, 0.1), (0, 0.4)), ((0, 0.1), (0.6, 1), (0, 0.3)), ((0.2, 1), (0, 0.5), (0.3, 1)))
    ]
    hiss = plate_noise(draws, low.clamp_min(600), high, times, 3)
    sound = metal * shares[0] + squares(draws, ring) * shares[1] * 3 + hiss * shares[2]
    tilt = draws.by(style, (400, 11000), (5000, 17000), (1500, 8000))  # where the floor of the sound lies
    sound = colour(draws, sound, tilt, torch.maximum(high, tilt * 1.5), 2.5)
    bowl_hz = draws.log(380, 1100)[:, None] * draws.log(0.8, 2.2, 5)
    bowl = modes(
        draws, bowl_hz, (time * 0.8)[:, None] * draws.log(0.5, 2, 5), draws.log(0.2, 1, 5), draws.uniform(0, TAU, 5)
    )
    sound = level(sound) + level(bowl) * column(draws.even(style, (0, 0.5), (0, 0), (0, 0.1)) * draws.uniform(0, 1))
    swing = 1 - column(draws.uniform(0, 0.9) * draws.chance(0.6)) * (
        1 - decay(draws, draws.log(0.004, 0.025))
    )  # a hard start, a quiet rest
    tick = stick(draws, draws.log(380, 3500), draws.log(0.001, 0.01)) * column(
        draws.even(style, (0.02, 0.6), (0, 0.1), (0, 0.4))
    )
    bend = (draws.time[None] / (ring * draws.log(1, 2))[:, None]) ** shape[:, None]
    sound = sound * torch.exp(-(bend * (shape > 1)[:, None]).clamp_max(4.5))
    if not soft:
        sound = sound * rise(draws, draws.sometimes(0.4, 0.001, 0.005))
    if soft:
        sound = sound * rise(draws, draws.log(0.005, 0.014))
    flat = torch.exp(
        -((draws.time[None] / (time * 2)[:, None]) ** 5).clamp_max(30)
    )  # a gated burst, as machines cut them
    sound = torch.where((draws.chance(0.4) & (style == 2))[:, None], hiss_flat(draws, low, high) * flat, sound)
    return sound * swing + tick * (0.3 if soft else 1), {
        "acoustic": style == 0,
        "analog": style == 1,
        "electronic": style == 2,
        "metallic": shares[0][:, 0] + shares[1][:, 0] > 1.15 * shares[2][:, 0],
        "noisy": shares[2][:, 0] > 0.75,
    }


def closed_hat(draws: Draws) -> Voice:
    """Closed hats from ticks of 20 ms to loose ones of 200 ms."""
    return Voice(*_hat(draws, (0.006, 0.07)))


def open_hat(draws: Draws) -> Voice:
    """Open hats; some are choked at the end."""
    sound, traits = _hat(draws, (0.055, 0.26))
    stop = draws.uniform(0.25, 0.6)[:, None]
    choke = torch.sigmoid((stop - draws.time) / column(draws.log(0.006, 0.03)))
    choked = draws.chance(0.2)
    return Voice(torch.where(choked[:, None], sound * choke, sound), traits)


def pedal_hat(draws: Draws) -> Voice:
    """Hats closed by foot: a softer, darker chick with a small gap in front of its body."""
    sound, traits = _hat(draws, (0.018, 0.045), soft=True)
    low = draws.log(700, 5000)
    sound = colour(draws, sound, low, torch.maximum(draws.log(8000, 18000), low * 1.8), 2)
    thump = noise(draws, draws.log(200, 400), draws.log(700, 1500)) * decay(draws, draws.log(0.004, 0.02))
    late = draws.log(0.008, 0.03)[:, None]
    clap = 1 + column(draws.uniform(0, 1.5)) * torch.exp(-(((draws.time - late) / 0.006) ** 2).clamp_max(30))
    return Voice(level(sound) * clap + thump * column(draws.uniform(0, 0.15)), traits)


def ride(draws: Draws) -> Voice:
    """Rides: a ping of few strong partials, sometimes a bell, over a long quiet wash."""
    ping_hz = draws.log(2000, 5500)[:, None] * draws.log(0.45, 2.2, 9)
    ping = modes(draws, ping_hz, draws.log(0.1, 0.7, 9), draws.log(0.1, 1, 9), draws.uniform(0, TAU, 9))
    bell_hz = draws.log(450, 1300)[:, None] * draws.log(1, 4.5, 6)
    bell = modes(draws, bell_hz, draws.log(0.2, 0.9, 6), draws.log(0.1, 1, 6), draws.uniform(0, TAU, 6))
    low, times = draws.log(250, 900), (draws.log(0.35, 1.3), draws.log(0.15, 0.6))
    wash = plate(draws, low, draws.log(12000, 18000), times, 110) + plate_noise(
        draws, low * 2, draws.log(9000, 19000), times, 4
    ) * column(draws.uniform(0.1, 0.9))
    bell_level = draws.sometimes(0.5, 0.1, 1)
    tick = stick(draws, draws.log(1500, 6000), draws.log(0.001, 0.006))
    sound = level(ping) + level(bell) * column(bell_level) + level(wash) * column(draws.log(0.12, 0.8))
    return Voice(sound + tick * column(draws.uniform(0.1, 1)), {"metallic": bell_level > 0.3, "bell": bell_level > 0.5})


def crash(draws: Draws) -> Voice:
    """Crashes, splashes, and the analogue cymbal: a broad start that darkens as it rings."""
    style = draws.pick((0.7, 0.3))
    low = draws.by(style, (180, 600), (1200, 6000))
    times = (draws.by(style, (0.6, 2), (0.3, 0.9)), draws.by(style, (0.25, 0.8), (0.28, 0.7)))
    metal = plate(draws, low, draws.log(9000, 18000), times, 140)
    hiss = plate_noise(draws, low * draws.log(1, 3), draws.log(7000, 19000), times, 4)
    square = squares(draws, times[1]) * column(draws.even(style, (0, 0), (0.5, 3)))
    share = column(draws.even(style, (0.15, 0.95), (0, 0.4)))
    wet = metal * share + hiss * (1 - share) * column(draws.even(style, (0.4, 1), (0.2, 1))) + square
    tilt = draws.by(style, (120, 1500), (2500, 9000))
    wet = level(colour(draws, wet, tilt, draws.log(3500, 21000), 1.8))
    burst = noise(draws, draws.log(300, 2500), draws.log(6000, 18000)) * decay(draws, draws.log(0.008, 0.06)) * 0.3
    bloom = 1 - column(draws.uniform(0, 0.7)) * decay(draws, draws.log(0.004, 0.03))
    tick = stick(draws, draws.log(400, 2500), draws.log(0.001, 0.008)) * column(draws.uniform(0, 0.5))
    sound = wet * bloom + (burst * column(draws.uniform(0, 1)) + tick) * column(style == 0)
    return Voice(sound, {"acoustic": style == 0, "analog": style == 1, "metallic": share[:, 0] > 0.6})


def cowbell(draws: Draws) -> Voice:
    """Analogue cowbells of two squares, and real ones."""
    style = draws.pick((0.5, 0.5))  # analogue, metal
    pitch = draws.by(style, (420, 720), (380, 1000))
    odd = torch.arange(1, 20, 2, device=draws.device, dtype=torch.float32)[None]
    pair = torch.cat((pitch[:, None] * odd, (pitch * draws.uniform(1.42, 1.54))[:, None] * odd), 1)
    time = draws.by(style, (0.03, 0.2), (0.025, 0.12))
    quick = draws.log(0.006, 0.02)
    box = modes(draws, pair, time[:, None].expand_as(pair), (1 / odd).repeat(draws.count, 2)) * (
        0.4 + decay(draws, quick)
    )
    ratios = torch.cat((torch.ones_like(pitch)[:, None], draws.uniform(1.35, 1.7, 1), draws.log(1.9, 9, 8)), 1)
    gains = draws.log(0.05, 0.6, 10) * ratios ** -draws.uniform(0, 3.5)[:, None]
    gains[:, :2] = draws.log(0.5, 1, 2) * torch.tensor((1, 0.8), device=draws.device)
    bell = modes(
        draws,
        pitch[:, None] * ratios,
        time[:, None] / ratios**0.4 * draws.log(0.6, 1.3, 10),
        gains,
        draws.uniform(0, TAU, 10),
    )
    analogue = column(style == 0)
    box = colour(draws, box, pitch * draws.log(0.5, 1.5), pitch * draws.log(3, 12), 2)
    tick = stick(draws, draws.log(900, 4000), draws.log(0.001, 0.004)) * column(draws.uniform(0, 0.6))
    sound = level(box) * analogue + (level(bell) + tick) * (1 - analogue)
    return Voice(sound, {"analog": style == 0, "acoustic": style == 1}, pitch)


def _grains(draws: Draws, count: int, span: Tensor, tail: Tensor) -> Tensor:
    """(count, samples) an envelope of `count` little hits over `span` seconds, each with a short tail."""
    starts = draws.uniform(0, 1, count) ** 1.3 * span[:, None]
    starts[:, 0] = 0
    return strikes(draws, starts, draws.log(0.15, 1, count), tail)


def shaker(draws: Draws) -> Voice:
    """Shakers, maracas and cabasas: grains of high noise that swell and fall."""
    low = draws.log(2200, 7500)
    hiss = noise(draws, low, torch.maximum(draws.log(6500, 19000), low * 1.5), 3)
    swell = draws.log(0.012, 0.07)
    body = rise(draws, swell) ** column(draws.log(0.7, 2)) * falling(
        (draws.time[None] - swell[:, None]).clamp_min(0), draws.log(0.01, 0.045)[:, None]
    )
    grains = _grains(draws, 24, draws.log(0.045, 0.14), draws.log(0.002, 0.008)) * rise(draws, swell)
    second = column(draws.sometimes(0.3, 0.3, 1)) * torch.exp(
        -(((draws.time - column(draws.uniform(0.08, 0.2))) / column(draws.log(0.012, 0.04))) ** 2).clamp_max(30)
    )
    share = column(draws.uniform(0, 1))
    return Voice(
        hiss * (body * share + level(grains) * (1 - share) + second),
        {"acoustic": share[:, 0] < 0.5, "noisy": share[:, 0] > 0.75},
    )


def tambourine(draws: Draws) -> Voice:
    """Tambourines and sleigh bells: jingles that strike one after another, ringing high."""
    time = draws.log(0.035, 0.16)
    jingles = plate(draws, draws.log(3000, 6500), draws.log(11000, 18000), (time, time * draws.log(0.4, 1)), 48)
    hits = level(_grains(draws, 10, draws.log(0.04, 0.16), draws.log(0.008, 0.05)))
    hiss = noise(draws, draws.log(4000, 8000), draws.log(10000, 19000))
    ring = level(jingles) + 0.3 * hiss * decay(draws, time) * column(draws.uniform(0, 0.3))
    rattle = plate(
        draws, draws.log(3000, 6000), draws.log(11000, 18000), (torch.full_like(time, 9.0),) * 2, 40
    ) * 0.3 + hiss * 0.1 * column(draws.uniform(0, 1))
    thump = modes(draws, draws.log(150, 500, 3), draws.log(0.01, 0.05, 3), draws.log(0.05, 0.4, 3)) * column(
        draws.sometimes(0.4, 0.1, 0.8)
    )
    share = column(draws.uniform(0.1, 0.5))
    return Voice(
        ring * share + hits * rattle * (1 - share) * 2 + thump, {"acoustic": time > 0, "metallic": share[:, 0] > 0.5}
    )
