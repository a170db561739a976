"""Presets: sparse JSON files that hold only what differs from the defaults, and a sentence about themselves.

The built-in ones come with the studio; one's own lie in the workspace beside them, under names of their own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.errors import StudioError, did_you_mean
from studio.files import read_json, slug, write_json
from studio.knobs import as_dict, from_dict
from studio.settings import ExportSettings, GenerateSettings, MelSettings, TrainSettings
from studio.workspace import Workspace

FOLDER = Path(__file__).resolve().parent.parent / "presets"
KINDS: Mapping[str, type] = {"mel": MelSettings, "train": TrainSettings, "generate": GenerateSettings,
                             "export": ExportSettings}


def names(kind: str, workspace: Workspace | None = None) -> list[str]:
    """The names of the presets of a kind (mel, train, generate, export): the built-in ones, then the workspace's."""
    return [*_built_in(kind), *sorted(_own(kind, workspace))]


def about(kind: str, name: str, workspace: Workspace | None = None) -> str:
    """The sentence a preset says of itself."""
    return str(_read(kind, name, workspace).get("about", ""))


def load(kind: str, name: str, workspace: Workspace | None = None) -> Any:
    """The settings of a preset, by its name or as the path of a JSON file; the inverse of `save`.

    Raises StudioError for a name that is not there ("did you mean"), an unknown key, or a value that cannot work.
    """
    data = {key: value for key, value in _read(kind, name, workspace).items() if key != "about"}
    return from_dict(KINDS[kind], data, where=f"preset {name}")


def save(kind: str, name: str, about: str, settings: Any, workspace: Workspace) -> Path:
    """Write settings as a preset of one's own, sparse: only what differs from the defaults, and the sentence `about`.

    One of one's own with that name is written over. Raises StudioError for a name that cannot be a file's or belongs
    to a built-in preset.
    """
    name = name.strip()
    if not name or name != slug(name):
        cure = f"such as {slug(name)!r}" if name else "one word or a few joined by '-' or '_'"
        raise StudioError(f"preset name {name!r} cannot be a file's name; give letters, digits, '-' and '_', {cure}")
    if name in _built_in(kind):
        raise StudioError(f"preset name {name!r} belongs to a built-in preset; give another name")
    default = as_dict(KINDS[kind]())
    differing = {key: value for key, value in as_dict(settings).items() if value != default[key]}
    return write_json(workspace.presets / kind / f"{name}.json", {"about": " ".join(about.split()), **differing})


def _built_in(kind: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / kind).glob("*.json"))


def _own(kind: str, workspace: Workspace | None) -> list[str]:
    """Names of the workspace's presets; a built-in one keeps its name whatever lies there."""
    if workspace is None:
        return []
    return [path.stem for path in (workspace.presets / kind).glob("[!.]*.json") if path.stem not in _built_in(kind)]


def _read(kind: str, name: str, workspace: Workspace | None) -> dict[str, Any]:
    path = _path(kind, name, workspace)
    data = read_json(path)
    if not isinstance(data, dict):
        raise StudioError(f"{path}: a preset is one JSON object; write {{\"key\": value, …}}")
    return data


def _path(kind: str, name: str, workspace: Workspace | None) -> Path:
    if name.endswith(".json"):
        return Path(name)
    if name in _built_in(kind):
        return FOLDER / kind / f"{name}.json"
    if workspace is not None and name in _own(kind, workspace):
        return workspace.presets / kind / f"{name}.json"
    raise StudioError(f"preset {name!r} is not there; {did_you_mean(name, names(kind, workspace))}, "
                      "or give a .json file")
