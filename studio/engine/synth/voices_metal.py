"""Metal: hats, cymbals, cowbells."""

import torch
from torch import Tensor

from studio.engine.synth.arithmetic import (
    TAU,
    add,
    band,
    column,
    decay,
    fft_size,
    level,
    modes,
    noise,
    partly,
    plate_noise,
    power_of_time,
    rise,
    spread,
)
from studio.engine.synth.draws import Draws
from studio.engine.synth.voices_skins import Voice, puff, stick

SQUARES_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The six square-wave oscillators of the analogue metal circuit (measured values of the 808 service notes)."""


def squares(draws: Draws, time: Tensor) -> Tensor:
    """(count, samples) six detuned square waves as their odd harmonics, all ringing for `time` seconds, unit level."""
    base = torch.tensor(SQUARES_HZ, device=draws.device)[None] * draws.log(0.75, 1.9)[:, None]
    base = base * draws.log(0.93, 1.07, 6)
    odd = torch.arange(1, 48, 2, device=draws.device, dtype=torch.float32)
    tones = (base[:, :, None] * odd).flatten(1)
    gains = (1 / odd)[None, None].expand(draws.count, 6, -1).flatten(1)
    phases = draws.uniform(0, TAU, tones.shape[1])
    return modes(draws, tones, torch.full_like(tones, 1e6), gains, phases) * decay(draws, time) / 1.7


def plate(draws: Draws, low_hz: Tensor, high_hz: Tensor, slow: Tensor, quick: Tensor, count: int = 64) -> Tensor:
    """(count, samples) dense inharmonic partials of a metal plate, low ones ring `slow`, high ones `quick` seconds."""
    share = draws.uniform(0, 1, count) ** 0.65
    tones = low_hz[:, None] * (high_hz / low_hz)[:, None] ** share
    times = slow[:, None] ** (1 - share) * quick[:, None] ** share * draws.log(0.4, 1.6, count)
    gains = draws.log(0.1, 1, count)
    gains = gains / (gains.square().sum(1, keepdim=True) / 2).sqrt()
    return modes(draws, tones, times, gains, draws.uniform(0, TAU, count))


def colour(draws: Draws, waveforms: Tensor, low_hz: Tensor, high_hz: Tensor, order: float = 3.0) -> Tensor:
    """Band-passes (count, samples)."""
    size = fft_size(round(draws.samples * 1.04))
    curve = spread(band(low_hz, high_hz, order), size, draws.sample_rate)
    return torch.fft.irfft(torch.fft.rfft(waveforms, size).mul_(curve), size)[:, : draws.samples]


def _burst(draws: Draws, low_hz: Tensor, high_hz: Tensor, time: Tensor) -> Tensor:
    """(count, samples) steady noise of peak 1 that stops as machines cut it."""
    flat = torch.exp(-power_of_time(draws, time, torch.full_like(time, 5)).clamp_max_(30))
    return level(noise(draws, low_hz, torch.maximum(high_hz, low_hz * 1.6), 4)) * flat


def _hat(draws: Draws, time_range: tuple[float, float]) -> tuple[Tensor, dict[str, Tensor]]:
    style = draws.pick((0.42, 0.28, 0.3))  # plates, analogue squares, electronic noise
    time = draws.log(*time_range)
    low = draws.by(style, (250, 900), (4000, 9000), (900, 6000))
    high = draws.by(style, (15000, 50000), (17000, 50000), (9000, 50000))  # many have all that a sampler keeps
    shape = draws.log(0.75, 2.6)  # over 1: holds, then falls, as real hats do when the pair closes
    ring = time * 1.3 * shape
    times = (ring * draws.log(0.7, 1.5), ring * draws.log(0.7, 1.2))
    analogue, share = style == 1, column(draws.even(style, (0.1, 0.9), (0, 0.3), (0.3, 1)))
    metal_level = column(draws.even(style, (0.3, 1), (0, 0), (0, 0.4)))
    sound = partly(~analogue, draws, plate, low, draws.log(16000, 22000), times[0], times[1])
    sound = sound * metal_level + partly(analogue, draws, squares, ring) * column(draws.uniform(1.8, 3))
    hiss = plate_noise(draws, band(low.clamp_min(600), high), times, 2)
    sound.addcmul_(hiss, share)
    floor = draws.by(style, (400, 10000), (5000, 13000), (2500, 11000))  # where the sound begins, from below
    sound = level(colour(draws, sound, floor, torch.maximum(high, floor * 1.5), 2.5))
    bend = power_of_time(draws, ring * draws.log(1, 2), shape)
    sound *= torch.exp(-(bend * column(shape > 1)).clamp_max_(5))
    gated = draws.chance(0.4) & (style == 2)
    sound = torch.where(gated[:, None], partly(gated, draws, _burst, low, high, time * 2), sound)
    traits = {
        "acoustic": style == 0,
        "analog": analogue,
        "electronic": style == 2,
        "metallic": analogue | (metal_level > 1.5 * share)[:, 0],
        "noisy": share[:, 0] > 0.75,
    }
    return _struck(draws, sound, style, ring), traits


def _struck(draws: Draws, sound: Tensor, style: Tensor, ring: Tensor) -> Tensor:
    """What the stick adds to a hat: the bowl's low partials, a hard start, a tick."""
    short = draws.brief(0.8)
    bowl_hz = draws.log(250, 900)[:, None] * draws.log(0.8, 2.2, 5)
    times = (ring * 0.6)[:, None] * draws.log(0.4, 1.6, 5)
    bowl = modes(short, bowl_hz, times, draws.log(0.2, 1, 5), draws.uniform(0, TAU, 5))
    add(sound, level(bowl) * column(draws.even(style, (0, 0.6), (0, 0), (0, 0.1)) * draws.uniform(0, 1) ** 1.5))
    swing = column(draws.uniform(0, 0.8) * draws.chance(0.4))
    sound = sound * (1 - swing + swing * decay(draws, draws.log(0.004, 0.025)))  # a hard start, a quiet rest
    sound = sound * rise(draws, draws.sometimes(0.4, 0.001, 0.005))
    thump = puff(draws, draws.log(30, 100), draws.log(120, 500), draws.log(0.01, 0.08), 2)  # the stand, or a cable
    add(sound, thump * column(draws.by(style, (0.002, 0.04), (0.001, 0.02), (0.001, 0.02))))
    tick = stick(draws, draws.log(380, 3500), draws.log(0.001, 0.01))
    return add(sound, tick * column(draws.even(style, (0.02, 0.45), (0, 0.1), (0, 0.4))))


def closed_hat(draws: Draws) -> Voice:
    """Closed hats from ticks of 20 ms to loose ones of 200 ms."""
    return Voice(*_hat(draws, (0.006, 0.07)))


def open_hat(draws: Draws) -> Voice:
    """Open hats; some are choked at the end."""
    sound, traits = _hat(draws, (0.08, 0.5))
    stop = draws.uniform(0.25, 0.6)
    choked = draws.chance(0.2) * 1000.0  # the others stop long after the clip
    return Voice(sound * torch.sigmoid((column(stop + 1000 - choked) - draws.time) / column(draws.log(0.006, 0.03))),
                 traits)


def pedal_hat(draws: Draws) -> Voice:
    """Hats closed by foot: no stick, the pair swells for a moment and is choked; darker than a closed hat."""
    low = draws.log(300, 900)
    times = (draws.log(0.05, 0.2), draws.log(0.03, 0.15))
    share = column(draws.uniform(0.2, 1))
    sound = plate(draws, low, draws.log(9000, 15000), *times) * share
    sound = sound + plate_noise(draws, band(low * 2, draws.log(6000, 14000)), times, 2) * (1 - 0.7 * share)
    floor = draws.log(700, 4000)
    sound = level(colour(draws, sound, floor, torch.maximum(draws.log(5000, 12000), floor * 2), 2))
    shut = draws.log(0.012, 0.04)
    swell = power_of_time(draws, shut, draws.log(0.6, 1.6)).clamp_max_(1)
    close = torch.sigmoid((column(shut + draws.log(0.008, 0.06)) - draws.time) / column(draws.log(0.004, 0.016)))
    sound = sound * swell * close
    thump = puff(draws, draws.log(120, 300), draws.log(500, 1200), draws.log(0.006, 0.03))
    add(sound, thump * column(draws.uniform(0.01, 0.12)))
    return Voice(sound, {"acoustic": share[:, 0] > 0, "metallic": share[:, 0] > 0.6, "noisy": share[:, 0] < 0.35})


def ride(draws: Draws) -> Voice:
    """Rides: a ping of few strong partials, sometimes a bell, over a long quiet wash."""
    ping_hz = draws.log(2000, 5500)[:, None] * draws.log(0.45, 2.2, 9)
    ping = modes(draws, ping_hz, draws.log(0.1, 0.7, 9), draws.log(0.1, 1, 9), draws.uniform(0, TAU, 9))
    bell_hz = draws.log(450, 1300)[:, None] * draws.log(1, 4.5, 6)
    bell = modes(draws, bell_hz, draws.log(0.2, 0.9, 6), draws.log(0.1, 1, 6), draws.uniform(0, TAU, 6))
    low, times = draws.log(250, 900), (draws.log(0.35, 1.3), draws.log(0.15, 0.6))
    wash = plate(draws, low, draws.log(12000, 18000), *times, 100)
    wash.addcmul_(plate_noise(draws, band(low * 2, draws.log(9000, 19000)), times), column(draws.uniform(0.1, 0.9)))
    bell_level = draws.sometimes(0.5, 0.1, 1)
    sound = level(ping) + level(bell) * column(bell_level) + level(wash) * column(draws.log(0.12, 0.8))
    tick = stick(draws, draws.log(1500, 6000), draws.log(0.001, 0.006))
    add(sound, tick * column(draws.uniform(0.1, 1)))
    return Voice(sound, {"metallic": bell_level > 0.3, "bell": bell_level > 0.5})


def crash(draws: Draws) -> Voice:
    """Crashes, splashes, and the analogue cymbal: a broad start that darkens as it rings."""
    style = draws.pick((0.7, 0.3))
    low = draws.by(style, (180, 600), (1200, 6000))
    times = (draws.by(style, (0.5, 2), (0.32, 1)), draws.by(style, (0.22, 0.8), (0.28, 0.8)))
    share = column(draws.even(style, (0.1, 0.8), (0, 0.4)))
    sound = plate(draws, low, draws.log(9000, 18000), *times, 112) * share
    hiss = plate_noise(draws, band(low * draws.log(1, 3), draws.log(7000, 19000)), times)
    sound.addcmul_(hiss, (1 - share) * column(draws.even(style, (0.4, 1), (0.2, 1))))
    sound += partly(style == 1, draws, squares, times[1]) * column(draws.uniform(0.5, 3))
    floor = draws.by(style, (120, 2000), (2500, 9000))
    sound = level(colour(draws, sound, floor, draws.by(style, (1500, 30000), (7000, 30000)), 1.8))
    sound *= 1 - column(draws.uniform(0, 0.6)) * decay(draws, draws.log(0.004, 0.03))  # the bloom
    sound *= 1 + column(draws.sometimes(0.7, 0.2, 4)) * decay(draws, draws.log(0.02, 0.15))  # loud, then a quieter wash
    struck = column(style == 0)
    bowl_hz = draws.log(200, 900)[:, None] * draws.log(0.8, 2.5, 6)  # a soft stroke wakes little else
    bowl = modes(draws, bowl_hz, draws.log(0.3, 1.5, 6), draws.log(0.1, 1, 6), draws.uniform(0, TAU, 6))
    add(sound, level(bowl) * column(draws.sometimes(0.3, 0.05, 0.7)) * struck)
    burst = puff(draws, draws.log(300, 2500), draws.log(6000, 18000), draws.log(0.008, 0.06)) * 0.3
    add(sound, burst * column(draws.uniform(0, 1)) * struck)
    tick = stick(draws, draws.log(400, 2500), draws.log(0.001, 0.008))
    add(sound, tick * column(draws.uniform(0, 0.5)) * struck)
    return Voice(sound, {"acoustic": style == 0, "analog": style == 1, "metallic": share[:, 0] > 0.6})


def cowbell(draws: Draws) -> Voice:
    """Analogue cowbells of two squares, and real ones."""
    style = draws.pick((0.5, 0.5))  # analogue, metal
    pitch = draws.by(style, (420, 720), (360, 1000))
    odd = torch.arange(1, 20, 2, device=draws.device, dtype=torch.float32)[None]
    pair = torch.cat((pitch[:, None] * odd, (pitch * draws.uniform(1.42, 1.54))[:, None] * odd), 1)
    time = draws.by(style, (0.03, 0.2), (0.03, 0.15))
    box = modes(draws, pair, time[:, None].expand_as(pair), (1 / odd).repeat(draws.count, 2))
    box = box * (0.4 + decay(draws, draws.log(0.006, 0.02)))
    box = level(colour(draws, box, pitch * draws.log(0.5, 1.5), pitch * draws.log(3, 12), 2))
    ratios = torch.cat((torch.ones_like(pitch)[:, None], draws.uniform(1.35, 1.7, 1), draws.log(1.9, 9, 8)), 1)
    gains = draws.log(0.05, 0.6, 10) * ratios ** -draws.uniform(0, 4)[:, None]
    gains[:, :2] = torch.cat((draws.log(0.7, 1, 1), draws.log(0.08, 0.9, 1)), 1)
    times = time[:, None] / ratios**0.4 * draws.log(0.6, 1.3, 10)
    bell = level(modes(draws, pitch[:, None] * ratios, times, gains, draws.uniform(0, TAU, 10)))
    tick = stick(draws, draws.log(900, 4000), draws.log(0.001, 0.004))
    add(bell, tick * column(draws.uniform(0, 0.6)))
    sound = torch.lerp(bell, box, column(style == 0))
    return Voice(sound, {"analog": style == 0, "acoustic": style == 1}, pitch)
