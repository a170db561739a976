"""The tab Dataset: sounds in, captions in words, what training will see."""

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.progress import Progress, Report
from studio.settings import OneShot, PrepareSettings
from studio.ui import engine
from studio.ui.components.note import Note, note, working
from studio.ui.form import Form
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told
from studio.ui.work import watched

if TYPE_CHECKING:
    from studio.engine.dataset import Dataset
    from studio.engine.preparation import Prepared

HEADERS = ["use", "caption", "weight", "seconds", "picture"]
KINDS = ["bool", "str", "number", "number", "str"]
DEMO_KIT, DEMO_DATASET = "demo kit", "demo_kit"
FIRST_PRESET = "one-shot-128"
FIRST = note("No sounds here yet. Drop some on the left, or give a folder, and press Prepare; "
             "or load the demo kit.", tone="next")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            name = gr.Dropdown(label="Dataset", info="Choose one, or type the name of a new one.", choices=[],
                               allow_custom_value=True, interactive=True, elem_id="dataset-name")
            files = gr.File(label="Sounds: WAV, FLAC, OGG, MP3, AIFF", file_count="multiple", height=140,
                            elem_id="dataset-files")
            folder = gr.Textbox(label="Or a folder", info="All sounds in it and in the folders inside it.",
                                placeholder="path of a folder on this machine", elem_id="dataset-folder")
            preset = gr.Dropdown(label="Picture", info="How sounds become pictures; a dataset keeps to one.",
                                 choices=studio.mel_presets(), value=FIRST_PRESET, interactive=True,
                                 elem_id="dataset-preset")
            studio.preset_lists.append(preset)
            with gr.Accordion("How sounds are prepared", open=False):
                form = Form(PrepareSettings, prefix="prepare")
            with gr.Row():
                prepare = gr.Button("Prepare", size="md", variant="primary", elem_id="dataset-prepare")
                stop = gr.Button("Stop", size="md", interactive=False, elem_id="dataset-stop")
            demo = gr.Button("Load the demo kit", size="md", elem_id="dataset-demo")
        with gr.Column(scale=5, min_width=320):
            said = Note(FIRST, elem_id="dataset-note")
            table = gr.Dataframe(headers=HEADERS, datatype=KINDS, type="array", interactive=True, show_label=False,
                                 static_columns=[3, 4], column_widths=["84px", "46%", "90px", "100px", "26%"],
                                 max_height=340, buttons=[], show_search="search", elem_id="dataset-table")
            save = gr.Button("Save changes", size="md", elem_id="dataset-save")
            with gr.Row():
                image = gr.Image(label="Spectrogram", height=200, buttons=[], interactive=False, format="png",
                                 elem_classes="pixels", elem_id="dataset-picture")
                player = gr.Audio(label="Sound", interactive=False, buttons=["download"], elem_id="dataset-player")

    bench = Bench(studio, form)
    names = [name]
    shown = [said, table]
    about = [preset, *form.controls]
    tab.select(bench.names, None, names, **QUICK)
    studio.page.load(bench.opened, [name], [name, *shown, *about], **QUICK)
    name.input(bench.show, [name], [*shown, *about], **QUICK)
    buttons = [prepare, demo, stop]
    for button, handler, inputs in ((prepare, bench.prepare, [name, files, folder, preset, *form.controls]),
                                    (demo, bench.load_demo_kit, [preset, *form.controls])):
        started = button.click(lambda: _buttons(working=True), None, buttons, **QUICK)
        done = started.then(told(handler), inputs, [name, preset, *shown], **QUEUED)
        for ended in (done.then, done.failure):  # one follows an end, the other a fault
            ended(lambda: _buttons(working=False), None, buttons, **QUICK)
    stop.click(bench.stop, None, None, **QUICK)
    save.click(told(bench.save), [name, table], shown, **QUEUED)
    table.select(told(bench.choose), [name], [image, player], **QUEUED)


class Bench:
    """The handlers of the tab."""

    def __init__(self, studio: Studio, form: Form) -> None:
        self.studio = studio
        self.form = form
        self._stops: dict[str, threading.Event] = {}

    def names(self) -> dict:
        """The datasets to choose from."""
        return gr.update(choices=self.studio.datasets())

    def opened(self, name: str | None) -> list[Any]:
        """A page was opened: show its dataset, or the first there is."""
        names = self.studio.datasets()
        name = name or (names[0] if names else "my_sounds")
        return [gr.update(choices=names, value=name), *self.show(name)]

    def show(self, name: str | None) -> list[Any]:
        """A dataset was chosen: what is in it; for a new name, the controls for its first sounds."""
        folder = self.studio.dataset_folder(name)
        if not (folder / "dataset.json").is_file():
            return [FIRST, [], gr.update(visible=True), *self.form.enabled(True)]
        try:
            dataset = engine.dataset.load(folder)
        except StudioError as error:  # shown in place: a page that opens should not begin with a toast
            return [note(str(error), tone="bad"), [], gr.update(visible=True), *self.form.enabled(True)]
        prepared_with = [gr.update(value=value) for value in self.form.show(dataset.prepare)]
        return [_contents(dataset), _rows(dataset), gr.update(visible=False), *prepared_with]

    def prepare(self, request: gr.Request, name: str, files: list[str] | None, folder: str, preset: str,
                *values: Any) -> Iterator[list[Any]]:
        """Prepare the dropped files and the folder into the dataset."""
        sources = [Path(file) for file in files or ()]
        if folder and folder.strip():
            sources.append(Path(folder.strip()).expanduser())
        if not sources:
            raise StudioError("no sounds are chosen; drop files here, give a folder, or load the demo kit")
        yield from self._prepare(name, lambda report: sources, preset, values, request)

    def load_demo_kit(self, request: gr.Request, preset: str, *values: Any) -> Iterator[list[Any]]:
        """Write the synthesised demo kit into the workspace and prepare it."""
        folder = self.studio.workspace.kits / DEMO_KIT
        def write(report: Report) -> list[Path]:
            engine.kit.write_demo_kit(folder, report=report)
            return [folder]
        yield from self._prepare(DEMO_DATASET, write, preset, values, request)

    def stop(self, request: gr.Request) -> None:
        """End this page's preparing at its next sound."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def save(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Write the table's captions, weights and ticks into the dataset."""
        folder = self.studio.dataset_folder(name)
        dataset = engine.dataset.load(folder)
        edited = {str(row[4]): row for row in rows}
        revised = engine.dataset.revise(folder, [_revised(shot, edited.get(Path(shot.file_name).name))
                                                 for shot in dataset.one_shots])
        return [note(f"Saved: {folder.name}.", [_contents(revised)["text"]], tone="good"), _rows(revised)]

    def choose(self, name: str, event: gr.SelectData) -> list[Any]:
        """A row was clicked: its picture and its sound."""
        folder = self.studio.dataset_folder(name)
        shots = {Path(shot.file_name).name: shot for shot in engine.dataset.load(folder).one_shots}
        shot = shots.get(str(event.row_value[4]))
        if shot is None:
            raise StudioError(f"{event.row_value[4]}: is no longer in this dataset; choose the dataset again")
        pixels = engine.picture.load(folder / shot.file_name).pixels
        return [gr.update(value=engine.picture.coloured(pixels), label=shot.text),
                gr.update(value=self.studio.served(folder / shot.audio), label=shot.text)]

    def _prepare(self, name: str, gather: Any, preset: str, values: Sequence[Any], request: gr.Request) -> Any:
        folder, settings = self.studio.dataset_folder(name), self.form.read(values)
        mel = presets.load("mel", preset, self.studio.workspace)
        if (folder / "dataset.json").is_file():
            mel = engine.dataset.load(folder).mel

        def work(report: Report) -> Iterator["Prepared"]:
            yield engine.preparation.prepare(gather(report), folder, mel, settings, report=report)

        stop = self._stops[request.session_hash] = threading.Event()
        yield [gr.skip(), gr.skip(), working(Progress("reading sounds")), gr.skip()]
        prepared = None
        for said, made in watched(work, stop):
            if said:
                yield [gr.skip(), gr.skip(), said, gr.skip()]
            prepared = made
        there = (folder / "dataset.json").is_file()  # not where every sound was refused
        yield [gr.update(choices=self.studio.datasets(), value=folder.name), gr.update(visible=not there),
               _summary(prepared) if prepared else note("Stopped. What was done is kept."),
               _rows(engine.dataset.load(folder)) if there else []]


def _buttons(*, working: bool) -> list[Any]:
    """Prepare, the demo kit, Stop."""
    return [gr.update(interactive=not working), gr.update(interactive=not working), gr.update(interactive=working)]


def _rows(dataset: "Dataset") -> list[list[Any]]:
    return [[shot.enabled, shot.text, shot.weight, f"{shot.duration:.2f}", Path(shot.file_name).name]
            for shot in dataset.one_shots]


def _revised(shot: OneShot, row: Sequence[Any] | None) -> OneShot:
    if row is None:
        return shot
    enabled, text, weight = row[:3]
    try:
        weight = float(weight)
    except (TypeError, ValueError) as error:
        raise StudioError(f"weight of {row[4]} is {weight!r}; give a number, 1 for as often as the others") from error
    return dataclasses.replace(shot, enabled=enabled in (True, "true", "True"), text=str(text or ""), weight=weight)


def _contents(dataset: "Dataset") -> dict[str, Any]:
    used = sum(shot.enabled for shot in dataset.one_shots)
    mel = dataset.mel
    return note(f"{len(dataset.one_shots)} sounds, {used} in use.",
                [f"Pictures of {mel.n_frames}×{mel.n_mels}, {mel.duration:.2f} s at {mel.sample_rate} Hz. "
                 "Click a row to see and hear it; mend captions, then save. Next: Train."])


def _summary(prepared: "Prepared") -> dict[str, Any]:
    lines = [f"left out: {Path(path).name}: {reason}" for path, reason in prepared.refused]
    text = f"{len(prepared.added)} sounds added, {len(prepared.unchanged)} were there already"
    text += f", {len(prepared.refused)} left out:" if lines else ". Next: Train."
    return note(text, lines, tone="bad" if lines and not prepared.added else "good")
