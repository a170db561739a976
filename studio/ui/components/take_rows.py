"""Sounds in a list: a line each, to play by click and by key, to mark, and to drag out of the page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Line:
    """One sound in the list.

    id       : by which Python knows it; the page gives it back when the line is played
    sound    : path of a WAV inside the page's cache, whose name is the one that a dragged file gets; "" where it cannot
               be read any more
    image    : its picture as a data URI
    made     : seconds since the epoch
    duration : seconds
    level_db : gain that makes it as loud as the others; the page can leave it out
    """

    id: str
    title: str
    role: str
    words: str
    loras: str
    note: str
    made: float
    duration: float
    sound: str = ""
    image: str = ""
    level_db: float = 0.0
    starred: bool = False


@dataclass(frozen=True)
class Lines:
    """What the list shows, and how many sounds were just thrown away, which offers to undo it."""

    lines: Sequence[Line] = ()
    thrown: int = 0


class TakeRows(Drawn):
    """A list of sounds with the hands of Pads: playing one triggers `chosen` {id}; a star, a new name and the trash
    `starred` {id, on}, `renamed` {id, name}, `removed` {ids} and `undone`; another choice of lines `picked` {ids}.

    value : Lines
    hint  : what is said while there is nothing to show
    drop_into : elem_id of the upload button that gets a file which is dropped anywhere while the list is to be seen
    """

    drawing = "take_rows"
    rooms = ("speaker", "icons", "drag_out", "keys", "drop_in", "pad")

    def __init__(self, value: Lines | None = None, *, hint: str = "", drop_into: str = "",
                 **kwargs: Any) -> None:
        super().__init__(value, hint=hint, drop_into=drop_into, **kwargs)

    def postprocess(self, value: Lines | None) -> dict[str, Any]:
        """Plain data for the drawing; Gradio fills in where each file can be fetched."""
        value = value or Lines()
        return {"lines": [_plain(line) for line in value.lines], "thrown": value.thrown}


def _plain(line: Line) -> dict[str, Any]:
    sound = FileData(path=line.sound, mime_type="audio/wav").model_dump() if line.sound else None
    return asdict(line) | {"sound": sound}
