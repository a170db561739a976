"""The tab Spectrogram: see what a sound looks like under every setting, and hear what is left of it."""

import base64
import io
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.files import slug
from studio.progress import Report
from studio.settings import MelSettings, as_dict, from_dict
from studio.ui import engine
from studio.ui.components.note import Note, note
from studio.ui.components.spectrogram_lab import SpectrogramLab
from studio.ui.form import described
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told
from studio.ui.work import watched

if TYPE_CHECKING:
    from torch import Tensor

GROUPS = {
    "Picture": ("sample_rate", "n_frames", "n_mels", "hop_length"),
    "Pitch and time": ("n_fft", "f_min", "f_max", "mel_scale", "range_db"),
    "Decoder": ("iterations", "momentum", "seed"),
    "Bass": ("bass_n_fft", "bass_hz", "split_hz"),
    "Window and bands": ("window", "win_length", "normalized", "center", "pad", "pad_mode", "power", "norm"),
}
FIRST = note("Choose a sound, or drop a picture that the studio made to hear it.", tone="next")


def build(studio: Studio, tab: gr.Tab) -> None:
    """Make the tab's controls and wire them."""
    bench = Bench(studio)

    def preview(asked: dict) -> dict[str, str]:  # Gradio marks a server function, which a method does not let it
        return bench.preview(asked)

    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            dropped = gr.File(label="A sound, or a picture of ours (PNG)", height=140, elem_id="spectrogram-file")
            dataset = gr.Dropdown(label="Or from a dataset", choices=[], interactive=True,
                                  elem_id="spectrogram-dataset")
            row = gr.Dropdown(label="Its sound", choices=[], interactive=True, elem_id="spectrogram-row")
            preset = gr.Dropdown(label="Preset", info="Sets every control on the right.", choices=presets.names("mel"),
                                 value="one-shot-128", interactive=True, elem_id="spectrogram-preset")
            said = Note(FIRST, elem_id="spectrogram-note")
        with gr.Column(scale=7, min_width=320):
            lab = SpectrogramLab(value=_lab(None, "", presets.load("mel", "one-shot-128")), preview=preview,
                                 fields=described(MelSettings), groups=GROUPS, elem_id="spectrogram-lab")
            with gr.Row():
                original = gr.Audio(label="Original", interactive=False, buttons=["download"], min_width=260,
                                    elem_id="spectrogram-original")
                decoded = gr.Audio(label="Decoded from the picture", interactive=False, buttons=["download"],
                                   min_width=260, elem_id="spectrogram-decoded")

    players = [original, decoded]
    tab.select(bench.datasets, None, dataset, **QUICK)
    studio.page.load(bench.datasets, None, dataset, **QUICK)
    dataset.input(told(bench.rows), dataset, row, **QUICK)
    row.input(told(bench.choose), [dataset, row, preset], [lab, said, *players], **QUEUED)
    dropped.upload(told(bench.drop), [dropped, preset], [lab, preset, said, *players], **QUEUED)
    preset.input(told(bench.preset), preset, lab, **QUICK)
    lab.hear(told(bench.hear), None, [said, *players], **QUEUED)


class Bench:
    """The handlers of the tab."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def preview(self, asked: dict) -> dict[str, str]:
        """The picture of a kept sound under the asked settings; called while a slider moves, by anybody."""
        try:
            mel = from_dict(MelSettings, asked.get("mel", {}), where="settings")
            picture = engine.picture.of_sound(self.studio.sounds.at(asked.get("sound"), mel.sample_rate), mel)
        except StudioError as error:
            return {"error": str(error).removeprefix("settings: ")}
        name = self.studio.sounds.name(asked["sound"])
        return {"image": image_uri(picture.pixels), "facts": f"{name}: {_facts(mel)}"}

    def datasets(self) -> dict:
        """The datasets to choose from."""
        return gr.update(choices=self.studio.datasets())

    def rows(self, dataset: str) -> dict:
        """The sounds of a dataset."""
        shots = engine.dataset.load(self.studio.dataset_folder(dataset)).one_shots
        return gr.update(choices=[(f"{shot.text}  ·  {Path(shot.file_name).stem}", shot.file_name) for shot in shots],
                         value=None)

    def choose(self, dataset: str, row: str, preset: str) -> list[Any]:
        """A row of a dataset was chosen: its sound, under the dataset's own settings."""
        folder = self.studio.dataset_folder(dataset)
        loaded = engine.dataset.load(folder)
        shot = next((shot for shot in loaded.one_shots if shot.file_name == row), None)
        if shot is None:
            raise StudioError(f"{row}: is no longer in dataset {dataset}; choose another sound")
        return self._open(folder / shot.audio, loaded.mel)

    def drop(self, path: str, preset: str) -> Iterator[list[Any]]:
        """A file was dropped: a sound is looked at, a picture of ours is decoded with its own settings."""
        if Path(path).suffix.lower() != ".png":
            lab, said, *players = self._open(Path(path), presets.load("mel", preset))
            yield [lab, gr.skip(), said, *players]
            return
        picture = engine.picture.load(Path(path))

        def work(report: Report) -> Iterator["Tensor"]:
            yield engine.picture.to_sound(picture, report=report)

        for said, made in watched(work, threading.Event()):
            if said:
                yield [gr.skip(), gr.skip(), said, gr.skip(), gr.skip()]
                continue
            name = Path(path).stem
            token = self.studio.sounds.keep(made, picture.mel.sample_rate, name)
            lab = _lab(token, name, picture.mel) | {"image": image_uri(picture.pixels)}
            said = note(f"{name}: decoded with the settings it carries.", [_facts(picture.mel)], tone="good")
            yield [lab, None, said, None, self._written(made, picture.mel.sample_rate, f"{name}_decoded")]

    def preset(self, name: str) -> dict[str, Any]:
        """A preset was chosen: its settings, for whatever sound is there."""
        turn = time.time_ns()  # the same preset once more is news to the page, which may have moved on
        return {"mel": as_dict(presets.load("mel", name)), "keep": True, "turn": turn}

    def hear(self, event: gr.EventData) -> Iterator[list[Any]]:
        """Sound to picture and back, with the settings as they stand."""
        mel = from_dict(MelSettings, event.mel, where="settings")
        sounds = self.studio.sounds
        waveform, name = sounds.at(event.sound, mel.sample_rate), sounds.name(event.sound)
        picture = engine.picture.of_sound(waveform, mel)

        def work(report: Report) -> Iterator["Tensor"]:
            yield engine.picture.to_sound(picture, report=report)

        for said, made in watched(work, threading.Event()):
            if said:
                yield [said, gr.skip(), gr.skip()]
                continue
            yield [note(f"{name}: there and back.", [_facts(mel)], tone="good"),
                   self._written(waveform, mel.sample_rate, f"{name}_original"),
                   self._written(made, mel.sample_rate, f"{name}_decoded")]

    def _open(self, path: Path, mel: MelSettings) -> list[Any]:
        token = self.studio.sounds.read(path)
        name = self.studio.sounds.name(token)
        return [_lab(token, name, mel), note(f"{name}: move the sliders; then hear the round trip."), None, None]

    def _written(self, waveform: "Tensor", sample_rate: int, name: str) -> str:
        """A sound as a file that the page may fetch, under a name that says what it is."""
        with tempfile.TemporaryDirectory(dir=self.studio.workspace.cache) as folder:
            path = engine.audio.write(Path(folder) / f"{slug(name)}.wav", waveform, sample_rate)
            return self.studio.served(path)


def image_uri(pixels: "Tensor") -> str:
    """Pixels in colour as a data URI."""
    written = io.BytesIO()
    engine.picture.coloured(pixels).save(written, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def _lab(token: str | None, name: str, mel: MelSettings) -> dict[str, Any]:
    return {"sound": token, "name": name, "mel": as_dict(mel), "image": None}


def _facts(mel: MelSettings) -> str:
    return f"{mel.n_frames}×{mel.n_mels}, {mel.duration:.3f} s at {mel.sample_rate} Hz"
