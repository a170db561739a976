"""The training material: synthesised clips, or a library's, as pictures with captions, kept on disk role by role."""

import dataclasses
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.engine import dataset, devices, mel, picture, synth
from studio.engine.base.plan import LIBRARY_ROLE, Plan
from studio.engine.synth import Caption
from studio.errors import StudioError
from studio.files import read_json, slug, write_json, write_whole
from studio.progress import Progress, Report, silent

BATCH = 48  # clips synthesised and encoded at once
HOLD_OUT_EVERY = 20  # sounds of a library: one is kept to judge by
FEWEST = 40  # sounds of a library


@dataclass(frozen=True)
class Material:
    """Pictures, captions and roles in the same order."""

    pixels: Tensor  # (n, n_mels, n_frames) uint8, as `mel.encode` gives them
    captions: tuple[Caption, ...]
    roles: Tensor  # (n,) int64, index into plan.roles


def make(folder: Path, plan: Plan, *, report: Report = silent) -> None:
    """Synthesise and encode what is still missing in `folder`: a `train` and a `held_out` part, a file pair a role.

    Where the plan names a dataset, its sounds are taken instead. Raises StudioError where they do not fit the plan.
    """
    if plan.dataset:
        _take_library(folder, plan, report)
        return
    wanted = {"train": plan.clips_per_role, "held_out": plan.held_out_per_role}
    total, done = sum(wanted.values()) * len(plan.roles), 0
    for part, count in wanted.items():
        for role in plan.roles:
            pictures, captions = _files(folder, part, role)
            if not captions.exists():
                _make_role(pictures, captions, part, role, count, plan)
            done += count
            report(Progress("material", done, total, note=f"{part}: {role}"))


def _take_library(folder: Path, plan: Plan, report: Report) -> None:
    """Bring the enabled sounds of the plan's dataset into the form of `make`: one role, every twentieth held out."""
    kit = dataset.load(Path(plan.dataset))
    rows = [row for row in kit.one_shots if row.enabled and row.weight > 0]
    if kit.mel != plan.mel or kit.mel.stereo:
        raise StudioError(f"{kit.folder}: was prepared with other mel settings than the plan's, or in stereo; "
                          "prepare the sounds again, in mono")
    if len(rows) < FEWEST:
        raise StudioError(f"{kit.folder}: {len(rows)} sounds are too few to learn a base from; give thousands, "
                          f"{FEWEST} at the least, or train a LoRA instead")
    parts = {"held_out": rows[::HOLD_OUT_EVERY],
             "train": [row for number, row in enumerate(rows) if number % HOLD_OUT_EVERY]}
    done = 0
    for part, chosen in parts.items():
        pictures, texts = _files(folder, part, LIBRARY_ROLE)
        if not texts.exists():
            pixels = []
            for row in chosen:
                pixels.append(picture.load(kit.folder / row.file_name).pixels.numpy())
                report(Progress("material", done + len(pixels), len(rows)))
            write_whole(pictures, lambda beside, pixels=pixels: np.save(beside, np.stack(pixels)))
            write_json(texts, [dataclasses.asdict(_caption_of(row.text)) for row in chosen])
        done += len(chosen)
        report(Progress("material", done, len(rows), note=f"{part}: {len(chosen)} sounds"))


def _caption_of(text: str) -> Caption:
    """A caption line in parts: what stands before the first comma names the sound, the rest are adjectives."""
    name, *words = (part.strip() for part in text.split(","))
    return Caption(LIBRARY_ROLE, (name,), tuple(word for word in words if word))


def load(folder: Path, part: str, plan: Plan) -> Material:
    """Read the `train` or the `held_out` part that `make` left in `folder`, whole into memory."""
    pixels, captions, roles = [], [], []
    for index, role in enumerate(plan.roles):
        pictures, texts = _files(folder, part, role)
        pixels.append(np.load(pictures))
        captions += [_caption(row) for row in read_json(texts)]
        roles += [index] * len(pixels[-1])
    return Material(torch.from_numpy(np.concatenate(pixels)), tuple(captions), torch.tensor(roles))


def _make_role(pictures: Path, texts: Path, part: str, role: str, count: int, plan: Plan) -> None:
    pixels, captions = [], []
    for start in range(0, count, BATCH):
        seed = zlib.crc32(f"{plan.seed}/{part}/{role}/{start}".encode()) & 0x7FFFFFFF
        batch = synth.synthesise(role, min(BATCH, count - start), seed, sample_rate=plan.mel.sample_rate,
                                 duration=plan.mel.duration,
                                 device=devices.for_audio(torch.device(plan.device)).type)
        pixels.append(mel.encode(batch.waveforms, plan.mel)[0].cpu().numpy())
        captions += [dataclasses.asdict(caption) for caption in batch.captions]
    write_whole(pictures, lambda beside: np.save(beside, np.concatenate(pixels)))
    write_json(texts, captions)  # last: its presence says that the role is complete


def _caption(row: dict) -> Caption:
    return Caption(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})


def _files(folder: Path, part: str, role: str) -> tuple[Path, Path]:
    return folder / part / f"{slug(role)}.npy", folder / part / f"{slug(role)}.json"


def floats(pixels: Tensor) -> Tensor:
    """uint8 pictures (n, rows, frames) as a model sees them: (n, 3, rows, frames) in [-1, 1], three equal channels."""
    return (pixels[:, None].float() / 127.5 - 1).expand(-1, 3, -1, -1)
