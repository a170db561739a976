"""A long sound in overlapping windows of one picture each."""

from dataclasses import dataclass

from studio.settings import MelSettings

OVERLAP = 8  # neighbouring windows share one part in so many


@dataclass(frozen=True)
class Window:
    """One picture's part of a sound: it hears from `start` on, and its share of the result ends at `end` (samples)."""

    number: int
    column: int  # of the whole sound's picture, where this one begins
    start: int
    end: int


def windows(mel: MelSettings, samples: int) -> list[Window]:
    """The windows of a sound of `samples`, evenly spread on whole columns; neighbours overlap by an eighth."""
    shared = mel.n_frames // OVERLAP  # columns
    furthest = max(1, mel.samples // mel.hop_length - shared)  # columns from one to the next
    alone = samples <= mel.samples
    way = 0 if alone else samples - shared * mel.hop_length
    count = 1 if alone else -(-way // (furthest * mel.hop_length))
    columns = [round(i * way / count / mel.hop_length) for i in range(count)]
    ends = [(column + shared) * mel.hop_length for column in columns[1:]] + [samples]
    return [Window(i, column, column * mel.hop_length, end)
            for i, (column, end) in enumerate(zip(columns, ends, strict=True))]
