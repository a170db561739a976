"""The words of the house: every knob once, with its help, unit and range. Standard library only.

A field's `metadata` feeds the slider, the flag, the presets' check and the docs alike, so that they cannot drift.
`__post_init__` refuses what cannot work, in one sentence: the field, the value, the cure.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from studio import bands
from studio.errors import StudioError, did_you_mean

Settings = TypeVar("Settings")


def knob(default: Any, help: str, *, unit: str = "", low: float | None = None, high: float | None = None,
         step: float | None = None, choices: tuple = (), advanced: bool = False) -> Any:
    """A field with all that a slider, a flag and a check need to know about it."""
    return field(default=default, metadata=dict(help=help, unit=unit, low=low, high=high, step=step,
                                                choices=choices, advanced=advanced))


def as_dict(settings: Any) -> dict[str, Any]:
    """A settings object as plain JSON data: `from_dict` reads it back to an equal object."""
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(settings).items()}


def from_dict(kind: type[Settings], data: Mapping[str, Any], where: str = "settings") -> Settings:
    """Build settings from plain data; missing keys take their defaults, unknown ones are refused by name.

    Raises StudioError naming `where` the data came from, the key or value, and the cure.
    """
    known = {field.name for field in dataclasses.fields(kind)}
    for key in data:
        if key not in known:
            raise StudioError(f"{where}: unknown key {key!r}; {did_you_mean(key, known)}")
    try:
        return kind(**data)
    except StudioError as error:
        raise StudioError(f"{where}: {error}") from error


def _check(settings: Any) -> None:
    """Hold each field to its type, its choices and its range; whole floats pass for ints, ints become floats."""
    for each in dataclasses.fields(settings):
        value, rule = getattr(settings, each.name), each.metadata
        want = each.type
        if want is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if want is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if typing.get_origin(want) is tuple and isinstance(value, list):
            value = tuple(value)
        plain = typing.get_origin(want) or want
        if not isinstance(value, plain) or (plain in (int, float) and isinstance(value, bool)):
            raise StudioError(f"{each.name} is {value!r}; give a value of type {plain.__name__}")
        if plain is float and not math.isfinite(value):
            raise StudioError(f"{each.name} is {value}; give a finite number")
        if rule.get("choices") and value not in rule["choices"]:
            raise StudioError(f"{each.name} is {value!r}; {did_you_mean(str(value), map(str, rule['choices']))}")
        low, high, unit = rule.get("low"), rule.get("high"), rule.get("unit", "")
        if low is not None and value < low:
            raise StudioError(f"{each.name} is {value}; give at least {low:g} {unit}".rstrip())
        if high is not None and value > high:
            raise StudioError(f"{each.name} is {value}; give at most {high:g} {unit}".rstrip())
        object.__setattr__(settings, each.name, value)


@dataclass(frozen=True)
class MelSettings:
    """How a sound becomes a mel spectrogram picture and comes back. The defaults are the embedded base's 128×128."""

    sample_rate: int = knob(44100, "Samples per second of the sound; nothing above half of it can be heard.",
                            unit="Hz", low=8000, high=192000, step=50)
    n_mels: int = knob(128, "Height of the picture: how finely pitch is told apart.", unit="rows", low=8, high=1024,
                       step=8)
    n_frames: int = knob(128, "Width of the picture: how finely time is told apart.", unit="columns", low=8,
                         high=4096, step=8)
    hop_length: int = knob(347, "Samples from one column to the next; with the width it sets the length in seconds.",
                           unit="samples", low=8, high=8192, step=1)
    n_fft: int = knob(1536, "Length of the analysed slice: longer tells pitch better and smears attacks.",
                      unit="samples", low=64, high=32768, step=2)
    win_length: int = knob(0, "Length of the window inside the slice; 0 takes all of it.", unit="samples", low=0,
                           high=32768, step=2, advanced=True)
    bass_n_fft: int = knob(0, "A longer slice for the bass alone, which keeps its pitch; 0 uses one slice for all.",
                           unit="samples", low=0, high=32768, step=2, advanced=True)
    bass_hz: float = knob(500.0, "Below this frequency the bass slice is used.", unit="Hz", low=20, high=5000, step=10,
                          advanced=True)
    f_min: float = knob(0.0, "Lowest frequency in the picture.", unit="Hz", low=0, high=20000, step=1)
    f_max: float = knob(20000.0, "Highest frequency in the picture; lower makes it duller and the rows finer.",
                        unit="Hz", low=100, high=96000, step=50)
    mel_scale: str = knob("linear-log", "How rows are spread: linear-log suits drums; htk and slaney are the classics.",
                          choices=("linear-log", "htk", "slaney"))
    split_hz: float = knob(500.0, "linear-log only: rows are evenly spaced up to here, then by octaves.", unit="Hz",
                           low=20, high=20000, step=10, advanced=True)
    norm: str = knob("mean", "What a row holds of its band: mean, sum (none), or area-normalised (slaney).",
                     choices=("mean", "none", "slaney"), advanced=True)
    power: float = knob(2.0, "Exponent of the magnitude inside a band: 2 sums energy, 1 sums amplitude.", low=0.5,
                        high=4, step=0.5, advanced=True)
    window: str = knob("hann", "Shape of the window; hann is right unless you know why not.",
                       choices=("hann", "hamming", "blackman", "bartlett", "kaiser"), advanced=True)
    normalized: bool = knob(True, "Divide by the window's energy, so that levels do not depend on its length.",
                            advanced=True)
    center: bool = knob(True, "A column looks at its middle (on) or begins at its time (off).", advanced=True)
    pad_mode: str = knob("constant", "What stands beyond the ends: silence (constant) or the sound mirrored (reflect).",
                         choices=("constant", "reflect"), advanced=True)
    pad: int = knob(512, "Silence put before the sound, so that the attack gets columns of its own.", unit="samples",
                    low=0, high=16384, step=1, advanced=True)
    range_db: float = knob(90.0, "Loudness range of the picture: black is this far below its loudest point.",
                           unit="dB", low=20, high=140, step=1)
    iterations: int = knob(100, "Rounds of the decoder: more is closer to the picture and takes longer.", low=1,
                           high=2000, step=1)
    momentum: float = knob(0.99, "How far each round of the decoder leans forward; 0 is the plain Griffin-Lim.", low=0,
                           high=1.2, step=0.01, advanced=True)
    seed: int = knob(0, "Start of the decoder's noise: same seed, same samples.", low=0, high=2**31 - 1, step=1,
                     advanced=True)

    def __post_init__(self) -> None:
        _check(self)
        if self.f_max > self.sample_rate / 2:
            raise StudioError(f"f_max is {self.f_max:g} Hz, above half of sample_rate {self.sample_rate}; "
                              f"give at most {self.sample_rate / 2:g}")
        if self.f_min >= self.f_max:
            raise StudioError(f"f_min is {self.f_min:g} Hz, not below f_max {self.f_max:g}; lower f_min")
        if self.win_length > self.n_fft:
            raise StudioError(f"win_length is {self.win_length}, longer than n_fft {self.n_fft}; "
                              f"give at most {self.n_fft}, or 0 for all of it")
        if self.hop_length > (self.win_length or self.n_fft) // 2:
            raise StudioError(f"hop_length is {self.hop_length}, over half of the window "
                              f"({self.win_length or self.n_fft}), which leaves gaps; lower it or raise n_fft")
        if 0 < self.bass_n_fft <= self.n_fft:
            raise StudioError(f"bass_n_fft is {self.bass_n_fft}, not longer than n_fft {self.n_fft}; "
                              "raise it, or give 0 to use one slice for all")
        if self.samples < 1:
            raise StudioError(f"pad is {self.pad}, which leaves no room for a sound in {self.n_frames} columns; "
                              "lower pad or raise n_frames")
        self._refuse_empty_rows()

    def _refuse_empty_rows(self) -> None:
        edges = self.band_edges_hz
        for row in range(self.n_mels):
            bin_hz = self.sample_rate / self.n_fft_of_row(row)
            first_bin = math.floor(edges[row] / bin_hz) + 1  # the first one strictly inside the triangle
            if first_bin * bin_hz >= edges[row + 2] and not (row == 0 and self.norm == "mean"):
                raise StudioError(f"n_mels is {self.n_mels}, too fine for n_fft {self.n_fft}: row {row} near "
                                  f"{edges[row + 1]:.0f} Hz would be empty; lower n_mels or raise n_fft")

    @property
    def samples(self) -> int:
        """Length of the sound in the picture, without the silence before it."""
        return (self.n_frames - 1) * self.hop_length - self.pad

    @property
    def duration(self) -> float:
        """Length of the sound in the picture, in seconds."""
        return self.samples / self.sample_rate

    @property
    def band_edges_hz(self) -> tuple[float, ...]:
        """The n_mels + 2 corners of the triangles: row i rises from edge i, peaks at i + 1 and ends at i + 2."""
        if self.mel_scale != "linear-log":
            return bands.mel_edges(self.mel_scale, self.n_mels, self.f_min, self.f_max)
        return bands.linear_log_edges(self.n_mels, self.f_min, self.f_max, self.split_hz, self.bass_hz,
                                      bass_bin_hz=self.sample_rate / (self.bass_n_fft or self.n_fft),
                                      bin_hz=self.sample_rate / self.n_fft)

    def n_fft_of_row(self, row: int) -> int:
        """Which slice length reads this row: the bass one below bass_hz, where there is one."""
        return self.bass_n_fft if self.bass_n_fft and self.band_edges_hz[row + 1] < self.bass_hz else self.n_fft

    def for_duration(self, duration: float) -> "MelSettings":
        """The same picture over another length: the hop that fills it. `duration` in seconds, rounded up to a hop."""
        hop = math.ceil((duration * self.sample_rate + self.pad) / (self.n_frames - 1))
        return dataclasses.replace(self, hop_length=hop)


@dataclass(frozen=True)
class PrepareSettings:
    """How a sound file becomes a row of a dataset."""

    trim: bool = knob(True, "Cut silence off both ends, measured against the sound's own peak.")
    onset_db: float = knob(-40.0, "The sound begins where it first comes this close to its peak.", unit="dB", low=-90,
                           high=-6, step=1)
    tail_db: float = knob(-60.0, "The sound ends where it last was this close to its peak.", unit="dB", low=-120,
                          high=-20, step=1)
    pre_roll_ms: float = knob(0.5, "Kept before the beginning, so that no attack is shaved.", unit="ms", low=0,
                              high=50, step=0.5, advanced=True)
    fade_out_ms: float = knob(20.0, "Fade at the end of sounds that are cut to fit the picture.", unit="ms", low=0,
                              high=1000, step=1, advanced=True)
    min_ms: float = knob(5.0, "Shorter sounds are refused.", unit="ms", low=1, high=1000, step=1, advanced=True)
    channels: str = knob("mix", "How stereo becomes mono: mix takes both sides unless they cancel each other.",
                         choices=("mix", "left", "right"), advanced=True)
    caption: str = knob("", "Caption of every sound; {auto} stands for the words found by itself, empty means {auto}.")

    def __post_init__(self) -> None:
        _check(self)
        if self.tail_db > self.onset_db:
            raise StudioError(f"tail_db is {self.tail_db:g}, above onset_db {self.onset_db:g}; lower tail_db")


@dataclass(frozen=True)
class OneShot:
    """A row of a dataset: one prepared sound, its picture and what is said of it."""

    file_name: str = knob("", "Its picture, as a path inside the dataset folder.")
    text: str = knob("", "Its caption.")
    audio: str = knob("", "Its prepared sound, as a path inside the dataset folder.")
    source: str = knob("", "The file it came from.")
    weight: float = knob(1.0, "How often it is shown, against the others.", low=0, high=100, step=0.5)
    enabled: bool = knob(True, "Whether training uses it.")
    gain_db: float = knob(0.0, "What peak normalising added; take it off for the original's level.", unit="dB")
    duration: float = knob(0.0, "Length of the sound after trimming.", unit="s")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class TrainSettings:
    """How a LoRA is trained. The defaults suit the embedded base and five to fifty sounds."""

    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id such as "
                     "stable-diffusion-v1-5/stable-diffusion-v1-5.")
    steps: int = knob(300, "How long: training steps of one batch each.", low=1, high=1_000_000, step=10)
    rank: int = knob(8, "How much the LoRA can hold; more takes a kit faster and memorises sooner.", low=1, high=256,
                     step=1)
    alpha: float = knob(8.0, "How strongly it speaks: its output is scaled by alpha ÷ rank.", low=0.1, high=512,
                        step=1)
    learning_rate: float = knob(0.0, "Size of a step; 0 takes 0.001 for a small base and 0.0001 for a large one.",
                                low=0, high=0.1, step=0.00001)
    batch_size: int = knob(8, "Sounds in one step.", low=1, high=256, step=1)
    gradient_accumulation: int = knob(1, "Batches summed into one step, where memory holds only small ones.", low=1,
                                      high=128, step=1, advanced=True)
    warmup_steps: int = knob(20, "Steps in which the rate rises to its full size.", low=0, high=10_000, step=1,
                             advanced=True)
    scheduler: str = knob("constant", "What the rate does after the warm-up.", choices=("constant", "linear", "cosine"),
                          advanced=True)
    targets: str = knob("all", "Which layers learn: attention only, or all that carry weight.",
                        choices=("attention", "all"), advanced=True)
    text_encoder: bool = knob(False, "Let the text encoder learn new words too.", advanced=True)
    text_encoder_learning_rate: float = knob(0.0, "The text encoder's own rate; 0 takes half of the other.", low=0,
                                             high=0.1, step=0.00001, advanced=True)
    caption_dropout: float = knob(0.1, "Share of steps without a caption, which lets guidance work.", low=0, high=1,
                                  step=0.05, advanced=True)
    noise_offset: float = knob(0.0, "Noise added to a whole picture's brightness.", low=0, high=1, step=0.01,
                               advanced=True)
    seed: int = knob(1, "Same seed, same LoRA.", low=0, high=2**31 - 1, step=1)
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True)
    mixed_precision: str = knob("auto", "Number format; auto takes what the device does safely.",
                                choices=("auto", "no", "bf16", "fp16"), advanced=True)
    gradient_checkpointing: bool = knob(False, "Save memory for time.", advanced=True)
    checkpoint_every: int = knob(100, "Steps between checkpoints to resume from; 0 writes none.", unit="steps", low=0,
                                 high=100_000, step=10, advanced=True)
    processes: int = knob(1, "Processes that share the work.", low=1, high=64, step=1, advanced=True)

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class GenerateSettings:
    """How new sounds are made. The mel settings are not here: the LoRA or the base brings them."""

    prompt: str = knob("kick", "What to make, in the words of the captions.")
    negative_prompt: str = knob("", "What to keep away from.")
    count: int = knob(8, "How many sounds.", low=1, high=1000, step=1)
    seed: int = knob(-1, "Start of the first sound, one more for each next; -1 draws one.", low=-1, high=2**31 - 1,
                     step=1)
    steps: int = knob(20, "Denoising steps: more is finer, up to a point.", low=1, high=200, step=1)
    guidance: float = knob(3.0, "How strictly the prompt is followed.", low=0, high=30, step=0.5)
    scheduler: str = knob("dpm++", "The sampler.", choices=("dpm++", "ddim", "euler", "euler a", "unipc", "lms"),
                          advanced=True)
    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id.")
    lora: tuple[str, ...] = knob((), "LoRA files, each FILE or FILE:WEIGHT; several add up.")
    batch_size: int = knob(4, "Sounds made at once; each appears as soon as it is decoded.", low=1, high=64, step=1,
                           advanced=True)
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True)

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class TransformSettings:
    """How an existing sound is made anew: sound to sound, and repainting a part of it."""

    prompt: str = knob("", "What it should become.")
    negative_prompt: str = knob("", "What to keep away from.")
    strength: float = knob(0.5, "How much is made anew: 0 gives the sound back, 1 keeps nothing.", low=0, high=1,
                           step=0.05)
    keep_ms: float = knob(0.0, "Keep the first part as it is; 0 keeps nothing.", unit="ms", low=0, high=600_000, step=1)
    repaint_above_hz: float = knob(0.0, "Make only what lies above this frequency anew; 0 takes all.", unit="Hz",
                                   low=0, high=96000, step=50)
    seed: int = knob(-1, "Start of the noise; -1 draws one.", low=-1, high=2**31 - 1, step=1)
    steps: int = knob(20, "Denoising steps at full strength.", low=1, high=200, step=1)
    guidance: float = knob(3.0, "How strictly the prompt is followed.", low=0, high=30, step=0.5)
    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id.")
    lora: tuple[str, ...] = knob((), "LoRA files, each FILE or FILE:WEIGHT; several add up.")
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True)

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class MorphSettings:
    """How one sound becomes another: a way between two prompts and two seeds, as one-shots or as one long track."""

    start: str = knob("kick", "Prompt at the beginning.")
    end: str = knob("", "Prompt at the end; empty stays with the first.")
    negative_prompt: str = knob("", "What to keep away from.")
    count: int = knob(8, "How many sounds on the way.", low=1, high=1000, step=1)
    seconds: float = knob(10.0, "Length of a track.", unit="s", low=0.1, high=3600, step=0.5)
    loop: bool = knob(False, "Let a track end where it begins, so that it repeats without a seam.")
    seed: int = knob(-1, "Start of the noise; -1 draws one. The end of the way has the next seed.", low=-1,
                     high=2**31 - 2, step=1)
    steps: int = knob(20, "Denoising steps.", low=1, high=200, step=1)
    guidance: float = knob(3.0, "How strictly the prompts are followed.", low=0, high=30, step=0.5)
    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id.")
    lora: tuple[str, ...] = knob((), "LoRA files, each FILE or FILE:WEIGHT; several add up.")
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True)

    def __post_init__(self) -> None:
        _check(self)
