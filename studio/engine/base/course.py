"""One course of training: models, optimiser, moving average and clock, kept in one file to go on from."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from studio.engine import devices
from studio.errors import Cancelled, StudioError
from studio.files import write_whole
from studio.progress import Progress, Report, silent


@dataclass(frozen=True)
class Budget:
    """How long a course lasts and how fast it learns: by steps, or by minutes of training where they are given.

    The learning rate stays for the share `hold`, then falls by a cosine. While it stays, a course does not know how
    long it will last: its budget can still be changed between two runs.
    """

    minutes: float
    steps: int
    learning_rate: float
    last_share: float  # of the learning rate, at the end
    warmup_steps: int
    checkpoint_minutes: float
    hold: float = 0.0


def _enough(device: str, precision: str) -> str:
    """The number format that a course takes: float32 where only fp16 would be safe otherwise.

    Nothing here scales the loss, without which nearly half of the UNet's gradients are 0 in fp16. Raises StudioError
    where fp16 itself is asked for.
    """
    if precision == "fp16":
        raise StudioError("mixed_precision is 'fp16', in which a base's small gradients vanish; "
                          "choose auto, bf16 or no")
    return "no" if devices.dtype_for(devices.choose(device), precision) == torch.float16 else precision


class Course:
    """Trains `models` with AdamW and an exponential moving average, and can be killed at any time.

    `dice` gives every random number of a step as torch tensors, `words` those of its captions: functions of the seed,
    the step and the process, so that a resumed course by steps ends at the same weights as one that was never stopped.
    Several processes, which accelerate starts and finds, draw batches of their own and take the mean of their
    gradients; the first one alone writes files.
    """

    longest_memory = 0.999  # of the moving average; shorter at the beginning

    def __init__(self, stage: str, models: nn.ModuleDict, budget: Budget, fixed: dict[str, Any], *, seed: int,
                 device: str, precision: str = "auto") -> None:
        self.stage, self.budget, self.fixed, self.seed = stage, budget, fixed, seed
        self.accelerator = devices.accelerator(device, _enough(device, precision))
        self.device = self.accelerator.device
        self.models = models.to(self.device)
        self.weights = list(self.models.parameters())
        self.average = [weight.detach().clone() for weight in self.weights]
        self.optimizer = torch.optim.AdamW(self.weights, lr=budget.learning_rate, betas=(0.9, 0.99),
                                           fused=self.device.type in ("cpu", "cuda"))
        self.dice, self.words = torch.Generator(), random.Random()
        self.step, self.elapsed = 0, 0.0

    @property
    def done(self) -> float:
        """Share of the budget that is used up, 1 at the end."""
        if self.budget.minutes:
            return self.elapsed / (60 * self.budget.minutes)
        return self.step / self.budget.steps

    def run(self, loss_of: Callable[["Course"], Tensor], file: Path, *, report: Report = silent) -> None:
        """Train until the budget is used up, going on from `file` where it exists; `models` end as their average."""
        self.resume(file)
        self.models.train()
        saved = before = time.monotonic()
        while self.done < 1:
            loss = self._mean(self._learn(loss_of))
            now = time.monotonic()
            self.elapsed, before = self._mean(self.elapsed + now - before), now
            if self._mean(float(self._told_to_stop(loss, report))):  # a word to one process is a word to all
                self.save(file)
                raise Cancelled
            if now - saved >= 60 * self.budget.checkpoint_minutes:
                self.save(file)
                saved = time.monotonic()
        self.save(file)
        self.take_average()

    def _learn(self, loss_of: Callable[["Course"], Tensor]) -> float:
        place = self.step * self.accelerator.num_processes + self.accelerator.process_index
        self.dice.manual_seed(self.seed * 1_000_003 + place)
        torch.manual_seed(self.seed * 1_000_003 + place)  # for models with dropout
        self.words.seed(f"{self.seed}/{place}")
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with self.accelerator.autocast():
            loss = loss_of(self)
        loss.backward()
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        value = loss.item()
        if not math.isfinite(value):
            raise StudioError(f"{self.stage}: the loss is {value} at step {self.step}; "
                              "lower the learning rate and start again from the last checkpoint")
        memory = min(self.longest_memory, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - memory)
        return value

    def _share_gradients(self) -> None:
        """The mean over all processes, in one message: hundreds of small ones would take longer than the step."""
        if self.accelerator.num_processes > 1:
            gradients = [weight.grad for weight in self.weights if weight.grad is not None]
            vector_to_parameters(self.accelerator.reduce(parameters_to_vector(gradients), "mean"), gradients)

    def _mean(self, value: float) -> float:
        """The mean of a number over all processes, so that none goes on when another has stopped."""
        if self.accelerator.num_processes == 1:
            return value
        return self.accelerator.reduce(torch.tensor(value, device=self.device), "mean").item()

    def _told_to_stop(self, loss: float, report: Report) -> bool:
        total = round(self.step / self.done)
        try:
            report(Progress(self.stage, self.step, total, values=dict(loss=loss, learning_rate=self._rate(),
                                                                      minutes=self.elapsed / 60)))
        except Cancelled:
            return True
        return False

    def _rate(self) -> float:
        past = max(0.0, min(1.0, self.done) - self.budget.hold) / (1 - self.budget.hold)
        cosine = 0.5 * (1 + math.cos(math.pi * past))
        share = self.budget.last_share + (1 - self.budget.last_share) * cosine
        return self.budget.learning_rate * share * min(1.0, (self.step + 1) / max(1, self.budget.warmup_steps))

    def take_average(self) -> None:
        """Put the moving average in place of the weights; for use, not for further training."""
        with torch.no_grad():
            for weight, average in zip(self.weights, self.average, strict=True):
                weight.copy_(average)
        self.models.eval().requires_grad_(False)

    def save(self, file: Path) -> None:
        """Write all that `resume` needs, whole."""
        if self.accelerator.is_main_process:
            state = dict(fixed=repr(self.fixed), step=self.step, elapsed=self.elapsed, models=self.models.state_dict(),
                         average=self.average, optimizer=self.optimizer.state_dict())
            write_whole(file, lambda beside: torch.save(state, beside))

    def resume(self, file: Path) -> None:
        """Go on from a checkpoint, if there is one; raises StudioError where it was begun with another plan."""
        if not file.exists():
            return
        state = torch.load(file, map_location="cpu", weights_only=True)  # the optimiser takes it to its device
        if state["fixed"] != repr(self.fixed):
            raise StudioError(f"{file}: was begun with other settings; give the old ones, or another work folder")
        self.models.load_state_dict(state["models"])
        for mine, saved in zip(self.average, state["average"], strict=True):
            mine.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
