"""A long recording on the page: where its sounds begin, each piece to be heard, the wanted ones into the dataset."""

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.errors import StudioError
from studio.progress import Report
from studio.ui import engine
from studio.ui.components.note import note
from studio.ui.latest import Latest
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from torch import Tensor

    from studio.engine.onsets import Piece

KEPT = 2  # recordings, which may be long
COLUMNS = 12_000  # of the picture of a recording, so that it can be looked at closely
SENSITIVITY, GAP_MS = 0.5, 60.0
MOST_PIECES = 2000


@dataclass
class Recording:
    """A decoded recording; its strength is measured once and serves every sensitivity."""

    name: str
    waveform: "Tensor"  # (channels, samples)
    mono: "Tensor"
    sample_rate: int
    flux: "Tensor"


class Slicing:
    """The handlers of the slicer; recordings are known by a token, the oldest is forgotten."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._recordings: Latest[Recording] = Latest(KEPT)

    # ------------------------------------------------------------------------------------------------ to look at it
    def open(self, path: str | None) -> Iterator[list[Any]]:
        """A recording was dropped: find its onsets; [said, slicer, its column]."""
        if not path:
            yield [gr.skip(), {"token": None}, gr.update(visible=False)]
            return

        def work(report: Report) -> Iterator[Recording]:
            waveform, sample_rate = engine.audio.read(Path(path))
            mono = engine.audio.to_mono(waveform)
            flux = engine.onsets.strength(mono, sample_rate, report=report)
            yield Recording(Path(path).stem, waveform, mono, sample_rate, flux)

        for said, recording in watched(work, threading.Event()):
            if said:
                yield [said, gr.skip(), gr.skip()]
                continue
            token = self._recordings.add(recording)
            found = self._found(recording, SENSITIVITY, GAP_MS)
            yield [note(""), {
                "token": token, "name": recording.name, "duration": recording.mono.shape[-1] / recording.sample_rate,
                "outline": [round(level, 4) for level in engine.audio.outline(recording.mono, COLUMNS).tolist()],
                "sensitivity": SENSITIVITY, "gap_ms": GAP_MS, "pieces": found}, gr.update(visible=True)]

    def pieces(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Where the pieces are, [start, end] in seconds: {"token", "sensitivity", "gap_ms"}."""
        try:
            return {"pieces": self._found(self._at(asked["token"]), float(asked["sensitivity"]),
                                          float(asked["gap_ms"]))}
        except StudioError as error:
            return {"error": str(error)}

    def piece(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One piece as a WAV in base64, as it would be cut: {"token", "start", "end"}."""
        try:
            recording = self._at(asked["token"])
            wanted = _pieces([[asked["start"], asked["end"]]], recording)[0]
        except StudioError as error:
            return {"error": str(error)}
        cut = engine.onsets.cut_out(recording.waveform, recording.sample_rate, wanted)
        return {"wav": base64.b64encode(engine.audio.wav_bytes(cut, recording.sample_rate)).decode("ascii")}

    # ---------------------------------------------------------------------------------------------------- to cut it
    def write(self, asked: Mapping[str, Any], folder: Path, report: Report) -> list[Path]:
        """The wanted pieces, {"token", "pieces"}, as WAVs in `folder`."""
        recording = self._at(asked.get("token"))
        wanted = _pieces(asked.get("pieces") or [], recording)
        if not wanted:
            raise StudioError("no piece of this recording is chosen; choose some, or raise the sensitivity")
        return engine.onsets.write(recording.waveform, recording.sample_rate, wanted, folder, recording.name,
                                   report=report)

    def _found(self, recording: Recording, sensitivity: float, gap_ms: float) -> list[list[float]]:
        begun = engine.onsets.onsets(recording.mono, recording.sample_rate, recording.flux, sensitivity=sensitivity,
                                     min_gap_ms=gap_ms)
        rate = recording.sample_rate
        return [[piece.start / rate, piece.end / rate]
                for piece in engine.onsets.pieces(recording.mono, rate, begun)][:MOST_PIECES]

    def _at(self, token: Any) -> Recording:
        recording = self._recordings.get(token)
        if recording is None:
            raise StudioError("this recording is no longer held; drop it again")
        return recording


def _pieces(seconds: Sequence[Sequence[float]], recording: Recording) -> "list[Piece]":
    """Pieces that the page names in seconds, held to the recording. Raises StudioError for what is no piece."""
    samples, rate = recording.mono.shape[-1], recording.sample_rate
    try:
        spans = [(round(float(start) * rate), round(float(end) * rate)) for start, end in seconds]
    except (TypeError, ValueError, OverflowError) as error:
        raise StudioError(f"{seconds!r:.80}: are no pieces of a recording; drop it again") from error
    if len(spans) > MOST_PIECES or not all(0 <= start < end <= samples for start, end in spans):
        raise StudioError("a piece lies outside the recording; drop it again")
    return [engine.onsets.Piece(start, end) for start, end in spans]
