"""Where a sound lies while it is made, and what its file is called."""

import tempfile
from pathlib import Path
from typing import Any

from studio.files import slug_and


class Scratch(tempfile.TemporaryDirectory):
    """A folder in the workspace's cache while a sound is made: what is whole moves on from there."""

    def __init__(self, cache: Path) -> None:
        super().__init__(dir=cache, prefix="making-")

    def __enter__(self) -> Path:
        return Path(super().__enter__())


def file_name(words: str, settings: Any) -> str:
    """What a file is called: the source or the first prompt, what it becomes, and the seed, which is drawn already."""
    to = getattr(settings, "prompt", "") or getattr(settings, "end", "")
    return f"{slug_and(f'{words}_{to}' if to and to != words else words, settings.seed)}.wav"
