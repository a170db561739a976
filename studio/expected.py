"""What a training will take, told before it starts: by counting, and by what earlier runs of its kind have measured."""

from dataclasses import dataclass
from pathlib import Path

from studio.dial import batch_of, held_out_of, steps_of
from studio.errors import StudioError
from studio.progress import Estimate
from studio.runs import Stories, runs
from studio.settings import TrainSettings, whole_base

# What decides, beside the base, how long a step takes and how much memory it needs, as good as alone
WEIGHTY = ("batch_size", "gradient_accumulation", "targets", "text_encoder", "device", "mixed_precision",
           "gradient_checkpointing", "processes")
LOOKED_AT = 20  # runs, the newest


@dataclass(frozen=True)
class Expected:
    """Sounds that are learned, steps in all and how often each sound is shown in the mean; seconds and bytes where a
    run of its kind was measured."""

    learned: int
    steps: int
    times_shown: float
    seconds: float | None = None
    memory_bytes: float | None = None


def kind_of(settings: TrainSettings) -> tuple:
    """What trainings have in common that take as long a step and as much memory."""
    return whole_base(settings.base), *(getattr(settings, name) for name in WEIGHTY)


def expected(settings: TrainSettings, sounds: int, folder: Path, stories: Stories,
             measured: Estimate | None = None) -> Expected:
    """What a training on so many sounds will take.

    folder   : of the runs to go by
    measured : what was measured for this very kind of training, which counts more than they do
    """
    learned = sounds - held_out_of(settings, sounds)
    steps = steps_of(settings, learned, settings.processes)
    shown = steps * batch_of(settings, settings.processes) / max(1, learned)
    measured = measured or _of_earlier(settings, folder, stories)
    if measured is None:
        return Expected(learned, steps, shown)
    return Expected(learned, steps, shown, measured.seconds * steps / max(1, measured.steps), measured.memory_bytes)


def _of_earlier(settings: TrainSettings, folder: Path, stories: Stories) -> Estimate | None:
    """What the newest run of this kind has measured."""
    for run in runs(folder)[:LOOKED_AT]:
        try:
            earlier = run.settings()
        except StudioError:  # one that was written by hand, or by another version
            continue
        if kind_of(earlier) == kind_of(settings) and (measured := stories.state(run).estimate):
            return measured
    return None
