"""A small judge of the finished base: does a prompt give a sound of its role, and do seeds differ?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.engine import models
from studio.engine.base import material
from studio.engine.base.course import Budget, Course
from studio.engine.base.plan import Plan
from studio.engine.painting import paint
from studio.progress import Progress, Report, silent
from studio.settings import GenerateSettings

DEFAULTS = GenerateSettings()  # what users get is what is judged
VARIETY = 0.12  # of half the range of the picture, standard deviation: 5 dB where it spans 90
LOUDEST_HISS = 0.4  # over black: -72 dB there
MASKS, WIDEST = 2, 1 / 8  # each way, of at most this share of the rows or frames; every second one is left out
SMOOTHING = 0.1  # of the labels: who is never quite sure errs less about kits that were not heard


def build(roles: int) -> nn.Sequential:
    """An untrained classifier of pictures (n, 1, rows, frames) in [-1, 1]; it looks at half the size."""
    layers: list[nn.Module] = [nn.AvgPool2d(2)]
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 96)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 4, roles))


def classifier(work: Path, plan: Plan, steps: int = 3000, *, another: int = 0, report: Report = silent) -> nn.Module:
    """The classifier of this work folder's material, trained at the first call and kept as `judge.pt`.

    another : 1, 2 … is one that began elsewhere, kept beside it. They agree on the synthesiser's sounds; of real drums
    one hears a tenth more than the next.
    """
    seed = plan.seed + another
    torch.manual_seed(seed)
    budget = Budget(0, steps, 2e-3, 0.02, 50, 1.0)
    fixed = dict(roles=plan.roles, masks=(MASKS, WIDEST), smoothing=SMOOTHING)
    course = Course("judge", nn.ModuleDict(dict(judge=build(len(plan.roles)))), budget, fixed,
                    seed=seed, device=plan.device, precision=plan.mixed_precision)
    course.longest_memory = 0.99
    learned = material.load(work / "material", "train", plan)

    def loss_of(course: Course) -> Tensor:
        clips = torch.randint(len(learned.pixels), (64,), generator=course.dice)
        pictures = masked(elsewhere(seen(learned.pixels[clips]), course.dice), course.dice)
        guess = course.models["judge"](pictures.to(course.device))
        return nn.functional.cross_entropy(guess, learned.roles[clips].to(course.device), label_smoothing=SMOOTHING)

    course.run(loss_of, work / f"judge{another or ''}.pt", report=report)
    return course.models["judge"]


def seen(pixels: Tensor) -> Tensor:
    """Pictures (n, rows, frames) uint8 as the classifier takes them."""
    return pixels[:, None].float() / 127.5 - 1


def elsewhere(pictures: Tensor, dice: torch.Generator) -> Tensor:
    """Pictures in [-1, 1] as another room and microphone would give them: louder or softer, tilted, over a hiss.

    Without it a classifier names sounds by what only a synthesiser keeps constant.
    """
    level, tilt = VARIETY * torch.randn(2, len(pictures), 1, 1, 1, generator=dice)
    slope = torch.linspace(-1, 1, pictures.shape[2])[None, None, :, None]
    hiss = torch.rand(len(pictures), 1, 1, 1, generator=dice) * LOUDEST_HISS
    grain = VARIETY * torch.randn(pictures.shape, generator=dice)
    return torch.maximum(pictures + level + tilt * slope, hiss - 1 + grain * (hiss > LOUDEST_HISS / 2)).clamp(-1, 1)


def masked(pictures: Tensor, dice: torch.Generator) -> Tensor:
    """Pictures (n, 1, rows, frames) with black bands (SpecAugment, Park et al. 2019): no part says it all."""
    for axis in (2, 3) * MASKS:
        first, width, left_out = torch.rand(3, len(pictures), 1, generator=dice)
        place = torch.arange(pictures.shape[axis]) / pictures.shape[axis]
        band = (place >= first) & (place < first + width * WIDEST) & (left_out < 0.5)
        pictures = pictures.masked_fill(band[:, None, :, None] if axis == 2 else band[:, None, None, :], -1)
    return pictures


@torch.no_grad()
def likelihoods(model: nn.Module, pixels: Tensor) -> Tensor:
    """(n, roles) how sure the classifier is of each role, 1 in all, of pictures (n, n_mels, n_frames) uint8."""
    device = next(model.parameters()).device
    return torch.cat([model(seen(part).to(device)).softmax(1).cpu() for part in pixels.split(64)])


def guesses(model: nn.Module, pixels: Tensor) -> Tensor:
    """(n,) role indices that the classifier reads in pictures (n, n_mels, n_frames) uint8."""
    return likelihoods(model, pixels).argmax(1)


def draw(base: models.Base, prompt: str, count: int, **settings: Any) -> Tensor:
    """`count` pictures (count, n_mels, n_frames) uint8 of a prompt, seeds from 0; `settings` of GenerateSettings."""
    asked = replace(DEFAULTS, prompt=prompt, **settings)
    base.use_scheduler(asked.scheduler)
    pictures = paint(base, base.mel, asked, [prompt] * count, range(count))
    return pictures.round().clamp(0, 255).to(torch.uint8).cpu()


def spread_db(pixels: Tensor, range_db: float) -> float:
    """Mean difference between two of the pictures, in dB a pixel: 0 when all are the same."""
    flat = pixels.flatten(1).float()
    count = len(flat)
    return (torch.cdist(flat, flat, p=1).sum() / (count * (count - 1)) / flat.shape[1] * range_db / 255).item()


def nearest_db(pixels: Tensor, range_db: float) -> float:
    """The difference between the two pictures that are most alike, in dB a pixel: near 0 where one copies another."""
    flat = pixels.flatten(1).float()
    apart = torch.cdist(flat, flat, p=1) + torch.eye(len(flat)) * 1e12
    return (apart.min() / flat.shape[1] * range_db / 255).item()


def judge(base: Path, work: Path, plan: Plan, count: int = 8, steps: int = 3000, *,
          report: Report = silent) -> dict[str, dict[str, float]]:
    """Figures a role, and over all roles under "all", with a classifier of `steps` steps.

    accuracy  : share of `count` pictures of the prompt (the role's name) that the classifier reads as the role
    held_out  : the same of unseen synthesised sounds, what the classifier itself can do
    spread_db : mean pairwise difference between seeds; spread_of_material_db the same of unseen sounds
    """
    model = classifier(work, plan, steps, report=report)
    held_out = material.load(work / "material", "held_out", plan)
    right = guesses(model, held_out.pixels) == held_out.roles
    judged = models.open_base(str(base), plan.device, "no")
    found: dict[str, dict[str, float]] = {}
    for number, role in enumerate(plan.roles):
        pixels, mine = draw(judged, role, count), held_out.roles == number
        found[role] = dict(accuracy=(guesses(model, pixels) == number).float().mean().item(),
                           held_out=right[mine].float().mean().item(), spread_db=spread_db(pixels, plan.mel.range_db),
                           spread_of_material_db=spread_db(held_out.pixels[mine], plan.mel.range_db))
        report(Progress("judge", number + 1, len(plan.roles), note=role, values=found[role]))
    found["all"] = {name: sum(each[name] for each in found.values()) / len(plan.roles) for name in found[role]}
    report(Progress("judge", len(plan.roles), len(plan.roles), note="all", values=found["all"]))
    return found
