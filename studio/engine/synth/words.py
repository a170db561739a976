"""Captions: what a musician would call a sound, and what is measurably true of it."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.synth.ranges import RANGES

NAMES: dict[str, tuple[str, ...]] = {
    "kick": ("kick", "kick drum", "bass drum", "bd"),
    "808": ("808", "808 bass drum", "808 sub", "808 bass", "sub bass drum"),
    "snare": ("snare", "snare drum", "sd"),
    "clap": ("clap", "hand clap", "handclap", "claps"),
    "rim": ("rim", "rimshot", "rim shot", "side stick", "sidestick"),
    "closed hat": ("closed hat", "closed hi-hat", "hihat closed", "chh", "closed hihat", "hat closed"),
    "open hat": ("open hat", "open hi-hat", "hihat open", "ohh", "open hihat", "hat open"),
    "pedal hat": ("pedal hat", "pedal hi-hat", "foot hat", "hat pedal", "pedal hihat"),
    "ride": ("ride", "ride cymbal"),
    "crash": ("crash", "crash cymbal", "cymbal"),
    "low tom": ("low tom", "floor tom", "tom low", "tom"),
    "mid tom": ("mid tom", "middle tom", "tom mid", "tom"),
    "high tom": ("high tom", "hi tom", "tom high", "rack tom", "tom"),
    "conga": ("conga", "bongo", "hand drum"),
    "cowbell": ("cowbell", "cow bell"),
    "clave": ("clave", "claves", "wood block", "woodblock"),
    "shaker": ("shaker", "maracas", "cabasa"),
    "tambourine": ("tambourine", "tamb", "jingles"),
    "bass": ("bass", "bass note", "synth bass"),
    "pluck": ("pluck", "plucked string", "pluck note"),
    "stab": ("stab", "chord stab", "chord"),
    "zap": ("zap", "fx", "laser", "effect"),
}
SYNONYMS: dict[str, tuple[str, ...]] = {
    "short": ("short", "short", "tight", "snappy"),
    "long": ("long", "long", "sustained", "ringing"),
    "low": ("low", "deep", "deep", "low-pitched"),
    "high": ("high", "high-pitched", "high", "high-tuned"),
    "dark": ("dark", "dark", "dull", "muffled", "warm"),
    "bright": ("bright", "bright", "crisp", "sharp"),
    "clean": ("clean", "clean", "pure"),
    "distorted": ("distorted", "distorted", "dirty", "driven", "crunchy"),
    "dry": ("dry", "dry", "close"),
    "roomy": ("roomy", "room", "reverb", "wet", "ambient"),
    "punchy": ("punchy",),
    "clicky": ("clicky", "clicky", "attack"),
    "noisy": ("noisy", "hissy"),
    "metallic": ("metallic",),
    "dusty": ("dusty", "vinyl", "tape"),
    "lofi": ("lo-fi", "lofi", "crushed", "8-bit"),
    "acoustic": ("acoustic", "acoustic", "live", "real"),
    "electronic": ("electronic", "electronic", "synthetic"),
    "analog": ("analog", "analog", "analogue"),
    "808": ("808", "808", "analog"),
    "909": ("909", "909", "analog"),
    "hard": ("hard", "hard", "hardstyle", "aggressive"),
    "soft": ("soft", "soft", "mellow", "gentle"),
    "fm": ("fm",),
}
BOOMY = ("kick", "808", "low tom", "mid tom", "high tom", "bass")
PURE = (*BOOMY, "conga")
"""Nearly pure tones where nothing drives them: clean are the purest third of those, distorted the driven ones of the
richest third of all."""
SIZZLING = ("closed hat", "open hat", "pedal hat", "ride", "crash", "tambourine", "shaker")
PLAIN = 0.5
"""Share of wordings that say the plain name of a role in any case; the others say any of its names."""
RARELY = {"clean": 0.35, "dry": 0.5}
"""Words that are true of most clips are said of a part of them only."""
OFTEN = dict.fromkeys(("low", "high", "clean", "distorted"), 3.0)
"""How much more likely a wording takes up words of these concepts: a small model learned them last."""

OPPOSITES = ("short", "long", "low", "high", "dark", "bright", "clean", "distorted")
_MORE = {"boomy": "long", "sizzling": "bright"}
_CONCEPTS = {word: concept for concept in OPPOSITES for word in SYNONYMS[concept]}  # none of these is in two of them


@dataclass(frozen=True)
class Caption:
    """One clip in words: its role, the role's names (the plain one first), and adjectives that are true of it."""

    role: str
    names: tuple[str, ...]
    adjectives: tuple[str, ...]

    def text(self, rng: random.Random, most: int = 4) -> str:
        """A random wording: one name, 0 to `most` adjectives shuffled, "deep punchy kick" or "kick, deep, punchy".

        Half of the adjectives are said by the plain word of their concept, "low" for "deep", but of no tom: a "low high
        tom" would say nothing.
        """
        count = min(rng.randint(0, rng.randint(1, most)), len(self.adjectives))  # one is what people say most
        # each waits for a random time, the shorter the more often it is taken up: a draw by weight, without repeats
        waits = {word: rng.expovariate(OFTEN.get(_CONCEPTS.get(word), 1.0)) for word in self.adjectives}
        words = [_CONCEPTS.get(word, word) if rng.random() < PLAIN and "tom" not in self.role else word
                 for word in sorted(self.adjectives, key=waits.get)[:count]]
        rng.shuffle(words)
        name = self.names[0] if rng.random() < PLAIN else rng.choice(self.names)
        return " ".join((*words, name)) if rng.random() < 0.5 else ", ".join((name, *words))

    def full(self) -> str:
        """The plain name and every adjective: "kick, deep, punchy"."""
        return ", ".join((self.names[0], *self.adjectives))


def measure(waveforms: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """What can be heard of (count, samples) clips with their onset at 0: (count,) figures by name.

    length_ms: until the 10 ms level stays 30 dB under the loudest; centroid_hz: mean frequency above 20 Hz weighed
    by the amplitude to the power 1.5; punch: share of the energy in the first 40 ms; click: share of the first 8 ms'
    energy above 2 kHz; flatness: geometric over arithmetic mean of the power spectrum between 200 Hz and 16 kHz, dB;
    overtones: share of the energy from 25 to 190 ms that lies well above the strongest frequency, dB.
    """
    step = sample_rate // 100
    energy = waveforms[:, : waveforms.shape[1] // step * step].unflatten(1, (-1, step)).square().mean(2)
    loud = energy > energy.amax(1, keepdim=True) * 1e-3
    length = (loud * torch.arange(1, loud.shape[1] + 1, device=loud.device)).amax(1) * 10.0
    power = torch.view_as_real(torch.fft.rfft(waveforms)).square().sum(2)
    hz = torch.fft.rfftfreq(waveforms.shape[1], 1 / sample_rate).to(waveforms.device)
    heard = power[:, hz > 20].sqrt()
    heard *= heard.sqrt()  # a quiet hiss over many bins must not make a kick bright
    centroid = heard @ hz[hz > 20] / heard.sum(1).clamp_min(1e-9)
    start = torch.fft.rfft(waveforms[:, : sample_rate * 8 // 1000]).abs().square()
    start_hz = torch.fft.rfftfreq(sample_rate * 8 // 1000, 1 / sample_rate).to(waveforms.device)
    click = (start * (start_hz > 2000)).sum(1) / start.sum(1).clamp_min(1e-9)
    power = power[:, (hz > 200) & (hz < 16000)] + 1e-12
    flatness = 10 * (power.log10().mean(1) - power.mean(1).log10())
    ringing = torch.fft.rfft(waveforms[:, sample_rate // 40 : sample_rate * 19 // 100]).abs().square()
    above = torch.arange(ringing.shape[1], device=ringing.device)[None] > 1.4 * ringing.argmax(1, keepdim=True)
    overtones = 10 * ((ringing * above).sum(1) / ringing.sum(1).clamp_min(1e-9)).clamp_min(1e-9).log10()
    punch = energy[:, :4].sum(1) / energy.sum(1).clamp_min(1e-12)
    return {"length_ms": length, "centroid_hz": centroid, "punch": punch, "click": click, "flatness": flatness,
            "overtones": overtones}


def true_words(
    role: str, measured: dict[str, Tensor], traits: dict[str, Tensor], pitch_hz: Tensor | None
) -> dict[str, Tensor]:
    """(count,) bool by concept: what may be said of each clip, by the role's own quantiles; the middle gets no word."""
    limits = RANGES[role]
    words = {word: mask for word, mask in traits.items() if word in SYNONYMS}
    pairs = [("short", "long", "length_ms"), ("dark", "bright", "centroid_hz")]
    figures = measured if pitch_hz is None else measured | {"pitch_hz": pitch_hz}
    if pitch_hz is not None:
        pairs.append(("low", "high", "pitch_hz"))
    for under, over, figure in pairs:
        words[under], words[over] = figures[figure] < limits[figure][0], figures[figure] > limits[figure][1]
    if limits["length_ms"][1] >= 990:  # most clips fill the second: what counts is how much of them comes early
        words["short"] = words["short"] | (measured["punch"] > limits["punch"][1])
        words["long"] = ~words["short"] & (measured["punch"] < limits["punch"][0])
    heard = measured["click"] > limits["click"][1]
    words["clicky"] = heard if role in BOOMY else words.get("clicky", heard) & heard
    if role in ("kick", "808", "snare", "clap", "low tom", "mid tom", "high tom", "bass"):
        words["punchy"] = measured["punch"] > limits["punch"][1]
    words["noisy"] = measured["flatness"] > limits["flatness"][1]
    rough = words["distorted"] | words.get("hard", words["distorted"])
    words["soft"] = words["dark"] & (measured["click"] < limits["click"][0]) & ~rough
    words["clean"] = words["clean"] & ~words["distorted"]
    if "warmed" in traits:  # by the voice's own drive, before any effect
        words["clean"] = words["clean"] & ~traits["warmed"]
    if role in PURE:
        words["clean"] = words["clean"] & (measured["overtones"] < limits["overtones"][0])
        words["distorted"] = words["distorted"] & (measured["overtones"] > limits["overtones"][1])
    return words


def captions(role: str, words: dict[str, Tensor], rng: random.Random) -> tuple[Caption, ...]:
    """One caption a clip; of each concept that holds, one random synonym."""
    table = {word: mask.tolist() for word, mask in words.items()}
    count = len(next(iter(table.values())))
    out = []
    for clip in range(count):
        chosen = []
        for concept, mask in table.items():
            share = 1 if concept == "clean" and role in PURE else RARELY.get(concept, 1)
            if mask[clip] and rng.random() < share:
                chosen.append(rng.choice(_synonyms(role, concept)))
        out.append(Caption(role, NAMES[role], tuple(dict.fromkeys(chosen))))
    return tuple(out)


def concept_of(word: str) -> str:
    """Which of `OPPOSITES` an adjective says, such as "low" for "deep"; the word itself where it says none of them."""
    return _MORE.get(word) or _CONCEPTS.get(word, word)


def _synonyms(role: str, concept: str) -> tuple[str, ...]:
    if "tom" in role and concept in ("low", "high"):  # "a low high tom" would say nothing
        return ("deep", "low-pitched") if concept == "low" else ("high-pitched", "high-tuned")
    more = ("boomy",) if concept == "long" and role in BOOMY else ()
    more += ("sizzling",) if concept == "bright" and role in SIZZLING else ()
    return SYNONYMS[concept] + more
