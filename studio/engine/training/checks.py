"""The looks at a training on its way: held-out loss and previews, the best step so far, and when it is enough."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDPMScheduler

from studio.engine.training import together
from studio.engine.training.material import Material
from studio.engine.training.objective import HeldOut
from studio.engine.training.previews import Previews
from studio.engine.training.run_files import RunFiles
from studio.progress import Progress, Report


class Checks:
    """Looks at the training every `preview_every` steps and at its end; the first process looks, all know what it saw.

    Best is the step with the lowest held-out loss; where no sounds are held out, the one whose previews are nearest to
    the kit among those that copy none of its sounds. Step 0, the base alone, is looked at but never the best.
    """

    def __init__(self, material: Material, previews: Previews, files: RunFiles, schedule: DDPMScheduler,
                 report: Report) -> None:
        self.material, self.previews, self.files = material, previews, files
        self.schedule, self.report = schedule, report
        self.settings = material.settings
        self.held_out = HeldOut(material) if material.kit.held else None
        self.seen: dict[str, Any] = {"checked": -1, "best": None, "best_step": 0, "without_gain": 0}

    def due(self, step: int, total: int) -> bool:
        """Whether this step is to be looked at and has not been."""
        every = self.settings.preview_every
        return bool(every) and self.seen["checked"] < step and (step % every == 0 or step == total)

    @property
    def enough(self) -> bool:
        """Whether the training has not gained anything for as many checks as the settings allow."""
        return 0 < self.settings.early_stop <= self.seen["without_gain"]

    def look(self, step: int, total: int) -> None:
        """Validate, make previews, keep the LoRA if it is the best so far. A stop raises Cancelled in all processes."""
        self.seen = together.on_main(self.files.adapters.accelerator, lambda: self._look(step, total))

    def _look(self, step: int, total: int) -> dict[str, Any]:
        unet, values, loss = self.files.adapters.modules["unet"], {}, None
        if self.held_out:
            with self.files.adapters.accelerator.autocast():
                loss = without_training(unet, lambda: self.held_out.loss(unet, self.schedule))
            values["held_out_loss"] = loss
            self.report(Progress("validate", step, total, values={"held_out_loss": loss}))
        heard = self.previews.make(step, report=self._listen)
        values["distance_db"] = heard.distance_db
        mark = loss if loss is not None else None if heard.memorised else heard.distance_db
        best = step > 0 and mark is not None and (self.seen["best"] is None or mark < self.seen["best"])
        seen = self.seen | {"checked": step}
        if best:
            self.files.save_best(step, values)
            seen |= {"best": mark, "best_step": step, "without_gain": 0}
        elif step > 0:
            seen["without_gain"] += 1
        self.report(Progress("preview", step, total, note=f"previews/step-{step:08d}", values={
            "distance_db": heard.distance_db, "nearest_db": heard.nearest_db, "best": int(best)}))
        return seen

    def _listen(self, progress: Progress) -> None:
        """Let a stop through while previews are made; that they are is said once, when they are there."""
        self.report(Progress(progress.stage, progress.step, progress.total))


def without_training(module: torch.nn.Module, work: Callable[[], float]) -> float:
    """Do `work` with the module as it is in use."""
    training = module.training
    module.eval()
    try:
        return work()
    finally:
        module.train(training)
