"""The stages of the recipe in their order, each skipped where a run before it has finished it."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from studio.engine import devices
from studio.engine.base import autoencoder, card, denoiser, ear, material, tokenizer
from studio.engine.base.plan import STAGES, Plan
from studio.errors import StudioError
from studio.files import read_json, slug, write_json, write_whole
from studio.knobs import as_dict
from studio.progress import Progress, Report, silent

WEIGHED_BY = 64  # clips whose pictures tell what a channel of latents counts


def build(out: Path, work: Path, plan: Plan, *, vae: Path | None = None, last: str = STAGES[-1],
          report: Report = silent) -> Path:
    """Make a base model from nothing in `out`, with all that is on the way kept in `work`.

    The same call goes on where an earlier one was stopped or killed. `vae` takes a finished autoencoder (such as
    another work folder's `vae`) as it is instead of training one; `last` is the stage to stop after. Returns `out`.
    Raises StudioError where `work` was begun with another plan or `out` holds something else.
    """
    if (out / "model_index.json").exists():
        report(Progress("pipeline", 1, 1, note=f"{out} is finished already"))
        return out
    if out.exists() and any(out.iterdir()):
        raise StudioError(f"{out}: is not empty; choose another folder")
    accelerator = devices.accelerator(plan.device, plan.mixed_precision)
    report = report if accelerator.is_main_process else silent
    torch.set_num_threads(plan.threads)
    with accelerator.main_process_first():
        _hold_to_plan(work, plan)
    for stage in STAGES[: STAGES.index(last) + 1]:
        report(Progress(stage, note="begins"))
        if stage == "vae":
            _vae(work, plan, vae, accelerator, report)
        elif stage == "decoder":
            if vae is None:
                _decoder(work, plan, accelerator, report)
        elif stage == "unet":
            _unet(work, plan, accelerator, report)
        else:  # one process does it, the others find it done
            with accelerator.main_process_first():
                if stage == "material":
                    material.make(work / "material", plan, report=report)
                elif stage == "tokenizer":
                    _tokenizer(work, plan)
                elif stage == "latents":
                    _latents(work, plan, report)
                elif not (out / "model_index.json").exists():
                    _pipeline(out, work, plan, _finished(work))
    return out


def snapshot(out: Path, work: Path, plan: Plan) -> Path:
    """Write the base as it stands at the UNet's last checkpoint, while the training goes on or after it."""
    words = tokenizer.load(work / "tokenizer")
    course = denoiser.course_of(words, plan)
    if not (work / "unet.pt").exists():
        raise StudioError(f"{work}: holds no UNet checkpoint yet; wait until that stage has written one")
    course.resume(work / "unet.pt")
    course.take_average()
    _pipeline(out, work, plan, (course.models["unet"], course.models["text_encoder"]))
    return out


def _hold_to_plan(work: Path, plan: Plan) -> None:
    """Write the plan into the work folder, or refuse one that differs from what lies there."""
    file, mine = work / "plan.json", _plain(plan.fixed())
    if not file.exists():
        write_json(file, mine)
        return
    theirs = read_json(file)
    for name in mine:
        if theirs.get(name) != mine[name]:
            raise StudioError(f"{file}: {name} is {theirs.get(name)}, not {mine[name]}; give the same settings again, "
                              "or another work folder")


def _plain(data: dict) -> dict:
    """As JSON gives it back: tuples as lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def _tokenizer(work: Path, plan: Plan) -> None:
    folder = work / "tokenizer"
    if not folder.exists():
        captions = material.load(work / "material", "train", plan).captions
        _whole_folder(folder, tokenizer.learn(captions, plan).save_pretrained)


def _vae(work: Path, plan: Plan, ready: Path | None, accelerator: Accelerator, report: Report) -> None:
    folder = work / "vae"
    if folder.exists():
        return
    if ready is not None:
        vae = AutoencoderKL.from_pretrained(ready).eval().requires_grad_(False).to(plan.device)
        if vae.config.latent_channels != plan.latent_channels:
            raise StudioError(f"{ready}: has {vae.config.latent_channels} channels of latents, the UNet would have "
                              f"{plan.latent_channels}; take another autoencoder, or let the recipe train one")
    else:
        pixels = material.load(work / "material", "train", plan).pixels
        vae = autoencoder.train(pixels, work / "vae.pt", plan, report=report)
    if accelerator.is_main_process:
        _judge_vae(vae, work, "vae.json", plan, report)
        _whole_folder(folder, vae.save_pretrained)
    accelerator.wait_for_everyone()


def _decoder(work: Path, plan: Plan, accelerator: Accelerator, report: Report) -> None:
    """Train the decoder of `work`'s own autoencoder further; the encoder, and with it the latents, stay as they are."""
    folder = work / "vae_refined"
    if folder.exists():
        return
    vae = AutoencoderKL.from_pretrained(work / "vae").to(plan.device)
    learned = material.load(work / "material", "train", plan)
    listening = ear.train(learned, work / "ear.pt", plan, report=report)
    autoencoder.refine(vae, _all_latents(work, plan), learned.pixels, listening, work / "decoder.pt", plan,
                       report=report)
    if accelerator.is_main_process:
        _judge_vae(vae.eval(), work, "vae_refined.json", plan, report)
        _whole_folder(folder, vae.save_pretrained)
    accelerator.wait_for_everyone()


def _judge_vae(vae: AutoencoderKL, work: Path, name: str, plan: Plan, report: Report) -> None:
    """Write what the autoencoder loses on unseen sounds as `work`/`name`."""
    held_out = material.load(work / "material", "held_out", plan).pixels[::5]
    found = autoencoder.figures(vae, held_out, plan.mel.range_db)
    write_json(work / name, found)
    report(Progress("vae", note="finished", values=found))


def _latents(work: Path, plan: Plan, report: Report) -> None:
    """Encode each role's pictures with the finished autoencoder, a file a role."""
    vae, learned = None, None
    for number, role in enumerate(plan.roles):
        file = work / "latents" / f"{slug(role)}.npy"
        if not file.exists():
            if vae is None:
                vae = AutoencoderKL.from_pretrained(work / "vae").eval()
                vae.to(plan.device, memory_format=torch.channels_last)  # half as fast again on a CPU
                learned = material.load(work / "material", "train", plan)
            latents = autoencoder.encode(vae, learned.pixels[learned.roles == number]).numpy().astype(np.float16)
            write_whole(file, lambda beside, latents=latents: np.save(beside, latents))
        report(Progress("latents", number + 1, len(plan.roles), note=role))


def _all_latents(work: Path, plan: Plan) -> Tensor:
    """(n, channels, rows, frames) float16, in the order of the material."""
    return torch.from_numpy(np.concatenate([np.load(work / "latents" / f"{slug(role)}.npy") for role in plan.roles]))


def _unet(work: Path, plan: Plan, accelerator: Accelerator, report: Report) -> None:
    folder = work / "denoiser"
    if folder.exists():
        return
    learned = material.load(work / "material", "train", plan)
    words = tokenizer.load(work / "tokenizer")
    latents, vae = _all_latents(work, plan), AutoencoderKL.from_pretrained(work / "vae").to(plan.device)
    dice = torch.Generator().manual_seed(plan.seed)
    some = torch.randperm(len(latents), generator=dice)[:WEIGHED_BY]
    channels = autoencoder.channel_weights(vae, latents[some], dice)
    unet, text_encoder = denoiser.train(latents, channels, learned, words, work / "unet.pt", plan, report=report)

    def save(beside: Path) -> None:
        unet.save_pretrained(beside / "unet")
        text_encoder.save_pretrained(beside / "text_encoder")

    if accelerator.is_main_process:
        _whole_folder(folder, save)
    accelerator.wait_for_everyone()


def _finished(work: Path) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    folder = work / "denoiser"
    return (UNet2DConditionModel.from_pretrained(folder / "unet"),
            CLIPTextModel.from_pretrained(folder / "text_encoder"))


def _pipeline(out: Path, work: Path, plan: Plan, models: tuple[UNet2DConditionModel, CLIPTextModel]) -> None:
    """Put the parts together in half precision, with the mel settings and the model card beside them."""
    unet, text_encoder = models
    vae = "vae_refined" if (work / "vae_refined").exists() else "vae"
    words: CLIPTokenizer = tokenizer.load(work / "tokenizer")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(work / vae).half(), unet=unet.half(), text_encoder=text_encoder.half(),
        tokenizer=words, scheduler=denoiser.sampler(), safety_checker=None, feature_extractor=None,
        image_encoder=None, requires_safety_checker=False)
    state = torch.load(work / "unet.pt", map_location="cpu", weights_only=True, mmap=True)

    def save(beside: Path) -> None:
        pipeline.save_pretrained(beside, safe_serialization=True)
        for config in beside.glob("*/config.json"):  # diffusers notes the folder it loaded a part from
            write_json(config, {key: value for key, value in read_json(config).items() if key != "_name_or_path"})
        # transformers loads in the precision that a config names, diffusers always in single: let them agree
        text_config = beside / "text_encoder" / "config.json"
        write_json(text_config, read_json(text_config) | {"dtype": "float32"})
        write_json(beside / "mel.json", as_dict(plan.mel))
        write_json(beside / "plan.json", dataclasses.asdict(plan))
        text = card.text(pipeline, plan, read_json(work / f"{vae}.json"), state["step"], state["elapsed"])
        (beside / "README.md").write_text(text, encoding="utf-8")

    _whole_folder(out, save)


def _whole_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder beside, then rename it, so that a folder that exists is complete."""
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # what a killed run left
    beside.mkdir(parents=True)
    write(beside)
    if folder.exists():
        folder.rmdir()  # an empty one; anything else was refused before
    beside.rename(folder)
