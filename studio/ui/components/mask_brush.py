"""A sound's spectrogram as a canvas: what is painted white is to be made anew."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Painting:
    """The sound that is painted on.

    token   : by which Python knows it
    image   : its spectrogram as a data URI, from the first column to the last that is heard
    columns, heard, rows : of the mask; only the first `heard` columns are to be seen
    begin, end : in seconds, of what is seen
    sound   : path of a WAV inside the page's cache
    ticks   : words for frequencies, each with its height, 0 at the bottom and 1 at the top
    """

    token: str
    name: str
    image: str
    columns: int
    heard: int
    rows: int
    begin: float
    end: float
    sound: str
    ticks: Sequence[tuple[str, float]] = ()


class MaskBrush(Drawn):
    """Brushes over a spectrogram, round or as high or as wide as all of it, with soft edges, and the original to hear.

    value     : a Painting, or None for an empty place
    drop_into : elem_id of the upload button that gets a file dropped anywhere while the canvas is to be seen
    Triggers `painted` {token, serial, mask} after every stroke: a PNG as a data URL, white = make anew, or "" where
    nothing is painted.
    """

    drawing = "mask_brush"
    rooms = ("speaker", "icons", "keys", "drop_in", "mask_paint")

    def __init__(self, value: Painting | None = None, *, hint: str = "", drop_into: str = "", **kwargs: Any) -> None:
        super().__init__(value, hint=hint, drop_into=drop_into, **kwargs)

    def postprocess(self, value: Painting | None) -> dict[str, Any] | None:
        """Plain data for the drawing; Gradio fills in where the sound can be fetched."""
        if value is None:
            return None
        return asdict(value) | {"sound": FileData(path=value.sound, mime_type="audio/wav").model_dump()}
