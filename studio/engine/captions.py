"""Captions that come by themselves: the words of a sound's file and folder names, and a few measured ones.

Names say what a sound is ("808_Kick_Long.flac" is an "808 kick, long"); measurement says how it is, and only where it
clearly is: long or short, dark or bright, its note. A measured word never contradicts the name.
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

# ------------------------------------------------------------------------------------------------- the words of packs
SPELLINGS: dict[str, str] = {  # the word a musician says, and what packs write for it
    "kick": "kick kicks kik kiks kck bdrum bassdrum kickdrum", "snare": "snare snares snr snrs snaredrum",
    "clap": "clap claps clp handclap handclaps hcp", "rim": "rim rims rimshot rimshots sidestick",
    "closed hat": "chh hhc closedhat closedhh closedhihat", "open hat": "ohh hho openhat openhh openhihat",
    "pedal hat": "phh hhp pedalhat", "hat": "hat hats hh hihat hihats", "ride": "ride rides",
    "crash": "crash crashes crs", "cymbal": "cymbal cymbals cym cymb", "low tom": "lowtom ltom floortom",
    "mid tom": "midtom mtom", "high tom": "hightom hitom htom", "tom": "tom toms", "conga": "conga congas cga",
    "bongo": "bongo bongos", "cowbell": "cowbell cowbells", "clave": "clave claves clv",
    "shaker": "shaker shakers shk shkr", "maracas": "maracas maraca", "tambourine": "tambourine tambourines tamb tambo",
    "percussion": "percussion perc percs", "bass": "bass basses", "pluck": "pluck plucks plk",
    "stab": "stab stabs", "zap": "zap zaps laser lazer", "fx": "fx sfx effect effects", "808": "808 808s",
    "low": "low lo", "mid": "mid middle", "high": "high hi", "medium": "med", "house": "hse", "distorted": "dist",
    "electronic": "elec", "reverb": "verb", "vocal": "vox",
}
CODES: dict[str, str] = {  # too short to be sure of: read only where the rest of the name says nothing ("Snare_OH")
    "bd": "kick", "kd": "kick", "k": "kick", "sd": "snare", "sn": "snare", "cp": "clap", "rs": "rim",
    "ch": "closed hat", "oh": "open hat", "cb": "cowbell", "cy": "cymbal", "cr": "crash", "rd": "ride",
    "lt": "low tom", "ft": "low tom", "mt": "mid tom", "ht": "high tom", "lc": "low conga", "mc": "mid conga",
    "hc": "high conga", "cl": "clave", "ma": "maracas",
}
PHRASES: dict[str, str] = {
    "hi hat": "hat", "hi hats": "hat", "bass drum": "kick", "kick drum": "kick", "hand clap": "clap",
    "hand claps": "clap", "rim shot": "rim", "side stick": "rim", "cross stick": "rim", "cow bell": "cowbell",
    "ride cymbal": "ride", "crash cymbal": "crash", "floor tom": "low tom", "rack tom": "high tom", "lo fi": "lo-fi",
    "8 bit": "8-bit", "low pitched": "low", "high pitched": "high", "high tuned": "high", "tr 808": "808",
    "tr 909": "909", "tr 606": "606", "tr 707": "707", "tr 727": "727", "cr 78": "78", "sh 101": "101",
    "tb 303": "303", "lm 1": "lm1", "lm 2": "lm2", "sp 12": "sp12", "sp 1200": "sp1200", "mpc 60": "mpc60",
    "dx 7": "dx7", "hr 16": "hr16", "dr 55": "dr55",
}
MACHINES = frozenset({
    "808", "909", "606", "707", "727", "78", "101", "303", "lm1", "lm2", "sp12", "sp1200", "mpc60", "dx7", "hr16",
    "dr55", "dx", "dmx"})
SURELY_MACHINES = frozenset({"808", "909", "606", "707", "727"})  # the others are counters when they end a name
STATES: dict[str, str] = {"closed": "closed hat", "close": "closed hat", "cl": "closed hat", "open": "open hat",
                          "opened": "open hat", "op": "open hat", "pedal": "pedal hat", "ped": "pedal hat",
                          "foot": "pedal hat"}
HEIGHTS: dict[str, str] = {"low": "low", "l": "low", "floor": "low", "mid": "mid", "m": "mid", "high": "high",
                           "h": "high"}
SAY_NOTHING = frozenset({
    "a", "an", "and", "the", "of", "from", "by", "with", "my", "sample", "samples", "sound", "sounds", "kit", "kits",
    "drum", "drums", "drumkit", "oneshot", "oneshots", "one", "shot", "shots", "audio", "file", "wav", "wave", "flac",
    "mp3", "ogg", "aif", "aiff", "untitled", "recording", "take", "copy", "final", "master", "bounce", "render",
    "export", "stereo", "mono", "khz", "hz", "bit", "bits", "bpm", "ver", "version", "vol", "volume", "pack", "free",
    "emulation", "slice", "slices", "originals"})
LONGEST_WORD = 40  # letters
MOST_WORDS = 8  # of a name; a text encoder reads a line, not a page

# ------------------------------------------------------------------------------------------------------ what is usual
# By role: milliseconds until 30 dB under the loudest, centroid in Hz, pitch in Hz. Outside a pair, a word is said. Each
# pair lies a little outside the middle third of the synthesiser's sounds, so that words mean what the base has learned.
USUAL: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float] | None]] = {
    "kick": ((230, 600), (1000, 2400), (45, 66)), "808": ((600, 1500), (250, 1100), (36, 56)),
    "snare": ((110, 270), (3000, 6200), (160, 240)), "clap": ((100, 290), (2900, 5800), None),
    "rim": ((60, 170), (2700, 5300), (480, 820)), "closed hat": ((45, 130), (6500, 10500), None),
    "open hat": ((290, 800), (6500, 10500), None), "pedal hat": ((50, 130), (5600, 9000), None),
    "hat": ((50, 600), (6500, 10500), None), "ride": ((600, 2000), (4700, 7300), None),
    "crash": ((600, 2000), (4700, 8000), None), "cymbal": ((600, 2000), (4700, 8000), None),
    "low tom": ((250, 750), (1200, 2700), (68, 98)), "mid tom": ((250, 750), (1200, 2600), (98, 140)),
    "high tom": ((250, 720), (1200, 2600), (138, 220)), "tom": ((250, 750), (1200, 2600), (80, 190)),
    "conga": ((110, 310), (1500, 2900), (230, 420)), "bongo": ((110, 310), (1500, 2900), (260, 520)),
    "cowbell": ((100, 300), (1900, 3900), (450, 710)), "clave": ((45, 105), (2700, 4700), (1250, 2400)),
    "shaker": ((100, 240), (7000, 11500), None), "maracas": ((60, 240), (7000, 11500), None),
    "tambourine": ((125, 290), (7500, 11300), None), "bass": ((400, 1300), (270, 1000), (46, 95)),
    "pluck": ((300, 1150), (1100, 3200), (180, 550)), "stab": ((230, 700), (560, 1450), (130, 260)),
    "zap": ((150, 550), (2000, 6700), None), "fx": ((150, 800), (2000, 6700), None),
    "percussion": ((80, 500), (1200, 7000), (80, 1200)), "": ((100, 800), (900, 7000), (70, 900)),
}
HEADS = frozenset(USUAL) - {""} | {"low conga", "mid conga", "high conga"}
TONAL_HEADS = frozenset({"808", "bass", "pluck", "stab"})  # "Bass_C2" names a note, "Kick_C2" the second take of C
UNSAID_HEADS = frozenset({"", "fx", "percussion"})  # they leave open whether there is a tone
OPPOSITES: tuple[frozenset[str], ...] = (  # whoever says one of a row has said all there is to say about it
    frozenset(["short", "long", "tight", "snappy", "sustained", "ringing", "boomy", "closed"]),
    frozenset(["dark", "bright", "dull", "muffled", "warm", "crisp", "sharp", "sizzling"]),
    frozenset(["low", "high", "mid", "deep", "sub"]),
    frozenset(["noisy", "tonal", "hissy", "clean", "noise"]))
MEASURED = frozenset({"short", "long", "dark", "bright", "low", "high", "noisy", "tonal"})
MOST_MEASURED = 3
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NOTE = re.compile(r"(?<![^\W_])([A-G][#b]?-?[0-8]|[A-G][#b])(?![^\W_])")


# ------------------------------------------------------------------------------------------------------- the caption
def caption_of(path: Path, root: Path, waveform: Tensor, sample_rate: int) -> str:
    """The caption of one sound: "hard 808 kick, long, dark, G1"; never empty, and it never contradicts the name.

    path, root : the file, and the folder that the user gave; the folders from `root` down to the file help to name it
    waveform   : (samples,) the sound without silence around it, at any level
    """
    words, note = _name(Path(path), Path(root))
    head = _head(words)
    before, after = _placed(words, head)
    said = {part for word in words for part in word.split()}
    silenced = frozenset().union(*(row for row in OPPOSITES if row & said))
    measured = [word for word in measured_words(waveform, sample_rate, head)
                if word not in silenced and not (note and NOTE.fullmatch(word))]
    parts = (" ".join(before), *after, note, *measured[:MOST_MEASURED])
    return ", ".join(dict.fromkeys(part for part in parts if part)) or "sound"


def measured_words(waveform: Tensor, sample_rate: int, head: str = "") -> list[str]:
    """What is clearly true of a sound (samples,): short or long, dark or bright, its note, low or high, noisy or tonal.

    `head` is the kind of sound, one of `USUAL`, against which it is judged; most sounds get no or one word.
    """
    if not len(waveform) or float(waveform.abs().max()) == 0:
        return []
    lengths, centroids, pitches = USUAL.get(head) or USUAL[head.split()[-1] if head else ""]
    words = [_outside(_length_ms(waveform, sample_rate), lengths, "short", "long"),
             _outside(_centroid_hz(waveform, sample_rate), centroids, "dark", "bright")]
    pitch = pitch_hz(waveform, sample_rate) if pitches else None
    flatness = _flatness_db(waveform, sample_rate)
    if pitches and pitch:
        words += [note_name(pitch), _outside(pitch, pitches, "low", "high")]
    elif pitches and flatness > -7:
        words.append("noisy")
    elif head in UNSAID_HEADS and flatness < -32:
        words.append("tonal")
    return [word for word in words if word]


def _outside(figure: float, usual: tuple[float, float], under: str, over: str) -> str:
    return under if figure < usual[0] else over if figure > usual[1] else ""


def note_name(hz: float) -> str:
    """The nearest note of equal temperament, A4 = 440 Hz, C4 the middle C: 49 Hz is "G1"."""
    number = round(69 + 12 * math.log2(hz / 440))
    return f"{NOTES[number % 12]}{number // 12 - 1}"


# ------------------------------------------------------------------------------------------------------ words of names
def _name(path: Path, root: Path) -> tuple[list[str], str]:
    """Words and note of a file's name; a name of numbers only takes its folder's words, one without a role its role."""
    words, note = _words(path.stem)
    for folder in _folders(path, root):
        theirs, _ = _words(folder)
        if not words:
            words = theirs
        elif _head(words) in ("", "808") and (role := _head(theirs)) and (
                role != "808" or folder.lower() in ("808", "808s")):  # a folder "TR808 Kit" holds more than kicks
            words = list(dict.fromkeys(_combined([*words, role])))
    return words, note


def _folders(path: Path, root: Path) -> list[str]:
    """Names of the folders from the file's own up to `root`, nearest first; those of uploads are sums, no names."""
    inside = path.parent.relative_to(root).parts if path.is_relative_to(root) else (path.parent.name,)
    return [name for name in (*reversed(inside), root.name) if not re.fullmatch("[0-9a-f]{16,}", name)]


def _words(name: str) -> tuple[list[str], str]:
    """"HatClosed-Hard_02" to ["closed hat", "hard"], and the note where the name tells one."""
    name = unicodedata.normalize("NFC", name).replace("'", "").replace("’", "")
    found = NOTE.search(name)
    tokens = _joined(_tokens(NOTE.sub(" ", name)))
    words = _combined([_plain(token) for token in tokens])
    told = bool(_head(words))
    words = [word if word not in CODES else "" if told else CODES[word] for word in words]
    kept = [word for at, word in enumerate(words) if _tells(word, last=at == len(words) - 1)]
    kept = list(dict.fromkeys(kept))[:MOST_WORDS]
    note = found.group(1) if found else ""
    believed = note and (any(sign in note for sign in "#b") or _head(kept) in TONAL_HEADS)
    return kept, note if believed else ""


def _tokens(name: str) -> list[str]:
    """Runs of letters and runs of digits, CamelCase taken apart, lower case."""
    tokens = []
    for kind, run in itertools.groupby(name, key=_kind):
        text = "".join(run)
        if kind == "letters":
            text = re.sub(r"([a-z])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", text)
        if kind != "other":
            tokens += [token[:LONGEST_WORD] for token in text.lower().split()]
    return tokens


def _kind(letter: str) -> str:
    """Marks count as letters, since the vowels of many scripts are marks."""
    return {"L": "letters", "M": "letters", "N": "digits"}.get(unicodedata.category(letter)[0], "other")


def _joined(tokens: Sequence[str]) -> list[str]:
    """Pairs that make one word ("hi", "hat") put together, from left to right."""
    words: list[str] = []
    for token in tokens:
        if words and (phrase := PHRASES.get(f"{words[-1]} {token}")):
            words[-1] = phrase
        else:
            words.append(token)
    return words


_SPOKEN = {spelling: word for word, spellings in SPELLINGS.items() for spelling in spellings.split()}


def _plain(token: str) -> str:
    return _SPOKEN.get(token, token)


def _combined(words: list[str]) -> list[str]:
    """"hat … closed" and "tom … high", in either order, put together to one role."""
    for drum, qualities in (("hat", STATES), ("tom", {each: f"{height} tom" for each, height in HEIGHTS.items()}),
                            ("conga", {each: f"{height} conga" for each, height in HEIGHTS.items()})):
        quality = next((word for word in words if word in qualities), None)
        if drum in words and quality:
            words = [qualities[quality] if word == drum else word for word in words if word != quality]
    return words


def _tells(word: str, *, last: bool) -> bool:
    """Whether a word of a name says something: no counter, no single letter, no "sample"."""
    if word.isdigit():
        return word in SURELY_MACHINES or (word in MACHINES and not last)
    return word not in SAY_NOTHING and not (len(word) <= 1 and word.isascii())


def _head(words: Sequence[str]) -> str:
    """The word that says what the sound is, "" where none does; a drum goes before "808", "fx" and "percussion"."""
    heads = [word for word in words if word in HEADS]
    return max(heads, key=lambda word: (word not in (*UNSAID_HEADS, "808"), heads.index(word)), default="")


def _placed(words: Sequence[str], head: str) -> tuple[list[str], list[str]]:
    """The words before the comma as a musician says them ("hard", "808", "kick"), and those after it ("long")."""
    if not head:
        return list(words), []
    after = [word for word in words if word in MEASURED]
    machines = [word for word in words if word in MACHINES and word != head]
    heads = [word for word in words if word in HEADS and word not in (*machines, head)]
    others = [word for word in words if word not in (*after, *machines, *heads, head)]
    return [*others, *machines, *heads, head], after


# ---------------------------------------------------------------------------------------------------- measured figures
def _length_ms(waveform: Tensor, sample_rate: int) -> float:
    """Until the 10 ms level stays 30 dB under the loudest."""
    step = max(1, sample_rate // 100)
    whole = torch.nn.functional.pad(waveform.float(), (0, -len(waveform) % step))
    energy = whole.view(-1, step).square().mean(dim=1)
    return 10.0 * (1 + int((energy > energy.max() * 1e-3).nonzero()[-1]))


def _spectrum(waveform: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Amplitudes of the sound's first second, and their frequencies."""
    amplitudes = torch.fft.rfft(waveform[:sample_rate].float(), n=sample_rate).abs()
    return amplitudes, torch.fft.rfftfreq(sample_rate, 1 / sample_rate)


def _centroid_hz(waveform: Tensor, sample_rate: int) -> float:
    """Mean of the amplitude spectrum above 20 Hz."""
    amplitudes, hz = _spectrum(waveform, sample_rate)
    heard = amplitudes * (hz > 20)
    return float((heard * hz).sum() / heard.sum().clamp_min(1e-30))


def _flatness_db(waveform: Tensor, sample_rate: int) -> float:
    """Geometric over arithmetic mean of the power spectrum from 200 Hz to 16 kHz: 0 dB is white noise."""
    amplitudes, hz = _spectrum(waveform, sample_rate)
    power = amplitudes[(hz > 200) & (hz < 16000)].double().square() + 1e-20
    return float(10 * (power.log10().mean() - power.mean().log10()))


def pitch_hz(waveform: Tensor, sample_rate: int) -> float | None:
    """The one note of a sound, in Hz, or None where there is none that lasts.

    McLeod & Wyvill, "A smarter way to find pitch" (2005), over slices of about 90 ms after the attack, down to -24 dB:
    most must be periodic and agree to a quarter tone, so that a kick that glides all the way gets no note.
    """
    size = 2 ** round(math.log2(0.09 * sample_rate))
    body = waveform[round(0.015 * sample_rate) :][:sample_rate].double()
    if len(body) < size // 2 or not body.any():
        return None
    frames = torch.nn.functional.pad(body, (0, max(0, size - len(body)))).unfold(0, size, size // 4)
    levels = frames.square().mean(dim=1).sqrt()
    similarities = _nsdf(frames[levels > 0.06 * levels.max()])
    pitches = torch.tensor([_frame_hz(similarity, sample_rate) for similarity in similarities])
    pitches = pitches[pitches > 0]
    if not len(pitches):
        return None
    hz = float(pitches.median())
    agreeing = (12 * torch.log2(pitches / hz)).abs() <= 0.5
    amplitudes, bins_hz = _spectrum(body, sample_rate)
    at_pitch = amplitudes[(bins_hz / hz - 1).abs() < 0.06].max()
    sounds = at_pitch > 0.05 * amplitudes.max()  # two tones of a cowbell share a period that nobody hears
    return hz if sounds and agreeing.sum() >= 0.6 * len(similarities) else None


def _nsdf(frames: Tensor) -> Tensor:
    """Normalised square difference (n, lags) of frames (n, size), for lags up to half a frame; 1 is periodic."""
    size = frames.shape[1]
    spectrum = torch.fft.rfft(frames, n=2 * size)
    correlation = torch.fft.irfft(spectrum.abs().square())[:, : size // 2]
    energy = torch.nn.functional.pad(frames.square().cumsum(dim=1), (1, 0))
    lags = torch.arange(size // 2)
    overlapped = energy[:, size - lags] + energy[:, -1:] - energy[:, lags]
    return 2 * correlation / overlapped.clamp_min(1e-30)


def _frame_hz(similarity: Tensor, sample_rate: int) -> float:
    """The pitch in Hz of one frame's NSDF: its first high peak after it has fallen below 0; 0 where it is not clear."""
    below = (similarity < 0).nonzero()
    if not len(below):
        return 0.0
    inner = similarity[1:-1]
    peaks = ((inner > similarity[:-2]) & (inner >= similarity[2:])).nonzero()[:, 0] + 1
    peaks = peaks[peaks > below[0, 0]]
    if not len(peaks) or similarity[peaks].max() < 0.9:
        return 0.0
    at = int(peaks[similarity[peaks] >= 0.9 * similarity[peaks].max()][0])
    left, middle, right = similarity[at - 1 : at + 2].tolist()
    curve = left - 2 * middle + right
    hz = sample_rate / (at + (0.5 * (left - right) / curve if curve else 0.0))
    return hz if 25 <= hz <= 2500 else 0.0
