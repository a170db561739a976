"""The house's drawing, held against the imports."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [  # from the ground up: an import goes down or sideways, never up
    {"errors", "progress", "files", "bands", "knobs", "mel_settings", "settings", "presets",
     "workspace", "window", "flags", "dial"},
    {"engine.devices", "engine.mel", "engine.slices", "engine.griffin_lim", "engine.undertone", "engine.riffusion",
     "engine.likeness",
     "engine.audio", "engine.picture", "engine.crossfade", "engine.wav_stream", "engine.loudness",
     "engine.closeup", "engine.onsets", "engine.colour", "engine.windows", "engine.solver",
     "engine.stems"},
    {"engine.models", "engine.loras", "engine.latents", "engine.painting", "engine.kohya", "engine.library",
     "engine.synth", "engine.captions", "engine.denoising", "engine.masks", "engine.dataset",
     "engine.wording", "engine.duplicates", "engine.trimming",
     "engine.catalogue", "engine.entries", "engine.way", "engine.prompts",
     "engine.riffusion_batch", "engine.canvas"},
    {"engine.preparation", "engine.generation", "engine.kit", "engine.convert", "engine.selfcheck", "engine.base",
     "engine.training", "engine.transform", "engine.morph", "engine.track",
     "engine.round_trip", "engine.picture_batch", "engine.export",
     "engine.exchange"},  # the verbs of the user: strangers to one another
    {"jobs", "worker", "runs", "story", "expected", "serve"},
    {"cli", "verbs", "ui", "tray"},
]
VERBS = 3


def room_of(path: Path) -> str:
    """The room a file belongs to: `studio/ui/…` is "ui", `studio/engine/synth/…` is "engine.synth"."""
    parts = path.relative_to(ROOT / "studio").with_suffix("").parts
    return parts[0] if parts[0] != "engine" else ".".join(parts[:2])


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("studio."):
                parts = name.split(".")[1:]
                room = parts[0] if parts[0] != "engine" else ".".join(parts[:2])
                found.add(room)
    return found - {"engine"}


def rooms() -> dict[str, set[str]]:
    """Every room with the rooms that it imports, itself left out."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "studio").rglob("*.py")):
        if path.name == "__init__.py" and path.parent.name in ("studio", "engine"):
            continue
        room = room_of(path)
        found.setdefault(room, set()).update(imported_rooms(path) - {room})
    return found


def floor_of(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def test_every_room_has_its_floor():
    homeless = [room for room in rooms() if room not in set().union(*FLOORS)]
    assert not homeless


def test_an_import_never_goes_up():
    climbing = [(room, other) for room, others in rooms().items() for other in others
                if floor_of(other) > floor_of(room)]
    assert not climbing


def test_the_verbs_are_strangers_to_one_another():
    graph = rooms()
    assert not [(verb, other) for verb in FLOORS[VERBS] for other in graph.get(verb, ()) if other in FLOORS[VERBS]]


def test_rooms_import_one_another_in_no_circle():
    graph = rooms()

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        return any(other == goal or (other not in seen and not seen.add(other) and reaches(other, goal, seen))
                   for other in graph.get(start, ()))

    assert not [room for room in graph if reaches(room, room, set())]


def test_the_ground_floor_needs_only_the_standard_library():
    for name in FLOORS[0]:
        tree = ast.parse((ROOT / "studio" / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                assert module.split(".")[0] in sys.stdlib_module_names | {"studio"}, f"{name} imports {module}"


def test_the_engine_knows_no_page_no_printing_and_no_flags():
    for path in (ROOT / "studio" / "engine").rglob("*.py"):
        if path.name == "__main__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not {"gradio", "argparse"} & {name.split(".")[0] for name in names}, path
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not called, f"{path} prints"
