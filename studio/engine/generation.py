"""From words to sounds: prompt → latents → picture → waveform → a take on disk, one after the other."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from studio.engine import loras
from studio.engine.library import Take, keep_sounds, recipe_for, settled
from studio.engine.models import as_long_as, check_fits, load_base
from studio.engine.painting import paint
from studio.files import slug_and
from studio.progress import Progress, Report, silent
from studio.settings import GenerateSettings


def generate(settings: GenerateSettings, folder: Path, *, report: Report = silent) -> Iterator[Take]:
    """Make `settings.count` sounds; yields each take as soon as it is decoded and on disk in `folder`.

    Sound i has the seed `settings.seed` + i, so each can be made again alone. Raises StudioError for a base or LoRA
    that does not work, and lets `Cancelled` out of `report` through; takes that were yielded stay.
    """
    settings = settled(settings)
    base = load_base(settings.base, settings.device)
    mel = as_long_as(base, loras.use(base, settings.lora) or base.mel, settings.duration)
    check_fits(base, mel)
    base.use_scheduler(settings.scheduler)
    done = 0
    while done < settings.count:
        seeds = [settings.seed + done + i for i in range(min(settings.batch_size, settings.count - done))]
        pixels = paint(base, mel, settings, [settings.prompt] * len(seeds), seeds, report=report)
        recipes = [recipe_for(dataclasses.replace(settings, seed=seed, count=1), "generate", mel) for seed in seeds]
        names = [slug_and(settings.prompt, seed) for seed in seeds]
        for take in keep_sounds(pixels, mel, recipes, folder, names, report=report):
            done += 1
            report(Progress("generate", done, settings.count, note=take.path.name))
            yield take
