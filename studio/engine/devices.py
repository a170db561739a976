"""The one place that knows CUDA, MPS and CPU: which exist, which number format is safe, where audio maths runs."""

import os
import threading
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import psutil
import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from studio.errors import StudioError

GIB = 2**30
LONGEST_WAIT_HOURS = 24

# Whoever fills a model does so alone in this process: diffusers and peft make theirs empty at first, by changing what
# every torch module of every thread does meanwhile, and a model that another thread makes then stays empty.
FILLING = threading.RLock()


def available() -> tuple[str, ...]:
    """The devices that this machine really has, best first; "cpu" is always the last."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def choose(wanted: str = "auto") -> torch.device:
    """The device named `wanted`, or with "auto" the best there is. Raises StudioError for one that is not there."""
    found = available()
    if wanted == "auto":
        return torch.device(found[0])
    if wanted not in found:
        raise StudioError(f"device is {wanted!r}, which this machine does not have; choose {' or '.join(found)}")
    return torch.device(wanted)


def dtype_for(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The number format of frozen weights and autocast: half where the device does it safely, else float32.

    wanted : "auto", "no", "bf16" or "fp16". MPS stays at float32 because autocast there turns pictures to NaN.
    Raises StudioError for a format that does not work there.
    """
    if wanted == "no":
        return torch.float32
    if device.type == "cuda":
        # cards before Ampere only emulate bf16, slowly; GTX 16 of all these make Stable Diffusion NaN in fp16
        if wanted == "bf16" or (wanted == "auto" and torch.cuda.is_bf16_supported(including_emulation=False)):
            return torch.bfloat16
        if wanted == "auto" and "GTX 16" in torch.cuda.get_device_name(device):
            return torch.float32
        return torch.float16
    if wanted == "bf16" and device.type == "cpu":
        return torch.bfloat16
    if wanted in ("bf16", "fp16"):
        raise StudioError(f"mixed_precision is {wanted!r}, which {device.type} does not do safely; choose auto or no")
    return torch.float32


def accelerator(wanted: str = "auto", precision: str = "auto", *, trackers: str = "",
                folder: Path | None = None) -> Accelerator:
    """accelerate's view of the machine for a training: the device, the number format that is safe there, and however
    many processes it was started with.

    trackers : "tensorboard", whose files go into `folder`, or "" for none. Raises StudioError where it is missing.
    """
    if trackers and not find_spec(trackers):
        raise StudioError(f"report_to is {trackers!r}, which is not installed; run: pip install {trackers}, "
                          "or leave it empty")
    device = choose(wanted)
    named = {torch.float32: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype_for(device, precision)]
    # the others wait while the first process encodes a large dataset
    patient = InitProcessGroupKwargs(timeout=timedelta(hours=LONGEST_WAIT_HOURS))
    return Accelerator(mixed_precision=named, cpu=device.type == "cpu", log_with=trackers or None, project_dir=folder,
                       kwargs_handlers=[patient])


def for_audio(device: torch.device) -> torch.device:
    """Where STFTs run: on the device itself, but on the CPU instead of MPS, whose complex numbers have holes."""
    return torch.device("cpu") if device.type == "mps" else device


def describe() -> str:
    """The best device in words for a header line, with its memory: "NVIDIA H100, 80 GB" or "CPU, 2 cores, 24 GB"."""
    device = choose()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / GIB:.0f} GB"
    name = "Apple GPU" if device.type == "mps" else "CPU"
    return f"{name}, {os.cpu_count()} cores, {psutil.virtual_memory().total / GIB:.0f} GB"


def free_memory(device: torch.device | None = None) -> int:
    """Bytes that a model may still take on a device, or on the best one."""
    device = device or choose()
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, to be used again
        return torch.cuda.mem_get_info(device)[0] + kept
    return psutil.virtual_memory().available
