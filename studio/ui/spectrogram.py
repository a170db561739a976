"""The tab Spectrogram, a laboratory: see what a sound looks like under every setting, and hear what is left of it."""

from typing import Any

import gradio as gr

from studio import presets
from studio.knobs import as_dict
from studio.settings import MelSettings
from studio.ui.components.ab_player import AbPlayer
from studio.ui.components.likeness_card import LikenessCard
from studio.ui.components.mel_controls import MelControls
from studio.ui.components.note import Note, note
from studio.ui.components.spectrogram_lab import SpectrogramLab
from studio.ui.form import described
from studio.ui.laboratory import FIRST_PRESET, Laboratory, Shown
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told

FIRST = note("Choose a sound, or drop one. Dropped pictures, one or a hundred, become sounds again.", tone="next")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    laboratory = Laboratory(studio)

    def preview(asked: dict) -> dict[str, Any]:  # Gradio marks a server function, which a method does not let it
        return laboratory.preview(asked)

    mel = presets.load("mel", FIRST_PRESET)
    with gr.Row(elem_id="laboratory"):
        with gr.Column(scale=2, min_width=250):
            dropped = gr.File(label="A sound, or pictures (PNG)", file_count="multiple", height=140,
                              elem_id="spectrogram-file")
            dataset = gr.Dropdown(label="Or from a dataset", choices=[], interactive=True,
                                  elem_id="spectrogram-dataset")
            row = gr.Dropdown(label="Its sound", choices=[], interactive=True, elem_id="spectrogram-row")
            preset = gr.Dropdown(label="Preset", info="Sets every control on the right.", choices=laboratory.presets(),
                                 value=FIRST_PRESET, interactive=True, elem_id="spectrogram-preset")
            said = Note(FIRST, elem_id="spectrogram-note")
            stop = gr.Button("Stop", size="md", visible=False, elem_id="spectrogram-stop")
            archive = gr.DownloadButton("Save the sounds (zip)", size="md", visible=False,
                                        elem_id="spectrogram-archive")
        with gr.Column(scale=5, min_width=320):
            lab = SpectrogramLab(value={"sound": None, "mel": as_dict(mel)}, preview=preview, elem_id="spectrogram-lab")
            player = AbPlayer({}, elem_id="spectrogram-player")
            card = LikenessCard({}, elem_id="spectrogram-card")
        with gr.Column(scale=3, min_width=300):
            controls = MelControls(value={"mel": as_dict(mel), "duration": mel.duration, "told": True},
                                   fields=_fields(), elem_id="spectrogram-controls")

    lists = [preset, *studio.preset_lists]
    shown = list(Shown(dropped, preset, said, stop, archive, lab, controls, player, card))
    for event in (tab.select, studio.page.load):
        event(laboratory.datasets, None, dataset, **QUICK)
        event(laboratory.lists, None, lists, **QUICK)
    dataset.input(told(laboratory.rows), dataset, row, **QUEUED)
    row.input(told(laboratory.choose), [dataset, row], shown, **QUEUED)
    preset.input(told(laboratory.preset), preset, [said, controls], **QUEUED)
    controls.save(told(laboratory.save), None, [said, *lists], **QUEUED)
    files = dropped.upload(told(laboratory.drop), dropped, shown, **QUEUED)
    files.failure(lambda: gr.update(visible=False), None, stop, **QUICK)
    heard_it = player.hear(told(laboratory.hear), None, shown, **QUEUED)
    heard_it.failure(laboratory.idle, None, player, **QUICK)
    player.stop(laboratory.stop, None, None, **QUICK)
    stop.click(laboratory.stop, None, None, **QUICK)


def _fields() -> list[dict[str, Any]]:
    """Every mel setting, and before them the length in seconds, which sets the hop."""
    fields = described(MelSettings)
    length = {"name": "duration", "label": "Length (s)", "type": "float", "choices": (), "advanced": False, "low": 0.1,
              "high": 10.0, "step": 0.01, "group": fields[0]["group"],
              "help": "How much of the sound the picture holds: longer leaves less detail for each moment."}
    return [length, *fields]
