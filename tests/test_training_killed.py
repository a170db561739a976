"""A training killed at any moment goes on to the bit-equal weights of one that was not, on as many threads."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from kits import thumps
from safetensors.torch import load_file

from studio import jobs
from studio.engine import audio
from studio.engine.training import latents_cache, train
from studio.files import write_json
from studio.knobs import as_dict
from studio.runs import Run
from studio.settings import TrainSettings

# The real work() in real processes; each kills itself (-9) at its moment. Forked, so that torch is loaded once.
KILLER = """
import os, signal, sys
from pathlib import Path
import torch
from studio import worker
from studio.engine.training import adapters, latents_cache

torch.set_num_threads(1)

def die(): os.kill(os.getpid(), signal.SIGKILL)

def encoding():
    true, calls = latents_cache._fill, []
    def fill(*given):
        calls.append(1)
        if len(calls) == 9: die()
        true(*given)
    latents_cache._fill = fill

def training():
    true = adapters.Adapters.set_learning_rate
    def rate(self, step, total):
        if step == 7: die()
        return true(self, step, total)
    adapters.Adapters.set_learning_rate = rate

def checkpoint():
    true = torch.save
    def save(state, path):
        true(state, path)
        if state["step"] == 6:
            with open(path, "rb+") as file: file.truncate(path.stat().st_size // 2)
            die()
    torch.save = save

for moment, folder in zip(("encoding", "training", "checkpoint"), sys.argv[1:]):
    child = os.fork()
    if not child:
        globals()[moment]()
        worker.work(Path(folder))
        os._exit(0)
    os.waitpid(child, 0)
"""
MOMENTS = ("encoding", "training", "checkpoint")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Sums depend in their last bits on how many threads share them; the studio gives each run the same number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def settings(tiny_base, one_thread):
    """All that could lose its place: held-out sounds, previews, augmentation, a schedule, a batch in parts."""
    return TrainSettings(base=str(tiny_base), steps=10, batch_size=2, gradient_accumulation=2, rank=2, device="cpu",
                         checkpoint_every=3, preview_every=4, preview_count=1, gain_augment_db=6, shift_augment_ms=5,
                         scheduler="cosine", warmup_steps=2, noise_offset=0.1, min_snr_gamma=5, text_encoder=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory, settings):
    """A folder with a run that was never killed, and one for each moment in which one was; each with its own kit."""
    folder = tmp_path_factory.mktemp("killed")
    kit = thumps(folder, 20)
    for name in MOMENTS:
        dataset = shutil.copytree(kit, folder / f"kit of {name}")
        write_json(folder / name / "settings.json", {"version": 1, "dataset": str(dataset), "train": as_dict(settings),
                                                     "resume": False, "out": ""})
    subprocess.run([sys.executable, "-c", KILLER, *(str(folder / name) for name in MOMENTS)], check=True,
                   cwd=jobs.ROOT)
    shutil.copytree(folder / "kit of encoding", folder / "kit as it was left")
    train(kit, settings, folder / "whole")
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the killer forks")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_killed_at_any_moment_goes_on_to_equal_weights(killed, settings, moment):
    folder = killed / moment
    events = Run(folder).events()
    last = next(event for event in reversed(events) if "stage" in event)
    assert not [event for event in events if event.get("status")]  # it was killed and said no last word
    assert (last["stage"], last["step"] > 0) == {"encoding": ("encode", True)}.get(moment, ("train", True))
    left = sorted(path.name for path in (folder / "checkpoints").glob("step-*"))
    assert left == {"encoding": [], "training": ["step-00000003", "step-00000006"],
                    "checkpoint": ["step-00000003"]}[moment]
    train(killed / f"kit of {moment}", settings, folder, resume=bool(left))
    for name in ("lora", "best"):
        ours, whole = (load_file(killed / run / f"{name}.safetensors") for run in (moment, "whole"))
        assert ours.keys() == whole.keys() and all(ours[key].equal(whole[key]) for key in ours), name
    assert json.loads((folder / "best.json").read_text()) == json.loads((killed / "whole" / "best.json").read_text())
    sounds = [sorted((run / "previews").glob("*/00.wav")) for run in (killed / "whole", folder)]
    assert len(sounds[0]) == len(sounds[1]) == 4
    assert all(audio.read(one)[0].equal(audio.read(other)[0]) for one, other in zip(*sounds, strict=True))
    assert not list(folder.glob("**/*.part"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the killer forks")
def test_what_was_encoded_before_a_kill_is_not_encoded_again(killed, settings, monkeypatch):
    """Of the run that was killed at its ninth picture, eight are there, and whoever goes on takes them."""
    kit, true, filled = killed / "kit as it was left", latents_cache._fill, []
    name = next(path.name.split(".")[0] for path in (kit / ".latents").glob("*.npy"))
    kept = dict(latents_cache._found(kit / ".latents", name))
    monkeypatch.setattr(latents_cache, "_fill", lambda row, key, *rest: (filled.append(key), true(row, key, *rest)))
    train(kit, settings, killed / "again")
    assert len(kept) >= 8 and filled and not kept.keys() & set(filled)
    assert kept.keys() <= dict(latents_cache._found(kit / ".latents", name)).keys()
