"""How long work tells where it stands: facts go out through `report`, a stop comes back raised from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

INNER = ("denoise", "decode")  # stages inside the making of one sound: too many to be kept


@dataclass(frozen=True)
class Progress:
    """One fact about long work: `step` of `total` steps of a `stage`, a note for people, values for curves."""

    stage: str
    step: int = 0
    total: int = 0
    note: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Estimate:
    """What a training of `steps` steps takes, by its first ones: its seconds with all checks, but without loading;
    bytes on the device at the peak, and those that were free."""

    steps: int
    seconds_per_step: float
    seconds: float
    memory_bytes: float
    memory_free_bytes: float

    @classmethod
    def of(cls, steps: int, values: Mapping[str, float]) -> "Estimate":
        """Read from the values of the `Progress` of the stage "estimate"."""
        return cls(steps, *(values[each.name] for each in fields(cls)[1:]))


def silent(progress: Progress) -> None:
    """A report that nobody listens to."""
