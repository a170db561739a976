"""Bases load by folder, stay loaded, bring their mel settings, and say what is wrong with them."""

import dataclasses
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from studio import presets
from studio.engine import models
from studio.errors import StudioError
from studio.knobs import as_dict
from studio.settings import MelSettings


def test_a_base_stays_loaded_and_brings_its_mel_settings(tiny_base):
    base = models.load_base(str(tiny_base), "cpu")
    assert models.load_base(str(tiny_base), "cpu") is base
    assert models.open_base(str(tiny_base), "cpu") is not base
    assert base.mel == MelSettings()


def test_bases_that_several_threads_load_at_once_are_all_filled(tiny_base):
    together = threading.Barrier(4)

    def opened(_):
        together.wait()
        pipeline = models.open_base(str(tiny_base), "cpu").pipeline
        return [*pipeline.unet.parameters(), *pipeline.vae.parameters(), *pipeline.text_encoder.parameters()]

    with ThreadPoolExecutor(4) as threads:
        assert not any(weight.is_meta for weights in threads.map(opened, range(4)) for weight in weights)


def test_a_base_that_two_threads_want_at_once_is_loaded_once(quick_base):
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: models.load_base(str(quick_base), "cpu"), range(2))
    assert first is second


def test_a_base_without_mel_settings_gets_the_preset_of_its_picture_size(tiny_base, tmp_path):
    bare = shutil.copytree(tiny_base, tmp_path / "bare")
    (bare / "mel.json").unlink()
    assert models.open_base(str(bare), "cpu").mel == presets.load("mel", "one-shot-128")


def test_mel_settings_of_a_base_that_cannot_work_are_named(tiny_base, tmp_path):
    broken = shutil.copytree(tiny_base, tmp_path / "broken")
    (broken / "mel.json").write_text(json.dumps(as_dict(MelSettings()) | {"f_max": 99999}), encoding="utf-8")
    with pytest.raises(StudioError, match="mel.json: f_max is"):
        models.open_base(str(broken), "cpu")


@pytest.mark.parametrize("name", ["no/such-base", "not a hub id at all", "/nowhere/at/all"])
def test_a_base_that_is_not_there_is_named_with_the_cure(name):
    with pytest.raises(StudioError, match="could not be loaded.*name a folder, or a hub id while you are online"):
        models.open_base(name, "cpu")


def test_a_folder_that_is_no_pipeline_is_named(tmp_path):
    with pytest.raises(StudioError, match="no model_index.json"):
        models.open_base(str(tmp_path), "cpu")


def test_pictures_of_a_size_the_base_cannot_take_are_refused(tiny_base):
    base = models.load_base(str(tiny_base), "cpu")
    models.check_fits(base, MelSettings(n_frames=256))
    with pytest.raises(StudioError, match="n_frames is 120.*give a multiple of 16, best 128"):
        models.check_fits(base, MelSettings(n_frames=120))


def test_riffusions_stereo_pictures_are_no_bases_to_learn(tiny_base):
    with pytest.raises(StudioError, match="Riffusion's stereo pictures.*prepare the sounds in mono"):
        models.check_fits(models.load_base(str(tiny_base), "cpu"),
                          dataclasses.replace(presets.load("mel", "riffusion"), stereo=True, n_mels=128, n_frames=128))


def test_a_base_that_knows_its_bands_refuses_pictures_of_another_height(tiny_base):
    base = models.load_base(str(tiny_base), "cpu")
    with pytest.raises(StudioError, match="n_mels is 256, but base .* 128 rows; prepare .* a preset of 128"):
        models.check_fits(base, MelSettings(n_mels=256, n_fft=4096))


@pytest.mark.parametrize("name", sorted(models.SCHEDULERS))
def test_every_scheduler_takes_the_base(tiny_base, name):
    base = models.open_base(str(tiny_base), "cpu")
    base.use_scheduler(name)
    assert type(base.pipeline.scheduler) is models.SCHEDULERS[name]


def test_a_base_that_calls_itself_riffusion_draws_as_riffusion_does(tiny_base, tmp_path):
    large = shutil.copytree(tiny_base, tmp_path / "riffusion-model-v1")
    (large / "mel.json").unlink()
    config = json.loads((large / "unet" / "config.json").read_text())
    size = 512 // models.open_base(str(tiny_base), "cpu").pipeline.vae_scale_factor
    (large / "unet" / "config.json").write_text(json.dumps(config | {"sample_size": size}))
    mel = models.open_base(str(large), "cpu").mel
    assert mel == dataclasses.replace(presets.load("mel", "riffusion"), whole=False)
    assert mel.inverted and mel.duration == pytest.approx(5.11, abs=0.01)
