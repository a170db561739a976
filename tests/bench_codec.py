"""How near sounds come back from their pictures, and how fast: every road in one process, on the same clips.

    python tests/bench_codec.py [FOLDER OF SOUNDS] [--count 24]      without a folder: the synthesised demo kit

The clips: mono, trimmed to the onset, cut at 0.98 s with a fade or followed by silence, peak 0.9. Each road encodes
and decodes each clip alone, on one thread. Of every figure the mean is shown, of attack and envelope the median.
"""

import argparse
import importlib.util
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
import torchaudio

from studio import presets
from studio.engine import audio, kit, mel as codec, preparation
from studio.engine.likeness import Likeness, compare
from studio.settings import PrepareSettings

RATE = 44100
CLIP = round(0.98 * RATE)  # what the shortest of the 1 s pictures holds
FADE = round(0.02 * RATE)


@dataclass(frozen=True)
class Road:
    """One way to a picture and back; `encode` and `decode` take and give one clip (samples,) at RATE."""

    name: str
    size: str  # of the picture, width × height
    encode: Callable[[torch.Tensor], object]
    decode: Callable[[object], torch.Tensor]


# --------------------------------------------------------------------------------------------------------------- roads
def ours(name: str) -> Road:
    """A preset of ours: 8-bit pixels, and beside them the two levels that our files keep."""
    mel = presets.load("mel", name)
    width = 1 + (CLIP + mel.pad) // mel.hop_length if mel.whole else mel.n_frames

    def encode(clip: torch.Tensor) -> object:
        sound = audio.resample(clip, RATE, mel.sample_rate)[None]
        return *codec.encode(sound, mel), sound.abs().amax(dim=1)

    def decode(picture: object) -> torch.Tensor:
        pixels, peak_db, loudest = picture
        return audio.resample(codec.decode(pixels, peak_db, mel, loudest=loudest)[0], mel.sample_rate, RATE)

    return Road(f"`{name}`", f"{width}×{mel.n_mels}", encode, decode)


def riffusions() -> Road:
    """Riffusion's parameters and pictures with torchaudio's classes of today: least squares, Griffin-Lim 32.

    As there, the sound's scale is 32768, the picture is cut to 8 bits, and what comes out is peak-normalised.
    """
    n_fft, win_length, hop_length = 17640, 4410, 441
    spectrogram = torchaudio.transforms.Spectrogram(n_fft, win_length, hop_length, power=None)
    scale = torchaudio.transforms.MelScale(512, RATE, 0, 10000, n_fft // 2 + 1, None, "htk")
    phase = torchaudio.transforms.GriffinLim(n_fft, 32, win_length, hop_length, power=1.0, momentum=0.99)
    unmixing = torchaudio.transforms.InverseMelScale(n_fft // 2 + 1, 512, RATE, 0, 10000, None, "htk",
                                                     driver=working_driver(scale.fb))

    def encode(clip: torch.Tensor) -> object:
        mel = scale(spectrogram(clip * 32768).abs())
        return (255 - 255 * (mel / mel.max()).pow(0.25)).to(torch.uint8), float(mel.max())

    def decode(picture: object) -> torch.Tensor:
        pixels, max_value = picture
        torch.manual_seed(0)
        waveform = phase(unmixing(((255 - pixels.float()) / 255).pow(4) * max_value))
        return waveform / waveform.abs().max()

    return Road("Riffusion's road", f"{1 + CLIP // hop_length}×512", encode, decode)


def working_driver(bank: torch.Tensor) -> str:
    """The least-squares driver of LAPACK that can solve (bins, rows): "gels" where the rank is full."""
    return "gels" if int(torch.linalg.matrix_rank(bank.double())) == bank.shape[1] else "gelsd"


def librosas(name: str, sample_rate: int, hop_length: int) -> Road:
    """librosa's `mel_to_audio` with its defaults but for rate and hop; its mel power stays in floats."""
    import librosa

    def encode(clip: torch.Tensor) -> object:
        return librosa.feature.melspectrogram(y=audio.resample(clip, RATE, sample_rate).numpy(), sr=sample_rate,
                                              hop_length=hop_length)

    def decode(picture: object) -> torch.Tensor:
        waveform = librosa.feature.inverse.mel_to_audio(picture, sr=sample_rate, hop_length=hop_length)
        return audio.resample(torch.from_numpy(numpy.ascontiguousarray(waveform)), sample_rate, RATE)

    return Road(name, f"{1 + CLIP * sample_rate // RATE // hop_length}×128", encode, decode)


def roads() -> list[Road]:
    """All roads that can be walked here, Riffusion's first."""
    found = [riffusions()]
    if importlib.util.find_spec("librosa"):
        found += [librosas("librosa mel_to_audio, 22.05 kHz", 22050, 512),
                  librosas("librosa mel_to_audio, 44.1 kHz", 44100, 344)]
    return found + [ours(name) for name in presets.names("mel")]


# ------------------------------------------------------------------------------------------------------------- walking
def clips(paths: list[Path], count: int) -> list[torch.Tensor]:
    """At most `count` of the sounds, evenly from the list, as prepared clips (CLIP,)."""
    prepared = []
    for path in paths[:: max(1, -(-len(paths) // count))]:
        waveform, rate = audio.read(path)
        mono = audio.trim(audio.resample(audio.to_mono(waveform), rate, RATE), RATE, PrepareSettings())
        if len(mono):
            prepared.append(audio.normalise(audio.fit(mono, CLIP, FADE))[0])
    return prepared


def walk(road: Road, clips: list[torch.Tensor]) -> tuple[list[Likeness], float, float]:
    """Every clip there and back: how like it came back, and CPU seconds a clip of encoding and of decoding."""
    road.decode(road.encode(clips[0]))  # tables are made and code is compiled outside of the clock
    likenesses, encoding, decoding = [], 0.0, 0.0
    for clip in clips:
        start = time.process_time()
        picture = road.encode(clip)
        middle = time.process_time()
        back = road.decode(picture)
        encoding, decoding = encoding + middle - start, decoding + time.process_time() - middle
        likenesses.append(compare(clip, back, RATE))
    return likenesses, encoding / len(clips), decoding / len(clips)


def main(folder: Path | None, count: int) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        paths = preparation.find_sounds([folder]) if folder else kit.write_demo_kit(Path(scratch) / "kit")
        chosen = clips(paths, count)
    print(f"{len(chosen)} clips from {folder.name if folder else 'the demo kit'}; {time.strftime('%Y-%m-%d')}, "
          f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, one thread; "
          f"`python {shlex.join(sys.argv)}`\n")
    print("| round trip | picture | spectrum dB | bands dB | attack ms | envelope | level dB | peak dB | encode s | "
          "decode s | times nearer | of the time |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    distance_there = seconds_there = 0.0
    for road in roads():
        found, encoding, decoding = walk(road, chosen)
        distance, bands_db = (statistics.mean(getattr(each, name) for each in found) for name in
                              ("spectrum_db", "bands_db"))
        if not distance_there:
            distance_there, seconds_there = distance, decoding
        print(f"| {road.name} | {road.size} | {distance:.2f} | {bands_db:.2f} | "
              f"{statistics.median(each.attack_ms for each in found):.2f} | "
              f"{statistics.median(each.envelope_correlation for each in found):.2f} | "
              f"{statistics.mean(abs(each.level_db) for each in found):.2f} | "
              f"{statistics.mean(each.peak_db for each in found):+.2f} | {encoding:.3f} | {decoding:.2f} | "
              f"{distance_there / distance:.1f} | {decoding / seconds_there:.2f} |", flush=True)
    if not importlib.util.find_spec("librosa"):
        print("| librosa mel_to_audio | not measured: librosa is not installed (`pip install librosa`) "
              + "| " * 10 + "|")
    print("\nspectrum, bands: mean |dB|; attack, envelope: medians; level: mean |dB|; peak: mean; "
          "times nearer, of the time: against Riffusion's road")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="sounds to measure on; without it, the demo kit")
    parser.add_argument("--count", type=int, default=24, help="at most this many of them (%(default)s)")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.count)
