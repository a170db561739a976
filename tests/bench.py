"""How fast the studio is here: one run, one machine, one table (`make bench`; the codec has `make bench-codec`).

    python tests/bench.py [FOLDER OF SOUNDS]      without a folder: the synthesised demo kit
"""

import contextlib
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from studio.engine import audio, captions, catalogue, devices, kit, models, preparation
from studio.engine.generation import generate
from studio.engine.training import train
from studio.errors import Cancelled
from studio.progress import Progress
from studio.settings import GenerateSettings, MelSettings, PrepareSettings, TrainSettings

ROOT = Path(__file__).resolve().parent.parent


def sounds(folder: Path | None, work: Path) -> list[Path]:
    """The sounds to measure on."""
    return preparation.find_sounds([folder]) if folder else kit.write_demo_kit(work / "kit")


def timed(label: str, work: Callable[[], int]) -> None:
    """Run `work`, which returns how many things it made, and print its wall seconds."""
    start = time.perf_counter()
    count = work()
    seconds = time.perf_counter() - start
    each = f" ({seconds / count:.2f} s each)" if count else ""
    print(f"| {label} | {seconds:.3f} s{each} |", flush=True)


def main_job_rows(paths: list[Path], work: Path) -> None:
    """The main job on the embedded base, step by step."""
    print("\n| the main job on the embedded base | wall |\n|---|---|")
    start_up = [sys.executable, "-c", "from studio.cli import main; import studio.engine.generation"]
    timed("import of the engine", lambda: subprocess.run(start_up, cwd=ROOT, check=True) and 0)
    timed("prepare", lambda: len(preparation.prepare(paths, work / "dataset", MelSettings(), PrepareSettings()).added))
    timed("load the base", lambda: models.load_base("embedded", "auto") and 0)
    settings = GenerateSettings(prompt="kick", count=1, seed=1)
    timed("first sound", lambda: len(list(generate(settings, work / "takes"))))
    timed("eight sounds", lambda: len(list(generate(dataclasses.replace(settings, count=8), work / "takes"))))
    train_settings = TrainSettings(steps=50, checkpoint_every=0)
    timed("50 training steps of 8, with encoding",
          lambda: train(work / "dataset", train_settings, work / "run") and 50)


def library_rows(sound: Path, work: Path, count: int = 5000) -> None:
    """A library of `count` takes, all with the same sound: listing, looking again, searching. Measuring is the sound's
    own matter, so that it is timed on one."""
    folder = work / "many"
    folder.mkdir()
    for number in range(count):
        shutil.copyfile(sound, folder / f"kick_{number}.wav")
        recipe = {"settings": {"prompt": f"deep punchy kick, long, {number % 97}", "seed": number, "base": "embedded",
                               "lora": [f"kit {number % 5}.safetensors:1"]}, "marks": {"note": "for the intro " * 5}}
        (folder / f"kick_{number}.json").write_text(json.dumps(recipe), encoding="utf-8")
    index = catalogue.Catalogue(folder, work / "many.sqlite")

    def listed() -> int:
        def report(progress: Progress) -> None:
            if progress.stage.startswith("listening"):
                raise Cancelled
        with contextlib.suppress(Cancelled):
            index.refresh(report=report)
        return 0

    print(f"\n| a library of {count} takes | wall |\n|---|---|")
    timed("listed from the files alone", listed)
    waveform, sample_rate = audio.read(sound)
    timed("one sound measured", lambda: len(captions.measured_words(audio.to_mono(waveform), sample_rate, "kick")) * 0)
    timed("looked at again", listed)
    for label, asked in (("all of them, newest first", {}), ("three words", {"text": "punchy long 42"}),
                         ("role, LoRA and a word", {"role": "kick", "lora": "kit 3", "text": "intro"})):
        timed(f"search: {label}", lambda asked=asked: index.search(limit=64, **asked).total * 0)


if __name__ == "__main__":
    print(f"{platform.machine()}, {os.cpu_count()} cores, {devices.describe()}, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads; {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as scratch:
        chosen = sounds(Path(sys.argv[1]) if len(sys.argv) > 1 else None, Path(scratch))
        print(f"{len(chosen)} sounds from {sys.argv[1] if len(sys.argv) > 1 else 'the demo kit'}")
        library_rows(chosen[0], Path(scratch))
        main_job_rows(chosen, Path(scratch))
