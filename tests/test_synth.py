"""The drum synthesiser keeps its promises: the same seed, the same sounds; true words; clean edges."""

import random
from functools import cache

import pytest
import torch

from studio.engine.synth import ROLES, Batch, Caption, demo_kit, synthesise
from studio.engine.synth.arithmetic import TAU, modes, noise
from studio.engine.synth.draws import Draws
from studio.engine.synth.kit import render
from studio.engine.synth.ranges import RANGES
from studio.engine.synth.words import NAMES, SYNONYMS, measure, true_words
from studio.errors import StudioError

RATE = 44100


@cache
def batch(role: str, count: int = 6, seed: int = 3) -> Batch:
    return synthesise(role, count, seed)


@cache
def judged(role: str, count: int = 40) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor | None]:
    """Words, waveforms and the pitch that the voice drew, for some clips of a role."""
    waveforms, traits, pitch_hz = render(Draws(count, RATE, 11, sample_rate=RATE), role)
    return true_words(role, measure(waveforms, RATE), traits, pitch_hz), waveforms, pitch_hz


def strongest_hz(waveforms: torch.Tensor, after: int = 2205) -> torch.Tensor:
    """The strongest frequency below 2 kHz once the attack is over."""
    part = waveforms[:, after : after + 8820] * torch.hann_window(8820)
    spectrum = torch.fft.rfft(part, 2 * RATE).abs()
    return spectrum[:, :4000].argmax(1) * 0.5


def test_same_seed_gives_the_same_sounds_and_words() -> None:
    first, second = synthesise("snare", 4, 7), synthesise("snare", 4, 7)
    assert torch.equal(first.waveforms, second.waveforms)
    assert first.captions == second.captions


def test_another_seed_gives_other_sounds() -> None:
    first, second = synthesise("snare", 4, 7), synthesise("snare", 4, 8)
    assert (first.waveforms - second.waveforms).abs().amax(1).min() > 0.1


def test_clips_of_a_batch_differ_from_each_other() -> None:
    waveforms = batch("closed hat").waveforms
    for first in range(len(waveforms)):
        for second in range(first):
            assert (waveforms[first] - waveforms[second]).abs().max() > 0.1


def test_making_sounds_leaves_the_global_dice_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    synthesise("clap", 2, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("role", ROLES)
def test_every_sound_starts_at_once_peaks_at_one_and_ends_in_silence(role: str) -> None:
    waveforms = batch(role).waveforms
    assert waveforms.shape == (6, RATE) and waveforms.dtype == torch.float32
    assert waveforms.isfinite().all()
    assert torch.allclose(waveforms.abs().amax(1), torch.ones(6), atol=1e-5)
    assert (waveforms[:, : round(0.0005 * RATE)].abs().amax(1) >= 0.02).all()
    assert waveforms[:, -1].abs().max() < 1e-4
    assert (waveforms[:, -220:].abs().amax(1) <= 0.26).all()  # the last 5 ms lie under a quarter of the fade


def test_rate_and_duration_are_obeyed() -> None:
    short = synthesise("ride", 2, 1, sample_rate=32000, duration=0.25)
    assert short.waveforms.shape == (2, 8000) and short.waveforms.isfinite().all()


@pytest.mark.parametrize("role", ROLES)
def test_a_caption_names_its_role_in_every_wording(role: str) -> None:
    rng = random.Random(1)
    for caption in batch(role).captions:
        assert caption.role == role and caption.names[0] == role
        assert caption.full().startswith(role)
        assert all(word in caption.full() for word in caption.adjectives)
        for _ in range(8):
            wording = caption.text(rng)
            assert any(name in wording for name in NAMES[role])


def test_a_wording_has_at_most_the_adjectives_asked_for_and_two_orders() -> None:
    caption = Caption("kick", ("kick",), ("deep", "punchy", "dry"))
    rng = random.Random(2)
    wordings = {caption.text(rng, most=2) for _ in range(400)}
    assert "kick" in wordings and "deep punchy kick" in wordings and "kick, deep, punchy" in wordings
    assert all(sum(word in wording for word in caption.adjectives) <= 2 for wording in wordings)


def test_a_wording_often_says_the_plain_word_but_calls_no_tom_low() -> None:
    rng = random.Random(3)
    conga = [Caption("conga", ("conga",), ("deep", "dusty")).text(rng) for _ in range(300)]
    assert 0.3 < sum("low" in each for each in conga) / sum("low" in each or "deep" in each for each in conga) < 0.7
    assert sum("deep" in each or "low" in each for each in conga) > 1.2 * sum("dusty" in each for each in conga)
    tom = [Caption("high tom", ("high tom", "tom"), ("deep",)).text(rng) for _ in range(100)]
    assert not any("low" in each for each in tom) and any("deep" in each for each in tom)


@pytest.mark.parametrize("role", ROLES)
def test_words_still_part_the_sounds_of_a_role(role: str) -> None:
    _, waveforms, pitch_hz = judged(role, 80)
    figures = measure(waveforms, RATE) | ({} if pitch_hz is None else {"pitch_hz": pitch_hz})
    del figures["length_ms"]  # comes in steps, and ends with the second
    for name, values in figures.items():  # 0.3 each of many sounds; a voice that has changed needs new ranges
        low, high = RANGES[role][name]
        under, over = (values < low).float().mean(), (values > high).float().mean()
        assert 0.1 < under < 0.5 and 0.1 < over < 0.5, (name, under, over)


def test_no_clip_is_called_by_a_word_and_its_opposite() -> None:
    for role in ROLES:
        words, _, _ = judged(role, 8)
        for under, over in (("short", "long"), ("dark", "bright"), ("clean", "distorted"), ("dry", "roomy")):
            assert not (words[under] & words[over]).any(), (role, under, over)


def test_every_caption_word_belongs_to_a_concept() -> None:
    known = {word for group in SYNONYMS.values() for word in group} | {"boomy", "sizzling"}
    assert {word for role in ROLES for caption in batch(role).captions for word in caption.adjectives} <= known


@pytest.mark.parametrize(
    "role", ["kick", "snare", "closed hat", "open hat", "clap", "low tom", "pluck", "808", "crash"]
)
def test_long_clips_ring_longer_than_short_ones(role: str) -> None:
    words, waveforms, _ = judged(role)
    energy = waveforms.square()  # its centre in time tells long from short even where the second cuts both
    centre = (energy * torch.arange(RATE)).sum(1) / energy.sum(1)
    assert words["short"].any() and words["long"].any()
    assert centre[words["long"]].mean() > 1.3 * centre[words["short"]].mean()


@pytest.mark.parametrize("role", ["kick", "snare", "closed hat", "crash", "shaker", "bass"])
def test_bright_clips_hold_more_treble_than_dark_ones(role: str) -> None:
    words, waveforms, _ = judged(role)
    slope = waveforms.diff(dim=1).square().sum(1) / waveforms.square().sum(1)  # grows with the mean square frequency
    assert words["dark"].any() and words["bright"].any()
    assert slope[words["bright"]].median() > 1.2 * slope[words["dark"]].median()


@pytest.mark.parametrize("role", ["kick", "low tom", "bass", "pluck"])
def test_high_clips_sound_higher_than_low_ones(role: str) -> None:
    words, waveforms, _ = judged(role)
    heard = strongest_hz(waveforms)
    assert words["low"].any() and words["high"].any()
    assert heard[words["high"]].median() > 1.1 * heard[words["low"]].median()


def test_low_mid_and_high_toms_and_kicks_keep_apart() -> None:
    kick, low, middle, high = (judged(role, 40)[2] for role in ("kick", "low tom", "mid tom", "high tom"))
    assert kick.max() < low.min() and low.max() < middle.min() and middle.max() < high.min()


def test_pedal_hats_swell_where_closed_hats_strike() -> None:
    early = {}
    for role in ("pedal hat", "closed hat"):
        energy = judged(role, 40)[1].square()
        early[role] = (energy[:, :220].sum(1) / energy[:, :2205].sum(1)).median()
    assert early["closed hat"] > 2 * early["pedal hat"]


@pytest.mark.parametrize("role", ["clave", "rim", "closed hat", "pedal hat"])
def test_after_a_short_sound_there_is_silence(role: str) -> None:
    _, waveforms, _ = judged(role, 40)
    assert (waveforms[:, -RATE // 20 :].abs().amax(1) < 10 ** (-70 / 20)).float().mean() > 0.9


def test_no_clip_ends_in_a_slow_drift() -> None:
    for role in ("clap", "snare", "kick"):
        _, waveforms, _ = judged(role)
        assert waveforms[:, -RATE // 10 :].mean(1).abs().max() < 0.006


def test_driven_clips_are_called_distorted_and_hold_more_overtones() -> None:
    words, waveforms, pitch_hz = judged("808", 80)
    spectrum = torch.fft.rfft(waveforms).abs().square()
    hz = torch.fft.rfftfreq(RATE, 1 / RATE)
    above = (spectrum * (hz[None] > 2.5 * pitch_hz[:, None])).sum(1) / spectrum.sum(1)
    assert words["distorted"].any() and words["clean"].any()
    assert above[words["distorted"]].median() > 2 * above[words["clean"]].median()
    neither = ~words["distorted"] & ~words["clean"]  # warmed a little, or by a room
    assert above[words["clean"]].median() < above[neither].median() < above[words["distorted"]].median()


@pytest.mark.parametrize("role", ["low tom", "high tom", "conga", "bass"])
def test_clean_clips_are_nearly_one_tone_and_distorted_ones_are_not(role: str) -> None:
    words, waveforms, pitch_hz = judged(role, 120)
    spectrum = torch.fft.rfft(waveforms[:, 1103:8820]).abs().square()
    hz = torch.fft.rfftfreq(7717, 1 / RATE)
    above = (spectrum * (hz[None] > 1.7 * pitch_hz[:, None])).sum(1) / spectrum.sum(1)
    assert words["distorted"].sum() >= 3 and words["clean"].sum() >= 3
    assert above[words["distorted"]].median() > 2 * above[words["clean"]].median()


def test_one_adjective_is_said_more_often_than_several() -> None:
    rng = random.Random(4)
    caption = Caption("kick", ("kick",), ("deep", "punchy", "dry", "long"))
    said = [len(caption.text(rng).replace(",", "").split()) - 1 for _ in range(600)]
    assert said.count(0) > 100 and said.count(1) > said.count(2) > said.count(3) > said.count(4) > 0


def test_modes_are_a_sum_of_damped_sines() -> None:
    draws = Draws(2, 5000, 1, sample_rate=RATE)
    hz, decays, gains, phases = draws.log(50, 15000, 3), draws.log(0.01, 1, 3), draws.log(0.1, 1, 3), draws.normal(3)
    t = torch.arange(5000, dtype=torch.float64)[None, None] / RATE
    wanted = gains[..., None] * torch.exp(-t / decays[..., None].double()) * torch.sin(
        TAU * hz[..., None].double() * t + phases[..., None].double())
    assert torch.allclose(modes(draws, hz, decays, gains, phases), wanted.sum(1).float(), atol=2e-3)


def test_noise_lies_in_its_band_at_about_unit_level() -> None:
    draws = Draws(4, RATE, 1, sample_rate=RATE)
    made = noise(draws, torch.full((4,), 1000.0), torch.full((4,), 4000.0), 8)
    spectrum, hz = torch.fft.rfft(made).abs().square(), torch.fft.rfftfreq(RATE, 1 / RATE)
    assert torch.allclose(made.square().mean(1).sqrt(), torch.ones(4), atol=0.1)
    inside = (hz > 800) & (hz < 5000)
    assert (spectrum[:, inside].sum(1) / spectrum.sum(1)).min() > 0.9


def test_most_clips_get_words_and_some_words_are_withheld() -> None:
    counts = [len(caption.adjectives) for role in ROLES for caption in batch(role).captions]
    assert sum(count > 0 for count in counts) > 0.9 * len(counts)
    words, _, _ = judged("kick")
    assert (~(words["short"] | words["long"])).any()


def test_the_demo_kit_covers_all_roles_with_names_that_caption_themselves() -> None:
    kit = demo_kit()
    assert 40 <= len(kit) <= 60
    assert len({stem for stem, _ in kit}) == len(kit)
    for role in ROLES:
        assert any(stem.startswith(f"{role} ") for stem, _ in kit)
    assert all(stem[-2:].isdigit() and "/" not in stem for stem, _ in kit)
    assert all(waveform.shape == (RATE,) and waveform.abs().max() <= 1.00001 for _, waveform in kit)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(StudioError, match="gong"):
        synthesise("gong", 1, 1)
