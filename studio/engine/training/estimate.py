"""What a training will take: refused where memory cannot hold it, told in seconds and bytes after a few real steps."""

import sys
import time
from pathlib import Path

import psutil
import torch

from studio.engine import devices
from studio.engine.training.adapters import Adapters
from studio.engine.training.material import Material
from studio.errors import StudioError
from studio.progress import Progress
from studio.settings import TrainSettings

MEASURED, LEFT_OUT = 4, 1  # steps that count, after those that are slow because they are the first
GIB = 2**30


class Stopwatch:
    """Times the first steps and the checks between them, and tells once what all of them will take."""

    def __init__(self, settings: TrainSettings, start: int, total: int, device: torch.device) -> None:
        self.settings, self.start, self.total, self.device = settings, start, total, device
        self.steps = max(1, min(LEFT_OUT + MEASURED, total - start))
        self.checks_seconds, self._since = 0.0, time.perf_counter()

    def checked(self, seconds: float) -> None:
        """A check took so long; not part of a step."""
        self.checks_seconds = max(self.checks_seconds, seconds)
        self._since += seconds

    def stepped(self, step: int) -> Progress | None:
        """The estimate, after the step that completes the measurement."""
        done = step - self.start
        if done == LEFT_OUT and self.steps > LEFT_OUT:
            self._since = time.perf_counter()
        if done != self.steps:
            return None
        counted = self.steps - LEFT_OUT if self.steps > LEFT_OUT else self.steps
        pace = (time.perf_counter() - self._since) / counted
        every = self.settings.preview_every
        checks = (self.total - 1) // every + 2 if every else 0
        return Progress("estimate", step, self.total, values={
            "seconds_per_step": pace, "seconds": pace * self.total + self.checks_seconds * checks,
            "memory_bytes": memory_used(self.device), "memory_free_bytes": devices.free_memory(self.device)})


def memory_used(device: torch.device) -> int:
    """The most bytes that this process has held: on the device where it is CUDA, else of the machine's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "linux":
        told = Path("/proc/self/status").read_text(encoding="ascii")  # the only place where the kernel keeps the peak
        return next(int(line.split()[1]) * 1024 for line in told.splitlines() if line.startswith("VmHWM"))
    told = psutil.Process().memory_info()
    return getattr(told, "peak_wset", told.rss)


def refuse_what_cannot_fit(adapters: Adapters, material: Material, unet: torch.nn.Module) -> None:
    """Raise StudioError where a step would need more memory than is free: one sound is tried, the others counted.

    A step keeps what its forward pass saves for the way back, as much for each sound; gradients and the optimiser's
    two means are three more numbers for each weight that learns.
    """
    settings, device = material.settings, material.base.device
    each = _saved_bytes(material, unet)
    fixed = sum(3 * weight.numel() * weight.element_size() for weight in adapters.trained)
    needed, free = fixed + each * settings.batch_size, devices.free_memory(device)
    if needed <= free:
        return
    fits = int((free - fixed) // max(1, each))
    cures = [f"lower batch_size to {fits}" if fits >= 1 else "choose targets attention and a lower rank"]
    cures += [] if settings.gradient_checkpointing else ["turn gradient_checkpointing on"]
    raise StudioError(f"batch_size is {settings.batch_size}: a step needs about {needed / GIB:.1f} GB of memory and "
                      f"{free / GIB:.1f} GB are free; {', or '.join(cures)}")


def _saved_bytes(material: Material, unet: torch.nn.Module) -> int:
    """Bytes that the UNet's forward pass of one sound saves for the backward pass, its own weights left out."""
    storages: dict[int, int] = {}
    weights = {each.untyped_storage().data_ptr() for each in unet.parameters()}

    def count(saved: torch.Tensor) -> torch.Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return saved

    device, dtype = material.base.device, torch.float32
    latents = torch.zeros((1, *material.latents_shape), device=device, dtype=dtype)
    with torch.no_grad():
        states = material.states_of(torch.zeros(1, dtype=torch.long))
    with material.accelerator.autocast(), torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved):
        unet(latents, torch.zeros(1, dtype=torch.long, device=device), states, return_dict=False)
    return sum(storages.values())
