"""Joining waveforms without a click and without a jump in level: cross-fades of constant power.

Waveforms are (samples,) or (channels, samples); channels are faded alike.
"""

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
    """Cross-fade two stretches of equal shape, of constant power however alike the two are.

    Plain sine and cosine keep the power of strangers, but lift twins by 3 dB and let opposites cancel; the measured
    correlation makes up for both.
    """
    rise = ramp(incoming.shape[-1], incoming)
    fall = rise.flip(0)
    energy = (outgoing.double().square().sum() * incoming.double().square().sum()).sqrt()
    product = (outgoing.double() * incoming.double()).sum()
    alike = float((product / energy.clamp_min(1e-20)).clamp(MOST_OPPOSED, 1))
    return (outgoing * fall + incoming * rise) / (1 + 2 * alike * rise * fall).sqrt()


def enter(outgoing: Tensor, incoming: Tensor, attack: int) -> Tensor:
    """As `join`, but a sound that enters at least 6 dB louder than what still rings keeps its attack.

    attack : samples over which the two are compared; an entrance takes an eighth of them to rise, because a louder
             attack hides the join that a slow fade would pay for with the attack itself
    """
    samples = incoming.shape[-1]
    attack = min(attack, samples)
    if attack == 0 or incoming[..., :attack].square().sum() < 4 * outgoing[..., :attack].square().sum():
        return join(outgoing, incoming)
    rise = incoming.new_ones(samples)
    rise[: max(1, attack // 8)] = ramp(max(1, attack // 8), incoming)
    return outgoing * ramp(samples, incoming).flip(0) + incoming * rise


def fade_out(waveform: Tensor, samples: int) -> Tensor:
    """A waveform with its last `samples` faded to nothing."""
    length = waveform.shape[-1]
    samples = min(samples, length)
    faded = waveform.clone()
    faded[..., length - samples :] *= ramp(samples, waveform).flip(0)
    return faded


def soften(waveform: Tensor, knee: float) -> Tensor:
    """The same samples up to ±knee; what exceeds it bends toward ±1 and never reaches it, so that nothing clips."""
    over = (waveform.abs() - knee).clamp_min(0) / (1 - knee)
    return waveform.sign() * torch.where(over > 0, knee + (1 - knee) * torch.tanh(over), waveform.abs())


def lay_over(original: Tensor, made: Tensor, touched: Sequence[tuple[int, int]], fade: int) -> Tensor:
    """`made` over `original`, of one shape, in the stretches `touched`; elsewhere the original, bit for bit.

    touched : (first, end) of each stretch, in order and apart from one another
    The cross-fades of `fade` samples, as `join` makes them, lie inside the stretches, and are shorter in short ones.
    """
    whole = original.clone()
    for first, end in touched:
        new = made[..., first:end].clone()
        short = min(fade, (end - first) // 2)
        if first > 0:
            new[..., :short] = join(original[..., first : first + short], new[..., :short])
        if end < original.shape[-1]:
            left = new.shape[-1] - short
            new[..., left:] = join(new[..., left:], original[..., end - short : end])
        whole[..., first:end] = new
    return whole
