"""The tab Generate: words into new sounds, on pads as they are made, and one of them close up."""

import gradio as gr

from studio import presets
from studio.settings import GenerateSettings
from studio.ui.components.detail import Detail
from studio.ui.components.note import Note, note
from studio.ui.components.pads import Pads
from studio.ui.form import Form, outlast_reload
from studio.ui.making import wire_making
from studio.ui.results import PADS, LoraSlot, lora_slot, wire_changing, wire_looking
from studio.ui.shelf import Shelf
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told
from studio.ui.workbench import LORA_SLOTS, Workbench

FIRST = note("Say what you want to hear and press Generate. A LoRA of your own makes it sound like your kit.",
             tone="next")
NOTE_HEIGHT = 70  # pixels, of one with a bar: what stands below must not jump when the work begins
RESTORE = "generate-restore"  # where a sound or picture goes in that is dropped anywhere on the tab
DETAIL = ("star", "name", "note", "path", "reveal", "reuse", "more", "transform")
GUESTS_DETAIL = ("reuse", "more")  # what a guest may do with a sound besides hearing it


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    hidden = ("lora", "base", "device", "batch_size", "duration") if studio.guest else ("lora",)
    form = Form(GenerateSettings, prefix="generate", without=hidden, at_once=False)
    with gr.Row(equal_height=True, elem_id="generate-words"):
        form.place("prompt", scale=6, min_width=260)
        form.place("negative_prompt", scale=3, min_width=180)
        generate = gr.Button("Generate", size="md", variant="primary", scale=0, min_width=140, elem_id="generate-start")
        stop = gr.Button("Stop", size="md", interactive=False, scale=0, min_width=80, elem_id="generate-stop")
    with gr.Row():
        with gr.Column(scale=10, min_width=320):
            said = Note(FIRST, least_height=NOTE_HEIGHT, elem_id="generate-note")
            pads = Pads([], actions=() if studio.guest else PADS, elem_id="generate-pads",
                        drop_into="" if studio.guest else RESTORE, hint="New sounds appear here, one by one.")
            detail = Detail(None, actions=GUESTS_DETAIL if studio.guest else DETAIL, elem_id="generate-detail",
                            hint="Click a pad, or press its key, to look at a sound closely.")
        with gr.Column(scale=4, min_width=300):
            preset, slots, restore = _knobs(studio, form)
    if not studio.guest:
        studio.chosen = [form["base"], slots[0][0]]

    shelf = Shelf(studio)
    bench = Workbench(studio, form, shelf)
    every = [*form.controls, *[each for slot in slots for each in slot]]
    studio.generate_form = [*every, said], bench.fill
    loras = [lora for lora, _ in slots]
    tab.select(bench.loras, None, loras, **QUICK)
    studio.page.load(bench.loras, None, loras, **QUICK)
    outlast_reload(studio.page, every, "studio-generate", generate.click)
    wire_looking(shelf, tab, pads, detail)
    preset.input(told(bench.preset), preset, form.controls, **QUEUED)
    more = detail.more(told(bench.more), None, [*every, said], **QUEUED)
    wire_making(bench, bench.generate, [generate.click, more.success], every, [generate, stop, said, pads])
    detail.reused(told(bench.reuse), None, [*every, said], **QUEUED)
    if restore:
        restore.upload(told(bench.dropped), restore, [*every, said], **QUEUED)
        wire_changing(shelf, pads, detail)
        studio.details.append(detail)


def _knobs(studio: Studio, form: Form) -> tuple[gr.Dropdown, list[LoraSlot], gr.UploadButton | None]:
    """How sounds are made: the preset, the LoRA slots, the rest of the form; and what takes settings from a file."""
    preset = gr.Dropdown(label="Preset", info="Sets how sounds are made, not what.", value=None, interactive=True,
                         choices=presets.names("generate", studio.workspace), elem_id="generate-preset")
    slots = _lora_slots()
    form.rest()
    restore = None if studio.guest else gr.UploadButton(
        "Settings from a sound or picture", file_types=[".wav", ".png", ".json"], size="sm", elem_id=RESTORE)
    return preset, slots, restore


def _lora_slots() -> list[LoraSlot]:
    """A LoRA and its strength, three times; the second and third are folded away."""
    slots = [lora_slot("generate", 1)]
    with gr.Accordion("More LoRAs", open=False):
        slots += [lora_slot("generate", number) for number in range(2, LORA_SLOTS + 1)]
    return slots
