"""The latents of a dataset on disk: encoded once for all runs, mapped into memory, so that 50,000 sounds cost as much
memory as five.

They lie in the dataset's own folder, DATASET/.latents/, one file for each VAE: so they come along when a dataset is
copied or moved, leave with it, and are shared by the page and the command line, which knows no workspace. Loaders of
imagefolders pass hidden folders over. Where that folder cannot be written, they lie in the run's.

A file is a NumPy array of rows. A row is found by the SHA-1 of its picture's bytes and by how it was changed, and
believed where its checksum fits: so a training that is killed while it encodes loses nothing that was done, and a
picture that was prepared anew is encoded anew. A file is replaced whole, never changed under another run's eyes.
"""

import contextlib
import hashlib
import mmap
import os
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy
import psutil
import torch
from torch import Tensor

from studio.engine import duplicates
from studio.engine.latents import latents_from_pixels
from studio.engine.models import Base
from studio.engine.training.augmentation import Variant, pixels_of
from studio.errors import StudioError
from studio.files import cure, reason
from studio.progress import Progress, Report, silent
from studio.settings import MelSettings, OneShot

FOLDER = ".latents"
TOLD = 400  # times at most that the encoding tells of itself

Key = tuple[bytes, float, int]  # SHA-1 of the picture, gain_db, shift


class Latents:
    """The rows of one file, read where they are needed.

    rows[i] has `latents` (channels, h, w) float32 and `features` as `duplicates.features` gives them, float16.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = numpy.load(path, mmap_mode="r")
        self._place = {key: place for place, key in _keys(self._rows)}
        _let_go(self._rows)

    def places(self, keys: Sequence[Key]) -> Tensor:
        """Where the rows of these keys are."""
        return torch.tensor([self._place[key] for key in keys])

    def latents(self, places: Tensor) -> Tensor:
        """(n, channels, h, w) float32 of rows."""
        found = torch.from_numpy(self._rows["latents"][places.numpy()])
        _let_go(self._rows)
        return found

    def features(self, places: Tensor) -> Tensor:
        """(n, size) float32 of rows, to be compared by `duplicates.distances_db`."""
        found = torch.from_numpy(self._rows["features"][places.numpy()]).float()
        _let_go(self._rows)
        return found


def key_of(sha1: str, variant: Variant) -> Key:
    """What a row is found by."""
    return bytes.fromhex(sha1), variant.gain_db, variant.shift


def of_vae(base: Base) -> str:
    """A name for the VAE's encoder and the number format it runs in: other weights, other name."""
    vae, digest = base.pipeline.vae, hashlib.sha1()
    for name, weight in sorted(vae.state_dict().items()):
        if name.startswith(("encoder.", "quant_conv.")):
            digest.update(name.encode() + weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    digest.update(f"{vae.config.scaling_factor} {base.dtype}".encode())
    return digest.hexdigest()[:16]


@torch.no_grad()
def ensure(base: Base, folder: Path, mel: MelSettings, wanted: Mapping[Key, tuple[OneShot, Variant]],
           others: Collection[Key], else_folder: Path, *, report: Report = silent) -> Path:
    """The file with all rows of `wanted`; what is missing is encoded.

    folder      : the dataset's
    others      : of what else is there, the rows that are worth keeping
    else_folder : the run's, where the file lies if the dataset's cannot be written
    Raises StudioError where neither can be written, or a picture is gone.
    """
    name = of_vae(base)
    try:
        return _ensured(base, folder / FOLDER, folder, name, mel, wanted, others, report)
    except OSError as error:
        report(Progress("encode", note=f"latents cannot be kept in {folder / FOLDER} ({reason(error)}); they are kept "
                                       "with this run, and the next one encodes anew"))
    try:
        return _ensured(base, else_folder / FOLDER, folder, name, mel, wanted, others, report)
    except OSError as error:
        raise StudioError(f"{else_folder / FOLDER}: latents could not be written ({reason(error)}); "
                          f"{cure(error)}") from error


def _ensured(base: Base, cache: Path, folder: Path, name: str, mel: MelSettings,
             wanted: Mapping[Key, tuple[OneShot, Variant]], others: Collection[Key], report: Report) -> Path:
    whole, beside = cache / f"{name}.npy", cache / f"{name}.{os.getpid()}.part.npy"
    found = dict(_found(cache, name))
    if whole.exists() and all(found.get(key, (None,))[0] == whole for key in wanted):
        report(Progress("encode", len(wanted), len(wanted)))
        return whole
    kept = [key for key in others if key in found and key not in wanted]
    cache.mkdir(parents=True, exist_ok=True)
    size = base.pipeline.vae_scale_factor
    row = numpy.dtype([("sha1", "u1", (20,)), ("gain_db", "<f4"), ("shift", "<i4"), ("check", "<u4"),
                       ("latents", "<f4", (base.pipeline.unet.config.in_channels, mel.n_mels // size,
                                           mel.n_frames // size)),
                       ("features", "<f2", (duplicates.ROWS * duplicates.COLUMNS,))])
    _room_for(cache, (len(wanted) + len(kept)) * row.itemsize)
    rows = numpy.lib.format.open_memmap(beside, mode="w+", dtype=row, shape=(len(wanted) + len(kept),))
    sources = {path: numpy.load(path, mmap_mode="r") for path in {path for path, _ in found.values()}}
    often = max(1, len(wanted) // TOLD)
    missing = []
    for place, key in enumerate([*wanted, *kept]):
        if key in found and sources[found[key][0]].dtype == row:
            rows[place] = sources[found[key][0]][found[key][1]]
        elif key in wanted:
            missing.append((place, key))
    for done, (place, key) in enumerate(missing):
        if done % often == 0:
            report(Progress("encode", len(wanted) - len(missing) + done, len(wanted)))
            _let_go(rows)
        shot, variant = wanted[key]
        pixels = pixels_of(folder, shot, mel, variant)
        # one at a time: the same picture gives the same bits whatever is encoded beside it
        _fill(rows[place : place + 1], key, latents_from_pixels(base, pixels[None])[0],
              duplicates.features(pixels, mel))
    report(Progress("encode", len(wanted), len(wanted)))
    rows.flush()
    del rows, sources
    return _put_in_place(beside, whole, cache, name)


def _fill(row: numpy.ndarray, key: Key, latents: Tensor, features: Tensor) -> None:
    row["latents"][0], row["features"][0] = latents.float().cpu().numpy(), features.numpy()
    row["gain_db"][0], row["shift"][0] = key[1], key[2]
    row["check"][0] = _check(row[0])
    row["sha1"][0] = numpy.frombuffer(key[0], dtype="u1")  # last: before, it is nobody's row


def _check(row: numpy.void) -> int:
    return zlib.crc32(row["features"].tobytes(), zlib.crc32(row["latents"].tobytes()))


def _keys(rows: numpy.ndarray) -> Iterator[tuple[int, Key]]:
    sha1s, gains, shifts = rows["sha1"].tobytes(), rows["gain_db"].tolist(), rows["shift"].tolist()
    for place in range(len(rows)):
        yield place, (sha1s[20 * place : 20 * place + 20], gains[place], shifts[place])


def _found(cache: Path, name: str) -> Iterator[tuple[Key, tuple[Path, int]]]:
    """All good rows, in the file itself and in what killed runs left half-done, the file's own last."""
    for path in sorted(cache.glob(f"{name}*.npy"), key=lambda path: path.name == f"{name}.npy"):
        with contextlib.suppress(OSError, ValueError, EOFError):  # torn before its first row, or gone since
            rows = numpy.load(path, mmap_mode="r")
            for place, key in _keys(rows):
                if any(key[0]) and int(rows["check"][place]) == _check(rows[place]):
                    yield key, (path, place)


def _let_go(rows: numpy.memmap) -> None:
    """Give the memory of what was read or written back; the system's own cache of the file stays."""
    if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which trims by itself
        rows._mmap.madvise(mmap.MADV_DONTNEED)


def _put_in_place(beside: Path, whole: Path, cache: Path, name: str) -> Path:
    """The new file under the name that runs look for, and the leavings of killed runs thrown away."""
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        beside.replace(whole)
    except PermissionError:  # Windows: another run reads the old one
        return beside
    for left in cache.glob(f"{name}.*.part.npy"):
        if not psutil.pid_exists(int(left.name.split(".")[1])):
            left.unlink(missing_ok=True)
    return whole


def _room_for(cache: Path, size: int) -> None:
    """Raise OSError where a file of `size` bytes has no room: a mapped file that runs out of disk kills the process."""
    free = psutil.disk_usage(str(cache)).free
    if size > free:
        raise OSError(28, f"{size / 2**20:.0f} MB are needed, {free / 2**20:.0f} MB are free")
