"""The base that comes along: small, offline, and it makes the drum that it is asked for."""

import dataclasses

import pytest
import torch

from studio.engine import audio, models
from studio.engine.base import judge, obedience
from studio.engine.base.plan import Plan
from studio.engine.generation import generate
from studio.engine.latents import noise_for
from studio.engine.painting import paint_from
from studio.engine.prompts import guides
from studio.settings import GenerateSettings

LARGEST = 32_000_000  # bytes


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """Two sounds each of four roles, (samples,) at 44.1 kHz, by role."""
    made = {}
    for role in ("kick", "closed hat", "crash", "rim"):
        settings = GenerateSettings(prompt=role, count=2, seed=3, steps=10, device="cpu", batch_size=2)
        folder = tmp_path_factory.mktemp(role.replace(" ", "-"))
        made[role] = [audio.read(take.path)[0][0] for take in generate(settings, folder)]
    return made


def centroid_hz(waveform):
    spectrum = torch.fft.rfft(waveform).abs().square()
    return float((spectrum * torch.linspace(0, 22050, len(spectrum))).sum() / spectrum.sum())


def test_it_is_small_and_carries_its_card_and_mel_settings():
    files = [path for path in models.EMBEDDED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST
    assert "What it cannot do" in (models.EMBEDDED / "README.md").read_text(encoding="utf-8")
    assert models.load_base("embedded", "cpu").mel == Plan().mel


def test_its_files_name_no_folder_of_the_machine_that_made_it():
    for path in models.EMBEDDED.rglob("*.json"):
        assert "_name_or_path" not in path.read_text(encoding="utf-8")


def test_prompts_name_the_drum(takes):
    """What each drum is, measured: a kick is low, a hat high and short, a crash high and long."""
    lengths = {role: min(len(each) for each in sounds) for role, sounds in takes.items()}
    heights = {role: [centroid_hz(each) for each in sounds] for role, sounds in takes.items()}
    assert max(heights["kick"]) < 1000 < 2000 < min(heights["crash"]) and min(heights["closed hat"]) > 5000
    assert sum(heights["crash"]) / len(heights["crash"]) > 2500  # a third of the synthesiser's own are below it
    assert max(len(each) for each in takes["closed hat"]) < lengths["crash"]


def test_a_high_kick_is_higher_than_a_low_one():
    base = models.open_base("embedded", "cpu")
    low, high = (obedience.pitch(judge.draw(base, f"{word} kick", 16), base.mel.range_db) for word in ("low", "high"))
    assert high.mean() > low.mean() + 0.5  # rows


def test_takes_begin_at_once_and_have_a_peak_below_full_scale(takes):
    for waveform in (each for sounds in takes.values() for each in sounds):
        peak = waveform.abs().max()
        assert 0.5 < peak < 1
        assert int((waveform.abs() > 0.1 * peak).nonzero()[0]) < 0.02 * 44100


def test_seeds_differ(takes):
    for one, other in takes.values():
        length = min(len(one), len(other))
        assert not torch.allclose(one[:length], other[:length], atol=0.01)


@pytest.mark.slow
def test_the_same_settings_give_the_same_bytes_in_another_batch_of_one(tmp_path):
    settings = GenerateSettings(prompt="deep kick", count=1, seed=3, device="cpu")
    one, again = (next(generate(dataclasses.replace(settings), tmp_path / name)) for name in ("one", "again"))
    assert one.path.read_bytes() == again.path.read_bytes()


def test_samplers_of_one_equation_come_to_the_same_sound():
    base = models.open_base("embedded", "cpu")
    noise, words = noise_for(base, base.mel, [5]), guides(base, ["snare"], [""])
    drawn = {}
    for name in ("dpm++", "ddim", "euler", "unipc", "lms"):
        base.use_scheduler(name)
        settings = GenerateSettings(steps=20, guidance=2, scheduler=name)
        drawn[name] = paint_from(base, base.mel, settings, words, noise, [5])
    base.use_scheduler("dpm++")  # after "lms", whose betas must not stay
    again = paint_from(base, base.mel, GenerateSettings(steps=20, guidance=2), words, noise, [5])
    assert torch.equal(again, drawn["dpm++"])
    sounding = drawn["dpm++"] > 50
    for name, picture in drawn.items():
        assert (picture - drawn["dpm++"]).abs()[sounding].mean() < 12, name  # of 255; DDIM that cuts latents is 50 away


def test_variety_is_the_share_of_the_way_that_has_no_guidance():
    base = models.open_base("embedded", "cpu")
    noise, words = noise_for(base, base.mel, [5, 6]), guides(base, ["snare"] * 2, [""] * 2)
    drawn = [paint_from(base, base.mel, GenerateSettings(guidance=guidance, variety=variety), words, noise,
                        [5, 6]) for guidance, variety in ((1, 0.0), (4, 1.0), (4, 0.25), (4, 0.0), (4, 0.2))]
    free, never_guided, late, guided, sooner = drawn
    assert torch.equal(free, never_guided)
    assert not torch.allclose(late, guided, atol=1) and not torch.allclose(late, free, atol=1)
    assert not torch.allclose(late, sooner, atol=1)  # both begin within the second step of six
    assert (late[0] - late[1]).abs().mean() > (guided[0] - guided[1]).abs().mean()
