"""Takes as the page shows them: on a pad, and close up."""

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradio.processing_utils import save_bytes_to_cache
from PIL import Image

from studio.errors import StudioError
from studio.ui import engine
from studio.ui.components.detail import Shown
from studio.ui.components.pads import Pad
from studio.ui.laboratory import image_uri
from studio.ui.studio import Studio

if TYPE_CHECKING:
    from studio.engine.library import Take

THUMBNAIL = (160, 120)  # pixels; a pad is not wider
KEPT = 1024  # measures and thumbnails, about 10 kB each
SOUNDS_KEPT = 128  # whole ones, a few hundred kB each
WORDS = ("prompt", "negative_prompt", "start", "via", "end", "below")  # of a recipe, which may look like paths
TERMS = ("negative_prompt", "seed", "steps", "guidance", "scheduler", "strength", "base")


def pad(studio: Studio, take: "Take", heard: tuple[float, float] | None = None) -> Pad:
    """A take on a pad. Raises StudioError where its sound is gone.

    heard : its gain in dB and its length in seconds, where they are known
    """
    level_db, duration = heard or heard_of(take.path, stamp_of(take.path))
    detail = " · ".join([f"{duration:.2f} s", *(name for name, _ in _loras(take))])
    return Pad(id=take.path.name, title=take.title, detail=detail,
               sound=served(studio, take), image=thumbnail(take.picture, stamp_of(take.picture)),
               level_db=level_db, duration=duration, starred=take.starred)


def shown(studio: Studio, take: "Take") -> Shown:
    """A take close up; guests are not told where it lies. Raises StudioError where its sound is gone."""
    level_db, duration = heard_of(take.path, stamp_of(take.path))
    closeup = engine.closeup.of_sound(*engine.audio.read(take.path))
    return Shown(id=take.path.name, title=take.title, file=take.path.name, sound=served(studio, take),
                 image=image_uri(closeup.pixels), ticks=closeup.ticks, recipe=_recipe(take, duration),
                 level_db=level_db, starred=take.starred, note=take.note, path="" if studio.guest else str(take.path))


def served(studio: Studio, take: "Take") -> str:
    """A take's WAV in the page's own cache; a guest's says of files what they are called, not where they lie."""
    if not studio.guest:
        return studio.served(take.path)
    return save_bytes_to_cache(discreet(take.path, stamp_of(take.path)), take.path.name, str(studio.workspace.served))


@lru_cache(maxsize=SOUNDS_KEPT)
def discreet(path: Path, stamp: int) -> bytes:
    """A take's or a preview's WAV without the paths in its recipe."""
    recipe = _without_places(engine.audio.read_recipe(path))
    return engine.audio.signed(engine.audio.wav_bytes(*engine.audio.read(path)), path.stem, recipe)


def _without_places(recipe: Any) -> Any:
    """Plain data with a file's name, and what follows it, for each path in it."""
    if isinstance(recipe, dict):
        return {name: value if name in WORDS else _without_places(value) for name, value in recipe.items()}
    if isinstance(recipe, list | tuple):
        return [_without_places(value) for value in recipe]
    return Path(recipe).name if isinstance(recipe, str) and Path(recipe).is_absolute() else recipe


def stamp_of(path: Path) -> int:
    """What changes with a file's content; 0 where it is gone. A name may come to mean another sound."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@lru_cache(maxsize=KEPT)
def heard_of(path: Path, stamp: int) -> tuple[float, float]:
    """The gain in dB that makes a sound as loud as the others, and its length in seconds."""
    waveform, sample_rate = engine.audio.read(path)
    return round(engine.loudness.matching_gain_db(waveform, sample_rate), 2), waveform.shape[-1] / sample_rate


@lru_cache(maxsize=KEPT)
def thumbnail(path: Path, stamp: int) -> str:
    """A small picture as a data URI, "" where there is none: the sound is worth a pad without it."""
    try:
        image = engine.picture.coloured(engine.picture.load(path).pixels)
    except StudioError:
        return ""
    written = io.BytesIO()
    image.resize(THUMBNAIL, Image.Resampling.BOX).save(written, format="JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"


def _recipe(take: "Take", duration: float) -> list[tuple[str, str]]:
    """How it was made, to read; a hand-written recipe may hold anything, so nothing is taken for granted."""
    settings, mel = take.part("settings"), take.part("mel")
    rows = [("prompt", take.prompt)] if take.prompt != take.title else []  # which stands above
    rows += [(name.replace("_", " "), settings[name]) for name in TERMS if settings.get(name) not in (None, "")]
    rows += [("LoRA", f"{name} × {weight:g}") for name, weight in _loras(take)]
    rows += [(name, take.recipe[name]) for name in ("source",) if take.recipe.get(name)]
    verb = take.recipe.get("verb", "generate")
    rows += [("made by", verb)] if verb != "generate" else []
    sides = ", stereo" if mel.get("stereo") else ""
    rows.append(("sound", f"{duration:.3f} s at {mel.get('sample_rate', '?')} Hz{sides}"))
    if mel.get("n_mels"):
        rows.append(("picture", f"{mel.get('n_frames')} × {mel['n_mels']}, {mel.get('iterations')} rounds"))
    return [(term, Path(value).name if term in ("base", "source") else f"{value}") for term, value in rows]


def _loras(take: "Take") -> list[tuple[str, float]]:
    """Names and strengths."""
    named = take.part("settings").get("lora")
    return [(path.stem, weight) for path, weight in map(engine.loras.split, map(str, named or ()))]
