"""Sound files and the plain arithmetic on waveforms.

Waveforms are float32 tensors, full scale is ±1: (channels, samples) as files hold them, (samples,) once they are mono.
Files are read through libsndfile; takes and prepared sounds are written as 24-bit PCM WAV that carries its recipe.
"""

import io
import json
import math
import os
import stat
import struct
from fractions import Fraction
from pathlib import Path

import numpy
import soundfile
import torch
import torchaudio
from torch import Tensor

from studio.errors import StudioError
from studio.files import reason, write_whole
from studio.settings import PrepareSettings

SUFFIXES: frozenset[str] = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"})
SOFTWARE = "One-Shot Studio"
PEAK = 0.9  # what `normalise` brings the loudest sample to: headroom for resampling and for the decoder
SLOWEST_RATE, FASTEST_RATE = 1000, 768_000  # Hz; beyond, a header is damaged; a second would become hours
MOST_SAMPLES = 2**29  # of all channels, 2 GB; a few MB of silence may unfold to more
BLOCK = 1 << 20  # frames read at once, so that a header that lies about its length costs no memory
MIX_LOSS = 0.25  # a mix below a quarter (-6 dB) of its channels' mean energy has cancelled
TAIL_FADE_MS = 5.0
CLOSEST_RATIO = 1000  # largest denominator of a resampling ratio; the common rates need 640 at most


# ------------------------------------------------------------------------------------------------------------- reading
def read(path: Path) -> tuple[Tensor, int]:
    """A sound file's waveform (channels, samples) float32 and its sample_rate. NaN and infinity become 0.

    WAV, FLAC, OGG, MP3 and AIFF of any rate and any number of channels; told apart by content, not by suffix.
    Raises StudioError where the file is missing, cannot be read or holds no sound.
    """
    path = Path(path)
    try:
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode):  # reading a pipe would wait for ever
            raise StudioError(f"{path}: is no file; give a sound file")
        if kind.st_size == 0:
            raise StudioError(f"{path}: is empty (0 bytes); leave it out or copy it anew")
        path.open("rb").close()  # the system's own reason, which libsndfile does not tell
        # by name, since soundfile prints tracebacks over a damaged file object; as bytes, for names that are no text
        with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else str(path)) as file:
            sample_rate = file.samplerate
            if not SLOWEST_RATE <= sample_rate <= FASTEST_RATE:
                raise StudioError(f"{path}: says it has {sample_rate} samples a second, so its header is damaged; "
                                  "export it anew")
            blocks = [file.read(BLOCK, dtype="float32", always_2d=True)]
            while len(blocks[-1]) == BLOCK:
                if len(blocks) * blocks[0].size > MOST_SAMPLES:
                    raise StudioError(f"{path}: is longer than can be held in memory; cut it into parts")
                blocks.append(file.read(BLOCK, dtype="float32", always_2d=True))
    except FileNotFoundError as error:
        raise StudioError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise StudioError(f"{path}: could not be read ({reason(error)}); check the path and its permissions") from error
    except soundfile.LibsndfileError as error:
        raise StudioError(f"{path}: could not be read as sound ({error.error_string.rstrip('.')}); "
                          "give WAV, FLAC, OGG, MP3 or AIFF") from error
    waveform = torch.from_numpy(numpy.concatenate(blocks).T.copy())
    if waveform.shape[1] == 0:
        raise StudioError(f"{path}: is empty (a sound of 0 samples); leave it out or export it anew")
    return torch.nan_to_num(waveform, nan=0.0, posinf=0.0, neginf=0.0), sample_rate


# ---------------------------------------------------------------------------------------------------------- arithmetic
def to_mono(waveform: Tensor, channels: str = "mix") -> Tensor:
    """(channels, samples) to (samples,): the mean of all channels, or only the "left" or the "right" one.

    Where the mean would lose more than 6 dB against the channels' own mean energy, the channels cancel: then those
    that run against the loudest one are turned over first, and if that does not help, the loudest is taken alone.
    """
    if len(waveform) == 1 or channels in ("left", "right"):
        return waveform[min(1, len(waveform) - 1) if channels == "right" else 0]
    exact = waveform.double()  # squares of float32 may overflow
    energy = exact.square().sum(dim=1)
    loudest = exact[energy.argmax()]
    against = torch.where(exact @ loudest < 0, -1.0, 1.0)
    for mix in (exact.mean(dim=0), (exact * against[:, None]).mean(dim=0)):
        if mix.square().sum() >= MIX_LOSS * energy.mean():
            return mix.to(waveform.dtype)
    return loudest.to(waveform.dtype)


def to_sides(waveform: Tensor, *, stereo: bool, channels: str = "mix") -> Tensor:
    """(channels, samples) to what a picture shows: (2, samples) where it is stereo, else as `to_mono`.

    Mono sounds get two equal sides, and of more than two channels the first two count.
    """
    if not stereo:
        return to_mono(waveform, channels)
    return waveform[:2] if len(waveform) > 1 else waveform.expand(2, -1)


def resample(waveform: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """(..., samples) at `from_rate` to `to_rate` Hz, with a long Kaiser-windowed sinc (Smith, "Digital Audio
    Resampling", and torchaudio's own benchmark of it).

    Between rates that share no handy factor (8363 Hz and 44100 Hz) the ratio is rounded, by less than a tenth of a
    cent, because the filter table would else take gigabytes.
    """
    if from_rate == to_rate:
        return waveform
    ratio = Fraction(to_rate, from_rate).limit_denominator(CLOSEST_RATIO)
    return torchaudio.functional.resample(
        waveform, ratio.denominator, ratio.numerator, lowpass_filter_width=64, rolloff=0.95,
        resampling_method="sinc_interp_kaiser", beta=14.77)


def trim(waveform: Tensor, sample_rate: int, settings: PrepareSettings) -> Tensor:
    """(..., samples) without the silence at both ends, against the sound's own peak; silence gives 0 samples.

    The start keeps `pre_roll_ms` before the onset and fades in only there, so that no attack is shaved. The end fades
    out over the few milliseconds after the last sample that counts, or inside the sound where the file ends with it.
    All channels are cut alike.
    """
    if not settings.trim:
        return waveform
    start, onset, end = ends(waveform, sample_rate, settings)
    trimmed = waveform[..., start:end].clone()
    if start > 0:
        trimmed[..., : onset - start] *= 1 - _fall(onset - start, trimmed)
    fade = min(round(TAIL_FADE_MS / 1000 * sample_rate), trimmed.shape[-1] // 4)
    trimmed[..., trimmed.shape[-1] - fade :] *= _fall(fade, trimmed)
    return trimmed


def ends(waveform: Tensor, sample_rate: int, settings: PrepareSettings) -> tuple[int, int, int]:
    """Where `trim` cuts (..., samples): the first sample that is kept, the onset, and the first that is cut again.

    All of it where trimming is off; nothing, (0, 0, 0), of silence.
    """
    samples = waveform.shape[-1]
    if not settings.trim:
        return 0, 0, samples
    if not waveform.any():
        return 0, 0, 0
    magnitude = waveform.abs().reshape(-1, samples).amax(dim=0)
    peak = magnitude.max()
    onset = int((magnitude >= peak * 10 ** (settings.onset_db / 20)).nonzero()[0])
    last = int((magnitude >= peak * 10 ** (settings.tail_db / 20)).nonzero()[-1])
    start = max(0, onset - round(settings.pre_roll_ms / 1000 * sample_rate))
    return start, onset, min(samples, last + 1 + round(TAIL_FADE_MS / 1000 * sample_rate))


def fit(waveform: Tensor, samples: int, fade_samples: int) -> Tensor:
    """(…, any) to exactly (…, samples): a longer sound is cut with a raised-cosine fade-out, a shorter gets silence."""
    if waveform.shape[-1] <= samples:
        return torch.nn.functional.pad(waveform, (0, samples - waveform.shape[-1]))
    cut = waveform[..., :samples].clone()
    fade = min(fade_samples, samples)
    cut[..., samples - fade :] *= _fall(fade, cut)
    return cut


def normalise(waveform: Tensor) -> tuple[Tensor, float]:
    """The waveform with its peak at `PEAK`, and the gain in dB that did it: take it off for the original's level.

    Silence stays as it is, with 0 dB.
    """
    peak = float(waveform.abs().max()) if waveform.numel() else 0.0
    if peak == 0:
        return waveform, 0.0
    return (waveform.double() * (PEAK / peak)).to(waveform.dtype), 20 * math.log10(PEAK / peak)


def outline(waveform: Tensor, columns: int) -> Tensor:
    """How a waveform looks from afar: the greatest |sample| of each of at most `columns` equal stretches.

    (..., samples) to (columns,) or, where there are fewer samples than columns, to (samples,).
    """
    magnitude = waveform.abs().reshape(-1, waveform.shape[-1]).amax(dim=0)
    return torch.nn.functional.adaptive_max_pool1d(magnitude[None], min(columns, len(magnitude)))[0]


def _fall(samples: int, like: Tensor) -> Tensor:
    """Half a raised cosine from near 1 down to 0, (samples,)."""
    steps = torch.arange(1, samples + 1, dtype=torch.float64, device=like.device)
    return (0.5 + 0.5 * torch.cos(math.pi * steps / max(1, samples))).to(like.dtype)


# ------------------------------------------------------------------------------------------------- writing, and recipes
def write(path: Path, waveform: Tensor, sample_rate: int, recipe: dict | None = None) -> Path:
    """Write (channels, samples) or (samples,) as a 24-bit PCM WAV, whole; the same input gives the same bytes.

    Lossy beyond 24 bits, and what exceeds ±1 is clipped, so callers keep headroom. `recipe` travels in the file's own
    comment (RIFF INFO, ICMT) as JSON; `read_recipe` is the inverse. Raises StudioError where it cannot be written.
    """
    path = check_name(path)
    whole = signed(wav_bytes(waveform, sample_rate), path.stem, recipe)
    return write_whole(path, lambda beside: beside.write_bytes(whole))


def check_name(path: Path) -> Path:
    """The path that a sound is to be written to. Raises StudioError where it would not be called a WAV."""
    path = Path(path)
    if path.suffix.lower() != ".wav":
        raise StudioError(f"{path}: sounds are written as WAV; let the name end in .wav")
    return path


def signed(wav: bytes, title: str, recipe: dict | None) -> bytes:
    """A whole WAV of any kind with a title, who made it, and its recipe in RIFF INFO; `read_recipe` finds it again."""
    chunks = wav[12:]
    chunks += b"\0" * (len(chunks) % 2) + _info(title, recipe)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def wav_bytes(waveform: Tensor, sample_rate: int) -> bytes:
    """(channels, samples) or (samples,) as a 24-bit PCM WAV that only passes by, without a name or a recipe."""
    finite = torch.nan_to_num(waveform.detach().cpu().double(), nan=0.0, posinf=0.0, neginf=0.0)
    steps = (finite * 2**23).round().clamp(-(2**23), 2**23 - 1).to(torch.int32) * 256  # 24 bits, at the top of 32
    riff = io.BytesIO()
    soundfile.write(riff, steps.numpy().T, sample_rate, format="WAV", subtype="PCM_24")
    return riff.getvalue()


def read_recipe(path: Path) -> dict | None:
    """The recipe that `write` put into a WAV, or None where the file carries none. Raises StudioError if unreadable."""
    comment = _comment(Path(path))
    try:
        recipe = json.loads(comment.decode("utf-8"))
    except ValueError:
        return None  # another program's comment, or none
    return recipe if isinstance(recipe, dict) else None


def _info(title: str, recipe: dict | None) -> bytes:
    """A LIST chunk of RIFF INFO strings; by hand, since libsndfile signs ISFT itself and reads 2 kB of comment only."""
    strings = {b"INAM": title, b"ISFT": SOFTWARE}
    if recipe is not None:
        strings[b"ICMT"] = json.dumps(recipe, separators=(",", ":"))
    body = b"INFO"
    for name, text in strings.items():
        data = text.encode("utf-8", errors="replace") + b"\0"
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body


def _comment(path: Path) -> bytes:
    """The ICMT string of a RIFF file's INFO list, b"" where there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return b""
            while len(chunk := file.read(8)) == 8:
                size = int.from_bytes(chunk[4:], "little")
                if chunk[:4] == b"LIST" and file.read(4) == b"INFO":
                    return _string(file.read(size - 4), b"ICMT")
                file.seek(size + size % 2 - (4 if chunk[:4] == b"LIST" else 0), os.SEEK_CUR)
    except OSError as error:
        raise StudioError(f"{path}: could not be read ({reason(error)}); check the path") from error
    return b""


def _string(body: bytes, name: bytes) -> bytes:
    """One string out of the body of an INFO list."""
    at = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        if body[at : at + 4] == name:
            return body[at + 8 : at + 8 + size].rstrip(b"\0")
        at += 8 + size + size % 2
    return b""
