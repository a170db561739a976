"""Pads: sounds to play by click, by key and by a pad controller, to mark, and to drag out of the page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Pad:
    """One sound on a pad.

    id       : by which Python knows it; the page gives it back when the pad is chosen
    sound    : path of a WAV inside the page's cache, whose name is the one that a dragged file gets
    image    : its picture as a data URI
    level_db : gain that makes it as loud as the others; the page can leave it out
    duration : in seconds
    """

    id: str
    title: str
    detail: str
    sound: str
    image: str
    level_db: float = 0.0
    duration: float = 0.0
    starred: bool = False


@dataclass(frozen=True)
class Slot:
    """An empty place where a sound is being made. progress : how far it is, 0 to 1."""

    progress: float = 0.0


@dataclass(frozen=True)
class Screen:
    """What pads show: sounds and empty places, and how many were just thrown away, which offers to undo it.

    columns : of a field whose places mean something, all of it on one screen; 0 is the usual eight
    """

    pads: Sequence[Pad | Slot] = ()
    thrown: int = 0
    columns: int = 0


class Pads(Drawn):
    """Eight in a row, two rows on a screen. Playing one triggers the event `chosen` with its {id}.

    value   : a Screen, or only its pads
    actions : of "star", "rename" and "remove" those that are offered; they trigger `starred` {id, on}, `renamed`
              {id, name} and `removed` {ids}, and where the screen says that some were thrown away, `undone`
              with "pick", another choice of pads triggers `picked` {ids}
    hint    : what is said while there is nothing to show
    rows    : of eight pads on a screen
    drop_into : elem_id of the upload button that gets a file which is dropped anywhere while the pads are to be seen
    """

    drawing = "pads"
    rooms = ("speaker", "icons", "drag_out", "keys", "midi", "drop_in", "pad")

    def __init__(self, value: Screen | Sequence[Pad | Slot] | None = None, *, actions: Sequence[str] = (),
                 hint: str = "", rows: int = 2, drop_into: str = "", **kwargs: Any) -> None:
        super().__init__(value, actions=list(actions), hint=hint, per=8 * rows, drop_into=drop_into, **kwargs)

    def postprocess(self, value: Screen | Sequence[Pad | Slot] | None) -> dict[str, Any]:
        """Plain data for the drawing; Gradio fills in where each file can be fetched."""
        screen = value if isinstance(value, Screen) else Screen(value or ())
        return {"pads": [_cell(pad) for pad in screen.pads], "thrown": screen.thrown,
                "columns": screen.columns}


def _cell(pad: Pad | Slot) -> dict[str, Any]:
    if isinstance(pad, Slot):
        return {"waiting": True, "progress": round(pad.progress, 3)}
    return asdict(pad) | {"sound": FileData(path=pad.sound, mime_type="audio/wav").model_dump()}
