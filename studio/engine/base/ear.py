"""An ear for the decoder: a net that names drums by their pictures, and what it makes of a copy beside the original.

Features of a classifier as a measure of likeness: Johnson et al. (2016); Zhang et al. (2018).
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.engine.base import judge, obedience
from studio.engine.base.course import Budget, Course
from studio.engine.base.critic import GROUPS, seen
from studio.engine.base.material import Material
from studio.engine.base.plan import Plan
from studio.engine.synth.words import OPPOSITES, concept_of
from studio.progress import Report, silent

BATCH = 48
PITCH, BRIGHTNESS = 16.0, 0.125  # rows, share of the height: units that make both as weighty as the other tasks


class Ear(nn.Module):
    """Pictures (n, 1, rows, frames) in [-1, 1] to what is heard in them: roles, words, pitch and brightness."""

    def __init__(self, roles: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.GroupNorm(GROUPS, after), nn.SiLU())
            for before, after in ((2, 24), (24, 48), (48, 96), (96, 96)))
        self.head = nn.Linear(96 * 16, roles + len(OPPOSITES) + 2)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What each layer makes of the pictures: (n, channels, rows, frames) at a half to a sixteenth of their size."""
        found = [seen(pictures)]
        for layer in self.layers:
            found.append(layer(found[-1]))
        return found[1:]

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, roles + words + 2) logits of roles and words, then pitch and brightness."""
        last = self.features(pictures)[-1]
        return self.head(functional.adaptive_avg_pool2d(last, (8, 2)).flatten(1))

    def off(self, copies: Tensor, pictures: Tensor) -> Tensor:
        """How far copies are from pictures to this ear: mean difference of the features, summed over the layers."""
        pairs = zip(self.features(copies), self.features(pictures), strict=True)
        return sum((copy - picture).abs().mean() for copy, picture in pairs)


def train(learned: Material, file: Path, plan: Plan, *, report: Report = silent) -> Ear:
    """Train an ear on the material, checkpointing to `file`. It is no judge: that one is kept apart to judge by."""
    torch.manual_seed(plan.seed)
    roles = int(learned.roles.max()) + 1
    course = Course("ear", nn.ModuleDict(dict(ear=Ear(roles))),
                    Budget(0, plan.ear_steps, 2e-3, 0.02, 50, plan.checkpoint_minutes), plan.fixed(), seed=plan.seed,
                    device=plan.device, precision=plan.mixed_precision)
    course.longest_memory = 0.99
    words = torch.tensor([[float(end in {concept_of(word) for word in caption.adjectives}) for end in OPPOSITES]
                          for caption in learned.captions])
    pitch, brightness = (torch.cat([figure(part, plan.mel.range_db) for part in learned.pixels.split(1000)])
                         for figure in (obedience.pitch, obedience.brightness))
    pitch, brightness = pitch / PITCH, brightness / BRIGHTNESS

    def loss_of(course: Course) -> Tensor:
        clips = torch.randint(len(learned.pixels), (BATCH,), generator=course.dice)
        pictures = judge.elsewhere(judge.seen(learned.pixels[clips]), course.dice)
        role, word, high, bright = course.models["ear"](pictures.to(course.device)).cpu().split(
            (roles, len(OPPOSITES), 1, 1), dim=1)
        return (functional.cross_entropy(role, learned.roles[clips])
                + functional.binary_cross_entropy_with_logits(word, words[clips])
                + functional.smooth_l1_loss(high[:, 0], pitch[clips])
                + functional.smooth_l1_loss(bright[:, 0], brightness[clips]))

    course.run(loss_of, file, report=report)
    return course.models["ear"]
