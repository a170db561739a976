"""What each page transforms: the sound that it was given, and the mask that its user paints on it.

A page (session) and its sound's token are only ever looked up; a mask comes as a picture, never as a path.
"""

import base64
import binascii
import io
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image, UnidentifiedImageError

from studio.errors import StudioError
from studio.files import write_whole
from studio.progress import Report
from studio.settings import TransformSettings
from studio.ui import engine
from studio.ui.components.mask_brush import Painting
from studio.ui.components.note import note
from studio.ui.laboratory import image_uri
from studio.ui.latest import Latest
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from torch import Tensor

    from studio.engine.canvas import Canvas

PAGES = 256  # remembered; a page that is older than that starts anew
MOST_BYTES = 2 << 20  # of a mask, as it comes
MOST_PIXELS = 1 << 25
BEGINNING = "data:image/png;base64,"
PLAYED = (".wav", ".flac", ".ogg", ".mp3")  # what browsers play as it is
LONG = 60  # windows, about a minute at the embedded base's size: then the time it takes is worth a word
SAME = gr.skip()


@dataclass
class Source:
    """A page's sound.

    look : base, device and the name of a LoRA, with which it was looked at
    size : columns and rows of its mask
    said : the note that tells of it
    mask : the file, None while nothing is painted
    """

    token: str
    path: Path
    look: tuple[str, ...]
    windows: int
    size: tuple[int, int]
    said: dict[str, Any]
    mask: Path | None = None
    serial: int = 0


class Easel:
    """The handlers that bring sounds and masks in. `shown` is [Painting, note]."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._sources: Latest[Source] = Latest(PAGES, self._wipe)
        self._lock = threading.RLock()

    def source(self, session: str) -> Source:
        """The page's sound. Raises StudioError where it has none."""
        source = self._sources.get(session)
        if source is None:
            raise StudioError("there is no sound to change yet; drop one on the page, or press Transform beside "
                              "one that you have made")
        return source

    def holds(self, session: str) -> bool:
        """Whether the page has a sound."""
        return session in self._sources

    # ------------------------------------------------------------------------------------------------- sounds come in
    def upload(self, request: gr.Request, path: str, *look: Any) -> Iterator[list[Any]]:
        """A file was dropped. look : base, device and the name of a LoRA ("" for none), which say how it is seen."""
        yield from self._open(request.session_hash, Path(path), *look)

    def take(self, request: gr.Request, event: gr.EventData, *look: Any) -> Iterator[list[Any]]:
        """A take was sent here from a closer look at it: [*shown, the mode in which it is changed]."""
        found = engine.library.find(self.studio.workspace.takes, str(event.id))
        path = Path(self.studio.served(found.path))  # the take may get another name, or go, while it is painted on
        for answer in self._open(request.session_hash, path, *look):
            yield [*answer, "Change"]

    def again(self, request: gr.Request, *look: Any) -> Iterator[list[Any]]:
        """The base or the LoRA is another: the same sound as it will see it. What is painted stays where it can."""
        source = self._sources.get(request.session_hash)
        if source and source.look != look:
            yield from self._open(request.session_hash, source.path, *look)
        else:
            yield [SAME, SAME]

    def _open(self, session: str, path: Path, base: str, device: str, lora: str) -> Iterator[list[Any]]:
        if lora and lora not in self.studio.loras():
            raise StudioError(f"LoRA {lora!r} is no longer in the workspace; choose another")
        file = f"{self.studio.workspace.loras / lora}.safetensors"
        settings = TransformSettings(base=base, device=device, lora=(file,) if lora else ())

        def work(report: Report) -> Iterator[Any]:
            yield engine.canvas.of_file(path, settings, report=report)

        for said, made in watched(work, threading.Event()):
            yield [SAME, said] if made is None else self._placed(session, path, (base, device, lora), *made)

    def _placed(self, session: str, path: Path, look: tuple[str, ...], canvas: "Canvas", waveform: "Tensor",
                sample_rate: int) -> list[Any]:
        """A sound stands on the page's easel: [Painting, note]."""
        size, seconds = (canvas.columns, len(canvas.pixels)), waveform.shape[1] / sample_rate
        told = note(f"{path.stem}, {_spoken(seconds)}: paint what is to be made anew, or leave it and all of it is.",
                    [f"{canvas.windows} pictures of the base's size; how long they take is told as soon as the first "
                     "is made."] if canvas.windows > LONG else [])
        with self._lock:
            before = self._sources.get(session)
            if before and (before.path, before.size) == (path, size):
                before.look, before.windows, before.said = look, canvas.windows, told
                return [SAME, told]
            if before:
                self._wipe(before)
            source = Source(secrets.token_urlsafe(12), path, look, canvas.windows, size, told)
            self._sources.keep(session, source)
        heard = self.studio.served(path) if path.suffix.lower() in PLAYED else self.studio.written(
            waveform, sample_rate, path.stem)
        return [Painting(source.token, path.stem, image_uri(canvas.pixels), canvas.columns, canvas.heard,
                         len(canvas.pixels), canvas.begin, canvas.end, heard, canvas.ticks), told]

    # --------------------------------------------------------------------------------------------------- masks come in
    def painted(self, request: gr.Request, event: gr.EventData) -> None:
        """A stroke is done: the mask as it is now. Raises StudioError for what is no picture."""
        with self._lock:
            source = self._sources.get(request.session_hash)
            serial = event.serial if isinstance(event.serial, int) else 0
            if source is None or event.token != source.token or serial <= source.serial:
                return  # of a sound that is no longer here, or older than what came before
            self._wipe(source)
            source.serial = serial
            if event.mask:
                source.mask = self._kept(source.token, event.mask)

    def _kept(self, token: str, mask: Any) -> Path:
        if not isinstance(mask, str) or not mask.startswith(BEGINNING) or len(mask) > MOST_BYTES:
            raise StudioError(f"the mask is no PNG of at most {MOST_BYTES >> 20} MB; clear it and paint anew")
        try:
            data = base64.b64decode(mask.removeprefix(BEGINNING), validate=True)
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                width, height = image.size
        except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise StudioError("the mask is no picture; clear it and paint anew") from error
        if width * height > MOST_PIXELS:
            raise StudioError(f"the mask has {width} × {height} pixels, which no sound here needs; paint anew")
        path = write_whole(self.studio.workspace.cache / "masks" / f"{token}.png",
                           lambda beside: beside.write_bytes(data))
        try:
            engine.masks.read(path)
        except StudioError:
            path.unlink()
            raise
        return path

    @staticmethod
    def _wipe(source: Source) -> None:
        if source.mask:
            source.mask.unlink(missing_ok=True)
        source.mask = None


def _spoken(seconds: float) -> str:
    """A length as people say it."""
    if seconds < 120:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
