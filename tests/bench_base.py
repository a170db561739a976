"""Every figure of a base model in one table (`make bench-base`): does it name drums, obey words, keep grain, hurry?

    python tests/bench_base.py [BASE] [--work DIR] [--real FOLDER] [--count N] [--samplers]

BASE   : a folder in StableDiffusionPipeline format; without one, the base that ships with the studio
--work : where the classifier's own material lies, as much as the recipe's; made there at the first call, minutes
--real : a folder of real drums that the autoencoder is tried on
--grid : where to draw a picture of takes beside synthesised sounds, a row a role
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torchaudio.functional import highpass_biquad

from studio.engine import audio, mel, models, preparation
from studio.engine.base import autoencoder, judge, material, obedience
from studio.engine.base.material import Material
from studio.engine.base.plan import Plan
from studio.engine.generation import generate
from studio.settings import GenerateSettings, PrepareSettings, guidance_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / f"bench-base-{Plan().clips_per_role}"  # material of another size there would judge otherwise
ODD_PROMPTS = ("", "qwxz blorf", "a dog in the rain")
SHORT_ROLES = ("closed hat", "clave", "rim", "kick")
STEPS = (4, 6, 8, 10, 12, 15, 20, 30)
GUIDANCES = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
SAMPLED = 60  # steps that are as good as any number
PAIRS = 6  # takes with a negative prompt, and the same seeds without
HUM_HZ = 500  # below it the end of a short sound is its tone, not a hiss
GRID = (6, 3)  # takes beside synthesised sounds, in the picture of a role
DEFAULTS = GenerateSettings()


def row(label: str, *values: object) -> None:
    """Print a line of a table, figures with three digits."""
    told = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values]
    print(f"| {label} | {' | '.join(told)} |", flush=True)


def head(title: str, *columns: str) -> None:
    """Begin a table."""
    print(f"\n## {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


def named(base: models.Base, classifier: torch.nn.Module, held_out: Material, plan: Plan,
          count: int) -> dict[str, Tensor]:
    """Does a prompt name the drum, and do seeds differ? Returns the pictures of each role."""
    right = judge.guesses(classifier, held_out.pixels) == held_out.roles
    head(f"Roles: {count} takes each, {DEFAULTS.steps} steps, guidance {guidance_of(DEFAULTS):g}", "role",
         "named right", "classifier on material", "spread dB", "of material dB", "ratio", "nearest two dB")
    drawn, sums = {}, torch.zeros(4)
    for number, role in enumerate(plan.roles):
        pixels, mine = judge.draw(base, role, count), held_out.roles == number
        drawn[role] = pixels
        share = (judge.guesses(classifier, pixels) == number).float().mean()
        figures = torch.tensor([share, right[mine].float().mean(), judge.spread_db(pixels, plan.mel.range_db),
                                judge.spread_db(held_out.pixels[mine], plan.mel.range_db)])
        sums += figures / len(plan.roles)
        row(role, *figures.tolist(), (figures[2] / figures[3]).item(), judge.nearest_db(pixels, plan.mel.range_db))
    row("**all**", *sums.tolist(), (sums[2] / sums[3]).item(), "")
    return drawn


def words(base: models.Base, plan: Plan, count: int) -> None:
    """Rank correlation of words with what they mean."""
    head("Words: rank correlation with the measured quantity", "words", "mean", "by role")
    for scale, by_role in obedience.obedience(lambda prompt, n: judge.draw(base, prompt, n),
                                              plan.mel.range_db, count).items():
        row(scale, by_role["mean"], ", ".join(f"{role} {value:.2f}" for role, value in by_role.items()
                                              if role != "mean"))


def odd_prompts(base: models.Base, classifier: torch.nn.Module, plan: Plan) -> None:
    """What a base makes of prompts it never learned: a sound begins loud and dies, noise does not."""
    head("Odd prompts, 8 takes each", "prompt", "share whose last tenth is 20 dB under the first", "roles heard")
    for prompt in ODD_PROMPTS:
        pixels = judge.draw(base, prompt, 8)
        tenth = plan.mel.n_frames // 10
        loud = pixels.float().amax(1) * plan.mel.range_db / 255
        dies = loud[:, :tenth].amax(1) - loud[:, -tenth:].amax(1) > 20
        heard = sorted({plan.roles[int(each)] for each in judge.guesses(classifier, pixels)})
        row(repr(prompt), dies.float().mean().item(), ", ".join(heard))


def negatives(base: models.Base, plan: Plan) -> None:
    """Does a negative prompt keep its word away? The same seeds with and without, by what the word means."""
    head(f"Negative prompts, {PAIRS} seeds a role: share whose quantity moved away from the word", "kept away", "share",
         "by role")
    for scale in obedience.SCALES:
        for word, sign in ((scale.under, 1), (scale.over, -1)):
            shares = {}
            for role in scale.roles:
                plain, without = (scale.figure(judge.draw(base, role, PAIRS, negative_prompt=negative),
                                               plan.mel.range_db) for negative in ("", f"{word} {role}"))
                moved = sign * (without - plain)
                shares[role] = ((moved > 0).float() + 0.5 * (moved == 0)).mean().item()
            row(word, sum(shares.values()) / len(shares), ", ".join(f"{role} {value:.2f}"
                                                                    for role, value in shares.items()))


def hiss(drawn: dict[str, Tensor], plan: Plan) -> None:
    """The loudest 10 ms of the last 0.2 s of short sounds, in dB under the sound's peak: all, and what is no hum.

    The second under a Hann window, for a kick that is cut while it hums is a step, and steps have all frequencies.
    """
    head("Hiss after short sounds, dB under the peak (bar: -70)", "role", "loudest", "median",
         f"loudest above {HUM_HZ} Hz")
    step = plan.mel.sample_rate // 100
    for role in (each for each in SHORT_ROLES if each in drawn):
        sounds = mel.decode(drawn[role], torch.zeros(len(drawn[role])), plan.mel)
        ends = sounds[:, -20 * step :]
        above = highpass_biquad(ends * torch.hann_window(ends.shape[1]), plan.mel.sample_rate, HUM_HZ)
        under, hissing = (20 * (each.unflatten(1, (20, step)).square().mean(2).sqrt().amax(1)
                                / sounds.abs().amax(1) + 1e-6).log10() for each in (ends, above))
        row(role, under.max().item(), under.median().item(), hissing.max().item())


def vae(base: models.Base, held_out: Material, plan: Plan, real: Path | None) -> None:
    """What the autoencoder loses."""
    head("Autoencoder", "sounds", "off dB", "off dB where it sounds", "local contrast", "black comes back as dB")
    kinds = {"synthesised, unseen": held_out.pixels[::8]}
    if real is not None:
        kinds |= {f"real: {folder.name}": pictures(folder, plan) for folder in kits(real)}
    for name, pixels in kinds.items():
        row(name, *autoencoder.figures(base.pipeline.vae, pixels, plan.mel.range_db).values())


def kits(folder: Path) -> list[Path]:
    """The folders with sounds at or below `folder`."""
    return sorted({path.parent for path in preparation.find_sounds([folder])})


def pictures(folder: Path, plan: Plan) -> Tensor:
    """Pictures of a folder's sounds, cut and faded as the studio prepares them; silent files are left out."""
    sounds = []
    for path in preparation.find_sounds([folder]):
        waveform, sample_rate = audio.read(path)
        mono = audio.resample(audio.to_mono(waveform), sample_rate, plan.mel.sample_rate)
        if mono.abs().max() > 1e-3:
            cut = audio.trim(mono, plan.mel.sample_rate, PrepareSettings())
            sounds.append(audio.fit(cut, plan.mel.samples, plan.mel.sample_rate // 50).reshape(1, -1))
    return mel.encode(torch.cat(sounds), plan.mel)[0]


def samplers(base: models.Base, classifier: torch.nn.Module, plan: Plan, count: int) -> None:
    """Quality against steps for each sampler, and against guidance for the one that is the default.

    Solvers of one equation all go to the same picture: the distance to that of 60 steps is what too few steps cost.
    """
    def drawn(steps: int, **settings: Any) -> dict[int, Tensor]:
        return {number: judge.draw(base, role, count, steps=steps, **settings)
                for number, role in enumerate(plan.roles)}

    def right(pictures: dict[int, Tensor]) -> float:
        named = [judge.guesses(classifier, pixels) == number for number, pixels in pictures.items()]
        return torch.cat(named).float().mean().item()

    best = torch.cat(list(drawn(SAMPLED).values())).float()
    head(f"Samplers, {count} takes a role: share named right, and dB from the picture of {SAMPLED} steps (dpm++)",
         "sampler", *(f"{n} steps" for n in STEPS))
    for name in ("dpm++", "unipc", "euler", "ddim"):
        cells = []
        for steps in STEPS:
            pictures = drawn(steps, scheduler=name)
            off = (torch.cat(list(pictures.values())).float() - best).abs().mean().item() * plan.mel.range_db / 255
            cells.append(f"{right(pictures):.1%}, {off:.2f}")
        row(name, *cells)
    head(f"Guidance, {DEFAULTS.steps} steps", "guidance", "named right", "spread dB")
    for guidance in GUIDANCES:
        pictures = drawn(DEFAULTS.steps, guidance=guidance)
        spreads = [judge.spread_db(pixels, plan.mel.range_db) for pixels in pictures.values()]
        row(f"{guidance:g}", right(pictures), sum(spreads) / len(spreads))


def grid(drawn: dict[str, Tensor], held_out: Material, plan: Plan, file: Path) -> None:
    """Draw takes of each role beside synthesised sounds of it, in the colours of the studio."""
    figure, axes = plt.subplots(len(plan.roles), sum(GRID), figsize=(9, 1.02 * len(plan.roles)), layout="constrained")
    for number, role in enumerate(plan.roles):
        made = held_out.pixels[held_out.roles == number][: GRID[1]]
        for place, pixels in enumerate([*drawn[role][: GRID[0]], *made]):
            axes[number, place].imshow(pixels, cmap="magma", vmin=0, vmax=255, aspect="auto")
            axes[number, place].set(xticks=[], yticks=[])
        axes[number, 0].set_ylabel(role, fontsize=7)
    axes[0, 0].set_title("takes of the base", loc="left", fontsize=8)
    axes[0, GRID[0]].set_title("synthesised, unseen", loc="left", fontsize=8)
    figure.savefig(file, dpi=110)


def speed(name: str) -> None:
    """How long a user waits, in a process that has nothing loaded and in one that has."""
    head(f"Speed on {torch.get_num_threads()} threads", "what", "seconds")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import studio.engine.generation"], cwd=ROOT, check=True)
    row("import of the engine", time.perf_counter() - start)
    start = time.perf_counter()
    models.open_base(name, "cpu")
    row("load", time.perf_counter() - start)
    models.load_base(name, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        for label, count in (("first sound", 1), ("8 sounds", 8)):
            start = time.perf_counter()
            settings = GenerateSettings(prompt="kick", count=count, seed=1, base=name, device="cpu", batch_size=count)
            list(generate(settings, Path(folder)))
            row(label, time.perf_counter() - start)


def sizes(folder: Path) -> None:
    """Megabytes by part."""
    head("Size", "part", "MB")
    files = [path for path in folder.rglob("*") if path.is_file()]
    for part in sorted({path.relative_to(folder).parts[0] for path in files}):
        inside = [path for path in files if path.relative_to(folder).parts[0] == part]
        row(part, sum(path.stat().st_size for path in inside) / 1e6)
    row("**all**", sum(path.stat().st_size for path in files) / 1e6)


def main(options: argparse.Namespace) -> None:
    """All tables of one base."""
    plan = Plan()
    material.make(options.work / "material", plan)
    classifier = judge.classifier(options.work, plan)
    held_out = material.load(options.work / "material", "held_out", plan)
    print(f"# {options.base}, {time.strftime('%Y-%m-%d')}, torch {torch.__version__}")
    speed(options.base)
    sizes(Path(models.where(options.base)))
    base = models.open_base(options.base, "cpu", "no")
    vae(base, held_out, plan, options.real)
    drawn = named(base, classifier, held_out, plan, options.count)
    words(base, plan, max(4, options.count // 6))
    negatives(base, plan)
    odd_prompts(base, classifier, plan)
    hiss(drawn, plan)
    if options.grid:
        grid(drawn, held_out, plan, options.grid)
    if options.samplers:
        samplers(base, classifier, plan, max(2, options.count // 12))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", default="embedded")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--grid", type=Path)
    parser.add_argument("--count", type=int, default=48, help="takes a role")
    parser.add_argument("--samplers", action="store_true", help="the table of samplers and steps too")
    main(parser.parse_args())
