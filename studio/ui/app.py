"""The page as a whole: a header line and the tabs in the order of the work.

To add a tab: one file beside this one with `def build(studio: Studio, tab: gr.Tab) -> None`, which makes its controls
where it is called and wires them, and one row in `TABS`. A tab finds what it needs in `Studio` (workspace, timer,
decoded sounds) and calls the engine for everything else: the page holds no arithmetic.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio import jobs
from studio.settings import GenerateSettings
from studio.ui import api, dataset, engine, generate, library, run_view, spectrogram, train, transform
from studio.ui.components.bar import Bar
from studio.ui.components.note import Note, note
from studio.ui.studio import QUICK, Studio
from studio.workspace import Workspace

DAY = 24 * 3600
MOST_WAITING = 64  # events; more are refused with a word rather than piled up


@dataclass(frozen=True)
class Row:
    """A tab: what it is called, who makes it, and its place among those that guests see; 0 where they do not."""

    label: str
    build: Callable[[Studio, gr.Tab], None]
    for_guests: int = 0


TABS = (
    Row("Dataset", dataset.build),
    Row("Spectrogram", spectrogram.build),
    Row("Train", train.build, for_guests=2),
    Row("Generate", generate.build, for_guests=1),
    Row("Transform", transform.build),
    Row("Library", library.build),
)


def build(workspace: Workspace, *, share: bool = False) -> gr.Blocks:
    """The page. share : for guests, who may generate and listen; what they must not do is not there to be called.

    What is to be said of a public link goes into `studio.link` of the page's attribute `studio`.
    """
    workspace.served.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.served)  # read by Gradio as each control is made
    with gr.Blocks(title="One-Shot Studio", fill_width=True, analytics_enabled=False, delete_cache=(DAY, DAY)) as page:
        with gr.Row(elem_id="header"):
            gr.HTML("One-Shot Studio", elem_id="title", apply_default_css=False)
            header = Note(note("looking for the device …"), elem_id="header-note")
            Bar()
        page.studio = studio = Studio(workspace, page, gr.Timer(run_view.SELDOM), guest=share)
        for row in tabs(share):
            with gr.Tab(row.label, elem_id=f"tab-{row.label.lower()}") as tab:
                row.build(studio, tab)
        if not share:
            api.build(studio)
        for wire in studio.afterwards:
            wire()
        for event in (page.load, studio.timer.tick):
            event(lambda *chosen: _header(studio, *chosen), studio.chosen, header, **QUICK)
        page.load(engine.warm_up, None, None, **QUICK)  # once the page is there, not in the way of it
    page.queue(max_size=MOST_WAITING, default_concurrency_limit=4)
    return page


def tabs(share: bool) -> list[Row]:
    """The tabs in their order: all of them, or those that guests see."""
    return sorted((row for row in TABS if row.for_guests), key=lambda row: row.for_guests) if share else list(TABS)


def _header(studio: Studio, base: str = GenerateSettings().base, lora: str = "") -> dict[str, Any]:
    """Where it runs, on which base, with which LoRA, and what is being trained."""
    parts = [engine.devices.describe(), f"base {base}", f"LoRA {lora}" if lora else ""]
    run = jobs.running(studio.workspace.runs)
    if run and not studio.guest:
        state = studio.stories.state(run)
        parts.append(f"training {run.name}: {state.step} of {state.total}" if state.total else f"training {run.name}")
    return note("  ·  ".join(filter(None, [*parts, studio.link])))
