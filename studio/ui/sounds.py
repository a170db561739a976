"""The sounds that the page is working on, decoded once and known by a token, so that a page never names a file."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import StudioError
from studio.settings import PrepareSettings
from studio.ui import engine
from studio.ui.latest import Latest

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 16  # sounds; a few seconds of audio each


@dataclass
class Sound:
    """A decoded sound, mixed and with both its sides, and what it became at another rate."""

    name: str
    sample_rate: int
    mono: "Tensor"  # (samples,)
    sides: "Tensor"  # (2, samples)
    resampled: "dict[tuple[int, bool], Tensor]" = field(default_factory=dict)  # (sample_rate, stereo) → the last one


class Sounds:
    """The last few sounds, for all pages of this studio; the oldest is forgotten."""

    def __init__(self) -> None:
        self._sounds: Latest[Sound] = Latest(KEPT)
        self._lock = threading.Lock()  # the preview asks from several threads

    def read(self, path: Path) -> str:
        """Decode a sound file as preparing does (trimmed, normalised); returns its token."""
        waveform, sample_rate = engine.audio.read(path)
        mono, sides = engine.audio.to_mono(waveform), engine.audio.to_sides(waveform, stereo=True)
        prepared = [engine.audio.normalise(engine.audio.trim(each, sample_rate, PrepareSettings()))[0]
                    for each in (mono, sides)]
        return self._sounds.add(Sound(Path(path).stem, sample_rate, *prepared))

    def keep(self, waveform: "Tensor", sample_rate: int, name: str) -> str:
        """Keep a waveform (samples,) or (2, samples) as it is and return its token."""
        channels = waveform if waveform.dim() == 2 else waveform[None]
        return self._sounds.add(Sound(name, sample_rate, engine.audio.to_mono(channels),
                                      engine.audio.to_sides(channels, stereo=True)))

    def name(self, token: str) -> str:
        """The name of a kept sound."""
        return self._sound(token).name

    def at(self, token: str, sample_rate: int, stereo: bool = False) -> "Tensor":
        """The sound at a rate, (samples,) or with both sides (2, samples); resampled once a rate."""
        sound = self._sound(token)
        original = sound.sides if stereo else sound.mono
        if sample_rate == sound.sample_rate:
            return original
        with self._lock:
            wanted = sample_rate, stereo
            if wanted not in sound.resampled:
                resampled = engine.audio.resample(original, sound.sample_rate, sample_rate)
                sound.resampled = {wanted: resampled}  # a slider passes many rates
            return sound.resampled[wanted]

    def _sound(self, token: str) -> Sound:
        sound = self._sounds.get(token)
        if sound is None:
            raise StudioError("this sound is no longer held; choose it again")
        return sound
