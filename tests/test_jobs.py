"""A training is a process and a folder: found again, stopped with a file, killed and resumed to equal weights."""

import dataclasses
import json
import os
import signal

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from studio import jobs
from studio.engine import preparation
from studio.errors import StudioError
from studio.files import write_json
from studio.settings import MelSettings, PrepareSettings, TrainSettings


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A dataset of three thumps."""
    folder = tmp_path_factory.mktemp("jobs")
    time = torch.arange(20000) / 44100
    for number in range(3):
        sound = torch.exp(-9 * time) * torch.sin(2 * torch.pi * (50 + 30 * number) * time)
        soundfile.write(folder / f"kick {number}.wav", 0.9 * sound.numpy(), 44100)
    preparation.prepare(sorted(folder.glob("*.wav")), folder / "dataset", MelSettings(), PrepareSettings())
    return folder / "dataset"


@pytest.fixture
def settings(tiny_base):
    return TrainSettings(base=str(tiny_base), steps=14, batch_size=1, rank=2, device="cpu", checkpoint_every=2)


def act_at(run, step, act):
    """Follow the run and do `act` once, when this step is told."""
    done = []

    def on_event(event):
        if event.get("stage") == "train" and event["step"] >= step and not done:
            done.append(event["step"])
            act()

    return run.wait(on_event)


def test_a_run_is_found_again_stopped_with_its_file_and_resumed_to_equal_weights(kit, settings, tmp_path):
    long = dataclasses.replace(settings, steps=2000)
    run = jobs.start_training(kit, long, tmp_path / "a", out=tmp_path / "a.safetensors")
    assert jobs.running(tmp_path) == run == jobs.latest(tmp_path)
    with pytest.raises(StudioError, match="a: is still training"):
        jobs.start_training(kit, settings, tmp_path / "b")
    state = act_at(jobs.Run(tmp_path / "a"), 3, run.stop)  # by its folder alone, as a restarted studio would
    assert state.status == "stopped" and 3 <= state.step < 2000
    assert [step for step, _ in state.losses] == list(range(1, state.step + 1))
    assert load_file(tmp_path / "a.safetensors").keys() == load_file(state.lora).keys()
    assert jobs.running(tmp_path) is None

    with pytest.raises(StudioError, match="a run of this name exists"):
        jobs.start_training(kit, settings, tmp_path / "a")
    resumed = jobs.start_training(kit, dataclasses.replace(long, steps=state.step + 3), tmp_path / "a", resume=True)
    state = resumed.wait(lambda event: None)
    assert state.status == "done" and state.step == state.total


def test_a_killed_run_says_so_and_resumes_to_the_weights_of_an_unbroken_one(kit, settings, tmp_path):
    whole = jobs.start_training(kit, settings, tmp_path / "whole").wait(lambda event: None)
    assert whole.status == "done" and whole.seconds_left is None
    run = jobs.start_training(kit, settings, tmp_path / "killed")
    pid = json.loads((run.folder / "process.json").read_text(encoding="utf-8"))["pid"]
    state = act_at(run, 5, lambda: os.kill(pid, signal.SIGKILL))
    assert state.status == "failed" and "ended unexpectedly" in state.error
    state = jobs.start_training(kit, settings, run.folder, resume=True).wait(lambda event: None)
    assert state.status == "done"
    one, other = load_file(whole.lora), load_file(state.lora)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_fault_inside_the_process_is_one_sentence(kit, settings, tmp_path):
    run = jobs.start_training(kit, dataclasses.replace(settings, base=str(tmp_path)), tmp_path / "a")
    state = run.wait(lambda event: None)
    assert state.status == "failed"
    assert "no model_index.json" in state.error and "\n" not in state.error


def test_what_cannot_start_is_refused_before_anything_is_written(kit, settings, tmp_path):
    with pytest.raises(StudioError, match="is no dataset; prepare sounds into it first"):
        jobs.start_training(tmp_path, settings, tmp_path / "a")
    with pytest.raises(StudioError, match="holds no checkpoint to resume from"):
        jobs.start_training(kit, settings, tmp_path / "a", resume=True)
    assert not (tmp_path / "a").exists()


def test_a_recycled_process_id_fools_nobody(tmp_path):
    run = jobs.Run(tmp_path / "a")
    write_json(run.folder / "settings.json", {})
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": 0.0})
    assert not run.alive()
    assert run.state().status == "failed"


def test_half_a_line_is_left_for_the_next_look(tmp_path):
    run = jobs.Run(tmp_path / "a")
    write_json(run.folder / "settings.json", {})
    line = json.dumps({"stage": "train", "step": 1, "total": 2, "note": "", "values": {"loss": 0.5}, "time": 1.0})
    (run.folder / "events.jsonl").write_text(f"{line}\n{line[:20]}", encoding="utf-8")
    assert run.state().losses == ((1, 0.5),)


@pytest.mark.slow
def test_two_processes_give_the_lora_of_one_with_the_same_global_batch(kit, settings, tmp_path):
    one = jobs.start_training(kit, dataclasses.replace(settings, batch_size=4, steps=4), tmp_path / "one")
    one = one.wait(lambda event: None)
    two = jobs.start_training(kit, dataclasses.replace(settings, batch_size=2, steps=4, processes=2), tmp_path / "two")
    two = two.wait(lambda event: None)
    assert one.status == two.status == "done", two.error
    ours, theirs = load_file(one.lora), load_file(two.lora)
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-4) for key in ours)
