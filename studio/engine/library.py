"""Takes on disk: each generated sound is a 24-bit WAV, its picture, and the recipe that makes it again.

The files are the truth: NAME.wav carries the recipe inside, NAME.png is the picture (with its mel settings inside),
NAME.json is the recipe for people and scripts, and beside it, under "marks", what the user made of the take: a star, a
note, a name. Marks live in the JSON alone; WAV and PNG stay as they were made.
"""

import contextlib
import dataclasses
import errno
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.engine import audio, picture
from studio.engine.latents import sound_from_pixels
from studio.engine.picture import Picture
from studio.errors import StudioError
from studio.files import cure, read_json, reason, slug, unused, write_json
from studio.knobs import as_dict, from_dict
from studio.progress import Report, silent
from studio.settings import MelSettings, PrepareSettings, guidance_of

ENDS = PrepareSettings(onset_db=-50, tail_db=-70, fade_out_ms=10)  # of a take: where it begins and ends
SUFFIXES = (".wav", ".png", ".json")  # of a take; the sound moves first, since another program may hold it
LONGEST_NAME, LONGEST_NOTE = 200, 4000  # characters

_changing = threading.RLock()  # two pages may change the same take: one after the other, so that no mark is lost


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
        settings = self.part("settings")
        way = dict.fromkeys(str(settings[end]) for end in ("start", "end") if settings.get(end))
        return str(settings.get("prompt") or " → ".join(way))

    @property
    def seed(self) -> int:
        """The seed it was made from."""
        seed = self.part("settings").get("seed")
        return seed if isinstance(seed, int) else 0

    @property
    def title(self) -> str:
        """What to call it: the name the user gave it, else its prompt, else its file's name."""
        return str(self.part("marks").get("name") or self.prompt or self.path.stem)

    @property
    def starred(self) -> bool:
        """Whether the user gave it a star."""
        return self.part("marks").get("starred") is True

    @property
    def note(self) -> str:
        """What the user wrote about it."""
        return str(self.part("marks").get("note") or "")

    def part(self, name: str) -> Mapping[str, Any]:
        """A part of the recipe ("settings", "mel", "marks"), empty where a hand-written recipe has none."""
        part = self.recipe.get(name)
        return part if isinstance(part, Mapping) else {}


def settled(settings: Any) -> Any:
    """The same settings with what they leave open: a seed where it was -1, guidance where it was 0.

    So both are known before the work starts, and a take tells them.
    """
    seed = settings.seed if settings.seed >= 0 else secrets.randbelow(2**31 - 10_000)
    return dataclasses.replace(settings, seed=seed, guidance=guidance_of(settings))


def recipe_for(settings: Any, verb: str, mel: MelSettings) -> dict[str, Any]:
    """All that makes a sound again, as JSON data: the verb, its settings, the mel settings of the picture."""
    return {"version": 1, "verb": verb, "settings": as_dict(settings), "mel": as_dict(mel)}


def keep_sounds(pixels: Tensor, mel: MelSettings, recipes: Sequence[Mapping[str, Any]], folder: Path,
                names: Sequence[str], *, report: Report = silent) -> Iterator[Take]:
    """Decode pictures (n, n_mels, n_frames), or stereo (n, 3, n_mels, n_frames), float 0…255, and keep them as takes.

    Each is yielded as soon as it is on disk; as many are decoded at once as the processor has threads for.
    """
    mel = dataclasses.replace(mel, stereo=pixels.dim() == 4)  # some verbs are mono whatever a LoRA has learned
    for start in range(0, len(pixels), torch.get_num_threads()):
        part = slice(start, start + torch.get_num_threads())
        waveforms = sound_from_pixels(pixels[part], mel, report=report)
        for image, waveform, recipe, name in zip(pixels[part], waveforms, recipes[part], names[part], strict=True):
            drawn = Picture(pixels=image.round().to(torch.uint8).cpu(), peak_db=0.0, samples=waveform.shape[-1],
                            mel=mel, recipe=dict(recipe))
            yield keep(audio.trim(waveform, mel.sample_rate, ENDS), drawn, recipe, folder, name)


def keep(waveform: Tensor, image: Picture, recipe: Mapping[str, Any], folder: Path, name: str) -> Take:
    """Write a take as 24-bit WAV, PNG and JSON under the first unused stem made of `name`; nothing is overwritten.

    waveform : (samples,) or (2, samples) float32 in ±1 at `image.mel.sample_rate`
    """
    with _changing:
        path = _unused(Path(folder), slug(name))
        write_json(path.with_suffix(".json"), dict(recipe))
        picture.save(path.with_suffix(".png"), image)
        audio.write(path, waveform, image.mel.sample_rate, dict(recipe))  # last: a take is there when its sound is
        return Take(path, recipe)


def adopt(wav: Path, folder: Path | None = None) -> Take:
    """Make a take of a WAV that carries its recipe, as `transform` and `track` write it.

    The sound moves to `folder` under the first unused stem made of its own, or stays where it is without one. The
    picture beside it shows the sound's beginning, as the recipe's mel settings draw it. Nothing is overwritten: what
    is a take already is only read. Raises StudioError for a WAV without a recipe or whose recipe has no mel settings.
    """
    wav = Path(wav)
    if folder is None and wav.with_suffix(".json").exists():
        return read(wav)
    recipe = dict(recipe_of(wav))
    if not isinstance(recipe.get("mel"), Mapping):
        raise StudioError(f"{wav}: its recipe has no mel settings to draw it by; choose a sound that the studio made")
    waveform, sample_rate = audio.read(wav)
    mel = dataclasses.replace(from_dict(MelSettings, recipe["mel"], where=str(wav)), stereo=len(waveform) == 2,
                              whole=False)
    beginning = waveform[:, : 1 + mel.samples * sample_rate // mel.sample_rate]
    sides = audio.to_sides(audio.resample(beginning, sample_rate, mel.sample_rate), stereo=mel.stereo)
    image = dataclasses.replace(picture.of_sound(sides, mel), recipe=recipe)
    with _changing:
        path = wav if folder is None else _unused(Path(folder), slug(wav.stem), own=wav)
        write_json(path.with_suffix(".json"), recipe)
        picture.save(path.with_suffix(".png"), image)
        if path != wav:
            try:
                shutil.move(wav, path)  # last: a take is there when its sound is
            except OSError as error:
                raise StudioError(f"{wav}: could not be moved to {folder} ({reason(error)}); {cure(error)}") from error
        return Take(path, recipe)


def _unused(folder: Path, stem: str, own: Path | None = None) -> Path:
    """The first of stem.wav, stem_2.wav … of which neither sound nor picture nor recipe exists, or which is `own`."""
    return unused(folder / f"{stem}.wav", lambda path: path != own and any(path.with_suffix(suffix).exists()
                                                                           for suffix in SUFFIXES))


# ------------------------------------------------------------------------------------------------------------- finding
def takes(folder: Path) -> list[Take]:
    """The takes of a folder, newest first. A WAV without a recipe that can be read is left out."""
    found = []
    for path in Path(folder).glob("*.wav"):
        with contextlib.suppress(StudioError, FileNotFoundError):  # somebody else's, or gone since the folder was read
            if not path.is_symlink():  # what lies elsewhere is no take of this folder
                found.append((path.stat().st_mtime_ns, path, read(path)))
    return [take for _, _, take in sorted(found, key=lambda each: each[:2], reverse=True)]


def read(path: Path) -> Take:
    """One take by the path of its WAV. Raises StudioError where its recipe cannot be read."""
    recipe = read_json(path.with_suffix(".json"))
    if not isinstance(recipe, dict):
        raise StudioError(f"{path.with_suffix('.json')}: is no recipe (one JSON object); mend it or move it away")
    return Take(path, recipe)


def find(folder: Path, name: str) -> Take:
    """The take whose WAV is called `name` ("kick_12.wav") in the folder itself, never outside it.

    Raises StudioError where there is none; `name` may be anything that a page sends.
    """
    plain = isinstance(name, str) and "\0" not in name and Path(name).name == name and Path(name).suffix == ".wav"
    path = Path(folder) / name if plain else None
    if path is None or path.is_symlink() or not path.is_file() or not path.with_suffix(".json").is_file():
        raise StudioError(f"{name}: is no longer in {Path(folder).name}; it was moved, renamed or thrown away")
    return read(path)


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


# ----------------------------------------------------------------------------------------------- what the user does
def mark(take: Take, *, starred: bool | None = None, note: str | None = None) -> Take:
    """The take with its star set or taken off, or its note changed; None leaves either as it is.

    Raises StudioError where the take is gone or the note is too long.
    """
    marks: dict[str, Any] = {}
    if starred is not None:
        marks["starred"] = bool(starred)
    if note is not None:
        marks["note"] = _line("note", note, LONGEST_NOTE)
    with _changing:
        return _marked(find(take.path.parent, take.path.name), marks)


def rename(take: Take, name: str) -> Take:
    """The take under another name: `title` is `name` as it was typed, the files take the first unused stem made of it.

    Raises StudioError for a name that is empty or too long, and where the take is gone or held by another program.
    """
    name = " ".join(_line("name", name, LONGEST_NAME).split())
    if not name:
        raise StudioError("the name is empty; type at least one letter")
    with _changing:
        take = find(take.path.parent, take.path.name)
        to = _unused(take.path.parent, slug(name), own=take.path)
        if to != take.path:
            take = _moved(take.path, to)
        return _marked(take, {"name": name})


def throw_away(takes: Sequence[Take], trash: Path) -> list[Path]:
    """Move takes, with picture and recipe, into the trash folder; returns their WAVs there, for `bring_back`.

    What is gone already is left out. Nothing is overwritten, nothing deleted. Raises StudioError where one cannot be
    moved; then all of them stay.
    """
    thrown: list[tuple[Path, Path]] = []
    with _changing:
        try:
            for take in takes:
                if take.path.is_file():
                    thrown.append((take.path, _moved(take.path, _unused(Path(trash), take.path.stem)).path))
        except StudioError:
            for path, there in reversed(thrown):
                _moved(there, path)
            raise
    return [there for _, there in thrown]


def bring_back(thrown: Sequence[Path], folder: Path) -> list[Take]:
    """Undo `throw_away`: the takes are back in `folder`, under their names where these are still free.

    What is no longer in the trash is left out. Raises StudioError where one cannot be moved.
    """
    with _changing:
        return [_moved(path, _unused(Path(folder), path.stem)) for path in map(Path, thrown) if path.is_file()]


def _line(what: str, text: str, longest: int) -> str:
    text = str(text).strip()
    if len(text) > longest:
        raise StudioError(f"the {what} is {len(text)} characters long; give at most {longest}")
    return text


def _marked(take: Take, marks: Mapping[str, Any]) -> Take:
    """The take with these marks beside those it has, on disk as well."""
    recipe = {**take.recipe, "marks": {**take.part("marks"), **marks}}
    write_json(take.path.with_suffix(".json"), recipe)
    return Take(take.path, recipe)


def _move(path: Path, to: Path) -> None:
    """Rename a file; where its folder is a link to another disk, carry it there."""
    try:
        path.rename(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        try:
            shutil.move(path, to)
        except OSError:
            to.unlink(missing_ok=True)  # half of it
            raise


def _moved(path: Path, to: Path) -> Take:
    """The take whose WAV lies at `path`, with its picture and recipe at `to`; where one cannot be moved, all stay."""
    moved: list[tuple[Path, Path]] = []
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        for suffix in SUFFIXES:
            if path.with_suffix(suffix).exists():
                _move(path.with_suffix(suffix), to.with_suffix(suffix))
                moved.append((path.with_suffix(suffix), to.with_suffix(suffix)))
    except OSError as error:
        for old, new in reversed(moved):
            _move(new, old)
        held = isinstance(error, PermissionError)
        mend = "close the program that holds it, or check the folder's permissions" if held else cure(error)
        raise StudioError(f"{path}: could not be moved to {to.parent} ({reason(error)}); {mend}") from error
    return read(to)
