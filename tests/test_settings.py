"""The words: what they refuse, what they derive, and that they survive being written down."""

import dataclasses
import json

import pytest

from studio import presets, settings
from studio.errors import StudioError
from studio.settings import GenerateSettings, MelSettings, PrepareSettings, TrainSettings, as_dict, from_dict

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


@pytest.mark.parametrize("duration", [0.1, 0.35, 1.0, 3.0])
def test_a_wanted_duration_sets_the_hop_that_fills_the_picture(duration):
    mel = MelSettings(n_frames=512).for_duration(duration)
    assert duration <= mel.duration < duration + mel.n_frames / mel.sample_rate


@pytest.mark.parametrize("name", presets.names("mel"))
def test_bands_rise_from_bottom_to_top_and_are_never_closer_than_a_bin(name):
    mel = presets.load("mel", name)
    edges = mel.band_edges_hz
    assert len(edges) == mel.n_mels + 2
    assert edges[0] == mel.f_min and edges[-1] == mel.f_max
    steps = [high - low for low, high in zip(edges, edges[1:], strict=False)]
    finest = mel.sample_rate / max(mel.n_fft, mel.bass_n_fft)
    assert min(steps[:-1]) > 0.9 * finest
