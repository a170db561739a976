"""Instruments apart: drums, bass, vocals and the rest of a mix, by Hybrid Demucs (Défossez 2021, in torchaudio).

Its weights, trained on MUSDB-HQ and 800 more songs, are fetched once (320 MB) and kept by torch.hub. The stems always
sum to the sound they came from: what the model leaves over goes to "other".
"""

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio import pipelines

from studio.engine import audio, crossfade, devices
from studio.engine.devices import FILLING
from studio.errors import StudioError
from studio.progress import Progress, Report, silent

STEMS = ("drums", "bass", "other", "vocals")
WINDOW, SHARED = 10.0, 1.0  # seconds that the model hears at once, and of them in common with the next


def split(source: Path, folder: Path, *, device: str = "auto", report: Report = silent) -> list[Path]:
    """Write the stems of a sound file as FOLDER/SOURCE_STEM.wav, 24 bit, of its rate and length; returns the files.

    Mixed again they are the source. Raises StudioError for a file that is no sound, and where the model's weights are
    neither here nor within reach.
    """
    waveform, sample_rate = audio.read(source)
    sides = waveform[:2] if len(waveform) > 1 else waveform
    found = apart(sides, sample_rate, device=device, report=report)
    return [audio.write(Path(folder) / f"{Path(source).stem}_{name}.wav", stem, sample_rate, {
        "version": 1, "verb": "split", "source": Path(source).name, "stem": name}) for name, stem in found.items()]


def apart(waveform: Tensor, sample_rate: int, *, device: str = "auto", report: Report = silent) -> dict[str, Tensor]:
    """The stems of a sound (1 or 2, samples) at any rate, each of its shape; their sum is the sound."""
    model, rate = _model(devices.for_audio(devices.choose(device)).type)  # it begins with an STFT
    heard = audio.resample(waveform, sample_rate, rate).expand(2, -1)
    found = audio.resample(_separated(model, heard, rate, report), rate, sample_rate)
    if len(waveform) == 1:
        found = found.mean(dim=1, keepdim=True)
    stems = dict(zip(model.sources, audio.fit(found, waveform.shape[1], 0), strict=True))
    stems["other"] = waveform - sum(stems[name] for name in STEMS if name != "other")
    return {name: stems[name] for name in STEMS}


@torch.no_grad()
def _separated(model: nn.Module, waveform: Tensor, rate: int, report: Report) -> Tensor:
    """(sources, 2, samples), window by window with cross-fades; what is silent is not put to the model."""
    device = next(model.parameters()).device
    whole = torch.zeros(len(model.sources), *waveform.shape)
    window, shared = round(WINDOW * rate), round(SHARED * rate)
    deviation = waveform.std()
    starts = range(0, max(1, waveform.shape[1] - shared), window - shared) if deviation > 0 else ()
    for number, start in enumerate(starts):
        part = waveform[:, start : start + window]
        made = model((part / deviation)[None].to(device))[0].cpu() * deviation
        common = min(shared, part.shape[1]) if start else 0
        rise = crossfade.ramp(common, made).square()  # linear in power and in sum: both windows hear the same sound
        whole[..., start : start + common] *= 1 - rise
        made[..., :common] *= rise
        whole[..., start : start + part.shape[1]] += made
        report(Progress("split", number + 1, len(starts)))
    return whole


@lru_cache(maxsize=1)
def _model(device: str) -> tuple[nn.Module, int]:
    bundle = pipelines.HDEMUCS_HIGH_MUSDB_PLUS
    try:
        with FILLING:
            model = bundle.get_model()
    except (OSError, RuntimeError) as error:  # no way to it, or half of it
        raise StudioError(f"the model that splits sounds could not be fetched ({error}); "
                          "go online once, 320 MB are kept for ever after") from error
    return model.eval().requires_grad_(False).to(device), bundle.sample_rate
