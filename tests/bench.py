"""How fast the studio is here and how close its round trip comes: one run, one machine, one table (`make bench`).

    python tests/bench.py [FOLDER OF SOUNDS]      without a folder: the synthesised demo kit
"""

import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from studio import presets
from studio.engine import audio, devices, kit, mel as codec, models, preparation
from studio.engine.generation import generate
from studio.engine.training import train
from studio.settings import GenerateSettings, MelSettings, PrepareSettings, TrainSettings

ROOT = Path(__file__).resolve().parent.parent


def sounds(folder: Path | None, work: Path) -> list[Path]:
    """The sounds to measure on."""
    return preparation.find_sounds([folder]) if folder else kit.write_demo_kit(work / "kit")


def log_spectral_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean |dB| between two sounds' STFTs over FFT sizes 256 to 4096, where either is within 80 dB of the peak."""
    distances = []
    for n_fft in (256, 512, 1024, 2048, 4096):
        window = torch.hann_window(n_fft)
        levels = [torch.stft(each, n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant").abs()
                  for each in (one, other)]
        peak = levels[0].max()
        one_db, other_db = (20 * torch.log10((level / peak).clamp_min(1e-4)) for level in levels)
        heard = (one_db > -80) | (other_db > -80)
        distances.append((one_db - other_db).abs()[heard].mean())
    return float(torch.stack(distances).mean())


def codec_rows(paths: list[Path]) -> None:
    """Round trip of every sound at every built-in geometry: distance, level, seconds of one thread a sound."""
    print("\n| round trip | picture | dB apart | level dB | encode s | decode s |\n|---|---|---|---|---|---|")
    for name in presets.names("mel"):
        mel = presets.load("mel", name)
        waveforms = []
        for path in paths:
            waveform, rate = audio.read(path)
            mono = audio.trim(audio.resample(audio.to_mono(waveform), rate, mel.sample_rate), mel.sample_rate,
                              PrepareSettings())
            if len(mono):
                waveforms.append(audio.normalise(audio.fit(mono, mel.samples, 882))[0])
        distances, levels, encoding, decoding = [], [], 0.0, 0.0
        for waveform in waveforms:
            start = time.process_time()
            pixels, peak_db = codec.encode(waveform[None], mel)
            middle = time.process_time()
            back = codec.decode(pixels, peak_db, mel)[0]
            encoding, decoding = encoding + middle - start, decoding + time.process_time() - middle
            distances.append(log_spectral_distance(waveform, back))
            levels.append(float(10 * torch.log10(back.square().sum() / waveform.square().sum())))
        count = len(waveforms)
        print(f"| {name} | {mel.n_frames}×{mel.n_mels} | {sum(distances) / count:.2f} | {sum(levels) / count:+.2f} | "
              f"{encoding / count:.3f} | {decoding / count:.2f} |", flush=True)


def timed(label: str, work: Callable[[], int]) -> None:
    """Run `work`, which returns how many things it made, and print its wall seconds."""
    start = time.perf_counter()
    count = work()
    seconds = time.perf_counter() - start
    each = f" ({seconds / count:.2f} s each)" if count else ""
    print(f"| {label} | {seconds:.2f} s{each} |", flush=True)


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


if __name__ == "__main__":
    print(f"{platform.machine()}, {os.cpu_count()} cores, {devices.describe()}, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads; {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as scratch:
        chosen = sounds(Path(sys.argv[1]) if len(sys.argv) > 1 else None, Path(scratch))
        print(f"{len(chosen)} sounds from {sys.argv[1] if len(sys.argv) > 1 else 'the demo kit'}")
        main_job_rows(chosen, Path(scratch))
        torch.set_num_threads(1)
        codec_rows(chosen)
