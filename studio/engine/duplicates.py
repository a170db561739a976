"""Near-duplicates: sounds of a dataset that hardly differ, found by their mel pictures.

A sound that is there twice is learned twice as hard, and most copies hide behind a level, a format or a name. Pictures
know no level; coarse in time and fine in pitch, and without what lies 50 dB under their peak, they hardly notice a
codec or a few ms of silence, but do notice another note. All pairs are compared at once by one matrix product, so that
thousands of sounds take a second or two, most of it for reading the pictures.
"""

import threading
from pathlib import Path

import numpy
import torch
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor

from studio.engine import mel as codec, picture
from studio.engine.dataset import Dataset
from studio.errors import StudioError
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings

ROWS, COLUMNS = 128, 16  # what a picture is reduced to
DEPTH_DB = 50.0  # below the peak; what is quieter counts as this quiet
NEAR_DB = 1.0  # RMS over what sounds: half of all MP3 and most Ogg copies are nearer than 0.5, another hit is not
FEWEST_CELLS = 8
BLOCK = 1024  # sounds compared with all others at once


class Duplicates:
    """Finds near-duplicates and remembers the pictures it has seen; may be asked from several threads."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int, int], Tensor] = {}  # path, mtime in ns and size → features
        self._lock = threading.Lock()

    def of(self, dataset: Dataset, *, near_db: float = NEAR_DB, report: Report = silent) -> list[tuple[str, ...]]:
        """Groups of sounds that are near to one another, by `file_name`, in the order of the dataset.

        Pictures that are gone, damaged or no pictures of ours are passed over: there is nothing to compare.
        """
        names, rows = [], []
        for step, row in enumerate(dataset.one_shots):
            report(Progress("looking for near-duplicates", step, len(dataset.one_shots), note=row.text))
            seen = self._features(dataset.folder / row.file_name, dataset.mel)
            if seen is not None:
                names.append(row.file_name)
                rows.append(seen)
        found = groups(torch.stack(rows), near_db) if rows else []
        return [tuple(names[index] for index in group) for group in found]

    def _features(self, path: Path, mel: MelSettings) -> Tensor | None:
        try:
            about = path.stat()
            key = str(path), about.st_mtime_ns, about.st_size
            with self._lock:
                if key in self._seen:
                    return self._seen[key]
            made = features(picture.pixels_of(path, mel), mel)
        except (OSError, StudioError):
            return None
        with self._lock:
            self._seen[key] = made
        return made


def features(pixels: Tensor, mel: MelSettings) -> Tensor:
    """What a picture is compared by, (2048,): dB above the depth, coarse in time and fine in pitch, 0 in the dark.

    pixels : (n_mels, n_frames), or (sides, n_mels, n_frames), of which the mean counts
    """
    if mel.intensity == "decibels":  # which is what pixels are
        loudness_db = (pixels.float() / (-255 if mel.inverted else 255) + mel.inverted - 1) * mel.range_db
    else:
        loudness_db = 10 * torch.log10(codec.from_pixels(pixels[None], torch.zeros(1), mel)[0].clamp_min(1e-12))
    levels = (loudness_db * 2 / mel.power + DEPTH_DB).clamp_min(0)  # as if all bands held power
    levels = levels.mean(dim=0) if levels.dim() == 3 else levels
    return torch.nn.functional.adaptive_avg_pool2d(levels[None], (ROWS, COLUMNS)).flatten()


def distances_db(ones: Tensor, others: Tensor) -> Tensor:
    """How far (n, size) features are from (m, size): (n, m) dB, 0 for equal ones.

    The RMS of the differences over the cells that sound, on average of the two.
    """
    squares = [each.square().sum(dim=1) for each in (ones, others)]
    cells = [(each > 0).float().sum(dim=1) for each in (ones, others)]
    distances = squares[0][:, None] + squares[1] - 2 * ones @ others.T
    sounding = ((cells[0][:, None] + cells[1]) / 2).clamp_min(FEWEST_CELLS)
    return (distances.clamp_min(0) / sounding).sqrt()


def groups(features: Tensor, near_db: float = NEAR_DB) -> list[tuple[int, ...]]:
    """Which of (n, size) features lie nearer than `near_db`, directly or over others between; each group sorted."""
    count, pairs = len(features), []
    for first in range(0, count, BLOCK):
        distances = distances_db(features[first : first + BLOCK], features[first:])
        pairs.append((distances < near_db).nonzero() + first)
    ones, others = torch.cat([torch.zeros(0, 2, dtype=torch.long), *pairs]).T.numpy()
    graph = sparse.coo_array((numpy.ones(len(ones), dtype=bool), (ones, others)), shape=(count, count))
    found: dict[int, list[int]] = {}
    for index, group in enumerate(csgraph.connected_components(graph, directed=False)[1] if count else ()):
        found.setdefault(int(group), []).append(index)
    return [tuple(group) for group in found.values() if len(group) > 1]
