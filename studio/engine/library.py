"""Takes on disk: each generated sound is a 24-bit WAV, its picture, and the recipe that makes it again.

The files are the truth: NAME.wav carries the recipe inside, NAME.png is the picture (with its mel settings inside),
NAME.json is the recipe for people and scripts.
"""

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.engine import audio, picture
from studio.engine.latents import sound_from_pixels
from studio.engine.picture import Picture
from studio.errors import StudioError
from studio.files import read_json, slug, write_json
from studio.knobs import as_dict
from studio.progress import Report, silent
from studio.settings import MelSettings, PrepareSettings

ENDS = PrepareSettings(onset_db=-50, tail_db=-70, fade_out_ms=10)  # of a take: where it begins and ends

@dataclass(frozen=True)
class Take:
    """A generated sound and its recipe."""

    path: Path
    recipe: Mapping[str, Any]

    @property
    def picture(self) -> Path:
        """Its spectrogram."""
        return self.path.with_suffix(".png")

    @property
    def prompt(self) -> str:
        """The words it was made from."""
        settings = self.recipe.get("settings", {})
        return str(settings.get("prompt") or " → ".join(filter(None, (settings.get("start"), settings.get("end")))))

    @property
    def seed(self) -> int:
        """The seed it was made from."""
        return int(self.recipe.get("settings", {}).get("seed", 0))


def with_seed(settings: Any) -> Any:
    """The same settings with a seed drawn where it was -1, so that it is known before the work starts."""
    return settings if settings.seed >= 0 else dataclasses.replace(settings, seed=secrets.randbelow(2**31 - 10_000))


def recipe_for(settings: Any, verb: str, mel: MelSettings) -> dict[str, Any]:
    """All that makes a sound again, as JSON data: the verb, its settings, the mel settings of the picture."""
    return {"version": 1, "verb": verb, "settings": as_dict(settings), "mel": as_dict(mel)}


def keep_sound(pixels: Tensor, mel: MelSettings, recipe: Mapping[str, Any], folder: Path, name: str, *,
               report: Report = silent) -> Take:
    """Decode one picture (n_mels, n_frames), or stereo (3, n_mels, n_frames), float 0…255, and keep it as a take."""
    mel = dataclasses.replace(mel, stereo=pixels.dim() == 3)  # some verbs are mono whatever a LoRA has learned
    waveform = sound_from_pixels(pixels[None], mel, report=report)[0]
    trimmed = audio.trim(waveform, mel.sample_rate, ENDS)
    image = Picture(pixels=pixels.round().to(torch.uint8).cpu(), peak_db=0.0, samples=waveform.shape[-1], mel=mel,
                    recipe=dict(recipe))
    return keep(trimmed, image, recipe, folder, name)


def keep(waveform: Tensor, image: Picture, recipe: Mapping[str, Any], folder: Path, name: str) -> Take:
    """Write a take as 24-bit WAV, PNG and JSON under the first unused stem made of `name`; nothing is overwritten.

    waveform : (samples,) or (2, samples) float32 in ±1 at `image.mel.sample_rate`
    """
    path = _unused(Path(folder), slug(name))
    write_json(path.with_suffix(".json"), dict(recipe))
    picture.save(path.with_suffix(".png"), image)
    audio.write(path, waveform, image.mel.sample_rate, dict(recipe))  # last: a take is there when its sound is
    return Take(path, recipe)


def _unused(folder: Path, stem: str) -> Path:
    """The first of stem.wav, stem_2.wav … of which neither sound nor picture nor recipe exists."""
    number, path = 1, folder / f"{stem}.wav"
    while any(path.with_suffix(suffix).exists() for suffix in (".wav", ".png", ".json")):
        number += 1
        path = folder / f"{stem}_{number}.wav"
    return path


def takes(folder: Path) -> list[Take]:
    """The takes of a folder, newest first. A WAV without a recipe is somebody else's and left out."""
    found = []
    for path in Path(folder).glob("*.wav"):
        if path.with_suffix(".json").is_file():
            found.append((path.stat().st_mtime_ns, path))
    return [Take(path, read_json(path.with_suffix(".json"))) for _, path in sorted(found, reverse=True)]


def recipe_of(path: Path) -> Mapping[str, Any]:
    """The recipe inside a take's WAV, PNG or JSON. Raises StudioError where there is none."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        recipe = read_json(path)
    elif path.suffix.lower() == ".png":
        recipe = picture.load(path).recipe
    else:
        recipe = audio.read_recipe(path)
    if not recipe:
        raise StudioError(f"{path}: carries no recipe; choose a sound or picture that the studio made")
    return recipe
