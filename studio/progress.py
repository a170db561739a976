"""How long work tells where it stands: facts go out through `report`, a stop comes back raised from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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


def silent(progress: Progress) -> None:
    """A report that nobody listens to."""
