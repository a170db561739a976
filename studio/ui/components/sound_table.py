"""The sound table: every sound of a dataset in a row, to be heard, seen and edited, one by one or many at once."""

from collections.abc import Callable, Sequence
from typing import Any

from studio.ui.components.drawn import Drawn

Ask = Callable[[dict], dict]


class SoundTable(Drawn):
    """Shows what `SoundRows.contents` says of a dataset, and saves each edit as it is made, with a way back.

    value : {"dataset", "rows", "roles", "totals", "stamp", "about", "there", "fault"}; while the dataset stays the
            same, so do place, choice and filter
    ask   : server functions `edit`, `reword`, `forget`, `duplicates`, `thumbs`, one dict in and out; of edits one is
            asked at a time, in the order in which they were made
    Triggers `fault` {"text"} for what an answer says went wrong, and then `stale`, to be shown what is there. Tells the
    page `dataset:look` and `dataset:ahead`, which SoundCard follows.
    """

    drawing = "sound_table"
    rooms = ("speaker", "keys", "table_state", "table_tools", "table_rows")

    def __init__(self, value: Any = None, *, ask: Sequence[Ask], **kwargs: Any) -> None:
        super().__init__(value, server_functions=list(ask), **kwargs)
