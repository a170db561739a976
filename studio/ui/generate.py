"""The tab Generate: words into new sounds, on pads as they are made."""

import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.progress import Progress, Report
from studio.settings import GenerateSettings
from studio.ui import engine
from studio.ui.components.note import Note, note, working
from studio.ui.components.pads import Pad, Pads
from studio.ui.form import Form
from studio.ui.laboratory import image_uri
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told
from studio.ui.work import watched

if TYPE_CHECKING:
    from studio.engine.library import Take

SHOWN = 16  # takes on pads when the page opens
MOST_SHOWN = 64  # of a long run; all of them are in the folder
LORA_SLOTS = 3
WHAT = ("prompt", "negative_prompt", "seed")  # of the settings; the others say how
FIRST = note("Say what you want to hear and press Generate. A LoRA of your own makes it sound like your kit.",
             tone="next")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            hidden = ("lora", "base", "device") if studio.guest else ("lora",)
            form = Form(GenerateSettings, prefix="generate", without=hidden)
            preset = gr.Dropdown(label="Preset", info="Sets how sounds are made, not what.", value=None,
                                 choices=presets.names("generate"), interactive=True, elem_id="generate-preset")
            slots = _lora_slots()
        with gr.Column(scale=5, min_width=320):
            with gr.Row(equal_height=True):
                generate = gr.Button("Generate", size="md", variant="primary", scale=0, min_width=150,
                                     elem_id="generate-start")
                stop = gr.Button("Stop", size="md", interactive=False, scale=0, min_width=90, elem_id="generate-stop")
                with gr.Column(scale=1, min_width=260):
                    said = Note(FIRST, elem_id="generate-note")
            pads = Pads([], elem_id="generate-pads")
            with gr.Row():
                player = gr.Audio(label="Click a pad", interactive=False, buttons=["download"], min_width=300,
                                  elem_id="generate-player")
                with gr.Column(min_width=260):
                    recipe = Note(note(""), elem_id="generate-recipe")
    if not studio.guest:
        studio.base = form["base"]

    bench = Bench(studio, form)
    loras, buttons = [lora for lora, _ in slots], [generate, stop]
    tab.select(bench.loras, None, loras, **QUICK)
    studio.page.load(bench.loras, None, loras, **QUICK)
    studio.page.load(told(bench.earlier), None, pads, **QUICK)
    preset.input(told(bench.preset), preset, form.controls, **QUICK)
    inputs = [*form.controls, *[each for slot in slots for each in slot]]
    started = generate.click(lambda: _buttons(working=True), None, buttons, **QUICK)
    made = started.then(told(bench.generate), inputs, [said, pads], concurrency_id="generation", concurrency_limit=1,
                        **QUEUED)
    for ended in (made.then, made.failure):  # one follows an end, the other a fault
        ended(lambda: _buttons(working=False), None, buttons, **QUICK)
    stop.click(bench.stop, None, None, **QUICK)
    pads.chosen(told(bench.choose), None, [player, recipe], **QUICK)


def _lora_slots() -> list[tuple[gr.Dropdown, gr.Slider]]:
    """A LoRA and its strength, three times; the second and third are folded away."""
    slots = [_lora_slot(1)]
    with gr.Accordion("More LoRAs", open=False):
        slots += [_lora_slot(number) for number in range(2, LORA_SLOTS + 1)]
    return slots


def _lora_slot(number: int) -> tuple[gr.Dropdown, gr.Slider]:
    with gr.Row(equal_height=True):
        lora = gr.Dropdown(label="LoRA" if number == 1 else f"LoRA {number}", choices=[("none", "")], value="",
                           interactive=True, min_width=150, elem_id=f"generate-lora-{number}")
        strength = gr.Slider(label="Strength", minimum=-1, maximum=2, step=0.05, value=1, interactive=True,
                             min_width=150, buttons=[], elem_id=f"generate-strength-{number}")
    return lora, strength


class Bench:
    """The handlers of the tab. A pad is known by its file's name; what the page sends is only ever looked up."""

    def __init__(self, studio: Studio, form: Form) -> None:
        self.studio = studio
        self.form = form
        self._stops: dict[str, threading.Event] = {}
        self._made: dict[str, set[str]] = {}  # session → names of the takes it made

    def loras(self) -> list[dict]:
        """The LoRAs to choose from."""
        return [gr.update(choices=[("none", ""), *[(name, name) for name in self.studio.loras()]])] * LORA_SLOTS

    def earlier(self) -> list[Pad]:
        """The takes that are there already; a guest sees only his own."""
        return [] if self.studio.guest else [self._pad(take) for take in self._takes()[:SHOWN]]

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen; what is to be made stays."""
        if not name:
            return [gr.skip()] * len(self.form.controls)
        return self.form.show(presets.load("generate", name), keep=WHAT)

    def generate(self, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        """Make sounds; each appears on a pad as soon as it is on disk."""
        slots = values[-2 * LORA_SLOTS:]
        settings = self.form.read(values[: -2 * LORA_SLOTS], lora=self._chosen(slots))
        earlier, made = self.earlier(), []

        def work(report: Report) -> Iterator["Take"]:
            return engine.generation.generate(settings, self.studio.workspace.takes, report=report)

        stop = self._stops[request.session_hash] = threading.Event()
        yield [working(Progress("loading the base model")), gr.skip()]
        for said, take in watched(work, stop):
            if said:
                yield [said, gr.skip()]
                continue
            made.append(self._pad(take))
            self._made.setdefault(request.session_hash, set()).add(take.path.name)
            yield [gr.skip(), [*made, *earlier][:max(SHOWN, min(len(made), MOST_SHOWN))]]
        text = f"{len(made)} new sounds."
        if len(made) < settings.count:
            text = f"Stopped. {len(made)} new sounds are kept."
        where = [] if self.studio.guest else [f"They lie in {self.studio.workspace.takes}"]
        yield [note(text, where, tone="good"), gr.skip()]

    def stop(self, request: gr.Request) -> None:
        """End this page's generating at its next step; what is made is kept."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def choose(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A pad was played: its sound for a closer look, and how it was made."""
        take = next((take for take in self._takes() if take.path.name == event.id), None)
        own = event.id in self._made.get(request.session_hash, ())
        if take is None or (self.studio.guest and not own):
            raise StudioError(f"{event.id}: is no longer in the takes folder; reload the page")
        return [gr.update(value=self.studio.served(take.path), label=take.path.name), _recipe(take, self.studio.guest)]

    def _takes(self) -> Sequence["Take"]:
        return engine.library.takes(self.studio.workspace.takes)

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

    def _pad(self, take: "Take") -> Pad:
        return Pad(id=take.path.name, title=take.prompt, detail=f"seed {take.seed}",
                   sound=self.studio.served(take.path), image=_thumbnail(take.picture))


@lru_cache(maxsize=256)
def _thumbnail(path: Path) -> str:
    return image_uri(engine.picture.load(path).pixels)


def _buttons(*, working: bool) -> list[Any]:
    """Generate, Stop."""
    return [gr.update(interactive=not working), gr.update(interactive=working)]


def _recipe(take: "Take", guest: bool) -> dict[str, Any]:
    settings = take.recipe.get("settings", {})
    kept = ("negative_prompt", "seed", "steps", "guidance", "scheduler", "base")
    lines = [f"{name.replace('_', ' ')}: {settings[name]}" for name in kept if settings.get(name) not in (None, "")]
    lines += [f"LoRA: {Path(lora).name}" for lora in settings.get("lora", ())]
    lines.append(f"file: {take.path.name if guest else take.path}")
    return note(take.prompt, lines)
