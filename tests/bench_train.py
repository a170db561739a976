"""How fast LoRA training is here (`make bench-train`): ours against a plain loop, on one base, dataset and batch.

    python tests/bench_train.py [--steps N] [--batch N] [--targets attention|kohya|all] [--sd15] [--device cuda]

The plain loop does what diffusers' examples/text_to_image/train_text_to_image_lora.py does: each step opens its
pictures, runs VAE and text encoder, draws the timesteps freely, and leaves attention and AdamW as they come. Both
train the same adapters in the same number format, each in a process of its own, and are timed from the end of their
first step to the end of their last. `CPU` is the process's own time, which a busy machine does not stretch.

--sd15 : a base of Stable Diffusion 1.5's shape with random weights, and pictures of 512×512, for the embedded one
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from studio.engine import dataset, devices, kit, models, preparation
from studio.engine.training import train
from studio.engine.training.adapters import TARGETS
from studio.presets import load
from studio.progress import Progress
from studio.settings import PrepareSettings, TrainSettings

RANK, RATE = 8, 1e-4


class Clock:
    """Seconds from the end of the first step to the end of the last, by the wall and by the processor."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.steps = device, 0

    def step(self) -> None:
        """A step has ended."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.steps += 1
        self.last = time.perf_counter(), time.process_time()
        if self.steps == 1:
            self.first = self.last

    def told(self, batch: int) -> dict[str, float]:
        """Images a second, and the most memory that was held."""
        wall, cpu = (last - first for last, first in zip(self.last, self.first, strict=True))
        images = (self.steps - 1) * batch
        if self.device.type == "cuda":
            memory = torch.cuda.max_memory_allocated()
        else:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {"wall": images / wall, "cpu": images / cpu, "step": wall / (self.steps - 1), "memory": memory}


# ---------------------------------------------------------------------------------------------------- the two loops
def ours(options: argparse.Namespace) -> dict[str, float]:
    """The studio's own training, whole, but for checkpoints and previews."""
    settings = TrainSettings(base=options.base, steps=options.steps, batch_size=options.batch, rank=RANK, alpha=RANK,
                             learning_rate=RATE, targets=options.targets, device=options.device, checkpoint_every=0,
                             preview_every=0, held_out=0, caption_dropout=0, mixed_precision=options.precision)
    clock = Clock(devices.choose(options.device))

    def report(progress: Progress) -> None:
        if progress.stage == "train":
            clock.step()

    with tempfile.TemporaryDirectory() as folder:
        train(options.dataset, settings, Path(folder), report=report)
    return clock.told(options.batch)


class Pictures(Dataset):
    """Pictures opened, scaled, perhaps turned over, and brought to ±1, whenever they are asked for."""

    def __init__(self, folder: Path, size: int, tokenizer: Callable) -> None:
        self.rows = [(folder / row.file_name, row.text) for row in dataset.load(folder).one_shots]
        self.size, self.tokenizer = size, tokenizer

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        path, text = self.rows[index]
        with Image.open(path) as opened:
            image = opened.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).float() / 127.5 - 1
        tokens = self.tokenizer(text, max_length=self.tokenizer.model_max_length, padding="max_length",
                                truncation=True, return_tensors="pt").input_ids[0]
        return (pixels.flip(-1) if torch.rand(()) < 0.5 else pixels), tokens


def plain(options: argparse.Namespace) -> dict[str, float]:
    """The loop of the example."""
    device = devices.choose(options.device)
    precision = {torch.float32: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}[
        devices.dtype_for(device, options.precision)]
    accelerator = Accelerator(mixed_precision=precision, cpu=device.type == "cpu")
    pipeline = models.open_base(options.base, device.type, options.precision).pipeline
    unet, vae, encoder = pipeline.unet, pipeline.vae, pipeline.text_encoder
    for each in (unet, vae, encoder):
        each.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian",
                                target_modules=TARGETS[options.targets]))
    cast_training_params(unet, dtype=torch.float32)
    schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
    weights = [each for each in unet.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    pictures = Pictures(options.dataset, dataset.load(options.dataset).mel.n_mels, pipeline.tokenizer)
    loader = DataLoader(pictures, batch_size=options.batch, shuffle=True, drop_last=True)
    unet, optimizer, loader, rates = accelerator.prepare(unet, optimizer, loader, rates)
    unet.train()
    clock = Clock(device)
    while clock.steps < options.steps:
        for pixels, tokens in loader:
            with accelerator.accumulate(unet), accelerator.autocast():
                latents = vae.encode(pixels.to(vae.dtype)).latent_dist.sample() * vae.config.scaling_factor
                noise = torch.randn_like(latents)
                timesteps = torch.randint(schedule.config.num_train_timesteps, (len(latents),), device=device)
                noisy = schedule.add_noise(latents, noise, timesteps)
                states = encoder(tokens, return_dict=False)[0]
                target = schedule.get_velocity(latents, noise, timesteps) \
                    if schedule.config.prediction_type == "v_prediction" else noise
                predicted = unet(noisy, timesteps, states, return_dict=False)[0]
                loss = torch.nn.functional.mse_loss(predicted.float(), target.float(), reduction="mean")
                accelerator.gather(loss.repeat(options.batch)).mean().item()
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                rates.step()
                optimizer.zero_grad()
            clock.step()
            if clock.steps == options.steps:
                break
    return clock.told(options.batch)


# ------------------------------------------------------------------------------------------------------- the machine
def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of the best of ten large matrix products."""
    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        clock = Clock(device)
        clock.step()
        one @ other
        clock.step()
        best = min(best, clock.last[0] - clock.first[0])
    return 2 * size**3 / best


def work_of_a_step(options: argparse.Namespace) -> float:
    """Floating-point operations that one of our steps needs, counted."""
    settings = TrainSettings(base=options.base, steps=1, batch_size=options.batch, rank=RANK, targets=options.targets,
                             device=options.device, checkpoint_every=0, preview_every=0, held_out=0, warmup_steps=0,
                             mixed_precision=options.precision)
    counter = FlopCounterMode(display=False)
    on = []

    def report(progress: Progress) -> None:
        if progress.stage == "train":
            counter.__exit__(None, None, None)
            on.clear()
        elif progress.stage == "encode" and progress.step == progress.total and not on:
            counter.__enter__()
            on.append(True)

    with tempfile.TemporaryDirectory() as folder:
        train(options.dataset, settings, Path(folder), report=report)
    # the text encoder's captions and the one sound that tries the memory are in it: less than one part in batch
    return counter.get_total_flops()


def stable_diffusion_shape(folder: Path) -> Path:
    """A base of Stable Diffusion 1.5's shape with random weights; right for memory and speed, and nothing else."""
    embedded = models.open_base("embedded", "cpu").pipeline
    with torch.device("cpu"):
        torch.set_default_dtype(torch.float16)
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
                            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                            sample_size=512)
        encoder = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072,
                                               num_hidden_layers=12, num_attention_heads=12))
        torch.set_default_dtype(torch.float32)
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    StableDiffusionPipeline(vae=vae, text_encoder=encoder, tokenizer=embedded.tokenizer, unet=unet, scheduler=schedule,
                            safety_checker=None, feature_extractor=None,
                            requires_safety_checker=False).save_pretrained(folder)
    return folder


def apart(which: str, options: argparse.Namespace) -> dict[str, float]:
    """One of the loops in a process of its own."""
    words = [sys.executable, __file__, "--run", which, *(f"--{name}={value}" for name, value in vars(options).items()
                                                         if name not in ("run", "sd15"))]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def main(options: argparse.Namespace) -> None:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        device = devices.choose(options.device)
        options.base = str(stable_diffusion_shape(Path(folder) / "base")) if options.sd15 else "embedded"
        mel = load("mel", "one-shot-512" if options.sd15 else "one-shot-128")
        options.dataset = Path(folder) / "dataset"
        preparation.prepare(kit.write_demo_kit(Path(folder) / "kit"), options.dataset, mel, PrepareSettings())
        found = {which: apart(which, options) for which in ("plain", "ours")}
        peak = matmul_peak(device, devices.dtype_for(device, options.precision))
        share = work_of_a_step(options) / peak / found["ours"]["step"]
    print(f"\n{devices.describe()}, torch {torch.__version__}, {torch.get_num_threads()} threads; "
          f"{'SD 1.5 shape' if options.sd15 else 'embedded base'}, targets {options.targets}, batch {options.batch}, "
          f"{options.steps} steps; {time.strftime('%Y-%m-%d')}")
    print("| loop | images/s | images/s of CPU | peak memory |\n|---|---|---|---|")
    for which, row in found.items():
        print(f"| {which} | {row['wall']:.2f} | {row['cpu']:.2f} | {row['memory'] / 2**20:.0f} MB |")
    print(f"| ours ÷ plain | {found['ours']['wall'] / found['plain']['wall']:.2f} | "
          f"{found['ours']['cpu'] / found['plain']['cpu']:.2f} | "
          f"{found['ours']['memory'] / found['plain']['memory']:.2f} |")
    print(f"Ours does {share:.0%} of the {peak / 1e9:.0f} GFLOP/s that a matrix product alone reaches here.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--targets", default="attention", choices=sorted(TARGETS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sd15", action="store_true")
    parser.add_argument("--run", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--base", help=argparse.SUPPRESS)
    parser.add_argument("--dataset", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        print(json.dumps({"ours": ours, "plain": plain}[chosen.run](chosen)))
    else:
        main(chosen)
