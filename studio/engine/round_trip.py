"""A sound there and back: its picture, what is heard of it again, and how much was lost on the way."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine import likeness, picture
from studio.engine.likeness import Likeness
from studio.engine.picture import Picture
from studio.progress import Report, silent
from studio.settings import MelSettings

ENVELOPE_MS = 100.0  # of the attack, for drawing
MOST_GAIN_DB = 24.0  # of the level match; what is quieter than that is not loud with noise


@dataclass(frozen=True)
class RoundTrip:
    """What became of a sound.

    original  : (samples,) or (2, samples), as much of it as the picture holds
    decoded   : the same shape, from the picture
    envelopes : (2, steps) RMS of the first 100 ms, original and decoded, at the same level
    gains     : what to play original and decoded with, so that both are equally loud and neither is raised
    """

    picture: Picture
    original: Tensor
    decoded: Tensor
    likeness: Likeness
    envelopes: Tensor
    gains: tuple[float, float]


def there_and_back(waveform: Tensor, mel: MelSettings, *, report: Report = silent) -> RoundTrip:
    """Encode and decode a sound (samples,) or (2, samples) at `mel.sample_rate`, and compare the two.

    The figures of two channels are their mean. Raises StudioError for a sound of no samples.
    """
    image = picture.of_sound(waveform, mel)
    decoded = picture.to_sound(image, report=report)
    original = waveform[..., : image.samples]
    figures = _mean([likeness.compare(one, other, mel.sample_rate)
                     for one, other in zip(_channels(original), _channels(decoded), strict=True)])
    gain = 10 ** (-max(-MOST_GAIN_DB, min(MOST_GAIN_DB, figures.level_db)) / 20)
    envelopes = torch.stack([_attack(original, mel.sample_rate), gain * _attack(decoded, mel.sample_rate)])
    return RoundTrip(image, original, decoded, figures, envelopes, gains=(1 / max(1.0, gain), gain / max(1.0, gain)))


def _channels(waveform: Tensor) -> Tensor:
    return waveform.reshape(-1, waveform.shape[-1])


def _mean(figures: list[Likeness]) -> Likeness:
    names = [field.name for field in dataclasses.fields(Likeness)]
    return Likeness(**{name: sum(getattr(each, name) for each in figures) / len(figures) for name in names})


def _attack(waveform: Tensor, sample_rate: int) -> Tensor:
    """The envelope of the first 100 ms, of all channels together; silence follows a shorter sound."""
    samples = round(ENVELOPE_MS / 1000 * sample_rate)
    mono = _channels(waveform)[:, : 2 * samples].square().mean(dim=0).sqrt()
    mono = torch.nn.functional.pad(mono, (0, 2 * samples - len(mono)))  # twice as long, so that no window is half empty
    levels = likeness.envelope(mono, sample_rate)
    return levels[: len(levels) // 2]
