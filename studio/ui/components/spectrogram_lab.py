"""The spectrogram lab: a picture that follows the mouse."""

from collections.abc import Callable
from typing import Any

from studio.ui.components.drawn import Drawn


class SpectrogramLab(Drawn):
    """Shows what `preview` answers of a sound, under the settings that `lab:mel` brings (see MelControls).

    value   : {"sound": token or None, "mel": {field: value}, "image": data URI, "facts": a line under it}; without
              "mel" the settings stay, without "image" it is asked for
    preview : a server function: {"sound", "mel", "duration"} → {"mel", "duration", "facts", "image"} or {"error"}; it
              has no queue and is called while a slider moves, one call at a time, always with the latest values
    Tells the page `lab:settled`, what the controls should show, and `lab:bench`, {"sound", "mel", "possible"}.
    """

    drawing = "spectrogram_lab"
    rooms = ("latest",)

    def __init__(self, *, preview: Callable[[dict], dict], **kwargs: Any) -> None:
        super().__init__(server_functions=[preview], **kwargs)
