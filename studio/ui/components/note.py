"""A note: a sentence in plain text with a tone, perhaps with lines under it and a bar of progress."""

from collections.abc import Sequence
from typing import Any

from studio.progress import Progress
from studio.ui.components.drawn import Drawn


class Note(Drawn):
    """Shows what `note(...)` or `working(...)` say.

    least_height : pixels that it takes in any case, so that what stands below does not jump. Gradio's own `min_height`
                   is off while an event is on its way: buttons moved away under the mouse, whose clicks were lost
    """

    drawing = "note"

    def __init__(self, value: Any = None, *, least_height: int = 0, **kwargs: Any) -> None:
        super().__init__(value, least_height=least_height, **kwargs)


def note(text: str, lines: Sequence[str] = (), tone: str = "quiet") -> dict[str, Any]:
    """A note. tone : quiet, good (done), bad (a fault), or next (what to do first)."""
    return {"text": text, "lines": list(lines), "tone": tone}


def working(progress: Progress, seconds_left: float | None = None) -> dict[str, Any]:
    """A note with a bar; the time left is guessed in the browser where nobody knows better."""
    return {"text": progress.stage, "lines": [progress.note] if progress.note else [], "tone": "busy",
            "step": progress.step, "total": progress.total, "seconds_left": seconds_left}
