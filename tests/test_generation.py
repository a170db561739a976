"""Words to sounds: same seed same bytes, one by one, 24 bit on disk, stop within a step, nothing overwritten."""

import dataclasses
import itertools
import json
import shutil

import pytest
import soundfile
import torch

from studio.engine import latents, library, picture
from studio.engine.generation import generate
from studio.errors import Cancelled, StudioError
from studio.knobs import from_dict
from studio.settings import GenerateSettings, MelSettings, MorphSettings


@pytest.fixture
def settings(tiny_base):
    return GenerateSettings(prompt="deep kick", base=str(tiny_base), count=3, batch_size=2, seed=5, steps=2,
                            device="cpu")


@pytest.fixture(autouse=True)
def quick_decoding(monkeypatch):
    """The decoder's hundred rounds are test_mel's business."""
    decode = latents.codec.decode

    def quick(pixels, peak_db, mel, **rest):
        return decode(pixels, peak_db, from_dict(MelSettings, vars(mel) | {"iterations": 3}), **rest)

    monkeypatch.setattr(latents.codec, "decode", quick)


def test_takes_are_24_bit_wavs_with_picture_and_recipe(settings, tmp_path):
    takes = list(generate(settings, tmp_path))
    assert [take.path.name for take in takes] == ["deep_kick_5.wav", "deep_kick_6.wav", "deep_kick_7.wav"]
    for take in takes:
        info = soundfile.info(take.path)
        assert (info.subtype, info.samplerate, info.channels) == ("PCM_24", 44100, 1)
        assert picture.load(take.picture).pixels.shape == (128, 128)
        for path in (take.path, take.picture, take.path.with_suffix(".json")):
            assert library.recipe_of(path) == take.recipe


def test_the_recipe_of_a_take_makes_the_same_bytes_again(settings, tmp_path):
    take = list(generate(settings, tmp_path / "all"))[2]
    again = from_dict(GenerateSettings, json.loads(json.dumps(take.recipe["settings"])))
    assert again.seed == 7
    alone = next(generate(again, tmp_path / "again"))
    assert alone.path.read_bytes() == take.path.read_bytes()


def test_a_take_is_on_disk_before_the_next_is_begun(settings, tmp_path):
    for number, take in enumerate(generate(settings, tmp_path), 1):
        assert take.path.is_file()
        assert len(list(tmp_path.glob("*.wav"))) == number


def test_nothing_is_overwritten(settings, tmp_path):
    first, second = (list(generate(settings, tmp_path)) for _ in range(2))
    assert not {take.path for take in first} & {take.path for take in second}
    assert len(library.takes(tmp_path)) == 6


def test_a_stop_leaves_within_a_step_and_keeps_what_is_there(settings, tmp_path):
    steps = []

    def report(progress):
        if progress.stage == "denoise":
            steps.append(progress.step)
            if len(steps) == 3:
                raise Cancelled

    with pytest.raises(Cancelled):
        list(generate(settings, tmp_path, report=report))
    assert steps == [1, 2, 1]
    assert len(library.takes(tmp_path)) == 2


def test_the_last_sound_needs_a_seed_too(settings):
    assert dataclasses.replace(settings, seed=2**31 - 3).count == 3
    with pytest.raises(StudioError, match="give a seed of at most 2147483645"):
        dataclasses.replace(settings, seed=2**31 - 2)


def test_a_drawn_seed_is_written_down(settings, tmp_path):
    drawn = library.settled(from_dict(GenerateSettings, vars(settings) | {"seed": -1}))
    assert drawn.seed >= 0
    take = next(generate(drawn, tmp_path))
    assert take.seed == drawn.seed


def test_guidance_that_is_left_open_is_settled_and_written_down(settings, tmp_path):
    open_one = from_dict(GenerateSettings, vars(settings) | {"guidance": 0, "count": 1})
    take = next(generate(open_one, tmp_path))
    assert take.part("settings")["guidance"] == 3
    same = next(generate(dataclasses.replace(open_one, guidance=3), tmp_path))
    assert torch.equal(picture.load(take.picture).pixels, picture.load(same.picture).pixels)
    asked = [library.settled(dataclasses.replace(open_one, lora=("kit.safetensors",), guidance=guidance)).guidance
             for guidance in (0, 4)]
    assert asked == [1.5, 4]
    assert library.settled(MorphSettings(lora_end=("kit.safetensors",))).guidance == 1.5


def test_other_seeds_other_sounds_and_negative_prompts_matter(settings, tmp_path):
    takes = list(generate(settings, tmp_path))
    pixels = [picture.load(take.picture).pixels for take in takes]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(pixels, 2))
    against = from_dict(GenerateSettings, vars(settings) | {"negative_prompt": "snare", "count": 1})
    assert not torch.equal(picture.load(next(generate(against, tmp_path)).picture).pixels, pixels[0])


@pytest.mark.parametrize("prompt", ["", "x" * 4000, "${alert(1)}<img src=x onerror=alert(1)>", "../../root", "日本"])
def test_any_prompt_makes_a_sound_with_a_harmless_name(settings, tmp_path, prompt):
    take = next(generate(from_dict(GenerateSettings, vars(settings) | {"prompt": prompt, "count": 1}), tmp_path))
    assert take.path.parent == tmp_path
    assert take.prompt == prompt


def test_a_missing_lora_is_named(settings, tmp_path):
    with pytest.raises(StudioError, match="nowhere.safetensors: there is no such LoRA file"):
        next(generate(from_dict(GenerateSettings, vars(settings) | {"lora": ["nowhere.safetensors:0.5"]}), tmp_path))


def test_near_black_is_silence_and_the_peak_has_headroom():
    pixels = torch.full((2, 128, 128), 2.0)
    pixels[1, :, :40] = 200.0
    silent, sounding = latents.sound_from_pixels(pixels, MelSettings())
    assert not silent.any()
    assert float(sounding.abs().max()) == pytest.approx(latents.HEADROOM)
    assert not sounding[60 * 347:].any()


def test_a_base_of_stereo_pictures_makes_stereo_sounds(settings, tiny_base, tmp_path):
    base = tmp_path / "wide"
    shutil.copytree(tiny_base, base)
    mel = json.loads((base / "mel.json").read_text()) | {"stereo": True}
    (base / "mel.json").write_text(json.dumps(mel))
    take = next(generate(dataclasses.replace(settings, base=str(base)), tmp_path))
    assert soundfile.info(take.path).channels == 2
    assert picture.load(take.picture).pixels.shape == (3, 128, 128)


def test_a_sampler_that_adds_noise_gives_the_same_bytes_again(settings, tmp_path):
    wish = dataclasses.replace(settings, scheduler="euler a", count=2)
    one, again = ([take.path.read_bytes() for take in generate(wish, tmp_path / name)] for name in ("one", "again"))
    assert one == again


def test_a_wider_picture_makes_a_longer_sound(settings, tmp_path):
    take = next(generate(dataclasses.replace(settings, duration=1.7, count=1), tmp_path))
    image = picture.load(take.picture)
    assert image.pixels.shape[-1] * image.mel.hop_length / image.mel.sample_rate == pytest.approx(1.76, abs=0.15)
    assert image.mel.duration >= 1.7


def test_a_take_begins_at_zero_though_its_picture_begins_loud():
    loud = torch.zeros(1, 128, 128)
    loud[:, 100:, :40] = 255.0
    sound = latents.sound_from_pixels(loud, dataclasses.replace(MelSettings(), iterations=4))
    assert sound[0, 0] == 0 and float(sound.abs().max()) == pytest.approx(latents.HEADROOM)
    assert float(sound[0, :10].abs().max()) < 0.5 * latents.HEADROOM
