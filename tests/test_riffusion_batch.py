"""Riffusion's batch files become wishes, and what is none is one sentence."""

import json
from pathlib import Path

import pytest

from studio import presets
from studio.engine import riffusion_batch
from studio.engine.models import as_long_as, load_base
from studio.errors import StudioError
from studio.settings import GenerateSettings


def written(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_every_entry_is_a_wish_with_the_files_params(tmp_path: Path) -> None:
    path = written(tmp_path / "batch.json", {
        "params": {"checkpoint": "riffusion/riffusion-model-v1", "scheduler": "DPMSolverMultistepScheduler",
                   "num_inference_steps": 50, "guidance": 7, "width": 512},
        "entries": [{"prompt": "church bells", "seed": 42}, {"prompt": "beats", "negative_prompt": "drums"}]})
    bells, beats = riffusion_batch.read(path, GenerateSettings(count=2, seed=7))
    assert (bells.prompt, bells.seed, bells.steps, bells.scheduler, bells.count) == ("church bells", 42, 50, "dpm++", 2)
    assert bells.base == "riffusion/riffusion-model-v1"
    assert bells.duration == pytest.approx(5.11)  # from the first column of 512 to the last
    assert (beats.prompt, beats.negative_prompt, beats.seed) == ("beats", "drums", 7)


def test_a_list_of_params_is_tried_on_every_entry(tmp_path: Path) -> None:
    path = written(tmp_path / "batch.json", {"params": [{"guidance": 0}, {"guidance": 7.0, "scheduler": None}],
                                             "entries": [{"prompt": "kick"}, {"prompt": "clap"}]})
    wishes = [(each.prompt, each.guidance) for each in riffusion_batch.read(path, GenerateSettings())]
    assert wishes == [("kick", 1), ("kick", 7.0), ("clap", 1), ("clap", 7.0)]  # without any is 1 here


@pytest.mark.parametrize(("data", "named"), [
    ([], "is no batch file"), ({"entries": []}, "is no batch file"), ({"entries": ["kick"]}, "an entry is 'kick'"),
    ({"entries": [{"promt": "kick"}]}, "unknown key 'promt'"), ({"entries": [{"prompt": 3}]}, "prompt is 3"),
    ({"params": {"guidance": "much"}, "entries": [{"prompt": "kick"}]}, "guidance is 'much'"),
    ({"params": {"scheduler": "PNDMScheduler"}, "entries": [{"prompt": "kick"}]}, "scheduler is 'PNDMScheduler'"),
    ({"params": {"num_inference_steps": True}, "entries": [{"prompt": "kick"}]}, "num_inference_steps is True")])
def test_what_is_no_batch_file_is_one_sentence(tmp_path: Path, data: object, named: str) -> None:
    with pytest.raises(StudioError, match=named):
        riffusion_batch.read(written(tmp_path / "batch.json", data), GenerateSettings())


@pytest.mark.parametrize("width", [512, 896, 1024])
def test_a_width_is_the_pictures_own(tiny_base: Path, tmp_path: Path, width: int) -> None:
    path = written(tmp_path / "batch.json", {"params": {"width": width}, "entries": [{"prompt": "bells"}]})
    [wish] = riffusion_batch.read(path, GenerateSettings())
    wide = as_long_as(load_base(str(tiny_base), "cpu"), presets.load("mel", "riffusion"), wish.duration)
    assert wide.n_frames == width
