"""LoRA training: a dataset's pictures become latents once, then each step teaches the UNet to denoise a batch of them.

Runs in a process of its own (see studio/jobs.py), through accelerate: one device, several, or several machines with
the same code. All chance is a function of (seed, step), never of what ran before, so a run that is resumed goes on
exactly where it would have gone, and N processes of batch B draw what one process of batch N·B would draw.

LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021). Velocity and noise prediction follow
the base's own scheduler: Ho et al. (2020); Salimans & Ho (2022).
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import cast_training_params
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from studio.engine import dataset, devices, loras, picture
from studio.engine.dataset import Dataset
from studio.engine.latents import latents_from_pixels
from studio.engine.models import Base, check_fits, open_base
from studio.errors import Cancelled, StudioError
from studio.knobs import as_dict
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, OneShot, TrainSettings

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
ALL = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
       "time_emb_proj"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
SMALL_BASE = 100_000_000  # parameters of a UNet under which the larger learning rate is right
CHECKPOINTS_KEPT = 2
ENCODE_AT_ONCE = 8  # pictures


def train(dataset_folder: Path, settings: TrainSettings, run_folder: Path, *, resume: bool = False,
          report: Report = silent) -> Path:
    """Train a LoRA on a dataset; returns `run_folder`/lora.safetensors.

    A stop (`Cancelled` out of `report`) finishes the step, saves a checkpoint and the LoRA so far, and is raised
    again. Raises StudioError for a dataset with nothing to show, a base that does not fit its pictures, a `resume`
    without a checkpoint, or a loss that is no number any more; the last good LoRA is saved before.
    """
    kit = dataset.load(dataset_folder)
    shown = dataset.shown(kit)
    accelerator = devices.accelerator(settings.device, settings.mixed_precision)
    if not accelerator.is_main_process:
        report = silent
    report(Progress("load", note=f"base {settings.base}"))
    base = open_base(settings.base, accelerator.device.type, settings.mixed_precision)
    check_fits(base, kit.mel)
    run = _Run(settings, Path(run_folder), base, accelerator, recipe={
        "dataset": str(dataset_folder), "sounds": len({shot.file_name for shot in shown}), "train": as_dict(settings),
        "captions": sorted({shot.text for shot in shown})[:100]}, mel=kit.mel)
    material = _material(base, kit, shown, settings, accelerator, report)
    run.add_lora()
    start = run.load_checkpoint() if resume else 0
    return _loop(run, material, start, report)


# ------------------------------------------------------------------------------------------------------- the loop
def _loop(run: "_Run", material: "_Material", start: int, report: Report) -> Path:
    settings, accelerator = run.settings, run.accelerator
    step = start
    try:
        for step in range(start, settings.steps):
            rate = run.set_learning_rate(step)
            loss = 0.0
            for part in range(settings.gradient_accumulation):
                with accelerator.autocast():
                    part_loss = _loss(run, material, step, part) / settings.gradient_accumulation
                accelerator.backward(part_loss)
                loss += accelerator.reduce(part_loss.detach(), "mean").item()
            norm = accelerator.clip_grad_norm_(run.trained, 1.0)
            steady = math.isfinite(float(norm)) or accelerator.scaler is not None  # fp16's scaler skips such a step
            if not (math.isfinite(loss) and steady):
                _give_up(run, step, rate)
            run.optimizer.step()
            run.optimizer.zero_grad()
            if settings.checkpoint_every and (step + 1) % settings.checkpoint_every == 0:
                run.save_checkpoint(step + 1)
            report(Progress("train", step + 1, settings.steps, values={"loss": loss, "learning_rate": rate}))
    except Cancelled:
        run.save_checkpoint(step + 1)
        run.save_lora(step + 1)
        raise
    return run.save_lora(settings.steps)


def _give_up(run: "_Run", step: int, rate: float) -> None:
    """The loss is no number: keep what the last good step made, and say what to change."""
    kept = ""
    if step:
        kept = f" (the LoRA of step {step} is kept in {run.save_lora(step)})"
    raise StudioError(f"loss is not a number at step {step + 1} with learning_rate {rate:g}{kept}; "
                      "try a tenth of that rate" + (", or mixed_precision no" if run.accelerator.mixed_precision != "no"
                                                   else ""))


def _loss(run: "_Run", material: "_Material", step: int, part: int) -> Tensor:
    """Mean squared error of the UNet's prediction over this process's share of a batch."""
    batch = material.batch(run.settings, step, part, run.accelerator)
    noisy = run.noise_scheduler.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = run.unet(noisy, batch.timesteps, batch.states).sample
    if run.noise_scheduler.config.prediction_type == "v_prediction":
        target = run.noise_scheduler.get_velocity(batch.latents, batch.noise, batch.timesteps)
    else:
        target = batch.noise
    return torch.nn.functional.mse_loss(predicted.float(), target.float())


# ------------------------------------------------------------------------------------------ what the loop works on
class _Run:
    """The LoRA under training with its optimiser, and how both get to disk and back."""

    def __init__(self, settings: TrainSettings, folder: Path, base: Base, accelerator: Accelerator, recipe: dict,
                 mel: MelSettings) -> None:
        self.settings, self.folder, self.base, self.accelerator = settings, folder, base, accelerator
        self.recipe, self.mel = recipe, mel
        self.noise_scheduler = DDPMScheduler.from_config(base.pipeline.scheduler.config)

    def add_lora(self) -> None:
        """Put fresh adapters on the UNet, and on the text encoder if it learns too; only they have gradients."""
        pipeline, settings = self.base.pipeline, self.settings
        self.modules = {"unet": pipeline.unet}
        targets = {"unet": ATTENTION if settings.targets == "attention" else ALL, "text_encoder": TEXT}
        if settings.text_encoder:
            self.modules["text_encoder"] = pipeline.text_encoder
        for frozen in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            frozen.requires_grad_(False)
        torch.manual_seed(settings.seed)  # peft draws its start from the global generator
        for name, module in self.modules.items():
            module.add_adapter(LoraConfig(r=settings.rank, lora_alpha=settings.alpha, init_lora_weights="gaussian",
                                          target_modules=targets[name]))
            cast_training_params(module, dtype=torch.float32)
            module.train()
        if self.accelerator.device.type == "cpu":
            pipeline.unet.set_attn_processor(AttnProcessor())  # the backward of fused attention is slow on a CPU
        if settings.gradient_checkpointing:
            pipeline.unet.enable_gradient_checkpointing()
        self.trained = [each for module in self.modules.values() for each in module.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(self._groups(), weight_decay=0.01,
                                           fused=self.accelerator.device.type in ("cpu", "cuda"))
        *wrapped, self.optimizer = self.accelerator.prepare(*self.modules.values(), self.optimizer)
        self.unet = wrapped[0]
        self.text_encoder = wrapped[1] if settings.text_encoder else pipeline.text_encoder

    def _groups(self) -> list[dict]:
        rate = self.settings.learning_rate
        if not rate:
            small = sum(each.numel() for each in self.base.pipeline.unet.parameters()) < SMALL_BASE
            rate = 1e-3 if small else 1e-4
        rates = {"unet": rate, "text_encoder": self.settings.text_encoder_learning_rate or rate / 2}
        return [{"params": [each for each in module.parameters() if each.requires_grad], "lr": rates[name],
                 "full_rate": rates[name]} for name, module in self.modules.items()]

    def set_learning_rate(self, step: int) -> float:
        """The rate of this step by warm-up and scheduler, a function of the step alone; returns the UNet's."""
        warm, total = self.settings.warmup_steps, self.settings.steps
        factor = min(1.0, (step + 1) / warm) if warm else 1.0
        done = max(0, step - warm) / max(1, total - warm)
        if self.settings.scheduler == "linear":
            factor *= 1 - done
        elif self.settings.scheduler == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        return self.optimizer.param_groups[0]["lr"]

    def save_lora(self, step: int) -> Path:
        """Write run/lora.safetensors as of `step`, from the main process."""
        path = self.folder / "lora.safetensors"
        if self.accelerator.is_main_process:
            loras.save(path, self.modules, self.settings.base, self.mel, self.recipe | {"step": step})
        return path

    def save_checkpoint(self, step: int) -> None:
        """Write checkpoints/step-N whole and drop the ones before the last two."""
        if not self.accelerator.is_main_process:
            return
        folder = self.folder / "checkpoints"
        beside, whole = folder / f".step-{step:08d}.part", folder / f"step-{step:08d}"
        beside.mkdir(parents=True, exist_ok=True)
        state = {"step": step, "optimizer": self.optimizer.state_dict(),
                 "lora": {name: get_peft_model_state_dict(module) for name, module in self.modules.items()}}
        try:
            torch.save(state, beside / "state.pt")
        except (OSError, RuntimeError) as error:  # torch tells of a full disk with either
            shutil.rmtree(beside)
            raise StudioError(f"{whole}: the checkpoint could not be written ({error}); free some disk space, "
                              "then resume") from error
        if whole.exists():
            shutil.rmtree(whole)
        beside.rename(whole)
        for old in sorted(folder.glob("step-*"))[:-CHECKPOINTS_KEPT]:
            shutil.rmtree(old)

    def load_checkpoint(self) -> int:
        """Go back to the last checkpoint; returns the step to go on with."""
        found = sorted((self.folder / "checkpoints").glob("step-*"))
        if not found:
            raise StudioError(f"{self.folder}: holds no checkpoint to resume from; train without resume")
        state = torch.load(found[-1] / "state.pt", map_location=self.accelerator.device, weights_only=True)
        for name, module in self.modules.items():
            set_peft_model_state_dict(module, state["lora"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        return state["step"]


@dataclass(frozen=True)
class _Batch:
    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    states: Tensor  # of the text encoder


@dataclass(frozen=True)
class _Material:
    """All latents and captions, encoded once. Row i of `latents` is shown as often as `order` names it."""

    run_base: Base
    latents: Tensor  # (sounds, 4, h, w)
    tokens: Tensor  # (captions, length); row 0 is the empty caption
    states: Tensor | None  # (captions, length, width), or None where the text encoder learns
    caption_of: Tensor  # (sounds,) row of tokens
    order: Tensor  # (shown,) sounds, repeated by weight

    def batch(self, settings: TrainSettings, step: int, part: int, accelerator: Accelerator) -> _Batch:
        """This process's share of part `part` of step `step`, drawn from (seed, step, part) alone."""
        whole = settings.batch_size * accelerator.num_processes
        mine = slice(accelerator.process_index * settings.batch_size,
                     (accelerator.process_index + 1) * settings.batch_size)
        count = step * settings.gradient_accumulation + part
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + count)
        sounds = torch.stack([self._shown(settings.seed, count * whole + i) for i in range(whole)])
        noise = torch.randn((whole, *self.latents.shape[1:]), generator=chance)
        noise += settings.noise_offset * torch.randn((whole, noise.shape[1], 1, 1), generator=chance)
        # one timestep from each equal part of the range: the loss jumps less from step to step
        places = (torch.arange(whole) + torch.rand(whole, generator=chance)) / whole
        scheduler = self.run_base.pipeline.scheduler.config
        timesteps = (places[torch.randperm(whole, generator=chance)] * scheduler.num_train_timesteps).long()
        dropped = torch.rand(whole, generator=chance) < settings.caption_dropout
        captions = torch.where(dropped, 0, self.caption_of[sounds])[mine]
        device = self.latents.device
        return _Batch(self.latents[sounds[mine].to(device)], noise[mine].to(device), timesteps[mine].to(device),
                      self._states_of(captions))

    def _shown(self, seed: int, place: int) -> Tensor:
        """The sound at this place of an endless row of shuffled epochs."""
        epoch, within = divmod(place, len(self.order))
        shuffled = torch.randperm(len(self.order), generator=torch.Generator().manual_seed(seed * 7919 + epoch))
        return self.order[shuffled[within]]

    def _states_of(self, captions: Tensor) -> Tensor:
        if self.states is not None:
            return self.states[captions.to(self.states.device)]
        return self.run_base.pipeline.text_encoder(self.tokens[captions].to(self.latents.device))[0]


@torch.no_grad()
def _material(base: Base, kit: Dataset, shown: list[OneShot], settings: TrainSettings,
              accelerator: Accelerator, report: Report) -> _Material:
    """Encode every picture and caption of the dataset that is shown, once."""
    sounds = list({shot.file_name: shot for shot in shown}.values())
    row_of = {shot.file_name: row for row, shot in enumerate(sounds)}
    latents = []
    for start in range(0, len(sounds), ENCODE_AT_ONCE):
        part = sounds[start : start + ENCODE_AT_ONCE]
        pixels = torch.stack([picture.load(kit.folder / shot.file_name).pixels for shot in part])
        latents.append(latents_from_pixels(base, pixels))
        report(Progress("encode", min(start + ENCODE_AT_ONCE, len(sounds)), len(sounds)))
    captions = ["", *sorted({shot.text for shot in sounds})]
    tokenizer, encoder = base.pipeline.tokenizer, base.pipeline.text_encoder
    tokens = tokenizer(captions, padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
                       return_tensors="pt").input_ids
    states = None if settings.text_encoder else torch.cat(
        [encoder(each.to(accelerator.device))[0] for each in tokens.split(64)]).float()
    return _Material(base, torch.cat(latents).float(), tokens, states,
                     caption_of=torch.tensor([captions.index(shot.text) for shot in sounds]),
                     order=torch.tensor([row_of[shot.file_name] for shot in shown]))
