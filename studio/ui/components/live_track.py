"""A track that is heard while it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Live:
    """A track so far.

    run      : another one for every track, so that the page knows when to begin anew
    first    : number of the first of `pieces`
    pieces   : paths of WAVs inside the page's cache, to be played in a row; only the newest ones
    duration : of the whole track, in seconds
    over     : nothing more comes; stopped : because the user wished it
    """

    run: str
    sample_rate: int
    duration: float
    first: int = 0
    pieces: Sequence[str] = ()
    over: bool = False
    stopped: bool = False


class LiveTrack(Drawn):
    """Plays the pieces of a track without a gap, to the sample, as they come. value : Live, or None."""

    drawing = "live_track"
    rooms = ("speaker", "icons")

    def postprocess(self, value: Live | None) -> dict[str, Any] | None:
        """Plain data for the drawing; Gradio fills in where the pieces can be fetched."""
        if value is None:
            return None
        pieces = [FileData(path=path, mime_type="audio/wav").model_dump() for path in value.pieces]
        return {**vars(value), "pieces": pieces}
