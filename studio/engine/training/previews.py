"""Previews: the same prompts with the same seeds at every check, made as Generate makes sounds, so that what is heard
while it trains is what the file will give."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio import presets
from studio.engine import duplicates
from studio.engine.library import keep_sounds, recipe_for
from studio.engine.models import Base
from studio.engine.painting import paint
from studio.engine.training.material import Material
from studio.engine.training.run_files import put_in_place
from studio.engine.wording import role_of
from studio.progress import Report, silent
from studio.settings import GUIDANCE_WITH_LORA, GenerateSettings, MelSettings, TrainSettings

BLOCK = 2048  # sounds of the dataset compared at once, so that memory stays flat


@dataclass(frozen=True)
class Heard:
    """How previews lie to the kit, as `duplicates.distances_db` measures pictures.

    distance_db : mean over the previews of the distance to the nearest sound of the dataset, held out or not
    nearest_db  : the smallest distance of any preview to any sound that is trained on
    """

    distance_db: float
    nearest_db: float

    @property
    def memorised(self) -> bool:
        """Whether a preview is as near to a sound of the kit as copies are to one another."""
        return self.nearest_db < duplicates.NEAR_DB


def _of_each_role(tags: Mapping[str, int]) -> list[str]:
    """Captions, first one of each role, then a second one …, so that a few of them show a whole kit.

    tags : captions with how many sounds have them, as `Kit.tags` gives them; roles with more sounds come first
    """
    by_role: dict[str, list[str]] = {}
    for caption in tags:
        by_role.setdefault(role_of(caption), []).append(caption)
    roles = sorted(by_role.values(), key=lambda captions: -sum(tags[each] for each in captions))
    return [caption for turn in zip_longest(*roles) for caption in turn if caption is not None]


class Previews:
    """Makes previews into run/previews/step-N/NN.wav, .png and .json."""

    def __init__(self, base: Base, material: Material, settings: TrainSettings, folder: Path) -> None:
        self.base, self.material, self.folder = base, material, folder
        lines = [" ".join(line.split()) for line in settings.preview_prompts.splitlines() if line.strip()]
        prompts = lines or _of_each_role(material.kit.tags())[: settings.preview_count]
        count = max(settings.preview_count, len(lines))
        self.prompts = [prompts[place % len(prompts)] for place in range(count)]
        self.seeds = [(settings.seed + place // len(prompts)) % 2**31 for place in range(count)]
        usual = (GenerateSettings(guidance=GUIDANCE_WITH_LORA) if base.small
                 else presets.load("generate", "stable-diffusion-1.5"))
        self.settings = replace(usual, base=settings.base, device=settings.device, count=1)

    def make(self, step: int, *, report: Report = silent) -> Heard:
        """Make and measure the previews of this step; the training's state is as before afterwards.

        A stop leaves no half of them behind.
        """
        beside, whole = self.folder / f".step-{step:08d}.part", self.folder / f"step-{step:08d}"
        shutil.rmtree(beside, ignore_errors=True)
        mel, features = self.material.kit.dataset.mel, []
        try:
            for start in range(0, len(self.prompts), self.settings.batch_size):
                part = range(len(self.prompts))[start : start + self.settings.batch_size]
                pixels = self._painted(mel, slice(part.start, part.stop), report)
                recipes, names = [self._recipe(place, step, mel) for place in part], [f"{place:02d}" for place in part]
                features += [duplicates.features(picture.round().cpu(), mel) for picture in pixels]
                for _ in keep_sounds(pixels, mel, recipes, beside, names, report=report):
                    pass  # each is on disk
            put_in_place(beside, whole)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return self._measured(torch.stack(features))

    @torch.no_grad()
    def _painted(self, mel: MelSettings, part: slice, report: Report) -> Tensor:
        """Pictures by the base with its adapters as they are now."""
        unet = self.base.pipeline.unet
        training = unet.training
        unet.eval()
        self.base.use_scheduler(self.settings.scheduler)
        try:
            return paint(self.base, mel, self.settings, self.prompts[part], self.seeds[part], report=report)
        finally:
            unet.train(training)

    def _recipe(self, place: int, step: int, mel: MelSettings) -> dict[str, Any]:
        lora = (str(self.folder.parent / "lora.safetensors"),) if step else ()
        settings = replace(self.settings, prompt=self.prompts[place], seed=self.seeds[place], lora=lora)
        return recipe_for(settings, "generate", mel) | {"preview": {"run": self.folder.parent.name, "step": step}}

    def _measured(self, features: Tensor) -> Heard:
        """All previews against all sounds, a block of sounds at a time."""
        stored, places = self.material.stored, self.material.places[:, 0]
        held = torch.zeros(len(places), dtype=torch.bool)
        held[self.material.kit.held] = True
        nearest = torch.full((len(features),), torch.inf)
        learned = torch.tensor(torch.inf)
        for part, apart in zip(places.split(BLOCK), held.split(BLOCK), strict=True):
            distances = duplicates.distances_db(features, stored.features(part))
            nearest = torch.minimum(nearest, distances.amin(dim=1))
            if not apart.all():
                learned = torch.minimum(learned, distances[:, ~apart].amin())
        return Heard(float(nearest.mean()), float(learned))
