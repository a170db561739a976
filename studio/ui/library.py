"""The tab Library: every sound that was kept, found again, marked, and taken to the DAW."""

from pathlib import Path

import gradio as gr

from studio import presets
from studio.settings import ExportSettings
from studio.ui import engine
from studio.ui.components.detail import Detail
from studio.ui.components.dragging import Dragging
from studio.ui.components.note import Note, note
from studio.ui.components.pads import Pads
from studio.ui.components.pager import Pager
from studio.ui.components.take_rows import TakeRows
from studio.ui.exporter import ADVICE, Exporter
from studio.ui.finder import EMPTY, ORDERS, TIMES, Finder
from studio.ui.form import Form
from studio.ui.studio import QUEUED, QUICK, Studio, to_front
from studio.ui.toasts import told

ACTIONS = ("star", "rename", "remove", "pick")  # of a pad
DETAIL = ("star", "name", "note", "path", "reveal", "reuse", "more", "transform")
# What is typed follows one another, and the last counts. What carries news from the browser must all be heard, in its
# order: Gradio would drop it while the one before is answered, or say that one's news again ("always_last"). Faults
# reach the user as toasts only from the queue.
TYPED = dict(QUICK, trigger_mode="always_last")
HEARD = dict(QUEUED, trigger_mode="multiple", concurrency_id="library", concurrency_limit=1)
HINT = "Sounds that you look for appear here."
RESTORE = "library-restore"  # where a sound or picture goes in that is dropped anywhere on the tab
TO_GENERATE = to_front("Generate")
# The tab's controls are made when it first comes to the front, so that its button may be a moment away.
AND_START = to_front("Generate", """const wait = tries => { const start = document.querySelector('#generate-start');
    if (start && start.offsetParent !== null && !start.disabled) start.click();
    else if (tries) setTimeout(() => wait(tries - 1), 50); };
  wait(100);""")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    asked = _search()
    with gr.Row():
        with gr.Column(scale=10, min_width=320):
            with gr.Row(equal_height=True):
                with gr.Column(scale=1, min_width=200):
                    said = Note(EMPTY, elem_id="library-note")
                with gr.Column(scale=0, min_width=230):
                    pager = Pager(elem_id="library-pager")
            pads = Pads([], actions=ACTIONS, elem_id="library-pads", hint=HINT, drop_into=RESTORE)
            rows = TakeRows(elem_id="library-rows", hint=HINT, drop_into=RESTORE, visible="hidden")
            detail = Detail(None, actions=DETAIL, elem_id="library-detail",
                            hint="Play a sound to look at it closely.")
        with gr.Column(scale=4, min_width=300):
            what = gr.Radio(label="Export", choices=[("chosen: 0", "chosen"), ("all found: 0", "found")],
                            value="chosen", interactive=True, elem_id="export-what")
            exported, form = _export(studio)
            restore = gr.UploadButton("Settings from a sound or picture", file_types=[".wav", ".png", ".json"],
                                      size="sm", elem_id=RESTORE)
    finder = Finder(studio)
    studio.details.append(detail)
    shown = [pads, rows, pager, said, what, detail]
    role, lora = asked[1:3]
    look = gr.State(0)
    tab.select(told(finder.opened), None, [role, lora, said, detail, look], **QUEUED)
    text, *others = asked
    gr.on([tab.select, look.change, text.change,  # what the mouse pastes is no input to Gradio
           *(control.input for control in others)], told(finder.search), asked, shown, **TYPED)
    pager.turned(told(finder.turn), None, shown, **HEARD)
    _wire_takes(finder, pads, rows, detail, what, shown)
    _wire_generate(studio, finder, detail, restore)
    _wire_export(Exporter(studio, finder, form), what, exported, form)


def _search() -> list[gr.components.Component]:
    """What is looked for: text, role, LoRA, time, stars; and how it is shown: order, view."""
    with gr.Row(equal_height=True, elem_id="library-asked"):
        text = gr.Textbox(label="Search", placeholder="words of the prompt, name, note, sound or LoRA", scale=5,
                          min_width=240, max_lines=1, interactive=True, elem_id="library-search")
        role = gr.Dropdown(label="Role", choices=[("any role", "")], value="", interactive=True, min_width=130, scale=2,
                           elem_id="library-role")
        lora = gr.Dropdown(label="LoRA", choices=[("any LoRA", "")], value="", interactive=True, min_width=130, scale=2,
                           elem_id="library-lora")
        time = gr.Dropdown(label="Made", choices=list(TIMES), value=0, interactive=True, min_width=130, scale=2,
                           elem_id="library-time")
        order = gr.Dropdown(label="Order", choices=list(ORDERS), value=ORDERS[0], interactive=True, min_width=110,
                            scale=2, elem_id="library-order")
        starred = gr.Checkbox(label="Starred", interactive=True, min_width=150, scale=1, elem_id="library-starred")
        view = gr.Radio(label="View", choices=[("Grid", "grid"), ("List", "list")], value="grid", interactive=True,
                        min_width=130, scale=2, elem_id="library-view")
    return [text, role, lora, time, starred, order, view]


def _export(studio: Studio) -> tuple[list[gr.components.Component], Form]:
    """How sounds leave: [preset, folder, to the folder, zip, Stop, reveal, note, save], and the settings' form."""
    preset = gr.Dropdown(label="Preset", info="Sets how sounds are written.", value=None, interactive=True,
                         choices=presets.names("export", studio.workspace), elem_id="export-preset")
    with gr.Accordion("How they are written", open=False):
        form = Form(ExportSettings, prefix="export")
    folder = gr.Textbox(label="Name", info="Of a folder inside the export folder, or of the zip.", max_lines=1,
                        placeholder="none: into the export folder itself", interactive=True, elem_id="export-name")
    with gr.Row():
        start = gr.Button("To the folder", size="md", variant="primary", min_width=110, elem_id="export-start")
        archive = gr.Button("As a zip", size="md", min_width=80, elem_id="export-zip")
        stop = gr.Button("Stop", size="md", interactive=False, min_width=60, elem_id="export-stop")
    save = gr.DownloadButton("Save the zip", size="md", visible=False, elem_id="export-save")
    gr.Textbox(label="The export folder", info=ADVICE, value=str(studio.workspace.exports), interactive=False,
               max_lines=2, buttons=["copy"], elem_id="export-folder")
    reveal = gr.Button("Reveal the export folder", size="md", elem_id="export-reveal")
    Dragging(elem_id="export-dragging")
    said = Note(note(""), elem_id="export-note")
    return [preset, folder, start, archive, stop, reveal, said, save], form


def _wire_takes(finder: Finder, pads: Pads, rows: TakeRows, detail: Detail, what: gr.Radio, shown: list) -> None:
    """What is done with a take, wherever it is seen."""
    for seen in (pads, rows):
        seen.chosen(told(finder.choose), None, detail, **HEARD).failure(told(finder.changed), None, shown, **HEARD)
        seen.picked(told(finder.pick), None, what, **HEARD)
    acts = [act for seen in (pads, rows) for act in (
        (seen.starred, finder.star), (seen.renamed, finder.rename), (seen.removed, finder.remove),
        (seen.undone, finder.undo))]
    for event, handler in (*acts, (detail.starred, finder.star), (detail.renamed, finder.rename),
                           (detail.noted, finder.note)):
        event(told(handler), None, shown, **HEARD).failure(told(finder.changed), None, shown, **HEARD)
    detail.revealed(told(finder.reveal), None, None, **QUEUED)


def _wire_generate(studio: Studio, finder: Finder, detail: Detail, restore: gr.UploadButton) -> None:
    """Settings into the controls of Generate, of a take or of a file that was dropped, and more like a take."""
    controls, fill = studio.generate_form

    def reuse(event: gr.EventData) -> list:
        return fill(finder.take(event).recipe)

    def more(event: gr.EventData) -> list:
        return fill(finder.take(event).recipe, fresh=True)

    def dropped(path: str) -> list:
        return fill(engine.library.recipe_of(Path(path)))

    restore.upload(told(dropped), restore, controls, **QUEUED).success(None, None, None, js=TO_GENERATE)
    detail.reused(told(reuse), None, controls, **QUEUED).success(None, None, None, js=TO_GENERATE)
    detail.more(told(more), None, controls, **QUEUED).success(None, None, None, js=AND_START)


def _wire_export(exporter: Exporter, what: gr.Radio, exported: list, form: Form) -> None:
    preset, folder, start, archive, stop, reveal, said, save = exported
    preset.input(told(exporter.preset), preset, form.controls, **QUEUED)
    for button, handler in ((start, exporter.to_folder), (archive, exporter.to_zip)):
        button.click(told(handler), [what, folder, *form.controls], [said, stop, save], **QUEUED)
    stop.click(exporter.stop, None, None, **QUICK)
    reveal.click(told(exporter.reveal), None, None, **QUEUED)
