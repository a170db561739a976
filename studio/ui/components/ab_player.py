"""The A/B player: the original and its round trip on one transport, equally loud, switched while they play."""

from collections.abc import Mapping
from typing import Any

from gradio.data_classes import FileData

from studio.ui.components.drawn import Drawn


class AbPlayer(Drawn):
    """Plays two sounds in step; space plays and stops, A and B choose a side, X switches.

    value : {"busy": whether a round trip is being made, "step" and "total": how far it is, "clear": forget the sounds,
            "trip": new ones}; a trip is {"sound", "mel": what it was made with, "gains": of the two, "original" or
            None and "decoded": paths of WAVs inside the page's cache}
    Listens to `lab:bench` (see SpectrogramLab) for what the button would make, and marks the trip as out of date where
    that is something else; tells the page `lab:stale`. The button triggers `hear` with the sound and the settings, or
    `stop`.
    """

    drawing = "ab_player"
    rooms = ("speaker", "keys")

    def postprocess(self, value: Mapping[str, Any] | None) -> dict[str, Any]:
        """Plain data for the drawing; Gradio fills in where each file can be fetched."""
        value = dict(value or {})
        if value.get("trip"):
            files = {side: FileData(path=value["trip"][side], mime_type="audio/wav").model_dump()
                     for side in ("original", "decoded") if value["trip"][side]}
            value["trip"] = {**value["trip"], **files}
        return value
