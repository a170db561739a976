"""How loud a one-shot is to the ear, and what makes several of them equally loud."""

import math

import torch
import torchaudio
from torch import Tensor

MOMENT = 0.4  # seconds over which the ear adds up (EBU Tech 3341, "momentary")
HOP = 0.1  # seconds between two moments
SILENCE_DB = -120.0
MATCHED_DB = -22.0  # where one-shots meet: of drums at full scale only the sharpest clicks do not come up to it
MOST_DB = 24.0  # of a gain; what is quieter still is not made loud with its noise
CEILING = 1.0  # no gain takes a sample beyond full scale
ROOM = 4.0  # the filters clip at full scale, above which their shelf lifts


def loudness_db(waveform: Tensor, sample_rate: int) -> float:
    """The loudest moment of a sound (samples,) or (channels, samples), LUFS: -120 for silence.

    ITU-R BS.1770-4 without its gates, over 400 ms as EBU Tech 3341 has it for "momentary"; a shorter sound is followed
    by silence, so that a click counts for less than a hit of the same peak, as it does to the ear.
    """
    channels = waveform.reshape(-1, waveform.shape[-1])
    window, hop = round(MOMENT * sample_rate), round(HOP * sample_rate)
    channels = torch.nn.functional.pad(channels, (0, max(window - channels.shape[-1], 0) + hop))
    weighted = torchaudio.functional.treble_biquad(channels / ROOM, sample_rate, 4.0, 1500.0, 1 / math.sqrt(2))
    weighted = ROOM * torchaudio.functional.highpass_biquad(weighted, sample_rate, 38.0, 0.5)
    power = weighted.double().square().unfold(-1, window, hop).mean(dim=-1).sum(dim=0)
    return max(SILENCE_DB, -0.691 + 10 * math.log10(max(float(power.max()), 1e-13)))


def matching_gain_db(waveform: Tensor, sample_rate: int) -> float:
    """The gain in dB that brings a sound to `MATCHED_DB`, at most to where its peak is full scale; 0 for silence."""
    peak = float(waveform.abs().max()) if waveform.numel() else 0.0
    if peak == 0:
        return 0.0
    wanted = MATCHED_DB - loudness_db(waveform, sample_rate)
    return max(-MOST_DB, min(MOST_DB, wanted, 20 * math.log10(CEILING / peak)))
