"""The words of the house: every knob once, with its help, unit and range. Standard library only.

A field's `metadata` feeds the slider, the flag, the presets' check and the docs alike, so that they cannot drift.
`__post_init__` refuses what cannot work, in one sentence: the field, the value, the cure.
"""

from dataclasses import dataclass
from pathlib import Path

from studio.errors import StudioError
from studio.knobs import check, knob, same
from studio.mel_settings import DECODER_ONLY, MelSettings

__all__ = ["DECODER_ONLY", "ExportSettings", "GenerateSettings", "MelSettings", "MorphSettings", "OneShot",
           "PrepareSettings", "TrainSettings", "TransformSettings", "guidance_of", "whole_base"]

SAMPLERS = ("dpm++", "ddim", "euler", "euler a", "unipc", "lms")
GUIDANCE, GUIDANCE_WITH_LORA = 3.0, 1.5  # what suits the embedded base; more pushes takes of a LoRA away from its kit
GUIDANCE_LARGE = 7.0  # and Stable Diffusion


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
        check(self)
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
        check(self)


@dataclass(frozen=True)
class TrainSettings:
    """How a LoRA is trained. The defaults suit the embedded base and five to fifty sounds."""

    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id such as "
                     "stable-diffusion-v1-5/stable-diffusion-v1-5.", group="Network")
    steps: int = knob(250, "How long: training steps of one batch each.", low=1, high=1_000_000, step=10,
                      group="Batches")
    epochs: int = knob(0, "How long, counted in times that every sound is shown; 0 goes by steps.", low=0,
                       high=100_000, step=1, advanced=True, group="Batches")
    rank: int = knob(8, "How much the LoRA can hold; more takes a kit faster and memorises sooner.", low=1, high=256,
                     step=1, group="Network")
    alpha: float = knob(8.0, "How strongly it speaks: its output is scaled by alpha ÷ rank.", low=0.1, high=512,
                        step=1, group="Network")
    targets: str = knob("all", "Which layers learn: attention only; kohya's, which other trainers mean by a LoRA; or "
                        "all that carry weight.", choices=("attention", "kohya", "all"), advanced=True,
                        group="Network")
    text_encoder: bool = knob(False, "Let the text encoder learn new words too.", advanced=True, group="Network")
    learning_rate: float = knob(0.0, "Size of a step; 0 takes 0.005 for a small base and 0.0001 for a large one.",
                                low=0, high=0.1, step=0.00001, group="Rates")
    text_encoder_learning_rate: float = knob(0.0, "The text encoder's own rate; 0 takes half of the other.", low=0,
                                             high=0.1, step=0.00001, advanced=True, group="Rates")
    warmup_steps: int = knob(20, "Steps in which the rate rises to its full size.", low=0, high=10_000, step=1,
                             advanced=True, group="Rates")
    scheduler: str = knob("cosine", "What the rate does after the warm-up.", choices=("constant", "linear", "cosine"),
                          advanced=True, group="Rates")
    batch_size: int = knob(8, "Sounds in one step.", low=1, high=256, step=1, group="Batches")
    gradient_accumulation: int = knob(1, "Batches summed into one step, where memory holds only small ones.", low=1,
                                      high=128, step=1, advanced=True, group="Batches")
    seed: int = knob(1, "Same seed, same LoRA.", low=0, high=2**31 - 1, step=1, group="Batches")
    roles: tuple[str, ...] = knob((), "Which sounds are learned: those whose captions name one of these roles, such as "
                                  "kick or closed hat; empty learns all.", group="Captions")
    trigger: str = knob("", "A word of your own, put before every caption and learned with the kit: use it in prompts "
                        "to call the kit.", advanced=True, group="Captions")
    caption_dropout: float = knob(0.1, "Share of steps without a caption: what guidance compares with.", low=0, high=1,
                                  step=0.05, advanced=True, group="Captions")
    min_snr_gamma: float = knob(0.0, "Keeps easy steps, those with little noise, from drowning the others: 5 is usual; "
                                "0 weighs all alike.", low=0, high=20, step=0.5, advanced=True, group="Noise")
    noise_offset: float = knob(0.0, "Noise added to a whole picture's brightness.", low=0, high=1, step=0.01,
                               advanced=True, group="Noise")
    gain_augment_db: float = knob(0.0, "Shows each sound up to this much quieter as well; 0 shows it as it is.",
                                  unit="dB", low=0, high=24, step=0.5, advanced=True, group="Augmentation")
    shift_augment_ms: float = knob(0.0, "Shows each sound up to this much later as well; 0 shows it as it is.",
                                   unit="ms", low=0, high=100, step=1, advanced=True, group="Augmentation")
    held_out: float = knob(0.1, "Share of the sounds kept apart, to hear whether others like them are learned; none "
                           "where there are fewer than 20.", low=0, high=0.5, step=0.05, advanced=True,
                           group="Previews")
    preview_every: int = knob(100, "Steps between previews, and between checks on the sounds kept apart; 0 makes "
                              "none.", unit="steps", low=0, high=100_000, step=10, group="Previews")
    preview_prompts: str = knob("", "What previews are made of, a prompt a line; empty takes captions of the kit, "
                                "of one role after the other.", group="Previews")
    preview_count: int = knob(4, "Previews each time; more where there are more prompts.", low=1, high=16,
                             step=1, group="Previews")
    early_stop: int = knob(0, "Ends the training after so many checks without a gain; 0 never.", low=0, high=100,
                           step=1, advanced=True, group="Previews")
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True, group="Machine")
    mixed_precision: str = knob("auto", "Number format; auto takes what the device does safely.",
                                choices=("auto", "no", "bf16", "fp16"), advanced=True, group="Machine")
    gradient_checkpointing: bool = knob(False, "Needs less memory, and more time.", advanced=True, group="Machine")
    checkpoint_every: int = knob(100, "Steps between checkpoints to resume from; 0 writes none.", unit="steps", low=0,
                                 high=100_000, step=10, advanced=True, group="Machine")
    processes: int = knob(1, "Processes that share the work.", low=1, high=64, step=1, advanced=True, group="Machine")
    report_to: str = knob("", "Where else the curves go: tensorboard, or nowhere.", choices=("", "tensorboard"),
                          advanced=True, group="Machine")

    def __post_init__(self) -> None:
        check(self)
        if self.early_stop and not self.preview_every:
            raise StudioError(f"early_stop is {self.early_stop}, but preview_every is 0, so nothing is checked; "
                              "give preview_every, or early_stop 0")


@dataclass(frozen=True)
class GenerateSettings:
    """How new sounds are made. The mel settings are not here: the LoRA or the base brings them."""

    prompt: str = knob("kick", "What to make, in the words of the captions.")
    negative_prompt: str = knob("", "What to keep away from.")
    count: int = knob(8, "How many sounds.", low=1, high=1000, step=1)
    seed: int = knob(-1, "Start of the first sound, one more for each next; -1 draws one.", low=-1, high=2**31 - 1,
                     step=1)
    steps: int = knob(6, "Denoising steps: more is finer, up to a point.", low=1, high=200, step=1)
    guidance: float = knob(0.0, f"How strictly the prompt is followed; 0 takes {GUIDANCE:g}, with a LoRA "
                           f"{GUIDANCE_WITH_LORA:g}, of a large base {GUIDANCE_LARGE:g}.", low=0, high=30, step=0.5)
    variety: float = knob(0.2, "How long each sound goes its own way, as a share of the noise that is cleared before "
                          "guidance begins; 0 guides from the first step.", low=0, high=1, step=0.05, advanced=True)
    duration: float = knob(0.0, "How long a sound may get, in pictures wider than the base has learned; 0 is its own.",
                           unit="s", low=0, high=60, step=0.1, advanced=True)
    scheduler: str = knob("dpm++", "The sampler.", choices=SAMPLERS, advanced=True)
    base: str = knob("embedded", "The base model: embedded, a folder, or a hub id.")
    lora: tuple[str, ...] = knob((), "LoRA files, each FILE or FILE:WEIGHT; several add up.")
    batch_size: int = knob(4, "Sounds made at once; each appears as soon as it is decoded.", low=1, high=64, step=1,
                           advanced=True)
    device: str = knob("auto", "Where it runs; auto takes the best there is.", choices=("auto", "cuda", "mps", "cpu"),
                       advanced=True)

    def __post_init__(self) -> None:
        check(self)
        if self.seed + self.count > 2**31:
            raise StudioError(f"seed is {self.seed} and count {self.count}, but no sound has a seed above {2**31 - 1}; "
                              f"give a seed of at most {2**31 - self.count}")


@dataclass(frozen=True)
class TransformSettings:
    """How an existing sound is made anew: sound to sound, and repainting a part of it."""

    prompt: str = knob("", "What it should become.")
    negative_prompt: str = same(GenerateSettings, "negative_prompt")
    strength: float = knob(0.5, "How much is made anew: 0 only sends it through its picture and back, 1 keeps nothing.",
                           low=0, high=1, step=0.05)
    keep_ms: float = knob(0.0, "Keep the first part as it is; 0 keeps nothing.", unit="ms", low=0, high=600_000, step=1)
    repaint_above_hz: float = knob(0.0, "Make only what lies above this frequency anew; 0 takes all.", unit="Hz",
                                   low=0, high=96000, step=50)
    keep_phase: bool = knob(False, "Begin from the sound's own phase: what does not change stays nearly as it was.")
    reference: str = knob("", "A sound file whose colour the sound takes on, band by band; empty for none.")
    mix: float = knob(0.5, "How much of the reference's colour; 0 takes none.", low=0, high=1, step=0.05)
    stem: str = knob("", "Only these instruments of a mix, which are split off and mixed back; empty takes all.",
                     choices=("", "drums", "bass", "other", "vocals"), advanced=True)
    stem_db: float = knob(0.0, "How much louder they come back.", unit="dB", low=-60, high=24, step=0.5, advanced=True)
    seed: int = knob(-1, "Start of the noise; -1 draws one.", low=-1, high=2**31 - 1, step=1)
    steps: int = knob(20, "Denoising steps at full strength.", low=1, high=200, step=1)
    guidance: float = same(GenerateSettings, "guidance")
    scheduler: str = same(GenerateSettings, "scheduler")
    base: str = same(GenerateSettings, "base")
    lora: tuple[str, ...] = same(GenerateSettings, "lora")
    device: str = same(GenerateSettings, "device")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class MorphSettings:
    """How one sound becomes another: a way from point to point, as one-shots or as one long track."""

    start: str = knob("kick", "Prompt at the beginning.")
    via: tuple[str, ...] = knob((), "Prompts on the way, in their order.")
    end: str = knob("", "Prompt at the end; empty stays with the first.")
    below: tuple[str, ...] = knob((), "Two prompts under the first and the last: one-shots then fill the field between "
                                  "all four, count rows of count.", advanced=True)
    negative_prompt: str = same(GenerateSettings, "negative_prompt")
    start_sound: str = knob("", "A sound file to begin from instead of noise alone; the words then guide the middle.",
                            advanced=True)
    end_sound: str = knob("", "A sound file to end with; empty is the first one again.", advanced=True)
    strength: float = knob(0.6, "Between sounds, how much of the middle is made anew.", low=0, high=1, step=0.05,
                           advanced=True)
    count: int = knob(8, "How many sounds on the way.", low=1, high=1000, step=1)
    seconds: float = knob(10.0, "Length of a track.", unit="s", low=0.1, high=3600, step=0.5)
    bpm: float = knob(0.0, "Tempo of a track, whose sounds then begin on beats; 0 is free of it.", low=0, high=400,
                      step=1)
    bars: int = knob(0, "Length of a track with a tempo, in bars of four beats; 0 takes seconds.", low=0, high=10_000,
                     step=1)
    loop: bool = knob(False, "Let a track end where it begins, so that it repeats without a seam.")
    seed: int = knob(-1, "Start of the noise; -1 draws one. Each next point of the way has the next seed.", low=-1,
                     high=2**31 - 10_000, step=1)
    steps: int = knob(6, "Denoising steps.", low=1, high=200, step=1)
    guidance: float = same(GenerateSettings, "guidance")
    variety: float = same(GenerateSettings, "variety")
    scheduler: str = same(GenerateSettings, "scheduler")
    base: str = same(GenerateSettings, "base")
    lora: tuple[str, ...] = same(GenerateSettings, "lora")
    lora_end: tuple[str, ...] = knob((), "LoRA files at the end of the way, where they differ: strengths travel too.",
                                     advanced=True)
    device: str = same(GenerateSettings, "device")

    def __post_init__(self) -> None:
        check(self)
        if len(self.below) not in (0, 2):
            raise StudioError(f"below has {len(self.below)} prompts; give two, for the lower left and the lower right")
        if self.below and self.via:
            raise StudioError("via and below cannot both be given: a field has four corners; leave one of them out")
        if self.end_sound and not self.start_sound:
            raise StudioError(f"end_sound is {self.end_sound}, but start_sound is empty; give both, or only the start")
        if self.bars and not self.bpm:
            raise StudioError(f"bars is {self.bars}, but bpm is 0; give a tempo, or seconds instead")
        if 0 < self.bpm < 20:
            raise StudioError(f"bpm is {self.bpm:g}, slower than music; give 20 or more, or 0 for none")

    @property
    def duration(self) -> float:
        """Length of a track in seconds: its bars, or what `seconds` says."""
        return self.bars * 4 * 60 / self.bpm if self.bars else self.seconds


def whole_base(name: str) -> str:
    """The name of a base as it holds in any folder: the whole path of one; "embedded" and hub ids as they are."""
    return str(Path(name).absolute()) if name != "embedded" and Path(name).is_dir() else name


def guidance_of(settings: GenerateSettings | TransformSettings | MorphSettings) -> float:
    """How strictly the prompt is followed, also where `guidance` is 0, which leaves it to the studio.

    A base of the studio's own kind lies beside the plan it was made by; others are taken for Stable Diffusion's, and a
    mel.json, which their owners may have put there, makes no difference.
    """
    if not settings.guidance and settings.base != "embedded" and not (Path(settings.base) / "plan.json").is_file():
        return GUIDANCE_LARGE
    loras = settings.lora or (isinstance(settings, MorphSettings) and settings.lora_end)
    return settings.guidance or (GUIDANCE_WITH_LORA if loras else GUIDANCE)


@dataclass(frozen=True)
class ExportSettings:
    """How sounds leave the studio for a DAW or a sampler."""

    format: str = knob("wav", "WAV is read everywhere; FLAC is smaller with the same sound; AIFF suits older Macs.",
                       choices=("wav", "flac", "aiff"))
    bits: str = knob("24-bit", "24-bit is how takes are made; 16-bit, dithered, is for older samplers; 32-bit float "
                     "never clips.", choices=("16-bit", "24-bit", "32-bit float"))
    sample_rate: int = knob(0, "Samples per second, such as 44100 or 48000; 0 keeps what each sound has.", unit="Hz",
                            low=0, high=192000, step=50)
    channels: str = knob("as made", "One side, two, or what each sound has.", choices=("as made", "mono", "stereo"))
    normalise: bool = knob(False, "Bring each sound's loudest sample to peak_db; off keeps the levels.")
    peak_db: float = knob(-1.0, "Where normalised sounds peak.", unit="dBFS", low=-24, high=0, step=0.1)
    names: str = knob("by role", "by role sorts well, as in “kick 01 deep long”; as made keeps the files' own names.",
                      choices=("by role", "as made"))
    sfz: bool = knob(False, "Add an SFZ instrument: one key a sound from C1 (36) on, louder when struck harder.")

    def __post_init__(self) -> None:
        check(self)
        if 0 < self.sample_rate < 8000:
            raise StudioError(f"sample_rate is {self.sample_rate} Hz, too low for a sound; give 8000 or more, or 0 to "
                              "keep what each sound has")
        if self.format == "flac" and self.bits == "32-bit float":
            raise StudioError("bits is 32-bit float, which FLAC cannot hold; choose 24-bit, or wav")
