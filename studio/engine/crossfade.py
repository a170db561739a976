"""Joining waveforms without a click and without a jump in level: cross-fades of constant power."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

MOST_OPPOSED = -0.75  # correlation that `join` makes up for; full opposites would need an endless gain


def ramp(samples: int, like: Tensor) -> Tensor:
    """A rise from just above 0 to just below 1 over (samples,): the sine half of an equal-power pair.

    Its falling partner is sqrt(1 - ramp²), which is the same ramp turned round.
    """
    steps = torch.arange(samples, dtype=torch.float64, device=like.device) + 0.5
    return torch.sin(math.pi / 2 * steps / max(1, samples)).to(like.dtype)


def join(outgoing: Tensor, incoming: Tensor) -> Tensor:
    """Cross-fade two stretches (samples,) of equal length, of constant power however alike the two are.

    Plain sine and cosine keep the power of strangers, but lift twins by 3 dB and let opposites cancel; the measured
    correlation makes up for both.
    """
    rise = ramp(len(incoming), incoming)
    fall = rise.flip(0)
    energy = (outgoing.double().square().sum() * incoming.double().square().sum()).sqrt()
    alike = float((outgoing.double() @ incoming.double() / energy.clamp_min(1e-20)).clamp(MOST_OPPOSED, 1))
    return (outgoing * fall + incoming * rise) / (1 + 2 * alike * rise * fall).sqrt()


def enter(outgoing: Tensor, incoming: Tensor, attack: int) -> Tensor:
    """As `join`, but a sound that enters at least 6 dB louder than what still rings keeps its attack.

    attack : samples over which the two are compared; an entrance takes an eighth of them to rise, because a louder
             attack hides the join that a slow fade would pay for with the attack itself
    """
    attack = min(attack, len(incoming))
    if attack == 0 or incoming[:attack].square().sum() < 4 * outgoing[:attack].square().sum():
        return join(outgoing, incoming)
    rise = torch.ones_like(incoming)
    rise[: max(1, attack // 8)] = ramp(max(1, attack // 8), incoming)
    return outgoing * ramp(len(incoming), incoming).flip(0) + incoming * rise


def fade_out(waveform: Tensor, samples: int) -> Tensor:
    """(any,) with its last `samples` faded to nothing."""
    samples = min(samples, len(waveform))
    faded = waveform.clone()
    faded[len(faded) - samples :] *= ramp(samples, waveform).flip(0)
    return faded


def soften(waveform: Tensor, knee: float) -> Tensor:
    """The same samples up to ±knee; what exceeds it bends toward ±1 and never reaches it, so that nothing clips."""
    over = (waveform.abs() - knee).clamp_min(0) / (1 - knee)
    return waveform.sign() * torch.where(over > 0, knee + (1 - knee) * torch.tanh(over), waveform.abs())


def lay_over(original: Tensor, made: Tensor, touched: Sequence[tuple[int, int]], fade: int) -> Tensor:
    """`made` over `original`, both (samples,), in the stretches `touched`; elsewhere the original, bit for bit.

    touched : (first, end) of each stretch, in order and apart from one another
    The equal-power cross-fades of `fade` samples lie inside the stretches, and are shorter in short ones.
    """
    whole = original.clone()
    for first, end in touched:
        new = made[first:end].clone()
        short = min(fade, (end - first) // 2)
        rise = ramp(short, new)
        if first > 0:
            new[:short] = new[:short] * rise + original[first : first + short] * rise.flip(0)
        if end < len(original):
            new[len(new) - short :] = new[len(new) - short :] * rise.flip(0) + original[end - short : end] * rise
        whole[first:end] = new
    return whole
