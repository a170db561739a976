"""A WAV that grows on disk while it is made: whole after every piece, so that a stop or a crash leaves a sound."""

import struct
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from studio.engine import audio

BYTES = 3  # of a 24-bit sample
LARGEST = 2**32 - 2**16  # bytes that a RIFF file can tell the size of


class WavStream:
    """A mono 24-bit WAV open for appending, with its recipe inside; the same format as `audio.write`.

    The recipe stands before the samples, and the sizes in the header are brought up to date after every piece.
    """

    def __init__(self, path: Path, sample_rate: int, recipe: dict | None = None, title: str = "") -> None:
        self._path, self.samples = Path(path), 0
        empty = audio.wav_bytes(torch.zeros(0), sample_rate)
        self._head = _samples_last(audio.signed(empty, title or self._path.stem, recipe))

    def append(self, waveform: Tensor) -> None:
        """Write (samples,) after what is there; what exceeds ±1 is clipped. Raises OSError where the disk is full."""
        steps = (waveform.detach().cpu().double() * 2**23).round().clamp(-(2**23), 2**23 - 1).to(torch.int32)
        little_endian = steps.numpy().astype("<i4").view("u1").reshape(-1, 4)[:, :BYTES]
        self._file.write(little_endian.tobytes())
        self.samples += len(waveform)
        self._say_sizes()

    def _say_sizes(self) -> None:
        data = self.samples * BYTES
        if data > LARGEST:
            raise OSError(f"a WAV holds no more than {LARGEST >> 20} MiB")
        end = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", len(self._head) - 8 + data + data % 2))
        self._file.seek(len(self._head) - 4)
        self._file.write(struct.pack("<I", data))
        self._file.seek(end)
        self._file.flush()

    def __enter__(self) -> "WavStream":
        self._file = self._path.open("wb")
        self._file.write(self._head)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.samples % 2:
            self._file.write(b"\0")  # RIFF chunks have even lengths
        self._file.close()


def _samples_last(whole: bytes) -> bytes:
    """The bytes of a WAV without samples, its chunks sorted so that the empty `data` ends it."""
    chunks, at = {}, 12
    while at + 8 <= len(whole):
        name, size = whole[at : at + 4], int.from_bytes(whole[at + 4 : at + 8], "little")
        chunks[name] = whole[at : at + 8 + size + size % 2]
        at += 8 + size + size % 2
    data = chunks.pop(b"data")
    return whole[:12] + b"".join(chunks.values()) + data
