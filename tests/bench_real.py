"""Real drums against a base (`make bench-real KITS=folder`): are they named, do they come through, is it one of them?

    python tests/bench_real.py FOLDER [BASE] [--work DIR]

FOLDER : kits of real drums whose file names say what they are
"""

import argparse
import dataclasses
from collections import Counter
from pathlib import Path

import torch
from bench_base import WORK, head, row
from torch import Tensor, nn

from studio.engine import audio, captions, mel, models, preparation
from studio.engine.base import autoencoder, judge, material
from studio.engine.base.material import Material
from studio.engine.base.plan import Plan
from studio.engine.likeness import compare
from studio.engine.wording import role_of
from studio.settings import PrepareSettings

GROUPS = {"808": "kick", "low tom": "tom", "mid tom": "tom", "high tom": "tom", "ride": "cymbal", "crash": "cymbal"}
ASKED = ("kick", "snare", "clap", "closed hat", "open hat", "tom", "cymbal")  # the drums that every kit has
TAKES = 48  # of each drum
EARS = 3  # of one beginning a classifier may hear a tenth more real drums than of the next
REAL_STEPS = 600
EVERY = 2  # of the sounds, one is decoded by both roads: that takes a second each


def grouped(caption: str) -> str:
    """The drum that a caption names, as the other tables call it; "" where none of those that are asked for."""
    role = role_of(caption)
    drum = GROUPS.get(role, role)
    return drum if drum in ASKED else ""


def sounds(folder: Path, plan: Plan) -> tuple[list[str], list[str], Tensor]:
    """Kits, drums and waveforms (n, samples) of a folder's sounds as the studio prepares them; silent ones left out."""
    kits, drums, waveforms = [], [], []
    for path in preparation.find_sounds([folder]):
        waveform, sample_rate = audio.read(path)
        mono = audio.resample(audio.to_mono(waveform), sample_rate, plan.mel.sample_rate)
        if mono.abs().max() < 1e-3:
            continue
        cut = audio.fit(audio.trim(mono, plan.mel.sample_rate, PrepareSettings()), plan.mel.samples,
                        plan.mel.sample_rate // 50).reshape(-1)
        kits.append(path.parent.name)
        drums.append(grouped(captions.caption_of(path, folder, mono.reshape(-1), plan.mel.sample_rate)))
        waveforms.append(cut / cut.abs().max())
    return kits, drums, torch.stack(waveforms)


def confusion(work: Path, plan: Plan, drums: list[str], pixels: Tensor) -> None:
    """What classifiers that have only ever heard the synthesiser hear in real drums, EARS of them together."""
    names = [GROUPS.get(role, role) for role in plan.roles]
    ears = [judge.likelihoods(judge.classifier(work, plan, another=another), pixels) for another in range(EARS)]
    head(f"Real drums, named by {EARS} classifiers of synthesised ones together (bar: 75 %)", "drum", "right", "of",
         "heard instead")
    together = [names[number] for number in sum(ears).argmax(1)]
    for drum in ASKED:
        mine = [name for name, said in zip(together, drums, strict=True) if said == drum]
        others = Counter(name for name in mine if name != drum)
        row(drum, mine.count(drum), len(mine), ", ".join(f"{name} {count}" for name, count in others.most_common()))
    asked = torch.tensor([name in ASKED for name in names])
    alone = [(f"number {number}, alone", ear) for number, ear in enumerate(ears, 1)]
    for title, sure in (("**all**", sum(ears)), *alone, ("together, asked for these seven only", sum(ears) * asked)):
        hits = sum(names[number] == said for number, said in zip(sure.argmax(1), drums, strict=True))
        row(title, hits, sum(map(bool, drums)), f"{hits / max(1, sum(map(bool, drums))):.0%}")


def heard_by_real(base: models.Base, kits: list[str], drums: list[str], pixels: Tensor, held_out: Material,
                  plan: Plan) -> None:
    """What classifiers that have only ever heard real drums hear in the base's takes.

    One of them a kit left out, which is what it is examined on, so that their own worth shows; the takes and the
    synthesiser's sounds are examined by all of them.
    """
    known = torch.tensor([drum in ASKED for drum in drums])
    roles = torch.tensor([ASKED.index(drum) if drum in ASKED else -1 for drum in drums])
    ears, right = [], torch.zeros(len(ASKED))
    for kit in sorted(set(kits)):
        apart = torch.tensor([each == kit for each in kits])
        learned, examined = known & ~apart, known & apart
        ears.append(real_classifier(pixels[learned], roles[learned]))
        hits = roles[examined][judge.guesses(ears[-1], pixels[examined]) == roles[examined]]
        right += hits.bincount(minlength=len(ASKED))
    there = roles[known].bincount(minlength=len(ASKED))
    head(f"Named by {len(ears)} classifiers of real drums alone (bar for takes: 90 %)", "drum", "takes",
         "synthesised", "real, of the kit left out", "")
    shares = []
    for number, drum in enumerate(ASKED):
        names = [role for role in plan.roles if GROUPS.get(role, role) == drum and role != "808"]
        takes = torch.cat([judge.draw(base, name, TAKES // len(names)) for name in names])
        made = held_out.pixels[torch.isin(held_out.roles, torch.tensor([plan.roles.index(name) for name in names]))]
        shares.append([torch.stack([(judge.guesses(ear, sounds) == number).float().mean() for ear in ears]).mean()
                       for sounds in (takes, made)])
        shares[-1].append(right[number] / there[number].clamp_min(1))
        row(drum, *(f"{share:.0%}" for share in shares[-1]), f"of {there[number]}")
    row("**all**", *(f"{share:.0%}" for share in torch.tensor(shares).mean(0).tolist()), f"of {there.sum()}")


def real_classifier(pixels: Tensor, roles: Tensor) -> nn.Module:
    """A classifier of ASKED that learns from real drums alone, each as often as the next, moved, tilted and masked."""
    dice = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = judge.build(len(ASKED)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    among = [(roles == number).nonzero()[:, 0] for number in range(len(ASKED)) if (roles == number).any()]
    for step in range(REAL_STEPS):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / REAL_STEPS)
        shots = torch.stack([mine[torch.randint(len(mine), (1,), generator=dice)[0]]
                             for mine in among for _ in range(6)])
        up = int(torch.randint(0, 5, (1,), generator=dice))  # tuned a little higher or lower
        moved = nn.functional.pad(judge.seen(pixels[shots]), (0, 0, up, 4 - up), mode="replicate")[:, :, 2:-2]
        loss = nn.functional.cross_entropy(model(judge.masked(judge.elsewhere(moved, dice), dice)), roles[shots])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def grain(pixels: Tensor) -> Tensor:
    """Local contrast of pictures, at every pixel."""
    return autoencoder.local_contrast(nn.functional.pad(pixels[:, None].float() / 127.5, (2, 2, 2, 2),
                                                        mode="replicate"))[:, 0]


def through_autoencoder(base: models.Base, kits: list[str], waveforms: Tensor, pixels: Tensor, peaks: Tensor,
                        plan: Plan) -> None:
    """What the autoencoder loses, kit by kit, in pixels and in sound."""
    head("Real drums through the autoencoder (bars: 1.5 dB, contrast 0.75-1.25, 1.5 dB of spectrum)", "kit", "off dB",
         "contrast", "of noise-like parts", "black comes back as dB", "spectrum: codec dB", "both dB", "cost dB")
    for kit in [*sorted(set(kits)), ""]:
        mine = torch.tensor([not kit or each == kit for each in kits])
        shown, sound, peak = pixels[mine], waveforms[mine], peaks[mine]
        copies = autoencoder.copies(base.pipeline.vae, shown)
        found = autoencoder.figures(base.pipeline.vae, shown, plan.mel.range_db)
        noise = autoencoder.noise_like(judge.seen(shown))[:, 0]
        contrast = (grain(copies)[noise].mean() / grain(shown)[noise].mean()).item()
        costs = []
        for pictures in (shown, copies.round().to(torch.uint8)):
            decoded = mel.decode(pictures[::EVERY], peak[::EVERY], plan.mel)
            costs.append(sum(compare(one, other, plan.mel.sample_rate).spectrum_db
                             for one, other in zip(sound[::EVERY], decoded, strict=True)) / len(decoded))
        row(kit or "**all**", found["off_db"], found["contrast"], contrast, found["silence_db"], *costs,
            costs[1] - costs[0])


def main(options: argparse.Namespace) -> None:
    """All three tables."""
    base = models.open_base(options.base, "cpu", "no")
    plan = dataclasses.replace(Plan(), mel=base.mel)
    material.make(options.work / "material", plan)
    kits, drums, waveforms = sounds(options.folder, plan)
    pixels, peaks = mel.encode(waveforms, plan.mel)
    confusion(options.work, plan, drums, pixels)
    held_out = material.load(options.work / "material", "held_out", plan)
    heard_by_real(base, kits, drums, pixels, held_out, plan)
    through_autoencoder(base, kits, waveforms, pixels, peaks, plan)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("base", nargs="?", default="embedded")
    parser.add_argument("--work", type=Path, default=WORK)
    main(parser.parse_args())
