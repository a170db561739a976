"""A sentence on what dragging a sound out of this very browser does."""

from typing import Any

from studio.ui.components.drawn import Drawn


class Dragging(Drawn):
    """Says which way into a DAW works here: only the browser knows what it hands over."""

    drawing = "dragging"
    rooms = ("drag_out",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__({}, **kwargs)
