"""The tab Train: a dataset into a LoRA, in a process of its own that this page only watches."""

from pathlib import Path
from typing import Any

import gradio as gr

from studio import jobs, presets
from studio.errors import StudioError
from studio.files import slug, unused
from studio.progress import Progress
from studio.settings import TrainSettings
from studio.ui.components.loss_curve import LossCurve, curve
from studio.ui.components.note import Note, note, working
from studio.ui.form import Form
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told

OFTEN, SELDOM = 1, 3  # seconds between two looks, while a training runs and while none does
SEEN = 7  # what a look changes, before the fields: the note, the curve, the timer, three buttons, the phase
FIRST = note("Nothing trained yet. Choose a dataset and press Start; if there is none, begin at Dataset.", tone="next")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            with gr.Row():
                dataset = gr.Dropdown(label="Dataset", choices=[], interactive=True, elem_id="train-dataset")
                name = gr.Textbox(label="Name of the LoRA", placeholder="the dataset's name", interactive=True,
                                  elem_id="train-name")
            preset = gr.Dropdown(label="Preset", info="Sets every control below.", choices=presets.names("train"),
                                 value=None, interactive=True, elem_id="train-preset")
            form = Form(TrainSettings, prefix="train")
            with gr.Row():
                start = gr.Button("Start training", size="md", variant="primary", elem_id="train-start")
                stop = gr.Button("Stop and save", size="md", interactive=False, elem_id="train-stop")
                resume = gr.Button("Resume", size="md", visible=False, elem_id="train-resume")
        with gr.Column(scale=4, min_width=320):
            said = Note(FIRST, elem_id="train-note")
            losses = LossCurve(curve((), 0), elem_id="train-curve")
    phase = gr.State("")  # what this page has shown last

    bench = Bench(studio, form)
    fields = [dataset, name, preset, *form.controls]
    seen = [said, losses, studio.timer, start, stop, resume, phase, *fields]
    tab.select(bench.datasets, dataset, dataset, **QUICK)
    studio.page.load(bench.opened, None, seen, **QUICK)
    studio.timer.tick(bench.look, phase, seen, **QUICK)
    preset.input(told(bench.preset), preset, form.controls, **QUEUED)
    start.click(told(bench.start), [dataset, name, *form.controls], seen, **QUEUED)
    stop.click(told(bench.stop), None, seen, **QUEUED)
    resume.click(told(bench.resume), None, seen, **QUEUED)


class Bench:
    """The handlers of the tab. What it shows it reads from the run's folder, so every page shows the same."""

    def __init__(self, studio: Studio, form: Form) -> None:
        self.studio = studio
        self.form = form

    def datasets(self, chosen: str | None) -> dict:
        """The datasets to choose from."""
        names = self.studio.datasets()
        return gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None))

    def opened(self) -> list[Any]:
        """A page was opened: the latest run and, while it works, what it was started with."""
        shown, run = self.look(None), jobs.latest(self.studio.workspace.runs)
        names, chosen, values = self.studio.datasets(), None, [gr.skip()] * (2 + len(self.form.controls))
        if run and run.state().active:
            plan = run.state().settings
            values = [run.name, None, *self.form.show(run.settings())]
            chosen = Path(plan["dataset"]).name
            values = [gr.update(value=value, interactive=False) for value in values]
        dataset = gr.update(choices=names, value=chosen or next(iter(names), None), interactive=chosen is None)
        return [*shown[:SEEN], dataset, *values]

    def look(self, phase: str | None) -> list[Any]:
        """Where the latest run stands; nothing, where nothing has changed since `phase`.

        The fields cannot be changed while a training runs.
        """
        run = jobs.latest(self.studio.workspace.runs)
        busy = jobs.running(self.studio.workspace.runs) is not None  # a process outlives its last word by a second
        state = run.state() if run else None
        now = f"{run.name} {state.status} {state.step} {state.stage} {state.note} {busy}" if run else "nothing yet"
        fields = 3 + len(self.form.controls)
        if now == phase:
            return [gr.skip()] * (SEEN + fields)
        resumable = run is not None and not busy and state.status != "done" and (run.folder / "checkpoints").is_dir()
        return [_said(run, state) if run else FIRST, curve(state.losses, state.total) if run else curve((), 0),
                gr.Timer(OFTEN if busy else SELDOM), gr.update(interactive=not busy), gr.update(interactive=busy),
                gr.update(visible=resumable), now, *[gr.update(interactive=not busy)] * fields]

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen."""
        return self.form.show(presets.load("train", name)) if name else [gr.skip()] * len(self.form.controls)

    def start(self, dataset: str | None, name: str, *values: Any) -> list[Any]:
        """Start a training of the chosen dataset; nothing that is there is written over."""
        if not dataset:
            raise StudioError("no dataset is chosen; prepare sounds in the tab Dataset first")
        settings, places = self.form.read(values), self.studio.workspace
        stem = slug(name.strip() or dataset)
        folder = unused(places.runs / stem)
        jobs.start_training(self.studio.dataset_folder(dataset), settings, folder,
                            out=unused(places.loras / f"{folder.name}.safetensors"))
        return self.look(None)

    def stop(self) -> list[Any]:
        """Ask the training to finish its step, save and hand over the file."""
        run = jobs.running(self.studio.workspace.runs)
        if run is None:
            raise StudioError("no training runs; there is nothing to stop")
        run.stop()
        return self.look(None)

    def resume(self) -> list[Any]:
        """Go on with the latest run from its last checkpoint."""
        run = jobs.latest(self.studio.workspace.runs)
        if run is None:
            raise StudioError("there is no training to resume; start one")
        plan = run.state().settings
        jobs.start_training(plan["dataset"], run.settings(), run.folder, out=plan["out"] or None, resume=True)
        return self.look(None)


def _said(run: jobs.Run, state: jobs.RunState) -> dict[str, Any]:
    loss = f"loss {state.losses[-1][1]:.4f}" if state.losses else ""
    if state.status == "failed":
        return note(f"{run.name}: failed.", [state.error], tone="bad")
    if not state.active:
        file = state.settings.get("out") or str(state.lora or "")
        end = "trained" if state.status == "done" else "stopped and saved"
        if not state.lora:
            return note(f"{run.name}: stopped before anything was learned.", tone="bad")
        return note(f"{run.name}: {end}, {state.step} steps, {loss}. Next: Generate.", [f"LoRA file: {file}"],
                    tone="good")
    if state.status == "stopping":
        return working(Progress(f"{run.name}: finishing this step, then saving", state.step, state.total, loss))
    if not state.losses:
        return working(Progress(f"{run.name}: {state.stage or 'starting'}", note=state.note))
    return working(Progress(f"{run.name}: training", state.step, state.total, loss), state.seconds_left)
