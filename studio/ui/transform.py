"""The tab Transform: a sound made anew or painted on, ways between sounds, and tracks that are heard as they come."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.settings import MorphSettings, TransformSettings
from studio.ui.components.detail import Detail
from studio.ui.components.live_track import LiveTrack
from studio.ui.components.mask_brush import MaskBrush
from studio.ui.components.note import Note
from studio.ui.components.pads import Pads
from studio.ui.easel import Easel
from studio.ui.form import Form
from studio.ui.making import wire_making
from studio.ui.results import PADS, lora_slot, wire_changing, wire_looking
from studio.ui.shelf import Shelf
from studio.ui.studio import QUEUED, QUICK, Studio, to_front
from studio.ui.toasts import told
from studio.ui.transform_bench import CHANGE, HINTS, TRACK, TRAVEL, TransformBench

EMPTY = "Drop a sound here: WAV, FLAC, OGG, MP3 or AIFF, a one-shot or a whole song."
OPEN = "transform-open"  # where a sound goes in that is dropped anywhere on the tab
SUFFIXES = [".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"]
DETAIL = ("star", "name", "note", "path", "reveal", "reuse", "transform")
NOTE_HEIGHT = 56  # pixels, of one with a bar
SHARED = ("negative_prompt", "seed", "guidance", "base", "scheduler", "device")  # of all three modes
ALONE = ("reference", "lora")  # controls of their own
WAY = ("start", "end", "steps")  # fewer than for a change, of which strength leaves a part
ON_THE_WAY = ("count", "strength")
ON_TIME = ("seconds", "bpm", "bars", "loop")
HEARD = dict(QUEUED, trigger_mode="multiple", concurrency_limit=1)
# The mode is a mark on the tab, by which what belongs to the others is hidden: no round trip, nothing is made anew.
MARK = "mode => { document.getElementById('transform-whole').dataset.mode = mode; }"
TO_TRANSFORM = to_front("Transform")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    shared = Form(TransformSettings, prefix="transform", without=_but(TransformSettings, SHARED), at_once=False)
    change = Form(TransformSettings, prefix="change", without=[*SHARED, *ALONE], at_once=False)
    way, travel, track = (Form(MorphSettings, prefix=prefix, without=_but(MorphSettings, names), at_once=False)
                          for prefix, names in (("way", WAY), ("travel", ON_THE_WAY), ("track", ON_TIME)))
    with gr.Column(elem_id="transform-whole"):
        mode, via, make, stop = _words(shared, change, way)
        with gr.Row():
            with gr.Column(scale=10, min_width=320):
                brush = MaskBrush(None, hint=EMPTY, drop_into=OPEN, elem_id="transform-brush", elem_classes="of-change")
                live = LiveTrack(None, elem_id="transform-live", elem_classes="of-track")
                with gr.Row(equal_height=True):
                    with gr.Column(scale=1, min_width=200):
                        said = Note(HINTS[CHANGE], least_height=NOTE_HEIGHT, elem_id="transform-note")
                    with gr.Column(scale=0, min_width=150, elem_classes="of-change"):
                        opened = gr.UploadButton("Open a sound", file_types=SUFFIXES, size="md", elem_id=OPEN)
                pads = Pads([], actions=PADS, rows=1, elem_id="transform-pads",
                            hint="New sounds appear here, one by one.")
                detail = Detail(None, actions=DETAIL, elem_id="transform-detail",
                                hint="Click a pad, or press its key, to look at a sound closely.")
            with gr.Column(scale=4, min_width=300):
                loose = _knobs(shared, change, way, travel, track)
    shelf, easel = Shelf(studio), Easel(studio)
    bench = TransformBench(studio, shelf, easel, {"mode": mode, "via": via, **loose},
                           [shared, change, way, travel, track])
    mode.change(None, mode, None, js=MARK, **QUICK)
    mode.input(bench.turned, mode, said, **QUICK)
    for event in (tab.select, studio.page.load):
        event(bench.loras, None, loose["lora"], **QUICK)
    wire_looking(shelf, tab, pads, detail)
    wire_changing(shelf, pads, detail)
    wire_making(bench, bench.make, [make.click], bench.controls, [make, stop, said, pads, live], detail)
    detail.reused(told(bench.reuse), None, [*bench.controls, said], **QUEUED)
    _wire_sources(studio, easel, [opened, brush, said, mode, detail], [shared["base"], shared["device"], loose["lora"]])


def _words(shared: Form, change: Form, way: Form) -> tuple[gr.Radio, gr.Textbox, gr.Button, gr.Button]:
    """What is to be made, in words, and what starts and stops it."""
    with gr.Row(equal_height=True, elem_id="transform-words"):
        mode = gr.Radio(choices=[CHANGE, TRAVEL, TRACK], value=CHANGE, show_label=False, container=False, scale=0,
                        interactive=True, min_width=130, elem_id="transform-mode", elem_classes="segments")
        with gr.Column(scale=6, min_width=260, elem_classes="of-change"):
            change.place("prompt")
        with gr.Column(scale=6, min_width=260, elem_classes="of-way"), gr.Row(equal_height=True):
            way.place("start", min_width=120)
            via = gr.Textbox(label="Via", info="Prompts on the way, a line each.", max_lines=3, interactive=True,
                             min_width=120, elem_id="way-via")
            way.place("end", min_width=120)
        with gr.Column(scale=3, min_width=180):
            shared.place("negative_prompt")
        make = gr.Button("Make", size="md", variant="primary", scale=0, min_width=140, elem_id="transform-start")
        stop = gr.Button("Stop", size="md", interactive=False, scale=0, min_width=80, elem_id="transform-stop")
    return mode, via, make, stop


def _knobs(shared: Form, change: Form, way: Form, travel: Form, track: Form) -> dict[str, Any]:
    """How it is made; returns the controls that stand alone, by name."""
    lora, weight = lora_slot("transform", 1)
    with gr.Column(elem_classes="of-way"):
        weight_end = gr.Slider(label="Strength at the end", minimum=-1, maximum=2, step=0.05, value=1, interactive=True,
                               buttons=[], elem_id="transform-strength-end")
    with gr.Row(equal_height=True, elem_classes=["knobs", "of-change"]):
        for name in ("strength", "keep_ms", "repaint_above_hz", "keep_phase"):
            change.place(name)
    with gr.Column(elem_classes="of-travel"):
        with gr.Row(equal_height=True, elem_classes="knobs"):
            travel.place("count")
        with gr.Accordion("A field between four corners", open=False), gr.Row(equal_height=True):
            below = [gr.Textbox(label=f"Below {side}", info=f"Under the {which} prompt.", max_lines=1, min_width=120,
                                interactive=True, elem_id=f"travel-below-{side}")
                     for side, which in (("left", "first"), ("right", "last"))]
        with gr.Accordion("Between two sounds", open=False):
            with gr.Row():
                ends = [gr.File(label=f"{which} sound", file_types=SUFFIXES, height=140,
                                elem_id=f"travel-{which.lower()}") for which in ("First", "Last")]
            travel.place("strength")
    with gr.Row(equal_height=True, elem_classes=["knobs", "of-track"]):
        for name in ON_TIME:
            track.place(name)
    with gr.Row(equal_height=True, elem_classes="knobs"):
        change.place("steps", elem_classes="of-change")
        way.place("steps", elem_classes="of-way")
        for name in ("guidance", "seed"):
            shared.place(name)
        shared.place("base", elem_classes="narrow")  # which text is not by itself
    with gr.Column(elem_classes="of-change"), gr.Accordion("Another sound's colour, one instrument", open=False):
        reference = gr.File(label="A sound whose colour it takes on", file_types=SUFFIXES, height=140,
                            elem_id="change-reference")
        with gr.Row(equal_height=True, elem_classes="knobs"):
            for name in ("mix", "stem", "stem_db"):
                change.place(name)
    with gr.Accordion("More settings", open=False), gr.Row(equal_height=True, elem_classes="knobs"):
        shared.place("scheduler")
        shared.place("device")
    return dict(reference=reference, below_left=below[0], below_right=below[1], start_sound=ends[0],
                end_sound=ends[1], lora=lora, weight=weight, weight_end=weight_end)


def _wire_sources(studio: Studio, easel: Easel, stand: list, look: list) -> None:
    """Sounds come in as files and from any closer look; masks come from the brush."""
    opened, brush, said, mode, detail = stand
    base, _, lora = look
    opened.upload(told(easel.upload), [opened, *look], [brush, said], **QUEUED)
    for event in (base.blur, lora.input):
        event(told(easel.again), look, [brush, said], **QUEUED)
    brush.painted(told(easel.painted), None, None, **HEARD)
    studio.details.append(detail)

    def wire_details() -> None:
        for each in studio.details:
            sent = each.transformed(told(easel.take), look, [brush, said, mode], **QUEUED)
            sent.success(None, None, None, js=TO_TRANSFORM)

    studio.afterwards.append(wire_details)


def _but(kind: type, names: Sequence[str]) -> list[str]:
    """The fields of a settings class but these."""
    return [field.name for field in dataclasses.fields(kind) if field.name not in names]
