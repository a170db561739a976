"""The sound card: one sound of a dataset, before and after it was trimmed."""

from collections.abc import Callable, Sequence
from typing import Any

from studio.ui.components.drawn import Drawn


class SoundCard(Drawn):
    """Plays and shows the sound that `dataset:look` names (see SoundTable): what was kept, what it was, what was cut.

    ask : server functions `sound` and `compare`, one dict in and out
    """

    drawing = "sound_card"
    rooms = ("speaker", "icons")

    def __init__(self, value: Any = None, *, ask: Sequence[Callable[[dict], dict]], **kwargs: Any) -> None:
        super().__init__(value, server_functions=list(ask), **kwargs)
