"""What a training leaves in its run folder: checkpoints to go on from and LoRA files, each whole or not there."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from studio.engine import loras
from studio.engine.training.adapters import Adapters
from studio.errors import StudioError
from studio.files import write_json
from studio.progress import Progress, Report
from studio.settings import MelSettings

KEPT = 2  # checkpoints


@dataclass(frozen=True)
class RunFiles:
    """A run's folder and what its files say of themselves. Only the first process writes."""

    folder: Path
    adapters: Adapters
    base: str
    mel: MelSettings
    recipe: dict[str, Any]

    @property
    def lora(self) -> Path:
        """The LoRA as it was last saved."""
        return self.folder / "lora.safetensors"

    @property
    def writes(self) -> bool:
        """Whether this process writes files."""
        return self.adapters.accelerator.is_main_process

    def save_lora(self, step: int) -> Path:
        """Write lora.safetensors as of `step`."""
        if self.writes:
            loras.save(self.lora, self.adapters.modules, self.base, self.mel, self.recipe | {"step": step})
        return self.lora

    def save_best(self, step: int, values: dict[str, float]) -> None:
        """Write best.safetensors and best.json, which says why."""
        if self.writes:
            loras.save(self.folder / "best.safetensors", self.adapters.modules, self.base, self.mel,
                       self.recipe | {"step": step})
            write_json(self.folder / "best.json", {"step": step} | values)

    def save_checkpoint(self, step: int, more: dict[str, Any]) -> None:
        """Write checkpoints/step-N whole, drop the ones before the last two, and write the LoRA as of then."""
        if not self.writes:
            return
        folder = self.folder / "checkpoints"
        beside, whole = folder / f".step-{step:08d}.part", folder / f"step-{step:08d}"
        try:
            beside.mkdir(parents=True, exist_ok=True)
            torch.save({"step": step} | more | self.adapters.state(), beside / "state.pt")
            with (beside / "state.pt").open("rb+") as file:
                os.fsync(file.fileno())
            put_in_place(beside, whole)
        except (OSError, RuntimeError) as error:  # torch tells of a full disk with either
            shutil.rmtree(beside, ignore_errors=True)
            raise StudioError(f"{whole}: the checkpoint could not be written ({error}); free some disk space, "
                              "then resume") from error
        for old in sorted(folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)  # one that is read just now goes the next time
        self.save_lora(step)

    def load_checkpoint(self, report: Report) -> dict[str, Any]:
        """Go back to the last checkpoint; returns what was saved with it, and its `step`."""
        found = sorted((self.folder / "checkpoints").glob("step-*"), reverse=True)
        for path in found:
            try:
                state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
            except Exception as error:  # torn by a power cut or a copy: torch, zip and pickle each say it their way
                report(Progress("load", note=f"{path.name} is damaged ({type(error).__name__}); "
                                             "going on from the one before"))
                continue
            self.adapters.load(state)
            return state
        if found:
            raise StudioError(f"{self.folder}: all its checkpoints are damaged; train anew")
        raise StudioError(f"{self.folder}: holds no checkpoint to resume from; train without resume")


def put_in_place(beside: Path, whole: Path) -> None:
    """Rename a finished folder, over one of that name from an earlier try."""
    if whole.exists():
        old = whole.with_name(f".{whole.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        whole.rename(old)
        beside.rename(whole)
        shutil.rmtree(old, ignore_errors=True)
    else:
        beside.rename(whole)
