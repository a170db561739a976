"""Base models: StableDiffusionPipelines by folder or hub id, each with the mel settings that its pictures have.

A loaded pipeline is kept between calls, one at a time, because loading takes longer than making a sound.
"""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LMSDiscreteScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from diffusers.utils import logging as diffusers_logging
from huggingface_hub.errors import HFValidationError
from transformers.utils import logging as transformers_logging

from studio import presets
from studio.engine import devices, riffusion
from studio.engine.devices import FILLING
from studio.engine.solver import AngularSolver
from studio.errors import StudioError
from studio.files import read_json
from studio.knobs import from_dict
from studio.settings import MelSettings

EMBEDDED = Path(__file__).resolve().parent.parent / "embedded_base"
MEL_FILE = "mel.json"  # beside model_index.json; bases from elsewhere have none

SMALL = 100_000_000  # parameters of a UNet; the embedded base's has 12 million, Stable Diffusion's 860
LAST_BETA = 0.75  # of a schedule that ends in pure noise: as much as the one before it takes away; no less is needed

SCHEDULERS = {
    "dpm++": DPMSolverMultistepScheduler,
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler a": EulerAncestralDiscreteScheduler,
    "unipc": UniPCMultistepScheduler,
    "lms": LMSDiscreteScheduler,
}


@dataclass(frozen=True)
class Base:
    """A loaded base model. `schedule` is the config of the scheduler it came with, which any of SCHEDULERS can take."""

    name: str
    mel: MelSettings
    pipeline: StableDiffusionPipeline = field(repr=False)
    schedule: dict[str, Any] = field(repr=False)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return self.pipeline.unet.device

    @property
    def dtype(self) -> torch.dtype:
        """The number format of its weights."""
        return self.pipeline.unet.dtype

    @property
    def small(self) -> bool:
        """Whether it learns and draws as the embedded base does, not as Stable Diffusion."""
        return sum(weights.numel() for weights in self.pipeline.unet.parameters()) < SMALL

    def use_scheduler(self, name: str) -> None:
        """Sample with the scheduler of this name from now on; `name` is a key of SCHEDULERS."""
        # Where a base's own scheduler has no such setting, DDIM would cut latents at ±1, as is right for pixels only.
        config, kind = self.schedule | {"clip_sample": False}, SCHEDULERS[name]
        if config.get("rescale_betas_zero_snr"):
            kind = AngularSolver if name == "dpm++" else kind
            if name == "lms":  # cannot rescale, nor begin at an infinite sigma
                config["trained_betas"] = DDPMScheduler.from_config(config).betas.clamp_max(LAST_BETA).tolist()
        self.pipeline.scheduler = kind.from_config(config)


def where(name: str) -> str:
    """The folder or hub id behind a base's name: "embedded" is the one that ships with the studio."""
    return str(EMBEDDED) if name == "embedded" else name


def load_base(name: str, device: str = "auto", mixed_precision: str = "auto") -> Base:
    """A base model for making sounds, kept loaded: the next call with the same arguments gets the same one.

    See `open_base`.
    """
    with FILLING:  # so that two who ask for the same one at once load it once, too
        return _kept(name, devices.choose(device).type, mixed_precision)


@lru_cache(maxsize=1)
def _kept(name: str, device: str, mixed_precision: str) -> Base:
    return open_base(name, device, mixed_precision)


def open_base(name: str, device: str = "auto", mixed_precision: str = "auto") -> Base:
    """Load a base model afresh, for work that changes it.

    name            : "embedded", a folder in StableDiffusionPipeline format, or a hub id
    device          : "auto", "cuda", "mps" or "cpu"
    mixed_precision : "auto", "no", "bf16" or "fp16", the number format of its weights
    Raises StudioError where there is no such base, or where its pictures' size is none that the studio knows.
    """
    chosen = devices.choose(device)
    dtype = devices.dtype_for(chosen, mixed_precision)
    source = where(name)
    folder = Path(source)
    if folder.exists() and not (folder / "model_index.json").is_file():
        raise StudioError(f"base {name!r} is no pipeline folder (no model_index.json in it); "
                          "name a folder in diffusers format")
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        with FILLING:
            pipeline = StableDiffusionPipeline.from_pretrained(source, safety_checker=None, feature_extractor=None,
                                                               requires_safety_checker=False, dtype=dtype)
    except (OSError, ValueError, HFValidationError) as error:
        raise StudioError(f"base {name!r} could not be loaded ({_first_line(error)}); "
                          "name a folder, or a hub id while you are online") from error
    pipeline.set_progress_bar_config(disable=True)
    return Base(name, mel_of(folder, name, pipeline), pipeline.to(chosen), dict(pipeline.scheduler.config))


def mel_of(folder: Path, name: str, pipeline: StableDiffusionPipeline) -> MelSettings:
    """The mel settings of a base's pictures: its own `mel.json`, else Riffusion's or a one-shot preset."""
    if (folder / MEL_FILE).is_file():
        return from_dict(MelSettings, read_json(folder / MEL_FILE), where=str(folder / MEL_FILE))
    size = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    riffusion = presets.load("mel", "riffusion")
    if "riffusion" in name.lower() and size == riffusion.n_mels:  # the name is all that tells
        return replace(riffusion, whole=False)
    if f"one-shot-{size}" not in presets.names("mel"):
        raise StudioError(f"base {name!r} makes pictures of {size}×{size}, for which there is no one-shot-{size} "
                          f"preset; put a {MEL_FILE} with mel settings into its folder")
    return presets.load("mel", f"one-shot-{size}")


def check_fits(base: Base, mel: MelSettings) -> None:
    """Raise StudioError where pictures of `mel` are of a size or kind that the base cannot take or has never seen.

    Any base takes multiples of what its VAE and UNet halve; one with mel settings of its own has learned where each
    band lies, so the height must be its own too.
    """
    multiple = _multiple(base)
    if mel.stereo and riffusion.understands(mel):
        raise StudioError("Riffusion's stereo pictures are for its own programs, no base has learned from them; "
                          "prepare the sounds in mono, or with another preset")
    for name, size in (("n_mels", mel.n_mels), ("n_frames", mel.n_frames)):
        if size % multiple:
            raise StudioError(f"{name} is {size}, which base {base.name!r} cannot take; "
                              f"give a multiple of {multiple}, best {getattr(base.mel, name)}")
    if mel.n_mels != base.mel.n_mels and (Path(where(base.name)) / MEL_FILE).is_file():
        raise StudioError(f"n_mels is {mel.n_mels}, but base {base.name!r} draws pictures of {base.mel.n_mels} rows; "
                          f"prepare the sounds with a preset of {base.mel.n_mels}, or choose another base")


def as_long_as(base: Base, mel: MelSettings, duration: float) -> MelSettings:
    """The same picture, wide enough for `duration` seconds in the base's steps; 0 keeps its width."""
    if not duration:
        return mel
    columns, multiple = (duration * mel.sample_rate + mel.pad) / mel.hop_length + 1, _multiple(base)
    return replace(mel, n_frames=multiple * math.ceil(columns / multiple - 1e-9))


def _multiple(base: Base) -> int:
    """What the sides of a picture must be multiples of, so that VAE and UNet can halve them."""
    return base.pipeline.vae_scale_factor * 2 ** (len(base.pipeline.unet.config.block_out_channels) - 1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
