"""Batches of drums with captions, and the demo kit."""

import random
from dataclasses import dataclass

from torch import Tensor

from studio.engine.synth import voices_metal, voices_rattles, voices_skins, voices_snares, voices_tones
from studio.engine.synth.draws import Draws
from studio.engine.synth.effects import finish
from studio.engine.synth.words import Caption, captions, measure, true_words
from studio.errors import StudioError

VOICES = {
    "kick": (voices_skins.kick, 0.5, 1.0),
    "808": (voices_skins.eight_oh_eight, 0.1, 1.0),
    "snare": (voices_snares.snare, 0.6, 0.9),
    "clap": (voices_snares.clap, 0.5, 0.8),
    "rim": (voices_snares.rim, 0.6, 0.5),
    "closed hat": (voices_metal.closed_hat, 0.35, 0.5),
    "open hat": (voices_metal.open_hat, 0.35, 1.0),
    "pedal hat": (voices_metal.pedal_hat, 0.3, 0.35),
    "ride": (voices_metal.ride, 0.3, 1.0),
    "crash": (voices_metal.crash, 0.3, 1.0),
    "low tom": (voices_skins.low_tom, 0.65, 1.0),
    "mid tom": (voices_skins.mid_tom, 0.65, 1.0),
    "high tom": (voices_skins.high_tom, 0.65, 1.0),
    "conga": (voices_skins.conga, 0.4, 0.8),
    "cowbell": (voices_metal.cowbell, 0.45, 1.0),
    "clave": (voices_snares.clave, 0.4, 0.3),
    "shaker": (voices_rattles.shaker, 0.3, 0.5),
    "tambourine": (voices_rattles.tambourine, 0.35, 0.8),
    "bass": (voices_tones.bass, 0.12, 1.0),
    "pluck": (voices_tones.pluck, 0.3, 1.0),
    "stab": (voices_tones.stab, 0.3, 1.0),
    "zap": (voices_tones.zap, 0.3, 1.0),
}
"""The voice of each role, its chance of a room, and the seconds after which its dry sound is over."""

ROLES: tuple[str, ...] = tuple(VOICES)


@dataclass(frozen=True)
class Batch:
    """waveforms : (count, samples) float32, peak 1, onset at 0, 20 ms fade at the end; captions : one a clip."""

    waveforms: Tensor
    captions: tuple[Caption, ...]


def render(draws: Draws, role: str) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
    """A voice with effects: waveforms (count, samples), traits (count,) bool by word, pitch (count,) Hz or None."""
    voice, roomy, duration = VOICES[role]
    made = voice(draws.brief(duration))
    waveforms, traits = finish(draws, made.waveforms, roomy)
    merged = dict(made.traits)
    for word, mask in traits.items():
        merged[word] = merged[word] | mask if word in merged else mask
    return waveforms, merged, made.pitch_hz


def synthesise(
    role: str, count: int, seed: int, *, sample_rate: int = 44100, duration: float = 1.0, device: str = "cpu"
) -> Batch:
    """Makes `count` different sounds of one role, each with its caption; the same seed gives the same sounds.

    role : one of ROLES; duration : seconds, at least 0.1. Returns a Batch. Raises StudioError for an unknown role.
    """
    if role not in VOICES:
        raise StudioError(f"no drum is called {role!r}; choose one of {', '.join(ROLES)}")
    samples = round(duration * sample_rate)
    draws = Draws(count, samples, seed * len(ROLES) + ROLES.index(role), sample_rate=sample_rate, device=device)
    waveforms, traits, pitch_hz = render(draws, role)
    words = true_words(role, measure(waveforms, sample_rate), traits, pitch_hz)
    return Batch(waveforms, captions(role, words, random.Random(f"{role} {seed}")))


def demo_kit(seed: int = 1) -> list[tuple[str, Tensor]]:
    """Two sounds of each role, as (file stem that captions itself, waveform (samples,)): "kick deep punchy 01"."""
    kit = []
    for role in ROLES:
        batch = synthesise(role, 2, seed)
        for index, (caption, waveform) in enumerate(zip(batch.captions, batch.waveforms, strict=True), start=1):
            kit.append((" ".join((role, *caption.adjectives[:3], f"{index:02d}")), waveform))
    return kit
