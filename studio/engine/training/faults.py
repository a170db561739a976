"""Faults of the machine in the middle of a training, told in one sentence with what to change."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from accelerate import Accelerator

from studio.errors import StudioError, ran_out_of_memory
from studio.settings import TrainSettings


class Faults:
    """Knows running out of memory when it sees it."""

    def __init__(self, settings: TrainSettings, accelerator: Accelerator) -> None:
        self.settings, self.accelerator = settings, accelerator

    @contextlib.contextmanager
    def told(self, step: int, save: Callable[[], Any]) -> Iterator[None]:
        """Turn running out of memory after `step` whole steps into a StudioError; `save` keeps what these made."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not ran_out_of_memory(error):
                raise
            saved = save() if step else None
            kept = f" (the LoRA of step {step} is kept in {saved})" if saved else ""
            raise StudioError(f"memory ran out at step {step + 1} with batch_size {self.settings.batch_size}{kept}; "
                              f"{self._cure()}") from error

    def _cure(self) -> str:
        settings = self.settings
        cures = [f"lower batch_size to {settings.batch_size // 2} and double gradient_accumulation"] \
            if settings.batch_size > 1 else []
        cures += [] if settings.gradient_checkpointing else ["turn gradient_checkpointing on"]
        cures += [] if settings.targets == "attention" else ["choose targets attention"]
        return ", or ".join(cures) or f"lower rank {settings.rank}, or train on a machine with more memory"
