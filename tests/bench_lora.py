"""How well a LoRA takes a kit (`make bench-lora KIT=folder`): distances before and after, the sweep for the defaults.

    python tests/bench_lora.py KIT [FIELD=VALUE …] [--unlike FOLDER] [--role WORD] [--held-out PART] [--sweep]

KIT        : a folder of sounds that the LoRA learns from
--unlike   : another kit, which must not come nearer
--role     : only sounds whose caption holds this word, such as snare
--held-out : sounds whose file name holds this part are kept from training and measured against
FIELD=VALUE: of TrainSettings, such as rank=4 learning_rate=0.002

Distances are between mel cepstra (20 coefficients in 8 segments of time, shorter at the beginning), as the mean over
takes of the distance to the nearest sound of a kit. `ratio` is that of the trained LoRA ÷ that of the base alone. On a
handful of sounds two seeds can be 0.1 and more apart: compare the means of several (seed=5, seed=6 …).
"""

import argparse
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from bench_base import head, row
from torch import Tensor
from torchaudio.transforms import MFCC

from studio.engine import audio, dataset, preparation
from studio.engine.generation import generate
from studio.engine.training import train
from studio.knobs import as_dict
from studio.presets import load
from studio.settings import GenerateSettings, PrepareSettings, TrainSettings

RATE = 44100
SEGMENTS = (0.0, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # seconds
SWEEP = {"rank": (4, 16), "targets": ("attention", "kohya"), "learning_rate": (0.001, 0.003, 0.01),
         "steps": (60, 400), "scheduler": ("constant",)}
COLUMNS = ("seconds", "ratio", "held out", "unlike", "spread ÷ kit's", "copies", "takes")


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one training came to."""

    seconds: float
    near: float
    held_out: float
    unlike: float
    spread: float
    copies: int


def cepstra(sounds: Iterable[tuple[Tensor, int]]) -> Tensor:
    """(n, 160) features of waveforms (channels, samples) and their rates, peak-normalised and trimmed before."""
    mfcc = MFCC(RATE, n_mfcc=20, melkwargs={"n_fft": 1024, "hop_length": 128, "n_mels": 64})
    found = []
    for waveform, sample_rate in sounds:
        mono = audio.resample(audio.to_mono(waveform), sample_rate, RATE)
        cut = audio.fit(audio.trim(mono, RATE, PrepareSettings()), RATE, RATE // 50).reshape(-1)
        frames = mfcc(cut / cut.abs().max().clamp_min(1e-6))
        edges = [round(each * RATE / 128) for each in SEGMENTS]
        parts = [frames[:, start:max(stop, start + 1)].mean(1) for start, stop in itertools.pairwise(edges)]
        found.append(torch.cat(parts))
    return torch.stack(found)


def of_files(paths: Sequence[Path]) -> Tensor:
    """Features of sound files; silent ones are left out."""
    sounds = [audio.read(path) for path in paths]
    return cepstra([each for each in sounds if each[0].abs().max() > 1e-3])


def nearest(takes: Tensor, kit: Tensor) -> float:
    """Mean distance of takes to the nearest sound of a kit."""
    return torch.cdist(takes, kit).amin(1).mean().item()


def spread(sounds: Tensor) -> float:
    """Mean distance between two of the sounds."""
    return (torch.cdist(sounds, sounds).sum() / (len(sounds) * (len(sounds) - 1))).item()


def copies(takes: Tensor, kit: Tensor) -> int:
    """How many takes are nearer to a sound of the kit than half of the kit's own 5th-percentile nearest distance."""
    among = torch.cdist(kit, kit) + torch.eye(len(kit)) * 1e9
    return int((torch.cdist(takes, kit).amin(1) < among.amin(1).quantile(0.05) / 2).sum())


class Trial:
    """A kit prepared once, what it is measured against, and the base's own takes."""

    def __init__(self, options: argparse.Namespace, base: str, folder: Path) -> None:
        self.base, self.folder, self.takes_wanted = base, folder, options.takes
        kit = [path for path in preparation.find_sounds([options.kit])]
        kept = [path for path in kit if options.held_out and options.held_out in path.stem]
        learned = [path for path in kit if path not in kept]
        mel = load("mel", "one-shot-128")
        preparation.prepare(learned, folder / "dataset", mel, PrepareSettings())
        rows = dataset.load(folder / "dataset").one_shots
        rows = dataset.revise(folder / "dataset", [dataclasses.replace(each, enabled=options.role in each.text)
                                                   for each in rows]).one_shots
        self.captions = sorted({each.text for each in rows if each.enabled})
        self.kit = of_files([folder / "dataset" / each.audio for each in rows if each.enabled])
        self.held_out = of_files([path for path in kept if options.role in path.stem.lower()]) if kept else None
        self.unlike = of_files(list(preparation.find_sounds([options.unlike]))) if options.unlike else None
        self.number = 0
        self.before = self.takes(())
        head(f"{options.kit.name}: {len(self.kit)} sounds{' of ' + options.role if options.role else ''}, "
             f"{len(self.before)} takes; the base alone is {nearest(self.before, self.kit):.1f} from the kit",
             "settings", *COLUMNS)

    def takes(self, lora: tuple[str, ...]) -> Tensor:
        """Takes of the captions, as many of each as make up the wanted number."""
        each = -(-self.takes_wanted // len(self.captions))
        self.number += 1
        paths = []
        for prompt in self.captions:
            settings = GenerateSettings(prompt=prompt, count=each, seed=1, lora=lora, batch_size=8, device="cpu",
                                        base=self.base)
            paths += [take.path for take in generate(settings, self.folder / f"takes-{self.number}")]
        return of_files(paths)

    def run(self, settings: TrainSettings) -> Measured:
        """Train, generate, measure."""
        start = time.monotonic()
        lora = train(self.folder / "dataset", settings, self.folder / f"run-{self.number}")
        seconds = time.monotonic() - start
        takes = self.takes((str(lora),))

        def ratio(kit: Tensor | None) -> float:
            return float("nan") if kit is None else nearest(takes, kit) / nearest(self.before, kit)

        return Measured(seconds, ratio(self.kit), ratio(self.held_out), ratio(self.unlike),
                        spread(takes) / spread(self.kit), copies(takes, self.kit))


def told(trial: Trial, name: str, settings: TrainSettings) -> None:
    """Run a trial and print its row."""
    found = trial.run(settings)
    row(name, found.seconds, found.near, found.held_out, found.unlike, found.spread, found.copies, len(trial.before))


def chosen(words: Sequence[str]) -> TrainSettings:
    """The default settings with FIELD=VALUE words over them."""
    settings = TrainSettings(device="cpu", checkpoint_every=0)
    for word in words:
        name, _, value = word.partition("=")
        kind = type(as_dict(settings)[name])
        settings = dataclasses.replace(settings, **{name: value == "True" if kind is bool else kind(value)})
    return settings


def main(options: argparse.Namespace) -> None:
    """The default's row, and with --sweep a row for each other value of one knob at a time."""
    torch.set_num_threads(options.threads or torch.get_num_threads())
    settings = chosen(options.settings)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(options, settings.base, Path(folder))
        told(trial, " ".join(options.settings) or "as the settings are", settings)
        for name, values in SWEEP.items() if options.sweep else ():
            for value in values:
                also = {"alpha": float(value)} if name == "rank" else {}
                if getattr(settings, name) != value:
                    told(trial, f"{name} {value}", dataclasses.replace(settings, **{name: value}, **also))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", type=Path)
    parser.add_argument("settings", nargs="*", metavar="FIELD=VALUE")
    parser.add_argument("--unlike", type=Path)
    parser.add_argument("--role", default="")
    parser.add_argument("--held-out", default="")
    parser.add_argument("--takes", type=int, default=24)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sweep", action="store_true")
    main(parser.parse_intermixed_args())
