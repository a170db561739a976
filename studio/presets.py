"""Presets: sparse JSON files that hold only what differs from the defaults, and a sentence about themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.errors import StudioError, did_you_mean
from studio.files import read_json
from studio.settings import GenerateSettings, MelSettings, TrainSettings, from_dict

FOLDER = Path(__file__).resolve().parent.parent / "presets"
KINDS: Mapping[str, type] = {"mel": MelSettings, "train": TrainSettings, "generate": GenerateSettings}


def names(kind: str) -> list[str]:
    """The names of the built-in presets of a kind: mel, train or generate."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.json"))


def about(kind: str, name: str) -> str:
    """The sentence a preset says of itself."""
    return _read(kind, name).get("about", "")


def load(kind: str, name: str) -> Any:
    """The settings of a preset, by its name or as the path of a JSON file.

    Raises StudioError for a name that is not there ("did you mean"), an unknown key, or a value that cannot work.
    """
    data = {key: value for key, value in _read(kind, name).items() if key != "about"}
    return from_dict(KINDS[kind], data, where=f"preset {name}")


def _read(kind: str, name: str) -> dict[str, Any]:
    own = name.endswith(".json")
    path = Path(name) if own else FOLDER / kind / f"{name}.json"
    if not own and name not in names(kind):
        raise StudioError(f"preset {name!r} is not there; {did_you_mean(name, names(kind))}, or give a .json file")
    data = read_json(path)
    if not isinstance(data, dict):
        raise StudioError(f"{path}: a preset is one JSON object; write {{\"key\": value, …}}")
    return data
