"""The list of training runs: those at work, those that wait, and those that ended."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Listed:
    """One run. acts : of "stop", "take off", "resume", "clone" and "trash" those that can be done with it."""

    name: str
    status: str
    said: str
    acts: Sequence[str]
    shown: bool = False
    part: float | None = None  # of the way, 0 to 1


class RunList(Drawn):
    """Triggers `opened` and `cloned` {name}, `acted` {name, act} for other acts, and `undone` for one thrown away."""

    drawing = "run_list"
    rooms = ("icons",)


def listed(runs: Sequence[Listed], older: int = 0, thrown: str = "") -> dict[str, Any]:
    """The runs to list. older : how many more there are. thrown : the run that can be brought back."""
    return {"runs": [asdict(run) for run in runs], "older": older, "thrown": thrown}
