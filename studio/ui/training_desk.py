"""What the Train tab does: fills its form from presets, the dial and earlier runs, and starts, stops and keeps runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio import dial, jobs, presets
from studio.errors import StudioError
from studio.expected import Expected, expected, kind_of
from studio.files import slug, unused
from studio.progress import Estimate, Progress
from studio.runs import Run, latest, running
from studio.settings import TrainSettings
from studio.ui import engine
from studio.ui.components.note import note, working
from studio.ui.form import Form
from studio.ui.run_view import RunView
from studio.ui.studio import Studio

STANDARD = "standard"  # the preset to begin with, which learns all of a kit
# (what the page says, the preset that says which sounds are learned)
ROLES = (("kick · 808 · tom", "kick-808-tom"), ("snare · clap", "snare-clap"), ("hat · cymbal", "hat-cymbal"),
         ("any", STANDARD))
# What a preset leaves as it is: where the work is done, and words of the user's own
KEPT = ("roles", "device", "mixed_precision", "processes", "report_to", "checkpoint_every", "seed", "trigger",
        "preview_every", "preview_prompts", "preview_count", "held_out", "early_stop")


class Desk:
    """The handlers. Those that change a run answer with [the run that is shown, *the view's parts]."""

    def __init__(self, studio: Studio, form: Form, view: RunView) -> None:
        self.studio = studio
        self.form = form
        self.view = view
        self._measured: dict[tuple, Estimate] = {}  # by dataset and kind of training

    # ---------------------------------------------------------------------------------------------------- the form
    def datasets(self, chosen: str | None) -> dict:
        """The datasets to choose from."""
        names = self.studio.datasets()
        return gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None))

    def opened(self) -> list[Any]:
        """A page was opened: [dataset, name, *form], with what the run at work was started with."""
        run = running(self.studio.workspace.runs)
        if run is None:
            return [self.datasets(None), gr.skip(), *[gr.skip()] * len(self.form.controls)]
        return [self.datasets(_dataset_of(run)), run.name, *self.form.show(run.settings())]

    def preset(self, name: str | None, position: int | None) -> list[Any]:
        """A preset was chosen: the form's values."""
        if not name:
            return [gr.skip()] * len(self.form.controls)
        settings = presets.load("train", name, self.studio.workspace)
        of_machine = [field for field in KEPT if getattr(settings, field) == getattr(TrainSettings(), field)]
        return self.form.show(dial.turned(settings, position or 0), keep=of_machine)

    def learn(self, name: str) -> str:
        """What it shall learn was chosen: the control of that."""
        return "\n".join(presets.load("train", name, self.studio.workspace).roles)

    def learns(self, roles: str | None) -> str | None:
        """Which choice of what it learns the control says; None for other roles than any of them."""
        return next((name for _, name in ROLES if self.learn(name).split("\n") == (roles or "").split("\n")), None)

    def turn(self, name: str | None, position: int | None) -> list[Any]:
        """The dial was turned: only what it moves changes."""
        settings = dial.turned(presets.load("train", name or STANDARD, self.studio.workspace), position or 0)
        others = [field for field in TrainSettings.__dataclass_fields__ if field not in dial.TURNED]
        return self.form.show(settings, keep=others)

    def clone(self, event: gr.EventData) -> list[Any]:
        """The settings of a run, to be changed and started anew: [dataset, name, *form]."""
        run = self._run(event)
        return [self.datasets(_dataset_of(run)), run.name, *self.form.show(run.settings())]

    def expect(self, dataset: str | None, *values: Any) -> dict[str, Any]:
        """What a training with these settings will take, in one line."""
        if not dataset:
            return note("")
        try:
            settings = self.form.read(values)
            used = len(engine.dataset.used(engine.dataset.look(self.studio.dataset_folder(dataset)), settings.roles))
        except StudioError as error:
            return note(str(error), tone="bad")
        measured = self._measured.get((dataset, *kind_of(settings)))
        return note(_told(expected(settings, used, self.studio.workspace.runs, self.studio.stories, measured)))

    def measure(self, dataset: str | None, *values: Any) -> Iterator[list[Any]]:
        """Find out by a few real steps what a training will take: [the line that says it, the button]."""
        if not dataset:
            raise StudioError("no dataset is chosen; prepare sounds in the tab Dataset first")
        if busy := running(self.studio.workspace.runs):
            raise StudioError(f"{busy.name} is training, which would spoil the measure; wait for it or stop it first")
        settings = self.form.read(values)
        yield [working(Progress("Measuring a few steps, which takes about a minute")), gr.update(interactive=False)]
        try:
            self._measured[(dataset, *kind_of(settings))] = jobs.measure(self.studio.dataset_folder(dataset), settings)
            yield [self.expect(dataset, *values), gr.update(interactive=True)]
        except StudioError as error:
            yield [note(str(error), tone="bad"), gr.update(interactive=True)]
            raise

    # ------------------------------------------------------------------------------------------------------- a run
    def start(self, dataset: str | None, name: str, *values: Any) -> list[Any]:
        """Start a training of the chosen dataset, or let it wait; nothing that is there is written over."""
        if not dataset:
            raise StudioError("no dataset is chosen; prepare sounds in the tab Dataset first")
        settings, places = self.form.read(values), self.studio.workspace
        folder = self.studio.dataset_folder(dataset)
        engine.dataset.used(engine.dataset.look(folder), settings.roles)  # or it says at once why it cannot work

        def lora_of(run: Path) -> Path:
            return places.loras / f"{run.name}.safetensors"

        new = unused(places.runs / slug(name.strip() or dataset), lambda run: run.exists() or lora_of(run).exists())
        run = jobs.start_training(folder, settings, new, out=lora_of(new))
        return self._show("" if run.alive() else gr.skip())

    def open(self, event: gr.EventData) -> list[Any]:
        """Show a run of the list."""
        return self._show(self._run(event).name)

    def act(self, shown: str, event: gr.EventData) -> list[Any]:
        """Stop, resume or throw away a run of the list."""
        run = self._run(event)
        if event.act in ("stop", "take off"):
            run.stop()
        elif event.act == "resume":
            jobs.resume(run)
            shown = run.name
        elif event.act == "trash":
            self.view.thrown = jobs.throw_away(run, self.studio.workspace.trash)
        return self._show(shown)

    def undo(self, shown: str) -> list[Any]:
        """Bring back the run that was thrown away last."""
        if self.view.thrown is None or not self.view.thrown.is_dir():
            raise StudioError("nothing was thrown away that could be brought back; look into the trash folder")
        run, self.view.thrown = jobs.bring_back(self.view.thrown, self.studio.workspace.runs), None
        return self._show(run.name)

    def stop(self, shown: str) -> list[Any]:
        """Ask the run that is shown to finish its step, save and hand over the file."""
        self._shown(shown).stop()
        return self._show(shown)

    def resume(self, shown: str) -> list[Any]:
        """Go on with the run that is shown."""
        run = jobs.resume(self._shown(shown))
        return self._show(run.name)

    def use(self, shown: str) -> list[Any]:
        """The LoRA of the run that is shown, for Generate: [base, LoRA]."""
        return self._used(self._shown(shown), best=False)

    def use_best(self, shown: str) -> list[Any]:
        """That of its best step."""
        return self._used(self._shown(shown), best=True)

    def _used(self, run: Run, *, best: bool) -> list[Any]:
        path = jobs.lora_of(run, self.studio.workspace.loras, best=best)
        return [run.settings().base, gr.update(choices=self.studio.lora_choices(), value=path.stem)]

    def _show(self, name: Any) -> list[Any]:
        opened = name if isinstance(name, str) else ""
        return [name, *self.view.look(opened, None)]

    def _run(self, event: gr.EventData) -> Run:
        run = self.view.find(event.name)
        if run is None:
            raise StudioError(f"{event.name}: is no longer there; it was thrown away or moved")
        return run

    def _shown(self, name: str) -> Run:
        folder = self.studio.workspace.runs
        run = self.view.find(name) or running(folder) or latest(folder)
        if run is None:
            raise StudioError("there is no training; start one")
        return run


def _dataset_of(run: Run) -> str:
    return Path(run.state().settings.get("dataset", "")).name


def _told(will: Expected) -> str:
    """One line: how long, how often, how much."""
    sounds = f"{will.learned} sound{'s' * (will.learned != 1)}"
    parts = [f"{will.steps} steps", f"each of {sounds} {will.times_shown:.0f} times"]
    if will.seconds is None:
        return " · ".join([*parts, "its first steps will tell how long that takes"])
    parts.append(f"about {_spoken(will.seconds)}")
    return " · ".join([*parts, f"{will.memory_bytes / 2**30:.1f} GB"] if will.memory_bytes else parts)


def _spoken(seconds: float) -> str:
    for length, word in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {word}" if word == "h" else f"{seconds / length:.0f} {word}"
    return f"{max(1, seconds):.0f} s"
