"""What works on this machine and what to mend, one line a part."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from studio.engine import devices, models
from studio.errors import StudioError
from studio.window import browser
from studio.workspace import Workspace

PACKAGES = ("torch", "torchaudio", "diffusers", "transformers", "peft", "accelerate", "gradio", "soundfile", "numpy")
ROOM = 2 * devices.GIB  # bytes of disk under which a training run may not fit
BREATH = 2 * devices.GIB  # bytes of memory that the embedded base needs with room to spare


@dataclass(frozen=True)
class Line:
    """One part: whether it is fine, and what is to be said of it."""

    part: str
    fine: bool
    said: str


def examine(workspace: Workspace) -> list[Line]:
    """Look at device, memory, disk, base, browser and versions; nothing is changed."""
    return [_device(), _memory(), _disk(workspace.root), _base(), _browser(), *_versions()]


def _device() -> Line:
    found = ", ".join(devices.available())
    said = f"{devices.describe()} (there are: {found}); Python {platform.python_version()}"
    without = torch.version.cuda is None and shutil.which("nvidia-smi")  # as PyPI's for Windows is
    return Line("device", not without, f"{said}; this PyTorch knows no CUDA, README's Start says how to get one that "
                                       "does" if without else said)


def _memory() -> Line:
    free = devices.free_memory()
    said = f"{free / devices.GIB:.1f} GB free"
    return Line("memory", free >= BREATH, said if free >= BREATH else f"{said}; close other programs")


def _disk(root: Path) -> Line:
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / devices.GIB:.1f} GB free in {root}"
    if not os.access(there, os.W_OK):
        return Line("disk", False, f"{root} cannot be written; choose another with --workspace")
    return Line("disk", free >= ROOM, said if free >= ROOM else f"{said}; make room or choose another --workspace")


def _base() -> Line:
    try:
        models.open_base("embedded", "cpu")
    except StudioError as error:
        return Line("embedded base", False, str(error))
    size = sum(path.stat().st_size for path in models.EMBEDDED.rglob("*") if path.is_file())
    return Line("embedded base", True, f"loads, {size / 1e6:.1f} MB, no network needed")


def _browser() -> Line:
    found = browser()
    return Line("window", True, f"--window opens {found}" if found else "--window opens your default browser")


def _versions() -> list[Line]:
    lines = []
    for package in PACKAGES:
        try:
            lines.append(Line(package, True, version(package)))
        except PackageNotFoundError:
            lines.append(Line(package, False, "is missing; run: make setup"))
    return lines
