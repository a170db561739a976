"""What preparing cut off a sound: the file it came from beside what is in the dataset, to be seen and heard."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine import audio
from studio.engine.dataset import Dataset
from studio.errors import StudioError
from studio.files import sha1_of
from studio.knobs import from_dict
from studio.settings import OneShot, PrepareSettings

HEARD = 30.0  # seconds of an original at most, so that a recording of an hour costs a page no more than a long sound


@dataclass(frozen=True)
class Trimming:
    """A sound before it was prepared, and where it was cut.

    original    : (samples,), or (2, samples) in a stereo dataset, at `sample_rate`, as loud as the prepared sound,
                  or at full scale where that would be beyond it
    start, end  : the samples that trimming kept
    kept_until  : the first sample that is not in the dataset: `end`, or earlier where the picture was full before
    """

    original: Tensor
    sample_rate: int
    start: int
    end: int
    kept_until: int

    @property
    def cut_off(self) -> Tensor:
        """All that was cut, in one piece: what was before the sound and what was behind it."""
        return torch.cat([self.original[..., : self.start], self.original[..., self.kept_until :]], dim=-1)

    def heard(self, waveform: Tensor) -> Tensor:
        """As much of a waveform as is played to somebody who compares."""
        return waveform[..., : round(HEARD * self.sample_rate)]


def of(dataset: Dataset, row: OneShot) -> Trimming:
    """How a sound of a dataset was trimmed, read from its file of origin with the settings that it was prepared with.

    Raises StudioError where that file is gone or has changed, or where the prepared sound does not say how it was made.
    """
    prepared, source = dataset.folder / row.audio, Path(row.source)
    recipe = (audio.read_recipe(prepared) if prepared.is_file() else None) or {}
    if "prepare" not in recipe or "sha1" not in recipe:
        raise StudioError(f"{prepared}: does not say how it was prepared; prepare its sound again to compare")
    if sha1_of(source) != recipe["sha1"]:
        there = "has changed since" if source.is_file() else "is no longer there"
        raise StudioError(f"{source}: {there}, so there is nothing to compare with; prepare it again")
    settings = from_dict(PrepareSettings, recipe["prepare"], where=str(prepared))
    waveform, sample_rate = audio.read(source)
    sound = audio.to_sides(waveform, stereo=dataset.mel.stereo, channels=settings.channels)
    start, _, end = audio.ends(sound, sample_rate, settings)
    until = min(end, start + round(dataset.mel.duration * sample_rate))
    gain = min(10 ** (row.gain_db / 20), 1 / max(float(sound.abs().max()), 1e-6))  # what was cut off may be louder
    return Trimming(sound * gain, sample_rate, start, end, until)
