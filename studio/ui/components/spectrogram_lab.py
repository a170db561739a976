"""The spectrogram lab: a control for every mel setting, and a picture that follows the mouse."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studio.ui.components.drawn import Drawn


class SpectrogramLab(Drawn):
    """Draws controls for `fields` in `groups`, and shows what `preview` answers.

    value   : {"sound": token or None, "name": its name, "mel": {field: value}, "image": data URI or None}, or with
              "keep" only {"mel"}, for the sound that is there
    fields  : what `form.described` says of the settings
    groups  : heading → names of the fields under it
    preview : a server function: {"sound", "mel"} → {"image", "facts"} or {"error"}; it has no queue and is called while
              a slider moves, always with the latest values
    The button "Hear the round trip" triggers the event `hear` with the sound and the settings.
    """

    drawing = "spectrogram_lab"

    def __init__(self, *, fields: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]],
                 preview: Callable[[dict], dict], **kwargs: Any) -> None:
        super().__init__(fields=list(fields), groups=[[title, list(names)] for title, names in groups.items()],
                         server_functions=[preview], **kwargs)
