"""LoRA training: each step teaches the UNet to denoise a batch of a dataset's latents.

Runs in a process of its own (see studio/jobs.py), through accelerate: one device, several, or several machines with
the same code. All chance is a function of (seed, step, part), never of what ran before, so a run that is resumed goes
on exactly where it would have gone, and N processes of batch B draw what one process of batch N·B would draw.
"""

import dataclasses
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler

from studio.dial import steps_of
from studio.engine import devices
from studio.engine.models import Base, check_fits, open_base
from studio.engine.training import together
from studio.engine.training.adapters import Adapters
from studio.engine.training.checks import Checks
from studio.engine.training.estimate import Stopwatch, refuse_what_cannot_fit
from studio.engine.training.faults import Faults
from studio.engine.training.material import Kit, Material
from studio.engine.training.objective import errors, weights
from studio.engine.training.previews import Previews
from studio.engine.training.run_files import RunFiles
from studio.errors import Cancelled, StudioError
from studio.knobs import as_dict
from studio.progress import Estimate, Progress, Report, silent
from studio.settings import TrainSettings

TAGS_TOLD = 100  # captions at most that a LoRA file carries


def train(dataset_folder: Path, settings: TrainSettings, run_folder: Path, *, resume: bool = False,
          report: Report = silent) -> Path:
    """Train a LoRA on a dataset; returns `run_folder`/lora.safetensors.

    A stop (`Cancelled` out of `report`) finishes the step, saves a checkpoint and the LoRA so far, and is raised
    again. Raises StudioError for a dataset with nothing to show, a base that does not fit its pictures, memory that
    cannot hold it, a `resume` without a checkpoint, or a loss that is no number any more; the last good LoRA is saved.
    """
    accelerator = devices.accelerator(settings.device, settings.mixed_precision, trackers=settings.report_to,
                                      folder=Path(run_folder))
    if not accelerator.is_main_process:
        report = silent
    run_folder = Path(together.on_main(accelerator, lambda: str(run_folder)))  # the one that the first process chose
    kit = Kit(dataset_folder, settings)
    together.on_main(accelerator, lambda: report(Progress("load", note=f"base {settings.base}")))  # or a stop, for all
    base = open_base(settings.base, accelerator.device.type, settings.mixed_precision)
    check_fits(base, kit.dataset.mel)
    return _Course(base, kit, settings, run_folder, accelerator, report).run(resume)


def estimate(dataset_folder: Path, settings: TrainSettings, *, report: Report = silent) -> Estimate:
    """What a training would take, measured on its first check and its first steps, which are thrown away again.

    The dataset's latents stay encoded. Raises what `train` raises before its first step.
    """
    found: list[Progress] = []

    def listen(progress: Progress) -> None:
        report(progress)
        if progress.stage == "estimate":
            found.append(progress)
            raise Cancelled

    with tempfile.TemporaryDirectory() as folder:
        try:
            train(dataset_folder, dataclasses.replace(settings, report_to=""), Path(folder), report=listen)
        except Cancelled:
            if not found:
                raise
    told = Estimate.of(found[0].total, found[0].values)
    steps = steps_of(settings, len(Kit(dataset_folder, settings).learned), settings.processes)  # one has measured
    return dataclasses.replace(told, steps=steps, seconds=told.seconds * steps / told.steps)


def plain(settings: TrainSettings) -> dict[str, int | float | str]:
    """Settings as trackers take them: a list as its words."""
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in as_dict(settings).items()}


class _Course:
    """One training from its first step to its last."""

    def __init__(self, base: Base, kit: Kit, settings: TrainSettings, folder: Path, accelerator: Accelerator,
                 report: Report) -> None:
        self.settings, self.accelerator, self.report = settings, accelerator, report
        self.schedule = DDPMScheduler.from_config(base.schedule)
        self.total = steps_of(settings, len(kit.learned), accelerator.num_processes)
        self.material = Material(base, kit, settings, folder, accelerator, self.schedule.config.num_train_timesteps,
                                 report=report)
        self.faults = Faults(settings, accelerator)
        with self.faults.told(0, lambda: None):
            self.adapters = Adapters(base, settings, accelerator)
            self.material.text_encoder = self.adapters.text_encoder
            refuse_what_cannot_fit(self.adapters, self.material, base.pipeline.unet)
        self.files = RunFiles(folder, self.adapters, settings.base, kit.dataset.mel, recipe=self._recipe(kit))
        self.checks = Checks(self.material, Previews(base, self.material, settings, folder / "previews"), self.files,
                             self.schedule, report)

    def _recipe(self, kit: Kit) -> dict[str, Any]:
        """What the file will say of how it was made, with the numbers that 0 stood for."""
        exact = dataclasses.replace(self.settings, steps=self.total, **self.adapters.rates())
        tags = dict(list(kit.tags().items())[:TAGS_TOLD])
        return {"dataset": str(kit.dataset.folder), "sounds": len(kit.sounds), "held_out": len(kit.held),
                "prediction_type": self.schedule.config.prediction_type, "train": as_dict(exact),
                "captions": sorted(tags), "tags": tags}

    def run(self, resume: bool) -> Path:
        """From the beginning, or from the last checkpoint."""
        step = 0
        if resume:
            state = self.files.load_checkpoint(self.report)
            step, self.checks.seen = state["step"], state["checks"]
        if self.settings.report_to:
            self.accelerator.init_trackers("one-shot-studio", config=plain(self.settings))
        self.stopwatch = Stopwatch(self.settings, step, self.total, self.accelerator.device)
        step = self._steps(step)
        if self.settings.report_to:
            self.accelerator.end_training()
        return self.files.save_lora(step)

    def _steps(self, step: int) -> int:
        """All steps from this one on; returns the last that was done."""
        saved = step
        try:
            while True:
                if self.checks.due(step, self.total):
                    self._look(step)
                if step != saved and self.settings.checkpoint_every and step % self.settings.checkpoint_every == 0:
                    self._save(step)
                    saved = step
                if step >= self.total or self.checks.enough:
                    return step
                values = self._step(step)
                step += 1
                self._tell(step, values)
        except Cancelled:
            if step:  # before, nothing was learned that could be handed over
                self._save(step)
            raise

    def _save(self, step: int) -> None:
        self.files.save_checkpoint(step, {"checks": self.checks.seen})

    def _look(self, step: int) -> None:
        start = time.perf_counter()
        with self.faults.told(step, lambda: self.files.save_lora(step)):
            self.checks.look(step, self.total)
        self.stopwatch.checked(time.perf_counter() - start)

    def _tell(self, step: int, values: dict[str, float]) -> None:
        """Say what the step came to; raises Cancelled in all processes where the first was asked to stop."""
        stopped = False
        try:
            self.report(Progress("train", step, self.total, values=values))
            told = self.stopwatch.stepped(step)
            if told:
                self.report(told)
        except Cancelled:
            stopped = True
        if self.settings.report_to:
            self.accelerator.log(values, step=step)
        if together.any_of(self.accelerator, stopped):
            raise Cancelled

    def _step(self, step: int) -> dict[str, float]:
        """Move the weights by one batch, summed from its parts."""
        adapters, parts = self.adapters, self.settings.gradient_accumulation
        rate, total = adapters.set_learning_rate(step, self.total), 0.0
        with self.faults.told(step, lambda: self.files.save_lora(step)):
            for part in range(parts):
                torch.manual_seed(self.settings.seed * 1_000_003 + step * parts + part)  # for a base with dropout
                with self.accelerator.autocast():
                    loss = self._loss(step, part) / parts
                self.accelerator.backward(loss)
                total += self.accelerator.reduce(loss.detach(), "mean").item()
            norm = self.accelerator.clip_grad_norm_(adapters.trained, 1.0)
        steady = math.isfinite(float(norm)) or self.accelerator.scaler is not None  # fp16's scaler skips such a step
        if not (math.isfinite(total) and steady):
            self._give_up(step, rate)
        adapters.optimizer.step()
        adapters.optimizer.zero_grad()
        return {"loss": total, "learning_rate": rate}

    def _loss(self, step: int, part: int) -> Any:
        """Weighted error over this process's share of a part of a batch."""
        batch = self.material.batch(step, part)
        each = errors(self.adapters.unet, self.schedule, batch)
        return (each * weights(self.schedule, batch.timesteps, self.settings.min_snr_gamma)).mean()

    def _give_up(self, step: int, rate: float) -> None:
        """The loss is no number: keep what the last good step made, and say what to change."""
        kept = f" (the LoRA of step {step} is kept in {self.files.save_lora(step)})" if step else ""
        precise = ", or mixed_precision no" if self.accelerator.mixed_precision != "no" else ""
        raise StudioError(f"loss is not a number at step {step + 1} with learning_rate {rate:g}{kept}; "
                          f"try a tenth of that rate{precise}")
