"""The tab Dataset: sounds in, captions in words, what training will see."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.settings import PrepareSettings
from studio.ui.components.note import Note, note
from studio.ui.components.slicer import Slicer
from studio.ui.components.sound_card import SoundCard
from studio.ui.components.sound_table import SoundTable
from studio.ui.form import Form
from studio.ui.preparing import Preparing, begun, over
from studio.ui.slicing import Slicing
from studio.ui.sound_rows import SoundRows
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told

FIRST_PRESET = "one-shot-128"
LATEST = dict(QUICK, trigger_mode="always_last")  # names follow one another: the last one counts


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    rows, slicing = SoundRows(studio), Slicing(studio)
    with gr.Row(elem_id="dataset"):
        with gr.Column(scale=3, min_width=280):
            name = gr.Dropdown(label="Dataset", info="Choose one, or type the name of a new one.", choices=[],
                               allow_custom_value=True, interactive=True, elem_id="dataset-name")
            first = gr.Textbox(visible=False)
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
                prepare = gr.Button("Prepare", size="md", variant="primary", min_width=90, elem_id="dataset-prepare")
                stop = gr.Button("Stop", size="md", interactive=False, min_width=70, elem_id="dataset-stop")
                demo = gr.Button("Demo kit", size="md", min_width=90, elem_id="dataset-demo")
            with gr.Accordion("Slice a recording", open=False, elem_id="dataset-slice"):
                recording = gr.File(label="A long recording of single sounds", height=140,
                                    elem_id="dataset-recording")
            with gr.Accordion("Export for other trainers", open=False, elem_id="dataset-export"):
                format = gr.Radio(label="Written as", choices=["kohya", "imagefolder"], value="kohya",
                                  interactive=True, elem_classes="segments", elem_id="dataset-format")
                give = gr.Button("Export", size="md", elem_id="dataset-give")
        with gr.Column(scale=8, min_width=320):
            said = Note(note(""), elem_id="dataset-note")
            with gr.Column(visible=False) as drawer:
                slicer = Slicer({"token": None}, ask=_asked_of(slicing, "pieces", "piece"), elem_id="dataset-slicer")
            sounds = SoundTable(
                {"dataset": "", "rows": [], "there": None}, elem_id="dataset-sounds",
                ask=_asked_of(rows, "edit", "reword", "forget", "duplicates", "thumbs"))
        with gr.Column(scale=3, min_width=280):
            SoundCard({}, ask=_asked_of(rows, "sound", "compare"), elem_id="dataset-card")

    bench = Preparing(studio, form, rows, slicing)
    opened = studio.page.load(bench.first, None, [name, first], **QUICK)
    # in the browser and not before: what the user has typed meanwhile stays
    opened.then(None, [name, first], [name], js="(name, first) => name || first", **QUICK)
    tab.select(bench.names, None, [name], **QUICK)
    last = gr.State()
    # one event of both: of two that are on their way at once, the older could be answered last
    gr.on([tab.select, name.change], bench.show, [name, last], [last, sounds, preset, *form.controls], **LATEST)

    def wire_train() -> None:
        for event in meant:
            event(bench.to_train, name, studio.learned, **QUICK)

    studio.afterwards.append(wire_train)  # Train's control is not there yet
    name.input(lambda: note(""), None, said, **QUICK)  # what was said was said of another
    sounds.stale(rows.contents, [name], [sounds], **LATEST)

    shown, buttons = [name, preset, said, sounds], [prepare, demo, stop]
    meant = [name.input]
    for pressed, handler, inputs in (
            (prepare.click(begun, None, [*buttons, said], **QUICK), bench.prepare,
             [name, files, folder, preset, *form.controls]),
            (demo.click(begun, None, [*buttons, said], **QUICK), bench.load_demo_kit, [preset, *form.controls]),
            (slicer.cut(bench.take_pieces, None, [*buttons, said], **QUICK), bench.add_pieces,
             [name, preset, *form.controls])):
        done = pressed.then(told(handler), inputs, shown, **QUEUED)
        for ended in (done.then, done.failure):  # one follows an end, the other a fault
            ended(over, None, buttons, **QUICK)
        meant.append(done.success)
    stop.click(bench.stop, None, None, **QUICK)
    give.click(told(bench.export), [name, format], said, **QUEUED)
    recording.change(told(slicing.open), [recording], [said, slicer, drawer], **QUEUED)
    slicer.closed(lambda: None, None, [recording], **QUICK)
    for part in (sounds, slicer):  # queued, because Gradio shows no toast for what is not
        part.fault(told(_fault), None, None, **QUEUED)


def _asked_of(answers: Any, *names: str) -> list[Any]:
    """Plain functions that the browser may call: Gradio marks what it is given, which a method does not let it."""
    def plain(name: str) -> Any:
        def ask(asked: Mapping[str, Any]) -> dict[str, Any]:
            return getattr(answers, name)(asked)
        ask.__name__ = name
        return ask

    return [plain(name) for name in names]


def _fault(event: gr.EventData) -> None:
    """A fault that the browser was answered becomes a toast."""
    raise StudioError(str(event.text))
