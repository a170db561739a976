"""Pads and the closer look below them, where a tab shows the sounds that it has made."""

import gradio as gr

from studio.ui.components.detail import Detail
from studio.ui.components.pads import Pads
from studio.ui.shelf import Shelf
from studio.ui.studio import QUEUED
from studio.ui.toasts import told

PADS = ("star", "rename", "remove")
# One after the other, or an older answer would come after a newer one; and each of them, where Gradio would drop a
# second event while the first is at work, or tell the first one's news again ("always_last").
IN_TURN = QUEUED | dict(concurrency_id="pads", concurrency_limit=1, trigger_mode="multiple")
LoraSlot = tuple[gr.Dropdown, gr.Slider]  # a LoRA and its strength


def wire_looking(shelf: Shelf, tab: gr.Tab, pads: Pads, detail: Detail) -> None:
    """What is shown when the tab comes to the front, and a closer look at the sound that is played."""
    for opened in (tab.select, shelf.studio.page.load):
        opened(told(shelf.show), None, [pads, detail], **IN_TURN)
    chosen = pads.chosen(told(shelf.choose), None, detail, **IN_TURN)
    chosen.failure(told(shelf.show), None, [pads, detail], **IN_TURN)


def wire_changing(shelf: Shelf, pads: Pads, detail: Detail) -> None:
    """What changes the user's files or tells of them: for guests none of it is there to be called."""
    both = [pads, detail]
    wired = [pads.starred(told(shelf.star), None, both, **IN_TURN),
             pads.renamed(told(shelf.rename), None, both, **IN_TURN),
             pads.removed(told(shelf.remove), None, both, **IN_TURN),
             pads.undone(told(shelf.undo), None, both, **IN_TURN),
             detail.starred(told(shelf.star), None, both, **IN_TURN),
             detail.renamed(told(shelf.rename), None, both, **IN_TURN),
             detail.noted(told(shelf.note), None, detail, **IN_TURN),
             detail.revealed(told(shelf.reveal), None, None, **QUEUED)]
    for event in wired:
        event.failure(told(shelf.show), None, both, **IN_TURN)  # what another page took away goes here as well


def lora_slot(prefix: str, number: int) -> LoraSlot:
    """A LoRA to choose, and how strongly it speaks."""
    with gr.Row(equal_height=True):
        lora = gr.Dropdown(label="LoRA" if number == 1 else f"LoRA {number}", choices=[("none", "")], value="",
                           interactive=True, min_width=150, elem_id=f"{prefix}-lora-{number}")
        strength = gr.Slider(label="Strength", minimum=-1, maximum=2, step=0.05, value=1, interactive=True,
                             min_width=150, buttons=[], elem_id=f"{prefix}-strength-{number}")
    return lora, strength
