"""How a sound becomes a picture and comes back: the settings that travel with every picture. Standard library only.

`__post_init__` refuses what cannot work, in one sentence: the field, the value, the cure.
"""

import dataclasses
import math
from dataclasses import dataclass

from studio import bands
from studio.errors import StudioError
from studio.knobs import check, knob

DECODER_ONLY = frozenset({"decoder", "overshoot", "iterations", "momentum", "seed"})  # mel settings of no picture


@dataclass(frozen=True)
class MelSettings:
    """How a sound becomes a mel spectrogram picture and comes back. The defaults are the embedded base's 128×128."""

    sample_rate: int = knob(44100, "How high the sound can go: up to half of this many samples per second.", unit="Hz",
                            low=8000, high=192000, step=50, group="Size and length")
    n_mels: int = knob(128, "Height of the picture: more rows tell close pitches apart.", unit="rows", low=8, high=1024,
                       step=8, group="Size and length")
    n_frames: int = knob(128, "Width of the picture: more columns follow fast changes.", unit="columns", low=8,
                         high=4096, step=8, group="Size and length")
    hop_length: int = knob(347, "Steps in time: shorter ones keep attacks crisp but hold less sound.", unit="samples",
                           low=8, high=8192, step=1, group="Size and length")
    stereo: bool = knob(False, "Both sides in one picture, as colours; off mixes them into a grey one.",
                        group="Size and length")
    whole: bool = knob(False, "The picture is as wide as the sound is long, instead of n_frames.", advanced=True,
                       group="Size and length")
    n_fft: int = knob(1536, "Longer slices hear pitch better and smear the attack.", unit="samples", low=64, high=32768,
                      step=2, group="Pitch against attack")
    win_length: int = knob(0, "Listens to a shorter part of each slice, for crisper attacks; 0 takes all of it.",
                           unit="samples", low=0, high=32768, step=2, advanced=True, group="Pitch against attack")
    bass_n_fft: int = knob(0, "A longer slice for the bass alone, which keeps its pitch; 0 uses one slice for all.",
                           unit="samples", low=0, high=32768, step=2, advanced=True, group="Pitch against attack")
    bass_hz: float = knob(500.0, "Below this the bass slice is used: higher gives a steadier and softer bass.",
                          unit="Hz", low=20, high=5000, step=10, advanced=True, group="Pitch against attack")
    bass_rows: int = knob(24, "Rows at the bottom of the picture that show the bass by the bass slice.", unit="rows",
                          low=4, high=256, step=4, advanced=True, group="Pitch against attack")
    f_min: float = knob(0.0, "Nothing below this is kept: raise it to drop rumble.", unit="Hz", low=0, high=20000,
                        step=1, group="Bass to treble")
    f_max: float = knob(20000.0, "Nothing above this is kept: lower is duller, with finer rows for the rest.",
                        unit="Hz", low=100, high=96000, step=50, group="Bass to treble")
    mel_scale: str = knob("linear-log",
                          "How rows share out the pitches: linear-log suits drums; htk and slaney are the classics.",
                          choices=("linear-log", "htk", "slaney"), group="Bass to treble")
    split_hz: float = knob(500.0, "linear-log only: up to here every Hz gets the same room, above it every octave.",
                           unit="Hz", low=20, high=20000, step=10, advanced=True, group="Bass to treble")
    norm: str = knob("mean",
                     "What a row holds of its band: the mean, the sum (none), or the sum by its width (slaney).",
                     choices=("mean", "none", "slaney"), advanced=True, group="Bass to treble")
    power: float = knob(2.0, "2 adds up energy inside a row, so that loud partials win; 1 adds up amplitude.", low=0.5,
                        high=4, step=0.5, advanced=True, group="Loudness")
    window: str = knob("hann",
                       "Shape of a slice: blackman is cleaner and blurs more; hann is right unless you know why not.",
                       choices=("hann", "hamming", "blackman", "bartlett", "kaiser"), advanced=True,
                       group="Analysis window")
    normalized: bool = knob(True, "Keeps levels the same whatever the window's length.", advanced=True,
                            group="Analysis window")
    center: bool = knob(True, "A column looks at its middle (on) or begins at its time (off).", advanced=True,
                        group="Analysis window")
    pad_mode: str = knob("constant", "What stands beyond the ends: silence (constant) or the sound mirrored (reflect).",
                         choices=("constant", "reflect"), advanced=True, group="Analysis window")
    pad: int = knob(512, "Silence put before the sound, so that the attack gets columns of its own.", unit="samples",
                    low=0, high=16384, step=1, advanced=True, group="Analysis window")
    intensity: str = knob("decibels", "How loudness becomes brightness: evenly in decibels, or as a root.",
                          choices=("decibels", "root"), advanced=True, group="Loudness")
    range_db: float = knob(90.0, "More keeps quiet tails from going black; less draws the loud parts finer.",
                           unit="dB", low=20, high=140, step=1, group="Loudness")
    root: float = knob(0.25, "Root only: lower lifts the quiet parts out of the dark.", low=0.05, high=1, step=0.05,
                       advanced=True, group="Loudness")
    inverted: bool = knob(False, "Loud is dark on white, as Riffusion drew it; sounds the same.", advanced=True,
                          group="Loudness")
    decoder: str = knob("bands",
                        "bands fits the rows as they are; griffin-lim is the classic road, duller and noisier.",
                        choices=("bands", "griffin-lim"), advanced=True, group="Back to sound")
    overshoot: float = knob(1.0, "How far each round goes for the picture; 1.2 is quicker where columns overlap much.",
                            low=0.5, high=1.25, step=0.05, advanced=True, group="Back to sound")
    iterations: int = knob(120, "Rounds of the decoder: more is closer to the picture and takes longer.", low=1,
                           high=2000, step=1, group="Back to sound")
    momentum: float = knob(0.99,
                           "How far each round leans forward: more gets there sooner; 0 is the plain Griffin-Lim.",
                           low=0, high=1.2, step=0.01, advanced=True, group="Back to sound")
    seed: int = knob(0, "Start of the decoder's noise: same seed, same samples.", low=0, high=2**31 - 1, step=1,
                     advanced=True, group="Back to sound")

    def __post_init__(self) -> None:
        check(self)
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
        if self.rows_of_bass > self.n_mels // 2:
            raise StudioError(f"bass_rows is {self.bass_rows}, over half of n_mels {self.n_mels}; lower it")
        if self.samples < 1:
            raise StudioError(f"pad is {self.pad}, which leaves no room for a sound in {self.n_frames} columns; "
                              "lower pad or raise n_frames")
        self._refuse_empty_rows("n_mels", self.band_edges_hz, self.n_fft)
        self._refuse_empty_rows("bass_rows", self.bass_edges_hz, self.bass_n_fft)

    def _refuse_empty_rows(self, rows: str, edges: tuple[float, ...], n_fft: int) -> None:
        for row in range(len(edges) - 2):
            bin_hz = self.sample_rate / n_fft
            first_bin = math.floor(edges[row] / bin_hz) + 1  # the first one strictly inside the triangle
            if first_bin * bin_hz >= edges[row + 2] and not (row == 0 and self.norm == "mean"):
                name = "n_fft" if rows == "n_mels" else "bass_n_fft"
                raise StudioError(f"{rows} is {getattr(self, rows)}, too fine for {name} {n_fft}: row {row} near "
                                  f"{edges[row + 1]:.0f} Hz would be empty; lower {rows} or raise {name}")

    @property
    def samples(self) -> int:
        """Length of the sound in the picture, without the silence before it."""
        return (self.n_frames - 1) * self.hop_length - self.pad

    @property
    def duration(self) -> float:
        """Length of the sound in the picture, in seconds."""
        return self.samples / self.sample_rate

    @property
    def rows_of_bass(self) -> int:
        """How many of the lowest rows show the bass a second time, by the longer slice; 0 where there is none."""
        return self.bass_rows if self.bass_n_fft else 0

    @property
    def band_edges_hz(self) -> tuple[float, ...]:
        """The corners of the triangles above the bass rows: row i rises from edge i, peaks at i + 1, ends at i + 2."""
        rows = self.n_mels - self.rows_of_bass
        if self.mel_scale != "linear-log":
            return bands.mel_edges(self.mel_scale, rows, self.f_min, self.f_max)
        return bands.linear_log_edges(rows, self.f_min, self.f_max, self.split_hz, self.sample_rate / self.n_fft)

    @property
    def bass_edges_hz(self) -> tuple[float, ...]:
        """The corners of the bass rows' triangles, evenly spaced; () where there are none."""
        return bands.linear_edges(self.rows_of_bass, self.f_min, self.bass_hz) if self.rows_of_bass else ()

    def for_duration(self, duration: float) -> "MelSettings":
        """The same picture over another length: the hop that fills it. `duration` in seconds, rounded up to a hop.

        Where columns come to lie so far apart that slices would leave gaps, the slices grow with them. Raises
        StudioError for what is no length.
        """
        if not 0 < duration < math.inf:
            raise StudioError(f"duration is {duration}; give a length in seconds, above 0")
        hop = math.ceil((duration * self.sample_rate + self.pad) / (self.n_frames - 1))
        wider = max(1.0, 3 * hop / (self.win_length or self.n_fft))  # a third of a slice still overlaps well

        def slice_of(samples: int) -> int:
            return 2 * math.ceil(samples * wider / 2)

        return dataclasses.replace(self, hop_length=hop, n_fft=slice_of(self.n_fft),
                                   win_length=slice_of(self.win_length), bass_n_fft=slice_of(self.bass_n_fft))
