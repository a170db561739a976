"""Controls for every mel setting, grouped by what they do to the sound, each with its sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from studio.ui.components.drawn import Drawn


class MelControls(Drawn):
    """Draws a control for each of `fields` under the headings they name; the advanced ones are folded.

    value  : {"mel": {field: value}, "duration": seconds}, with "told" where the page need not ask for a new picture
    fields : what `form.described` says of the settings, in the order in which they appear
    Moving a control is told to the page as `lab:mel`, {"mel", "duration", "serial"}; "duration" is null unless the
    length was set in seconds. `lab:settled` brings the settings that came of it.
    "Save as preset" triggers the event `save` with the settings, a name and a sentence.
    """

    drawing = "mel_controls"

    def __init__(self, *, fields: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(fields=list(fields), **kwargs)
