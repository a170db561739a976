"""The LoRA under training: its adapters on the base's modules, the optimiser that moves them, and their rate.

LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021).
"""

import math
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.training_utils import cast_training_params
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from studio.engine.models import Base
from studio.engine.training.swift import quicken
from studio.errors import StudioError
from studio.settings import TrainSettings

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
KOHYA = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]  # all of a transformer block, 192 in SD 1.5
ALL = [*KOHYA, "conv1", "conv2", "conv_shortcut", "time_emb_proj"]
TARGETS = {"attention": ATTENTION, "kohya": KOHYA, "all": ALL}
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]  # 72 in SD 1.5


class Adapters:
    """Fresh adapters on the UNet, and on the text encoder if it learns too; only they have gradients.

    modules : the base's modules that carry adapters, by name
    unet, text_encoder : as they are called in training, wrapped where several processes share the work
    trained : all weights that learn
    """

    def __init__(self, base: Base, settings: TrainSettings, accelerator: Accelerator) -> None:
        self.settings, self.accelerator, pipeline = settings, accelerator, base.pipeline
        self.modules = {"unet": pipeline.unet}
        if settings.text_encoder:
            self.modules["text_encoder"] = pipeline.text_encoder
        for frozen in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            frozen.requires_grad_(False)
        targets = {"unet": TARGETS[settings.targets], "text_encoder": TEXT}
        torch.manual_seed(settings.seed)  # peft draws its start from the global generator
        for name, module in self.modules.items():
            module.add_adapter(LoraConfig(r=settings.rank, lora_alpha=settings.alpha, init_lora_weights="gaussian",
                                          target_modules=targets[name]))
            cast_training_params(module, dtype=torch.float32)
            module.train()
            if accelerator.device.type == "cpu" and accelerator.mixed_precision == "no":
                quicken(module)
        if settings.gradient_checkpointing:
            pipeline.unet.enable_gradient_checkpointing()
            if settings.text_encoder:
                pipeline.text_encoder.gradient_checkpointing_enable()
        self.trained = [each for module in self.modules.values() for each in module.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(self._groups(base), weight_decay=0.01,
                                           fused=accelerator.device.type in ("cpu", "cuda"))
        self.unet, *more, self.optimizer = accelerator.prepare(*self.modules.values(), self.optimizer)
        self.text_encoder = more[0] if more else pipeline.text_encoder

    def _groups(self, base: Base) -> list[dict]:
        rate = self.settings.learning_rate or (5e-3 if base.small else 1e-4)
        rates = {"unet": rate, "text_encoder": self.settings.text_encoder_learning_rate or rate / 2}
        return [{"params": [each for each in module.parameters() if each.requires_grad], "lr": rates[name],
                 "full_rate": rates[name]} for name, module in self.modules.items()]

    def rates(self) -> dict[str, float]:
        """The full rates, by the names of their settings."""
        names = {"unet": "learning_rate", "text_encoder": "text_encoder_learning_rate"}
        return {names[part]: group["full_rate"]
                for part, group in zip(self.modules, self.optimizer.param_groups, strict=True)}

    def set_learning_rate(self, step: int, total: int) -> float:
        """The rate of this step by warm-up and scheduler, a function of the step alone; returns the UNet's."""
        warm = self.settings.warmup_steps
        factor = min(1.0, (step + 1) / warm) if warm else 1.0
        done = max(0, step - warm) / max(1, total - warm)
        if self.settings.scheduler == "linear":
            factor *= 1 - done
        elif self.settings.scheduler == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        return self.optimizer.param_groups[0]["lr"]

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on from here."""
        scaler = self.accelerator.scaler
        return {"optimizer": self.optimizer.state_dict()["state"], "scaler": scaler.state_dict() if scaler else {},
                "lora": self._weights()}

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {name: get_peft_model_state_dict(module) for name, module in self.modules.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Go back to what `state` gave; rates stay as they are set now.

        Raises StudioError where that was of other weights, whose moments would land on these.
        """
        if _shapes(state["lora"]) != _shapes(self._weights()):
            raise StudioError("the checkpoint is of a LoRA with another rank, targets or text_encoder; resume with "
                              "those that the run was started with, or start a new one")
        for name, module in self.modules.items():
            set_peft_model_state_dict(module, state["lora"][name])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        if state["scaler"] and self.accelerator.scaler:  # it may go on in another number format
            self.accelerator.scaler.load_state_dict(state["scaler"])


def _shapes(weights: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, torch.Size]]:
    return {part: {name: weight.shape for name, weight in theirs.items()} for part, theirs in weights.items()}
