"""What the Generate tab does: makes sounds, and finds again the settings that made one."""

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.knobs import from_dict
from studio.progress import Progress, Report
from studio.settings import GenerateSettings
from studio.ui import engine
from studio.ui.components.note import note, working
from studio.ui.components.pads import Slot
from studio.ui.form import Form
from studio.ui.shelf import MOST_SHOWN, Place, Shelf
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from studio.engine.library import Take

LORA_SLOTS = 3
WHAT = ("prompt", "negative_prompt", "seed", "count")  # of the settings; the others say how
HERE = ("count", "batch_size", "device")  # of the page and the machine, not of a sound: no recipe sets them
DENOISING = 0.8  # of the time that a sound takes; the rest is decoding
PACE = 0.25  # seconds between two looks at how far the slots are
SAME = gr.skip()


@dataclasses.dataclass
class Run:
    """How far a run is: `done` of `count` sounds, and of the batch at work what is denoised and decoded (0 to 1)."""

    count: int
    batch_size: int
    done: int = 0
    batch: int = 0
    denoised: float = 0.0
    decoded: float = 0.0
    began: float | None = None

    def heed(self, stage: str, step: int, total: int) -> None:
        """Take note of what the engine reports."""
        part = step / total if total else 0.0
        if self.began is None:
            self.began = time.monotonic()
        if stage == "denoise":
            self.batch, self.denoised, self.decoded = min(self.batch_size, self.count - self.done), part, 0.0
        elif stage == "decode":
            self.denoised, self.decoded = 1.0, part

    def finish_one(self) -> None:
        """A sound is on disk."""
        self.done, self.batch, self.decoded = self.done + 1, max(0, self.batch - 1), 0.0

    def slots(self) -> list[Slot]:
        """The places of the sounds to come."""
        parts = [DENOISING * self.denoised + (1 - DENOISING) * (self.decoded if place == 0 else 0.0)
                 for place in range(self.batch)]
        return [Slot(part) for part in [*parts, *[0.0] * (self.count - self.done - self.batch)]][:MOST_SHOWN]

    def said(self) -> dict[str, Any]:
        """A note with a bar and the time left, once there is something to go by."""
        part = (self.done + sum(slot.progress for slot in self.slots()[: self.batch])) / self.count
        left = None
        if self.began is not None and part > 0:
            left = (time.monotonic() - self.began) / part * (1 - part)
        return working(Progress("Making sounds", self.done, self.count), seconds_left=left)


class Workbench:
    """The handlers that make sounds and fill the form. form : the settings' controls, followed by the LoRA slots'."""

    def __init__(self, studio: Studio, form: Form, shelf: Shelf) -> None:
        self.studio = studio
        self.form = form
        self.shelf = shelf
        self._stops: dict[str, threading.Event] = {}  # of the pages that are making sounds

    def loras(self) -> list[dict]:
        """The LoRAs to choose from."""
        return [gr.update(choices=self._choices())] * LORA_SLOTS

    def _choices(self) -> list[tuple[str, str]]:
        return [("none", ""), *[(name, name) for name in self.studio.loras()]]

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen; what is to be made stays."""
        if not name:
            return [SAME] * len(self.form.controls)
        return self.form.show(presets.load("generate", name, self.studio.workspace), keep=WHAT)

    # ------------------------------------------------------------------------------------------------ making sounds
    def begin(self, request: gr.Request) -> list[Any]:
        """Generate was pressed: the buttons and a first word, at once. Raises StudioError for a second press."""
        if request.session_hash in self._stops:
            raise StudioError("this page is making sounds already; wait for them, or stop them first")
        self._stops[request.session_hash] = threading.Event()
        return [*buttons(working=True), working(Progress("Getting ready"))]

    def generate(self, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        """Make sounds; each appears on its pad as soon as it is on disk. Answers with [Note, Screen]."""
        session = request.session_hash
        stop, place = self._stops.setdefault(session, threading.Event()), self.shelf.place(session)
        try:
            slots = values[-2 * LORA_SLOTS :]
            settings = self.form.read(values[: -2 * LORA_SLOTS], lora=self._chosen(slots))
            run = Run(settings.count, settings.batch_size)
            place.fresh, place.thrown = 0, []
            yield from self._shown(run, place, settings, stop)
        except StudioError as error:  # the toast goes, the note stays
            yield [note(str(error), tone="bad"), SAME]
            raise
        finally:
            place.slots = ()
            self._stops.pop(session, None)
        yield [self._told(run), self.shelf.screen(place)]

    def _shown(self, run: Run, place: Place, settings: GenerateSettings, stop: threading.Event) -> Iterator[list[Any]]:
        def work(report: Report) -> Iterator["Take"]:
            if not stop.is_set():  # it may have waited for another page's sounds, and been stopped meanwhile
                yield from engine.generation.generate(settings, self.studio.workspace.takes, report=report)

        place.slots, looked = run.slots(), time.monotonic()
        yield [SAME, self.shelf.screen(place)]
        for said, take in watched(work, stop):
            if take is None and said["tone"] != "busy":
                continue  # stopped, or a fault that is raised next: both are told where they arrive
            if take is None:
                run.heed(said["text"], said["step"], said["total"])
            else:
                self.shelf.add(place, take)
                run.finish_one()
            place.slots = run.slots()
            if take is not None or time.monotonic() - looked > PACE:
                looked = time.monotonic()
                yield [run.said(), self.shelf.screen(place)]

    def _told(self, run: Run) -> dict[str, Any]:
        """What came of it."""
        sounds = f"{run.done} new sound{'s' * (run.done != 1)}"
        where = [] if self.studio.guest else [f"In {self.studio.workspace.takes}"]
        if run.done < run.count:
            return note(f"Stopped. {sounds} {'is' if run.done == 1 else 'are'} kept.", where, tone="good")
        return note(f"{sounds}.", where, tone="good")

    def stop(self, request: gr.Request) -> None:
        """End this page's generating at its next step; what is made is kept."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def over(self, request: gr.Request) -> list[Any]:
        """After the end, good or bad: [Generate, Stop, Screen]."""
        self._stops.pop(request.session_hash, None)
        return [*buttons(working=False), self.shelf.screen(self.shelf.place(request.session_hash))]

    def leave(self, request: gr.Request) -> None:
        """A page was closed or loaded anew: nobody waits for its sounds."""
        stop = self._stops.pop(request.session_hash, None)
        if stop:
            stop.set()

    def _chosen(self, slots: Sequence[Any]) -> tuple[str, ...]:
        """FILE:WEIGHT for each slot that names a LoRA of the workspace."""
        known = self.studio.loras()
        chosen = []
        for name, strength in zip(slots[::2], slots[1::2], strict=True):
            if name and name not in known:
                raise StudioError(f"LoRA {name!r} is no longer in the workspace; choose another")
            if name:
                chosen.append(f"{self.studio.workspace.loras / name}.safetensors:{strength:g}")
        return tuple(chosen)

    # --------------------------------------------------------------------------------------- settings from a sound
    def fill(self, recipe: Mapping[str, Any], *, fresh: bool = False) -> list[Any]:
        """What puts a recipe's settings into the form: a value a control, then a note that says so.

        fresh : draw a new seed. Raises StudioError for a recipe without words or with values that cannot be.
        """
        said = recipe.get("settings")
        if not isinstance(said, Mapping) or not (said.get("prompt") or said.get("start")):
            raise StudioError("this recipe names no prompt; choose a sound or picture that the studio made")
        names = {field.name for field in dataclasses.fields(GenerateSettings)}
        wanted = {name: said[name] for name in names - {*HERE, "lora"} if name in said}
        wanted["prompt"] = said.get("prompt") or said.get("start")
        if fresh:
            wanted["seed"] = -1
        settings = from_dict(GenerateSettings, wanted, where="the recipe")
        slots, missing = self._slots([str(lora) for lora in said.get("lora") or ()])
        lines = [f"LoRA {name} is not in the workspace: without it the sound will be another." for name in missing]
        told = note(f"Settings of “{settings.prompt}” are back.", lines, tone="bad" if missing else "good")
        return [*self.form.show(settings, keep=names - wanted.keys()), *slots, told]

    def _slots(self, loras: Sequence[str]) -> tuple[list[Any], list[str]]:
        """Values of the LoRA controls, and the names of those that cannot be had."""
        known, chosen, missing = self.studio.loras(), [], []
        for path, weight in map(engine.loras.split, loras):
            fits = path.stem in known and len(chosen) < LORA_SLOTS
            (chosen if fits else missing).append((path.stem, weight))
        chosen += [("", 1.0)] * (LORA_SLOTS - len(chosen))
        slots = [(gr.update(choices=self._choices(), value=name), weight) for name, weight in chosen]
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


def buttons(*, working: bool) -> list[Any]:
    """Generate, Stop."""
    return [gr.update(interactive=not working), gr.update(interactive=working)]
