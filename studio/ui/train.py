"""The tab Train: a dataset into a LoRA, in a process of its own that this page only watches.

Left: what to train, and the runs. Right: the run that is shown, its curves and its previews. Guests see the right side.
"""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio import dial, presets
from studio.settings import TrainSettings
from studio.ui.components.chart import Chart
from studio.ui.components.note import Note, note
from studio.ui.components.preview_table import PreviewTable
from studio.ui.components.run_list import RunList
from studio.ui.form import Form
from studio.ui.run_view import RunView
from studio.ui.studio import QUEUED, QUICK, Studio, to_front
from studio.ui.toasts import told
from studio.ui.training_desk import ROLES, STANDARD, Desk

TO_GENERATE = to_front("Generate")
LATEST = dict(QUICK, trigger_mode="always_last")  # settings follow one another: the last ones count
# News from the browser must all be heard, in their order.
HEARD = dict(QUEUED, trigger_mode="multiple", concurrency_id="runs", concurrency_limit=1)
NOTE_HEIGHT = 70  # pixels, of one with a bar: what stands below must not jump
MOVES_EXPECTATION = ("base", "roles", "steps", "epochs", "batch_size", "gradient_accumulation", "targets",
                     "text_encoder", "gradient_checkpointing", "mixed_precision", "device", "processes")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    view = RunView(studio)
    opened, seen = gr.State(""), gr.State({})
    if studio.guest:
        parts = [seen, *_run_shown(view)[:4], studio.timer]
        _wire_looks(studio, view, opened, seen, parts)
        return
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            dataset, name, role, turned, expectation, start, measure, others, preset, form = _wish(studio)
        with gr.Column(scale=5, min_width=320):
            shown = _run_shown(view)
    said, losses, distances, previews, stop, resume, use, best = shown
    parts = [seen, said, losses, distances, previews, studio.timer, others, start, stop, resume, use, best]
    studio.learned.append(dataset)
    desk = Desk(studio, form, view)
    _wire_looks(studio, view, opened, seen, parts)
    _wire_wish(studio, tab, desk, [dataset, name, role, turned, preset], expectation, form)
    fields, changed = [dataset, name, *form.controls], [opened, *parts]
    measure.click(told(desk.measure), [dataset, *form.controls], [expectation, measure], **QUEUED)
    start.click(told(desk.start), fields, changed, **QUEUED)
    stop.click(told(desk.stop), opened, changed, **QUEUED)
    resume.click(told(desk.resume), opened, changed, **QUEUED)
    others.opened(told(desk.open), None, changed, **HEARD)
    others.acted(told(desk.act), opened, changed, **HEARD)
    others.undone(told(desk.undo), opened, changed, **HEARD)
    others.cloned(told(desk.clone), None, fields, **HEARD)

    def wire_use() -> None:
        for button, handler in ((use, desk.use), (best, desk.use_best)):
            button.click(told(handler), opened, studio.chosen, **QUEUED).success(None, None, None, js=TO_GENERATE)

    studio.afterwards.append(wire_use)  # Generate's controls are not there yet


def _wish(studio: Studio) -> tuple:
    """What to train: the dataset, how close it shall come, the runs, and all controls folded away."""
    with gr.Row():
        dataset = gr.Dropdown(label="Dataset", choices=[], interactive=True, min_width=140, elem_id="train-dataset")
        name = gr.Textbox(label="Name of the LoRA", placeholder="the dataset's name", interactive=True, max_lines=1,
                          min_width=140, elem_id="train-name")
    role = gr.Radio(label="What it learns", choices=list(ROLES), value=STANDARD, interactive=True,
                    elem_classes="segments", elem_id="train-role")
    turned = gr.Radio(label="How close to the kit: longer and stronger to the right", value=0, interactive=True,
                      choices=[(words, position) for position, words in dial.WORDS.items()],
                      elem_classes="segments", elem_id="train-dial")
    expectation = Note(note(""), elem_id="train-expected")
    with gr.Row():
        start = gr.Button("Start training", size="md", variant="primary", scale=3, min_width=150,
                          elem_id="train-start")
        measure = gr.Button("Measure", size="md", scale=1, min_width=90, elem_id="train-measure")
    others = RunList({"runs": []}, elem_id="train-runs")
    with gr.Accordion("All controls", open=False, elem_id="train-all"):
        preset = gr.Dropdown(label="Preset", info="Sets the controls below.", value=STANDARD, interactive=True,
                             choices=presets.names("train", studio.workspace), elem_id="train-preset")
        form = Form(TrainSettings, prefix="train", at_once=False)
        form.groups()
    return dataset, name, role, turned, expectation, start, measure, others, preset, form


def _run_shown(view: RunView) -> list[gr.components.Component]:
    """The run that is shown: [note, losses, distances, previews], and for the owner [stop, resume, use, best]."""
    said = Note(note(""), least_height=NOTE_HEIGHT, elem_id="run-note")
    buttons = []
    if not view.studio.guest:
        with gr.Row():
            buttons = [
                gr.Button("Stop and save", size="md", interactive=False, min_width=120, elem_id="train-stop"),
                gr.Button("Resume", size="md", visible=False, min_width=90, elem_id="train-resume"),
                gr.Button("Use this LoRA", size="md", variant="primary", visible=False, min_width=120,
                          elem_id="train-use"),
                gr.Button("Use the best", size="md", visible=False, min_width=120, elem_id="train-use-best")]
    with gr.Row():
        losses = Chart(None, min_width=280, elem_id="run-losses")
        distances = Chart(None, min_width=280, elem_id="run-distances")

    def preview_sound(asked: Mapping[str, Any]) -> dict[str, Any]:
        return view.preview_sound(asked)

    previews = PreviewTable(None, ask=preview_sound, elem_id="run-previews")
    return [said, losses, distances, previews, *buttons]


def _wire_looks(studio: Studio, view: RunView, opened: gr.State, seen: gr.State, parts: list) -> None:
    """A page that was opened, and every tick, look where the run stands."""
    studio.page.load(lambda: view.look("", None), None, parts, **QUICK)
    studio.timer.tick(view.look, [opened, seen], parts, **QUICK)


def _wire_wish(studio: Studio, tab: gr.Tab, desk: Desk, wish: list, expectation: Note, form: Form) -> None:
    """Presets, the dial, and what it all will take. wish : [dataset, name, role, dial, preset]"""
    dataset, name, role, turned, preset = wish
    studio.page.load(told(desk.opened), None, [dataset, name, *form.controls], **QUICK)
    tab.select(desk.datasets, dataset, dataset, **QUICK)
    role.input(told(desk.learn), role, form["roles"], **QUICK)
    form["roles"].change(desk.learns, form["roles"], role, **LATEST)
    preset.input(told(desk.preset), [preset, turned], form.controls, **QUEUED)
    turned.input(told(desk.turn), [preset, turned], form.controls, **QUEUED)
    # one event of all: of two that are on their way at once, the older could be answered last
    moved = [control.change for control in (dataset, *(form[name] for name in MOVES_EXPECTATION))]
    gr.on([tab.select, *moved], desk.expect, [dataset, *form.controls], expectation, **LATEST)
