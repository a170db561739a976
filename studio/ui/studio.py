"""What every tab is given: the workspace, the page it stands on, and what the tabs share."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from studio import presets
from studio.errors import StudioError
from studio.files import slug
from studio.runs import Stories
from studio.ui import engine
from studio.ui.sounds import Sounds
from studio.workspace import Workspace

# How events are wired. Private ones stay out of the public list of endpoints, which is tidy and no protection. Only of
# queued ones does Gradio show a fault in a toast: what may fail where the user should know of it is QUEUED.
QUICK = dict(show_progress="hidden", queue=False, api_visibility="private")
QUEUED = dict(show_progress="hidden", api_visibility="private")


@dataclass
class Studio:
    """The ground that a tab stands on.

    guest : the page is open to others: no path, no training, nothing of the user's but what the tab makes
    timer : ticks while the page is open; every three seconds, or every second while a training runs
    chosen : the controls that hold generation's base model and first LoRA, once the tab has made them
    learned : the control that names the dataset that Train learns from, once the tab has made it
    link  : what is to be said of a public link to this page
    generate_form : how another tab fills Generate's controls: them all, and what says for each of them, by a take's
                    recipe, what to put there; set once that tab is made
    preset_lists : the controls that choose among mel presets by name and sentence, as the tabs have made them
    stories : what was read of training runs, for all pages
    details : the closer looks from which a sound can be sent to the tab Transform
    afterwards : what a tab wires to controls of a tab that stands behind it, done once all tabs are made
    """

    workspace: Workspace
    page: gr.Blocks
    timer: gr.Timer
    guest: bool = False
    chosen: list[gr.components.Component] = field(default_factory=list)
    learned: list[gr.components.Component] = field(default_factory=list)
    link: str = ""
    generate_form: tuple[list[gr.components.Component], Callable[[Mapping[str, Any]], list[Any]]] | None = None
    preset_lists: list[gr.Dropdown] = field(default_factory=list)
    sounds: Sounds = field(default_factory=Sounds)
    stories: Stories = field(default_factory=Stories)
    details: list[gr.components.Component] = field(default_factory=list)
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    def datasets(self) -> list[str]:
        """Names of the datasets in the workspace."""
        return sorted(path.parent.name for path in self.workspace.datasets.glob("*/dataset.json"))

    def mel_presets(self) -> list[tuple[str, str]]:
        """What a list of mel presets shows, and the names that it means: the built-in ones, then the user's own."""
        return [(" · ".join(filter(None, (name, self.mel_preset_about(name)))), name)
                for name in presets.names("mel", self.workspace)]

    def mel_preset_about(self, name: str) -> str:
        """The sentence of a mel preset, or what is wrong with it: one damaged file must not close the page."""
        try:
            return presets.about("mel", name, self.workspace)
        except StudioError as error:
            return str(error)

    def dataset_folder(self, name: str | None) -> Path:
        """The folder of a dataset by its name, never outside the workspace; one that is there may be called anyhow."""
        return self.workspace.datasets / (name if name in self.datasets() else slug(name or "my sounds"))

    def loras(self) -> list[str]:
        """Names of the LoRA files in the workspace, newest first."""
        found = []
        for path in self.workspace.loras.glob("[!.]*.safetensors"):  # what is hidden is not whole yet
            with contextlib.suppress(FileNotFoundError):  # gone since the folder was read
                found.append((path.stat().st_mtime, path.stem))
        return [name for _, name in sorted(found, reverse=True)]

    def lora_choices(self) -> list[tuple[str, str]]:
        """The LoRAs of the workspace, as a list shows and names them."""
        return [("none", ""), *[(name, name) for name in self.loras()]]

    def served(self, path: Path) -> str:
        """A copy of a file in the page's own cache, from where alone the page serves files."""
        return save_file_to_cache(path, str(self.workspace.served))

    def written(self, waveform: Any, sample_rate: int, name: str) -> str:
        """A sound as a WAV that the page may fetch, under a name that says what it is."""
        with tempfile.TemporaryDirectory(dir=self.workspace.cache) as folder:
            return self.served(engine.audio.write(Path(folder) / f"{slug(name)}.wav", waveform, sample_rate))

    def said(self, fault: StudioError) -> str:
        """A fault as whoever sees the page may read it: guests are not told where the workspace lies."""
        return str(fault).replace(f"{self.workspace.root}{os.sep}", "") if self.guest else str(fault)


def to_front(label: str, then: str = "") -> str:
    """JavaScript that brings a tab to the front, also where a narrow page has put it behind a menu; `then` runs after.

    Gradio keeps a second, unseen row of tab buttons to measure by, which answers no click.
    """
    return f"""() => {{
  const seen = [...document.querySelectorAll('[id="tab-{label.lower()}-button"]')].find(each => each.offsetParent);
  const folded = [...document.querySelectorAll('.overflow-dropdown button')];
  (seen || folded.find(each => each.textContent.trim() === '{label}')).click();
  {then}
}}"""
