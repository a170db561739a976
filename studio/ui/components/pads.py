"""Pads: sounds to play by click and by key, to drag out of the page, and to choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Pad:
    """One sound on a pad.

    id    : by which Python knows it; the page gives it back when the pad is chosen
    sound : path of a WAV inside the page's cache, whose name is the one that a dragged file gets
    image : its picture as a data URI
    """

    id: str
    title: str
    detail: str
    sound: str
    image: str


class Pads(Drawn):
    """Eight in a row; keys 1 to 8 play the first eight. Choosing one triggers the event `chosen` with its id."""

    drawing = "pads"

    def postprocess(self, value: Sequence[Pad] | None) -> list[dict[str, Any]]:
        """Plain data for the drawing; Gradio fills in where each file can be fetched."""
        return [{"id": pad.id, "title": pad.title, "detail": pad.detail, "image": pad.image,
                 "sound": FileData(path=pad.sound, mime_type="audio/wav").model_dump()} for pad in value or ()]
