"""A closer look at one sound: heard, seen, and told how it was made."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Shown:
    """The sound that is looked at.

    id, sound, level_db : as of its Pad
    file    : what its file is called
    image   : its spectrogram as a data URI, from the beginning of the sound to its end
    ticks   : words for the picture's height, each with its place, 0 at the bottom and 1 at the top
    recipe  : how it was made, pairs of a term and a value
    path    : where it lies; "" where nobody may know
    """

    id: str
    title: str
    file: str
    sound: str
    image: str
    ticks: Sequence[tuple[str, float]] = ()
    recipe: Sequence[tuple[str, str]] = ()
    level_db: float = 0.0
    starred: bool = False
    note: str = ""
    path: str = ""


class Detail(Drawn):
    """One player for whichever sound is chosen. It plays through the pads' loudspeaker and follows what they play.

    value   : what is Shown, or None
    actions : which are offered, and the event each triggers: "star" `starred` {id, on}, "name" `renamed` {id, name},
              "note" `noted` {id, note}, "reuse" `reused` {id}, "more" `more` {id}, "transform" `transformed` {id},
              "reveal" `revealed` {id}; "path" copies the path and triggers nothing
    hint    : what is said while no sound is chosen
    """

    drawing = "detail"
    rooms = ("speaker", "icons", "drag_out")

    def __init__(self, value: Shown | None = None, *, actions: Sequence[str] = (), hint: str = "",
                 **kwargs: Any) -> None:
        super().__init__(value, actions=list(actions), hint=hint, **kwargs)

    def postprocess(self, value: Shown | None) -> dict[str, Any] | None:
        """Plain data for the drawing; Gradio fills in where the file can be fetched."""
        if value is None:
            return None
        return asdict(value) | {"sound": FileData(path=value.sound, mime_type="audio/wav").model_dump()}
