"""What the Generate tab does: makes sounds, and finds again the settings that made one."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.knobs import from_dict
from studio.settings import GenerateSettings
from studio.ui import engine
from studio.ui.components.note import note
from studio.ui.form import Form
from studio.ui.making import Making, Run
from studio.ui.shelf import Shelf
from studio.ui.studio import Studio
from studio.ui.work import Work

LORA_SLOTS = 3
GUESTS_MOST = 64  # sounds at once
WHAT = ("prompt", "negative_prompt", "seed")  # of the settings; the others say how, and how many
HERE = ("count", "batch_size", "device")  # of the page and the machine, not of a sound: no recipe sets them
SAME = gr.skip()


class Workbench(Making):
    """The handlers that make sounds and fill the form. form : the settings' controls, followed by the LoRA slots'."""

    def __init__(self, studio: Studio, form: Form, shelf: Shelf) -> None:
        super().__init__(studio, shelf)
        self.form = form

    def loras(self) -> list[dict]:
        """The LoRAs to choose from."""
        return [gr.update(choices=self.studio.lora_choices())] * LORA_SLOTS

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen; what is to be made stays."""
        if not name:
            return [SAME] * len(self.form.controls)
        return self.form.show(presets.load("generate", name, self.studio.workspace), keep=WHAT)

    # ------------------------------------------------------------------------------------------------ making sounds
    def generate(self, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        """Make sounds; each appears on its pad as soon as it is on disk. Answers with [Note, Screen]."""
        def ready() -> tuple[Run, Work]:
            slots = values[-2 * LORA_SLOTS :]
            settings = self.form.read(values[: -2 * LORA_SLOTS], lora=self.chosen(slots))
            if self.studio.guest and settings.count > GUESTS_MOST:
                raise StudioError(f"count is {settings.count}; guests make at most {GUESTS_MOST} sounds at once")
            takes = self.studio.workspace.takes
            return Run(settings.count, settings.batch_size), lambda report: engine.generation.generate(
                settings, takes, report=report)

        yield from self.made(request, ready)

    # --------------------------------------------------------------------------------------- settings from a sound
    def fill(self, recipe: Mapping[str, Any], *, fresh: bool = False) -> list[Any]:
        """What puts a recipe's settings into the form: a value a control, then a note that says so.

        fresh : draw a new seed. Raises StudioError for a recipe without words or with values that cannot be.
        """
        said = recipe.get("settings")
        if not isinstance(said, Mapping) or not (said.get("prompt") or said.get("start")):
            raise StudioError("this recipe names no prompt; choose a sound or picture that the studio made")
        verb = str(recipe.get("verb") or "generate")
        if fresh and verb != "generate":
            raise StudioError(f"this sound was made by {verb}, which Generate cannot do again; open it on Transform")
        names = {field.name for field in dataclasses.fields(GenerateSettings)}
        wanted = {name: said[name] for name in names - {*HERE, "lora"} if name in said}
        wanted["prompt"] = said.get("prompt") or said.get("start")
        if fresh:
            wanted["seed"] = -1
        settings = from_dict(GenerateSettings, wanted, where="the recipe")
        slots, missing = self._slots([str(lora) for lora in said.get("lora") or ()])
        lines = [f"LoRA {name} is not in the workspace: without it the sound will be another." for name in missing]
        lines += [f"It was made by {verb}: the rest of its settings are Transform's."] if verb != "generate" else []
        told = note(f"Settings of “{settings.prompt}” are back.", lines, tone="bad" if lines else "good")
        return [*self.form.show(settings, keep=names - wanted.keys()), *slots, told]

    def _slots(self, loras: Sequence[str]) -> tuple[list[Any], list[str]]:
        """Values of the LoRA controls, and the names of those that cannot be had."""
        known, chosen, missing = self.studio.loras(), [], []
        for path, weight in map(engine.loras.split, loras):
            fits = path.stem in known and len(chosen) < LORA_SLOTS
            (chosen if fits else missing).append((path.stem, weight))
        chosen += [("", 1.0)] * (LORA_SLOTS - len(chosen))
        slots = [(gr.update(choices=self.studio.lora_choices(), value=name), weight) for name, weight in chosen]
        return [value for slot in slots for value in slot], [name for name, _ in missing]

    def reuse(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """The settings of the take that is looked at, for the form."""
        return self.fill(self.shelf.take(request, event).recipe)

    def more(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """The same with a fresh seed."""
        return self.fill(self.shelf.take(request, event).recipe, fresh=True)

    def dropped(self, path: str) -> list[Any]:
        """A WAV, PNG or JSON of ours came in: the settings that made it."""
        return self.fill(engine.library.recipe_of(Path(path)))
