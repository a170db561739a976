"""The sounds that the page is working on, decoded once and known by a token, so that a page never names a file."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import StudioError
from studio.settings import PrepareSettings
from studio.ui import engine

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 16  # sounds; a few seconds of audio each


@dataclass
class Sound:
    """A decoded sound, mono, and what it became at other rates."""

    name: str
    sample_rate: int
    waveforms: "dict[int, Tensor]" = field(default_factory=dict)  # sample_rate → (samples,)


class Sounds:
    """The last few sounds, for all pages of this studio; the oldest is forgotten."""

    def __init__(self) -> None:
        self._by_token: OrderedDict[str, Sound] = OrderedDict()
        self._lock = threading.Lock()  # the preview asks from several threads

    def read(self, path: Path) -> str:
        """Decode a sound file as preparing does (mono, trimmed, normalised); returns its token."""
        waveform, sample_rate = engine.audio.read(path)
        mono = engine.audio.to_mono(waveform)
        trimmed = engine.audio.trim(mono, sample_rate, PrepareSettings())
        normalised, _ = engine.audio.normalise(trimmed)
        return self.keep(normalised, sample_rate, Path(path).stem)

    def keep(self, waveform: "Tensor", sample_rate: int, name: str) -> str:
        """Keep a waveform (samples,) and return its token."""
        token = secrets.token_urlsafe(12)
        with self._lock:
            self._by_token[token] = Sound(name, sample_rate, {sample_rate: waveform})
            while len(self._by_token) > KEPT:
                self._by_token.popitem(last=False)
        return token

    def name(self, token: str) -> str:
        """The name of a kept sound."""
        return self._sound(token).name

    def at(self, token: str, sample_rate: int) -> "Tensor":
        """The sound (samples,) at a rate; resampled once a rate."""
        sound = self._sound(token)
        with self._lock:
            if sample_rate not in sound.waveforms:
                original = sound.waveforms[sound.sample_rate]
                resampled = engine.audio.resample(original, sound.sample_rate, sample_rate)
                sound.waveforms = {sound.sample_rate: original, sample_rate: resampled}  # a slider passes many rates
            return sound.waveforms[sample_rate]

    def _sound(self, token: str) -> Sound:
        with self._lock:
            if token not in self._by_token:
                raise StudioError("this sound is no longer held; choose it again")
            self._by_token.move_to_end(token)
            return self._by_token[token]
