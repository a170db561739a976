"""The words: what they refuse, what they derive, and that they survive being written down."""

import dataclasses
import json

import pytest

from studio import presets, settings
from studio.errors import StudioError
from studio.knobs import as_dict, from_dict
from studio.settings import (
    GenerateSettings,
    MelSettings,
    MorphSettings,
    PrepareSettings,
    TrainSettings,
    TransformSettings,
    guidance_of,
    whole_base,
)

KINDS = [kind for kind in vars(settings).values() if dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_settings_survive_json(kind):
    made = kind()
    assert from_dict(kind, json.loads(json.dumps(as_dict(made)))) == made


@pytest.mark.parametrize("kind", KINDS)
def test_every_knob_says_what_it_does(kind):
    for field in dataclasses.fields(kind):
        assert field.metadata["help"].endswith((".", "}.")), field.name
        assert hasattr(kind, "__post_init__")


@pytest.mark.parametrize(("values", "said"), [
    ({"f_max": 30000}, "f_max is 30000 Hz, above half of sample_rate 44100; give at most 22050"),
    ({"f_min": 20000, "f_max": 10000}, "lower f_min"),
    ({"n_mels": 512, "mel_scale": "htk", "n_fft": 2048}, "n_mels is 512, too fine for n_fft 2048"),
    ({"n_mels": 256, "mel_scale": "slaney", "n_fft": 1024}, "too fine"),
    ({"hop_length": 1000}, "leaves gaps"),
    ({"win_length": 4096}, "longer than n_fft"),
    ({"bass_n_fft": 1024}, "bass_n_fft is 1024, not longer"),
    ({"bass_n_fft": 2048, "bass_rows": 120}, "bass_rows is 120, over half of n_mels 128"),
    ({"bass_n_fft": 2048, "bass_hz": 60.0}, "bass_rows is 24, too fine for bass_n_fft 2048"),
    ({"pad": 16384, "n_frames": 16}, "no room for a sound"),
    ({"window": "han"}, "did you mean 'hann'?"),
    ({"sample_rate": 1000}, "give at least 8000 Hz"),
    ({"n_mels": 1.5}, "of type int"),
    ({"range_db": float("nan")}, "finite"),
    ({"center": 1}, "of type bool"),
])
def test_impossible_mel_settings_are_refused_in_one_sentence(values, said):
    with pytest.raises(StudioError, match=".+") as caught:
        MelSettings(**values)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_key_is_answered_with_the_nearest_known():
    with pytest.raises(StudioError, match="preset x: unknown key 'hop_lenght'; did you mean 'hop_length'?"):
        from_dict(MelSettings, {"hop_lenght": 3}, where="preset x")


def test_whole_floats_and_lists_from_json_fit():
    assert TrainSettings(steps=10.0).steps == 10
    assert GenerateSettings(lora=["a", "b:0.5"]).lora == ("a", "b:0.5")
    with pytest.raises(StudioError, match="tail_db"):
        PrepareSettings(onset_db=-70, tail_db=-60)


def test_the_embedded_picture_lasts_about_a_second():
    mel = MelSettings()
    assert mel.samples == 127 * 347 - 512
    assert mel.duration == pytest.approx(0.988, abs=0.001)


@pytest.mark.parametrize("duration", [0.1, 0.35, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("name", ["one-shot-512", "one-shot-256", "one-shot-128"])
def test_a_wanted_duration_sets_the_hop_that_fills_the_picture(name, duration):
    mel = presets.load("mel", name).for_duration(duration)
    assert duration <= mel.duration < duration + mel.n_frames / mel.sample_rate


@pytest.mark.parametrize("name", presets.names("mel"))
def test_bands_rise_from_bottom_to_top_and_are_hardly_closer_than_a_bin(name):
    mel = presets.load("mel", name)
    edges = mel.band_edges_hz
    assert len(edges) == mel.n_mels - mel.rows_of_bass + 2
    assert edges[0] == mel.f_min and edges[-1] == pytest.approx(mel.f_max)
    steps = [high - low for low, high in zip(edges, edges[1:], strict=False)]
    assert min(steps) > 0
    if mel.mel_scale == "linear-log":
        assert min(steps) > 0.75 * mel.sample_rate / mel.n_fft


def test_bass_rows_come_on_top_of_rows_that_reach_down_to_the_bottom():
    mel = MelSettings(n_mels=256, bass_n_fft=4096, bass_rows=16, bass_hz=400)
    assert mel.rows_of_bass == 16 and MelSettings().rows_of_bass == 0
    assert len(mel.bass_edges_hz) == 18 and mel.bass_edges_hz[-1] == 400
    assert mel.band_edges_hz[0] == mel.bass_edges_hz[0] == mel.f_min


def test_rows_are_spread_evenly_and_then_by_equal_ratios():
    edges = MelSettings(n_mels=64, split_hz=1000).band_edges_hz
    steps = [high - low for low, high in zip(edges, edges[1:], strict=False)]
    even = [step for step, high in zip(steps, edges[1:], strict=True) if high < 1000]
    ratios = [high / low for low, high in zip(edges, edges[1:], strict=False) if low > 1000]
    assert max(even) == pytest.approx(min(even)) and max(ratios) == pytest.approx(min(ratios), rel=1e-6)


def test_a_base_keeps_the_name_that_it_was_given(tmp_path):
    (tmp_path / "8f3a").mkdir()
    (tmp_path / "riffusion").symlink_to("8f3a", target_is_directory=True)  # the name says what mel settings it has
    assert whole_base(str(tmp_path / "riffusion")) == str(tmp_path / "riffusion")
    assert whole_base("embedded") == "embedded" and whole_base("some/hub-id") == "some/hub-id"


def test_guidance_that_is_left_to_the_studio_suits_the_base(tmp_path):
    (tmp_path / "mel.json").touch()
    assert guidance_of(GenerateSettings(base=str(tmp_path))) == 7
    (tmp_path / "plan.json").touch()
    for base in ("embedded", str(tmp_path)):
        assert guidance_of(GenerateSettings(base=base)) == 3
        assert guidance_of(GenerateSettings(base=base, lora=("a",))) == 1.5
    assert guidance_of(MorphSettings(base="some/hub-id", lora=("a",))) == 7
    assert guidance_of(TransformSettings(base="some/hub-id", guidance=2)) == 2
