"""What the Spectrogram tab does: sounds and pictures in, live previews, round trips, many pictures at once, presets."""

import base64
import io
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from PIL import Image

from studio import presets
from studio.errors import StudioError
from studio.files import slug
from studio.knobs import as_dict, from_dict
from studio.progress import Progress, Report
from studio.settings import MelSettings
from studio.ui import engine
from studio.ui.components.note import note, working
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from torch import Tensor

    from studio.engine.likeness import Likeness
    from studio.engine.round_trip import RoundTrip

FIRST_PRESET = "one-shot-128"
ARCHIVE = "decoded_sounds.zip"
SAME = gr.skip()


class Shown(NamedTuple):
    """A change of the tab: what is not named stays as it is."""

    dropped: Any = SAME
    preset: Any = SAME
    said: Any = SAME
    stop: Any = SAME
    archive: Any = SAME
    lab: Any = SAME
    controls: Any = SAME
    player: Any = SAME
    card: Any = SAME


class Laboratory:
    """The handlers of the tab. A sound is known by its token, a page by its session."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._stops: dict[str, threading.Event] = {}

    # ------------------------------------------------------------------------------------------------- the picture
    def preview(self, asked: dict) -> dict[str, Any]:
        """The picture of a kept sound under the asked settings; called while a slider moves, by anybody."""
        try:
            mel = from_dict(MelSettings, asked.get("mel") or {})
            if isinstance(asked.get("duration"), int | float):
                mel = mel.for_duration(asked["duration"])
            answer, token = {"mel": as_dict(mel), "duration": mel.duration}, asked.get("sound")
            if token:
                image = engine.picture.of_sound(self.studio.sounds.at(token, mel.sample_rate, mel.stereo), mel)
                answer |= {"image": image_uri(image.pixels), "facts": facts(mel, self.studio.sounds.name(token))}
        except StudioError as error:
            return {"error": str(error).removeprefix("settings: ")}
        return answer

    # ------------------------------------------------------------------------------------------- sounds and presets
    def datasets(self) -> dict:
        """The datasets to choose from."""
        return gr.update(choices=self.studio.datasets())

    def rows(self, dataset: str) -> dict:
        """The sounds of a dataset."""
        shots = engine.dataset.load(self.studio.dataset_folder(dataset)).one_shots
        return gr.update(choices=[(f"{shot.text}  ·  {Path(shot.file_name).stem}", shot.file_name) for shot in shots],
                         value=None)

    def choose(self, request: gr.Request, dataset: str, row: str) -> Shown:
        """A row of a dataset was chosen: its sound, under the dataset's own settings."""
        self.stop(request)  # the round trip of another sound
        folder = self.studio.dataset_folder(dataset)
        loaded = engine.dataset.load(folder)
        shot = next((shot for shot in loaded.one_shots if shot.file_name == row), None)
        if shot is None:
            raise StudioError(f"{row}: is no longer in dataset {dataset}; choose another sound")
        return self._open(folder / shot.audio, loaded.mel)

    def presets(self) -> list[str]:
        """The names of the presets; the tab is too narrow for their sentences."""
        return presets.names("mel", self.studio.workspace)

    def lists(self) -> list[dict]:
        """The presets to choose from, here and in every list of them on other tabs."""
        others = [gr.update(choices=self.studio.mel_presets())] * len(self.studio.preset_lists)
        return [gr.update(choices=self.presets()), *others]

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen: its settings, for whatever sound is there."""
        if not name:
            return [SAME, SAME]
        mel = presets.load("mel", name, self.studio.workspace)
        turn = time.time_ns()  # so that the same one is news to a page that moved on
        return [note(self.studio.mel_preset_about(name)), {"mel": as_dict(mel), "turn": turn}]

    def save(self, event: gr.EventData) -> list[Any]:
        """Keep the settings as a preset of the user's own; every list of presets has it at once."""
        mel = from_dict(MelSettings, event.mel)
        name = slug(str(event.name)) if str(event.name).strip() else ""
        path = presets.save("mel", name, str(event.about), mel, self.studio.workspace)
        return [note(f"Preset {path.stem} is saved; it stands in every list of presets.", tone="good"), *self.lists()]

    # ------------------------------------------------------------------------------------------------ dropped files
    def drop(self, request: gr.Request, paths: Sequence[str]) -> Iterator[Shown]:
        """Files were dropped: a sound is looked at as the controls stand, pictures are decoded with their own settings.
        """
        files = [Path(path) for path in paths]
        sounds = [path for path in files if path.suffix.lower() in engine.audio.SUFFIXES]
        pictures = [path for path in files if path not in sounds]
        if len(pictures) == 1 and not sounds:
            yield from self._decode_one(pictures[0], self._begin(request))
            return
        if sounds:
            self.stop(request)
            unused = [f"left out: {path.name}: the laboratory looks at one sound at a time" for path in sounds[1:]]
            yield self._open(sounds[0], None, unused)._replace(dropped=SAME if pictures else None)
        if pictures:
            yield from self._decode_all(pictures, self._begin(request))

    def stop(self, request: gr.Request) -> None:
        """End this page's work at its next step; what is done is kept."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def _begin(self, request: gr.Request) -> threading.Event:
        """A new stop for this page's work; what still runs there is stopped."""
        self.stop(request)
        stop = self._stops[request.session_hash] = threading.Event()
        return stop

    def _decode_one(self, path: Path, stop: threading.Event) -> Iterator[Shown]:
        """One picture: it is shown with its own settings and can be heard."""
        picture = engine.picture.load(path)
        name, mel = path.stem, picture.mel

        def work(report: Report) -> Iterator["Tensor"]:
            yield engine.picture.to_sound(picture, report=report)

        for said, made in watched(work, stop):
            if said:
                yield Shown(said=said, stop=gr.update(visible=not stop.is_set()), dropped=None)
                continue
            token = self.studio.sounds.keep(made, mel.sample_rate, name)
            trip = {"sound": token, "mel": as_dict(mel), "original": None, "gains": (1, 1),
                    "decoded": self.studio.written(made, mel.sample_rate, f"{name}_decoded")}
            yield Shown(dropped=None, preset=None, player={"clear": True, "trip": trip}, card={},
                        said=note(f"{name}: decoded with the settings it carries.", [facts(mel)], tone="good"),
                        lab=_lab(token, name, mel) | {"image": image_uri(picture.pixels)}, controls=_controls(mel),
                        stop=gr.update(visible=False))

    def _decode_all(self, paths: Sequence[Path], stop: threading.Event) -> Iterator[Shown]:
        """Many pictures: their sounds in one archive, and a line for each that was refused."""
        with tempfile.TemporaryDirectory(dir=self.studio.workspace.cache) as folder:
            archive, done, refused = Path(folder) / ARCHIVE, 0, []
            yield Shown(said=working(Progress("decoding pictures", 0, len(paths))), stop=gr.update(visible=True),
                        archive=gr.update(visible=False))
            for said, made in watched(lambda report: engine.picture_batch.decode(paths, archive, report=report), stop):
                if said:
                    yield Shown(said=said)
                elif made.refused:
                    refused.append(f"left out: {made.name}: {made.refused}")
                else:
                    done += 1
            stopped = "Stopped. " if done + len(refused) < len(paths) else ""
            text = f"{stopped}{done} of {len(paths)} pictures decoded, each with its own settings."
            yield Shown(dropped=None, said=note(text, refused, tone="good" if done else "bad"),
                        stop=gr.update(visible=False),
                        archive=gr.update(visible=bool(done), value=self.studio.served(archive) if done else None,
                                          label=f"Save {done} sounds (zip)"))

    def _open(self, path: Path, mel: MelSettings | None, lines: Sequence[str] = ()) -> Shown:
        """Look at a sound under settings, or under those that the controls show."""
        token = self.studio.sounds.read(path)
        name = self.studio.sounds.name(token)
        return Shown(lab=_lab(token, name, mel), controls=_controls(mel) if mel else SAME, player={"clear": True},
                     card={}, said=note(f"{name}: move the sliders; then hear the round trip.", lines))

    # ---------------------------------------------------------------------------------------------- the round trip
    def hear(self, request: gr.Request, event: gr.EventData) -> Iterator[Shown]:
        """Sound to picture and back, with the settings as they stand, and how near it came."""
        mel, sounds = from_dict(MelSettings, event.mel), self.studio.sounds
        waveform, name = sounds.at(event.sound, mel.sample_rate, mel.stereo), sounds.name(event.sound)
        stop = self._begin(request)

        def work(report: Report) -> Iterator["RoundTrip"]:
            yield engine.round_trip.there_and_back(waveform, mel, report=report)

        yield Shown(player={"busy": True, "step": 0, "total": mel.iterations})
        for said, made in watched(work, stop):
            if said:
                yield Shown(player={"busy": True, "step": said.get("step", 0), "total": said.get("total", 0)})
                continue
            files = {side: self.studio.written(getattr(made, side), mel.sample_rate, f"{name}_{side}")
                     for side in ("original", "decoded")}
            trip = {"sound": event.sound, "mel": as_dict(mel), "gains": made.gains, **files}
            yield Shown(player={"busy": False, "trip": trip}, card=_card(made))
            return
        yield Shown(player=self.idle())

    @staticmethod
    def idle() -> dict[str, Any]:
        """The player after a round trip that came to nothing."""
        return {"busy": False, "turn": time.time_ns()}


# -------------------------------------------------------------------------------------------------- what is shown
def image_uri(pixels: "Tensor") -> str:
    """Pixels in colour as a data URI: one channel as indices of a palette, which is a third of the bytes and time."""
    if pixels.dim() == 2:
        image = Image.fromarray(pixels.numpy())
        image.putpalette(_palette())
    else:
        image = engine.picture.coloured(pixels)
    written = io.BytesIO()
    image.save(written, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


@lru_cache(maxsize=1)
def _palette() -> bytes:
    """The colours of the 256 pixel values, red, green and blue in turn."""
    return engine.picture.coloured([list(range(256))]).tobytes()


def _lab(token: str, name: str, mel: MelSettings | None) -> dict[str, Any]:
    return {"sound": token} | ({"mel": as_dict(mel), "facts": facts(mel, name)} if mel else {"facts": name})


def _controls(mel: MelSettings) -> dict[str, Any]:
    return {"mel": as_dict(mel), "duration": mel.duration, "told": True, "turn": time.time_ns()}


def facts(mel: MelSettings, name: str = "") -> str:
    """A line about a picture."""
    sides = ", stereo" if mel.stereo else ""
    size = f"{mel.n_frames}×{mel.n_mels}, {mel.duration:.3f} s at {mel.sample_rate} Hz{sides}"
    return f"{name}: {size}" if name else size


def _card(trip: "RoundTrip") -> dict[str, Any]:
    return {"figures": _figures(trip.likeness), "span_ms": 100,
            "envelopes": [[round(level, 5) for level in levels] for levels in trip.envelopes.tolist()]}


def _figures(likeness: "Likeness") -> list[dict[str, str]]:
    """Each figure with a phrase for somebody who has never seen it."""
    rows = (
        ("Spectrum", f"{likeness.spectrum_db:.2f} dB", "off on average, over time and pitch"),
        ("Bands", f"{likeness.bands_db:.2f} dB", "off in the balance of bass to treble"),
        ("Attack", f"{likeness.attack_ms:.1f} ms", "faster or slower in reaching its peak"),
        ("Envelope", f"{likeness.envelope_correlation:.2f}", "alike over the first 50 ms; 1 is the same"),
        ("Level", f"{likeness.level_db:+z.2f} dB", "louder (+) or quieter (−) than it was"),
    )
    return [dict(zip(("name", "value", "phrase"), row, strict=True)) for row in rows]
