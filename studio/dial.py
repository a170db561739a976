"""One dial for how close a LoRA comes to its kit, for who does not want to know of ranks and rates."""

import dataclasses
import math

from studio.settings import TrainSettings

WORDS = {-2: "a hint", -1: "lightly", 0: "like them", 1: "closely", 2: "very close"}  # position → what it says
STEPS = {-2: 1 / 3, -1: 0.6, 0: 1.0, 1: 2.0, 2: 10 / 3}  # times the steps, or epochs, of the preset
RANK = {-2: 0.5, -1: 1.0, 0: 1.0, 1: 1.0, 2: 2.0}  # times its rank and alpha, so that alpha ÷ rank stays
TURNED = ("steps", "epochs", "rank", "alpha", "warmup_steps")  # the settings that the dial moves
MOST_WARMUP = 0.2  # of the steps
FEWEST_TO_SPLIT = 20  # sounds; of fewer none is held out


def turned(settings: TrainSettings, position: int) -> TrainSettings:
    """A preset's settings with the dial at `position`, -2 to 2: 0 leaves them as they are.

    More steps and a higher rank come closer to the sounds, and nearer to copying them.
    """
    if position == 0:
        return settings
    steps = max(10, 10 * round(settings.steps * STEPS[position] / 10))
    rank = min(256, max(1, round(settings.rank * RANK[position])))
    return dataclasses.replace(
        settings, steps=steps, epochs=math.ceil(settings.epochs * STEPS[position]), rank=rank,
        alpha=settings.alpha * rank / settings.rank, warmup_steps=min(settings.warmup_steps, int(MOST_WARMUP * steps)))


def held_out_of(settings: TrainSettings, sounds: int) -> int:
    """How many of the sounds are kept apart; none of a small kit, which has none to lose."""
    return round(settings.held_out * sounds) if sounds >= FEWEST_TO_SPLIT else 0


def steps_of(settings: TrainSettings, learned: int, processes: int) -> int:
    """How many steps a training has; with `epochs`, as many as show `learned` sounds so often in the mean."""
    if not settings.epochs:
        return settings.steps
    return math.ceil(settings.epochs * learned / batch_of(settings, processes))


def batch_of(settings: TrainSettings, processes: int) -> int:
    """Sounds in one step, over all processes."""
    return settings.batch_size * settings.gradient_accumulation * processes
