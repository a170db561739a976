"""Does a base obey words? What words mean is measured on the pictures: how long, how high, how bright, how pure."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SILENT_DB = 40.0  # under the loudest frame: where a sound is over
TONE_FRAMES = slice(3, 24)  # where its pitch is read, once the attack is over


@dataclass(frozen=True)
class Scale:
    """Two words that mean opposite ends of one measurable quantity, and the roles that they are tried on."""

    under: str
    over: str
    figure: Callable[[Tensor, float], Tensor]  # pictures (n, rows, frames), dB from black to white -> (n,)
    roles: tuple[str, ...]


def length(pixels: Tensor, range_db: float) -> Tensor:
    """(n,) frames until a picture stays `SILENT_DB` under its loudest frame."""
    loud = pixels.float().amax(1)
    sounding = loud > loud.amax(1, keepdim=True) - SILENT_DB * 255 / range_db
    return (sounding * torch.arange(1, loud.shape[1] + 1)).amax(1).float()


def brightness(pixels: Tensor, range_db: float) -> Tensor:
    """(n,) mean height of the energy, 0 at the bottom row and 1 at the top, quiet parts counting a little more."""
    energy = 10 ** ((pixels.float() / 255 - 1) * range_db / 20)  # amplitude, so that a kick's click is not lost
    rows = energy.sum(2)
    return (rows * torch.linspace(1, 0, rows.shape[1])).sum(1) / rows.sum(1).clamp_min(1e-9)


def pitch(pixels: Tensor, range_db: float) -> Tensor:
    """(n,) height of the strongest row after the attack, between rows by the shape of the peak."""
    power = 10 ** ((pixels[:, :, TONE_FRAMES].float() / 255 - 1) * range_db / 10)
    rows = power.mean(2).flip(1)  # the lowest first
    near = rows * (rows > 0.3 * rows.amax(1, keepdim=True))
    peak = rows.argmax(1, keepdim=True)
    near = near * ((torch.arange(rows.shape[1])[None] - peak).abs() <= 1)
    return (near * torch.arange(rows.shape[1])).sum(1) / near.sum(1).clamp_min(1e-9)


def overtones(pixels: Tensor, range_db: float) -> Tensor:
    """(n,) dB: energy above the strongest row after the attack, of all: what distortion adds to a nearly pure tone."""
    levels = pixels[:, :, TONE_FRAMES].float() * range_db / 255
    rows = (10 ** (levels / 10)).mean(2).flip(1)  # the lowest first
    above = torch.arange(rows.shape[1])[None] > rows.argmax(1, keepdim=True) + len(rows[0]) // 20
    return 10 * (((rows * above).sum(1) + 1e-9) / rows.sum(1)).log10()


SCALES = (
    Scale("short", "long", length, ("kick", "snare", "clap", "closed hat", "open hat", "mid tom", "pluck", "stab")),
    Scale("low", "high", pitch, ("kick", "snare", "conga", "cowbell", "clave", "bass", "pluck", "stab")),
    Scale("dark", "bright", brightness, ("kick", "snare", "clap", "closed hat", "open hat", "shaker", "bass", "stab")),
    Scale("clean", "distorted", overtones, ("kick", "808", "low tom", "mid tom", "high tom", "conga")),
)


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's correlation of two series (n,), ties at their mean rank; 0 where either is constant."""
    ranks = torch.stack((_ranks(one), _ranks(other)))
    ranks = ranks - ranks.mean(1, keepdim=True)
    norm = ranks.norm(dim=1).prod()
    return (ranks[0] @ ranks[1] / norm).item() if norm > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    before = (values[None] < values[:, None]).sum(1)
    equal = (values[None] == values[:, None]).sum(1)
    return before + (equal - 1) / 2


def obedience(draw: Callable[[str, int], Tensor], range_db: float, count: int = 6) -> dict[str, dict[str, float]]:
    """Rank correlation of word (under, none, over) and measured quantity, by scale and role, and their "mean".

    draw : gives `count` pictures (count, rows, frames) of a prompt
    """
    found: dict[str, dict[str, float]] = {}
    for scale in SCALES:
        by_role = {}
        for role in scale.roles:
            prompts = (f"{scale.under} {role}", role, f"{scale.over} {role}")
            figures = torch.cat([scale.figure(draw(prompt, count), range_db) for prompt in prompts])
            by_role[role] = rank_correlation(torch.arange(3).repeat_interleave(count).float(), figures)
        found[f"{scale.under}/{scale.over}"] = by_role | {"mean": sum(by_role.values()) / len(by_role)}
    return found
