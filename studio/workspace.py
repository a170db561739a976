"""Where a user's datasets, runs, LoRAs, takes, kits and presets lie. Standard library only."""

import os
from dataclasses import dataclass
from pathlib import Path

from studio.files import from_home

ENVIRONMENT_VARIABLE = "STUDIO_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    """The user's folder; its parts are made when something is first written into them."""

    root: Path

    @property
    def datasets(self) -> Path:
        """One folder a dataset."""
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        """One folder a training run."""
        return self.root / "runs"

    @property
    def loras(self) -> Path:
        """Finished LoRA files."""
        return self.root / "loras"

    @property
    def takes(self) -> Path:
        """Generated sounds, each with its picture and recipe."""
        return self.root / "takes"

    @property
    def kits(self) -> Path:
        """The demo kit, and kits of the user's own."""
        return self.root / "kits"

    @property
    def exports(self) -> Path:
        """Sounds under readable names, for a DAW's browser."""
        return self.root / "exports"

    @property
    def trash(self) -> Path:
        """What the user threw away; nothing here is deleted by the studio."""
        return self.root / "trash"

    @property
    def presets(self) -> Path:
        """Presets of one's own, a folder a kind."""
        return self.root / "presets"

    @property
    def seed_images(self) -> Path:
        """Pictures that requests of Riffusion's kind name."""
        return self.root / "seed_images"

    @property
    def cache(self) -> Path:
        """What may be thrown away: the index of takes, sounds while they are made."""
        return self.root / ".cache"

    @property
    def served(self) -> Path:
        """The page's copies of sounds and pictures, and uploads: whoever sees the page may fetch all of it."""
        return self.cache / "page"


def workspace(chosen: str | Path | None = None) -> Workspace:
    """The workspace at `chosen`, else at $STUDIO_WORKSPACE, else `~/One-Shot Studio`."""
    root = chosen or os.environ.get(ENVIRONMENT_VARIABLE) or Path.home() / "One-Shot Studio"
    return Workspace(from_home(root).resolve())
