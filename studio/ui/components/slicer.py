"""The slicer: a recording with its onsets, each piece to be heard and left out, the others to be cut."""

from collections.abc import Callable, Sequence
from typing import Any

from studio.ui.components.drawn import Drawn


class Slicer(Drawn):
    """Shows a recording and its pieces.

    value : {"token", "name", "duration", "outline", "sensitivity", "gap_ms", "pieces"}; token None shows nothing
    ask   : server functions `pieces` and `piece`, one dict in and out
    Triggers `cut` {"token", "pieces": [[start, end] in seconds]} for the wanted pieces, `closed`, and `fault` {"text"}.
    """

    drawing = "slicer"
    rooms = ("speaker", "latest")

    def __init__(self, value: Any = None, *, ask: Sequence[Callable[[dict], dict]], **kwargs: Any) -> None:
        super().__init__(value, server_functions=list(ask), **kwargs)
