"""What the embedded base is made of: its sizes, its material and the time each stage may take."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.engine import synth
from studio.errors import StudioError
from studio.settings import MelSettings

STAGES = ("material", "tokenizer", "vae", "latents", "decoder", "unet", "pipeline")
LIBRARY_ROLE = "sounds"
SHRINK = 8  # the autoencoder's factor in both directions
ROUNDS = 60  # of the decoder, half of what a real sound gets: what the autoencoder blurs, more rounds do not bring back
FREE = ("device", "threads", "mixed_precision", "checkpoint_minutes", "vae_minutes", "vae_steps", "decoder_minutes",
        "decoder_steps", "decoder_learning_rate", "decoder_batch", "decoder_critic", "decoder_ear", "decoder_bass",
        "ear_steps", "unet_minutes", "unet_steps", "unet_learning_rate", "unet_hold")


@dataclass(frozen=True)
class Plan:
    """Every number of the recipe. The defaults make a base like the embedded one, tests a tiny one with the same code.

    A stage ends after its steps, or after its minutes of training where those are given; its learning rate falls
    by a cosine over whichever counts, the UNet's only after the share `unet_hold` of it: give it more while it holds,
    and the training goes on as if it had always had it. Sizes follow the usual Stable Diffusion classes,
    only much smaller. `dataset` names a folder of prepared sounds to learn from instead of the synthesiser's; what it
    holds is one role then, "sounds", see `of_library`.
    """

    mel: MelSettings = field(default_factory=lambda: MelSettings(iterations=ROUNDS))
    dataset: str = ""
    roles: tuple[str, ...] = tuple(synth.ROLES)
    clips_per_role: int = 1500
    held_out_per_role: int = 48
    seed: int = 1

    vocabulary: int = 1000
    prompt_tokens: int = 32
    text_width: int = 160
    text_layers: int = 3
    text_hidden: int = 480
    caption_dropout: float = 0.1

    latent_channels: int = 8  # with four, a kick lost its pitch and a pluck its partials
    vae_channels: tuple[int, ...] = (16, 24, 48, 96)
    vae_groups: int = 8
    vae_batch: int = 8
    vae_crop: int = 64
    vae_learning_rate: float = 1.5e-3
    vae_steps: int = 10_000
    vae_minutes: float = 0.0
    ear_steps: int = 1500
    decoder_learning_rate: float = 2.5e-4
    decoder_steps: int = 3_000
    decoder_minutes: float = 0.0
    decoder_batch: int = 4
    decoder_critic: float = 0.015
    decoder_ear: float = 0.4
    decoder_bass: float = 2.0

    unet_channels: tuple[int, ...] = (64, 128, 208)
    unet_attention: tuple[bool, ...] = (False, True, True)
    unet_groups: int = 16
    unet_batch: int = 16
    unet_learning_rate: float = 7e-4
    unet_hold: float = 0.75
    unet_snr_cap: float = 5.0
    unet_steps: int = 20_000
    unet_minutes: float = 0.0

    warmup_steps: int = 200
    checkpoint_minutes: float = 2.0
    device: str = "cpu"
    mixed_precision: str = "auto"  # as accelerate's: "bf16" pays on a CPU with instructions for it
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("n_mels", "n_frames"):
            size = getattr(self.mel, name)
            if size % (SHRINK * 2 ** (len(self.unet_channels) - 1)):
                raise StudioError(f"{name} is {size}, which {len(self.unet_channels)} UNet levels cannot halve; "
                                  f"give a multiple of {SHRINK * 2 ** (len(self.unet_channels) - 1)}")
        if self.vae_crop > min(self.mel.n_mels, self.mel.n_frames):
            raise StudioError(f"vae_crop is {self.vae_crop}, larger than the picture; lower it")
        for stage in ("vae", "decoder", "unet"):
            lengths = getattr(self, f"{stage}_steps"), getattr(self, f"{stage}_minutes")
            if min(lengths) < 0 or max(lengths) == 0:
                raise StudioError(f"{stage}_steps is {lengths[0]} and {stage}_minutes {lengths[1]:g}; give one above 0")
        unknown = [role for role in self.roles if role not in synth.ROLES]
        if unknown and not self.dataset:
            raise StudioError(f"roles names {unknown[0]!r}, which the synthesiser does not know; "
                              f"known are {', '.join(synth.ROLES)}")

    @classmethod
    def of_library(cls, dataset: Path, mel: MelSettings, **values: Any) -> "Plan":
        """A plan that learns from a prepared dataset, with its mel settings."""
        return cls(dataset=str(dataset), mel=mel, roles=(LIBRARY_ROLE,), **values)

    @property
    def latent_size(self) -> tuple[int, int]:
        """(rows, frames) of a latent picture."""
        return self.mel.n_mels // SHRINK, self.mel.n_frames // SHRINK

    def fixed(self) -> dict[str, Any]:
        """What a resumed run must share with the run that began it: all but time, place and pace."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in FREE}
