"""Where in a long list the page is, and the way to its next part."""

from dataclasses import asdict, dataclass
from typing import Any

from studio.ui.components.drawn import Drawn


@dataclass(frozen=True)
class Part:
    """`shown` things from `first` on, counted from 0, of `total`."""

    first: int = 0
    shown: int = 0
    total: int = 0


class Pager(Drawn):
    """Two buttons with the place between them, seen where there is more than a part. Page Up and Page Down, or a click,
    trigger `turned` {by}: -1 or 1."""

    drawing = "pager"
    rooms = ("icons", "keys")

    def postprocess(self, value: Part | None) -> dict[str, Any]:
        """Plain data for the drawing."""
        return asdict(value or Part())
