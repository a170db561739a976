"""Captions from file names and from what is measured."""

import math
from pathlib import Path

import pytest
import torch

from studio.engine import captions

RATE = 44100
SILENCE = torch.zeros(RATE // 10)  # about which nothing can be measured


def tone(hz, duration=0.5, decay=0.15):
    time = torch.arange(round(duration * RATE)) / RATE
    return torch.sin(2 * math.pi * hz * time) * torch.exp(-time / decay)


def noise(duration=0.5, decay=0.1):
    time = torch.arange(round(duration * RATE)) / RATE
    return torch.randn(len(time), generator=torch.Generator().manual_seed(1)) * torch.exp(-time / decay)


def named(file, waveform=SILENCE):
    root = Path("/music/Pack")
    return captions.caption_of(root / file, root, waveform, RATE)


# --------------------------------------------------------------------------------------------------------------- names
@pytest.mark.parametrize(("file", "caption"), [
    ("HatClosed-Hard.wav", "hard closed hat"), ("808_Hat_Closed.flac", "808 closed hat"),
    ("Closed Hat.wav", "closed hat"),
    ("Hi-Hat Open (2).wav", "open hat"), ("HH Closed.wav", "closed hat"), ("CHH_1.flac", "closed hat"),
    ("Hard_Hse_OHH_1.flac", "hard house open hat"), ("808_Hat_Pedal.flac", "808 pedal hat"), ("HH_01.wav", "hat"),
    ("ClosedHH.wav", "closed hat"), ("FXChh.wav", "fx closed hat"), ("HHO.wav", "open hat"), ("PHH.wav", "pedal hat"),
    ("808_Tom_Hi.flac", "808 high tom"), ("Tom_Low.wav", "low tom"), ("MT-2.wav", "mid tom"),
    ("Floor Tom.wav", "low tom"),
    ("12 - Low Conga.wav", "low conga"), ("PowR_BD_1.flac", "pow kick"), ("HardHse_K_03_B.flac", "hard house kick"),
    ("Kik.wav", "kick"), ("Bass Drum 3.wav", "kick"), ("808 Bass Drum.wav", "808 kick"), ("808 Bass.wav", "808 bass"),
    ("PowR_SN_1.flac", "pow snare"), ("Snr Tight.wav", "tight snare"), ("HandClap.wav", "clap"), ("CP.wav", "clap"),
    ("Amp_Clap_1.flac", "amp clap"), ("SideStick-Med.wav", "medium rim"), ("RS.wav", "rim"), ("Rim Shot.wav", "rim"),
    ("CB.wav", "cowbell"), ("Cow Bell.wav", "cowbell"), ("CY8050.wav", "cymbal"), ("Crash Cymbal 2.wav", "crash"),
    ("RD_4.wav", "ride"), ("Tamb.wav", "tambourine"), ("Shk 1.wav", "shaker"),
    ("Perc_Wood Block.wav", "wood block percussion"),
    ("xFX_6.flac", "fx"), ("Kit/slices/Kick_02.wav", "kick"),
    ("lo-fi kick.wav", "lo-fi kick"), ("kick deep punchy 01.wav", "deep punchy kick"),
    ("Laser.wav", "zap"), ("Kick_Long.wav", "kick, long"),
    ("open hat ringing bright 01.wav", "ringing open hat, bright")])
def test_names_are_read_as_a_musician_says_them(file, caption):
    assert named(file) == caption


@pytest.mark.parametrize(("file", "caption"), [
    ("TR-808 Kick.wav", "808 kick"), ("Kick 909 Hard.wav", "hard 909 kick"), ("LM-1 Snare.wav", "lm1 snare"),
    ("DX Clap.wav", "dx clap"), ("CR78_Kick_2.wav", "78 kick"), ("101_Bass.wav", "101 bass"),
    ("Sub 808.wav", "sub 808"), ("808.wav", "808"),
    ("Kick_707.wav", "707 kick")])
def test_machine_names_stay(file, caption):
    assert named(file) == caption


@pytest.mark.parametrize("file", ["Kick_1.wav", "001 Kick.wav", "Kick_101.wav", "Kick (3).wav", "Kick-B.wav",
                                  "KickA.wav", "kick_24bit.wav", "Kick sample 7.wav", "Kick_G.wav", "Kick_C2.wav",
                                  "Kick #4.wav"])
def test_counters_and_empty_words_go(file):
    assert named(file) == "kick"


@pytest.mark.parametrize("file", ["Snare_OH.wav", "Snare CH 2.wav", "Snare k.wav"])
def test_short_codes_do_not_overrule_a_word(file):
    assert named(file) == "snare"


@pytest.mark.parametrize(("file", "caption"), [
    ("kicks/001.wav", "kick"), ("Kicks/Hard/01.wav", "hard kick"), ("Snares/tight 2.wav", "tight snare"),
    ("Hats/closed 1.wav", "closed hat"), ("toms/808_low.wav", "808 low tom"), ("808s/02.wav", "808"),
    ("Kicks/Clap.wav", "clap"), ("Kicks/Deep/Snares/1.wav", "snare"), ("TR808EmulationKit/Whip.wav", "whip"),
    ("0123456789abcdbdcb/whip.wav", "whip")])
def test_folders_help_where_the_file_name_is_silent(file, caption):
    assert named(file) == caption


def test_the_given_folder_itself_counts_but_not_what_is_above_it():
    assert captions.caption_of(Path("/snares/kicks/1.wav"), Path("/snares/kicks"), SILENCE, RATE) == "kick"
    assert captions.caption_of(Path("/snares/stuff/1.wav"), Path("/snares/stuff"), SILENCE, RATE) == "stuff"


def test_a_note_in_the_name_is_kept_and_not_measured_again():
    assert named("808_G#1.wav") == "808, G#1"
    assert named("Bass_C2.wav") == "bass, C2"
    assert "A2" not in named("Tom F#2.wav", tone(110)) and "F#2" in named("Tom F#2.wav", tone(110))


@pytest.mark.parametrize(("file", "caption"), [
    ("キック 01.wav", "キック"), ("हिन्दी.wav", "हिन्दी"), ("Große Trommel.wav", "große trommel"),
    ("caf\u0065\u0301.wav", "café"),
    ("it's ${HOME} \"kick\".wav", "its home kick"), ("{auto}.wav", "auto"), ("\udcff kick.wav", "kick")])
def test_any_script_and_any_sign_in_a_name_works(file, caption):
    assert named(file) == caption


def test_a_caption_is_never_empty_and_never_endless():
    assert named("01.wav") == "sound"
    assert len(named(" ".join(f"word{letter}" for letter in "abcdefghijklmnopqrst") + ".wav")) < 100
    assert len(named("x" * 240 + ".wav")) < 50


# ------------------------------------------------------------------------------------------------------------ measured
@pytest.mark.parametrize(("hz", "note"), [
    (43.65, "F1"), (49.0, "G1"), (46.25, "F#1"), (110, "A2"), (440, "A4"), (1318.5, "E6")])
def test_a_clear_pitch_is_named(hz, note):
    assert captions.pitch_hz(tone(hz), RATE) == pytest.approx(hz, rel=0.01)
    assert note in captions.measured_words(tone(hz), RATE)


@pytest.mark.parametrize("rate", [22050, 48000, 96000])
def test_the_pitch_does_not_depend_on_the_rate(rate):
    time = torch.arange(rate // 2) / rate
    assert captions.pitch_hz(torch.sin(2 * math.pi * 110 * time), rate) == pytest.approx(110, rel=0.01)


def test_harmonics_do_not_shift_the_octave():
    rich = tone(110) + 0.8 * tone(220) + 0.6 * tone(330)
    assert captions.pitch_hz(rich, RATE) == pytest.approx(110, rel=0.01)


def test_two_tones_that_share_an_unheard_period_have_no_pitch():
    assert captions.pitch_hz(tone(600) + tone(900), RATE) is None


def test_noise_and_glides_have_no_pitch():
    time = torch.arange(RATE // 2) / RATE
    glide = torch.sin(2 * math.pi * (30 * time + 100 * 0.15 * (1 - torch.exp(-time / 0.15))))
    for sound in (noise(), glide, tone(440, duration=0.02), SILENCE, torch.zeros(0)):
        assert captions.pitch_hz(sound, RATE) is None


def test_short_and_long_are_said_by_the_kind_of_sound():
    assert "long" in captions.measured_words(noise(decay=0.2), RATE, "closed hat")
    assert "long" not in captions.measured_words(noise(decay=0.2), RATE, "crash")
    assert "short" in captions.measured_words(tone(50, decay=0.03), RATE, "kick")
    assert not {"short", "long"} & set(captions.measured_words(tone(50, decay=0.1), RATE, "kick"))


def test_dark_and_bright_and_noisy_are_heard():
    assert "dark" in captions.measured_words(tone(60), RATE, "snare")
    assert "bright" in captions.measured_words(noise(), RATE, "kick")
    assert "noisy" in captions.measured_words(noise(), RATE, "kick")
    assert "noisy" not in captions.measured_words(noise(), RATE, "shaker")


def test_silence_has_no_words():
    assert captions.measured_words(torch.zeros(0), RATE) == [] == captions.measured_words(SILENCE, RATE)


def test_the_level_does_not_change_the_words():
    for sound in (tone(49), noise()):
        assert captions.measured_words(sound * 1e-4, RATE, "kick") == captions.measured_words(sound, RATE, "kick")


@pytest.mark.parametrize("head", [*sorted(captions.HEADS), ""])
def test_every_head_can_be_measured(head):
    assert isinstance(captions.measured_words(tone(200), RATE, head), list)


def test_measured_words_follow_the_name():
    assert named("808_Kick_Long.flac", tone(49, 1.1, 0.3)) == "808 kick, long, dark, G1"


@pytest.mark.parametrize(("file", "never"), [
    ("Kick long.wav", "short"), ("Kick bright.wav", "dark"), ("Kick crisp.wav", "dark"), ("Tom_Hi.wav", "low"),
    ("Kick tight.wav", "long"), ("High Kick.wav", "low")])
def test_measurement_never_contradicts_the_name(file, never):
    for sound in (tone(40, 0.1, 0.02), tone(40, 1.5, 1.0)):
        assert never not in named(file, sound).replace(",", "").split()
