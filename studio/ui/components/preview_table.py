"""The preview table: the same prompts and seeds at each step of a training, to be heard beside each other."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Column:
    """What was made at one step. images : a data URI a row, "" where there is none; distances in dB, None unknown."""

    step: int
    images: Sequence[str]
    distance_db: float | None = None
    nearest_db: float | None = None
    best: bool = False


class PreviewTable(Drawn):
    """A row a prompt, a column a step; a click on a picture plays it, the arrow keys go on from there.

    value : what `table(...)` says
    ask   : the server function `preview_sound` {"run", "step", "row"} → {"wav" in base64, "level_db"} or {"error"}
    """

    drawing = "preview_table"
    rooms = ("speaker",)

    def __init__(self, value: Any = None, *, ask: Callable[[dict], dict], **kwargs: Any) -> None:
        super().__init__(value, server_functions=[ask], **kwargs)


def table(run: str, prompts: Sequence[str], columns: Sequence[Column], hint: str = "") -> dict[str, Any]:
    """The previews of a run. hint : what is said while there are none."""
    return {"run": run, "prompts": list(prompts), "columns": [asdict(column) for column in columns], "hint": hint}
