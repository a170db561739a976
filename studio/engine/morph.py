"""Travelling between sounds, as one-shots: a row of them on the way, or a field between four corners."""

from collections.abc import Iterator
from pathlib import Path

from studio.engine import way
from studio.engine.library import Take, keep_sounds, recipe_for
from studio.files import slug_and
from studio.progress import Progress, Report, silent
from studio.settings import MorphSettings


def morph(settings: MorphSettings, folder: Path, *, report: Report = silent) -> Iterator[Take]:
    """Make `settings.count` one-shots on the way, both ends included; yields each take as soon as it is on disk.

    The first is what `generate` makes of `start` and `seed`, the last of `end` and seed + 1, or seed + 1 + n where the
    way leads over n prompts of `via`. With `below` there are count rows of count sounds: the first row from `start`
    to `end`, the last between the two prompts of `below`. Each recipe carries its "place" on the way, 0…1, and in a
    field its "row", 0…1. Raises StudioError for a base, LoRA or sound that does not work, and lets `Cancelled` out of
    `report` through; takes that were yielded stay.
    """
    settings = way.whole(settings)
    found = way.find(settings)
    steps = [number / max(1, settings.count - 1) for number in range(settings.count)]
    places = [(place, row) for row in (steps if settings.below else [0.0]) for place in steps]
    for number, (place, row) in enumerate(places):
        pixels = found.picture(place, row, report=report)
        recipe = {**recipe_for(settings, "morph", found.mel), "place": round(place, 6)}
        if settings.below:
            recipe["row"] = round(row, 6)
        name = slug_and(f"{settings.start}_to_{settings.end}", f"{settings.seed}_{number + 1:03d}")
        take, = keep_sounds(pixels[None], found.mel, [recipe], folder, [name], report=report)
        report(Progress("morph", number + 1, len(places), note=take.path.name))
        yield take
