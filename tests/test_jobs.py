"""A training is a process and a folder: found again, stopped with a file, killed and resumed to equal weights."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

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
        jobs.start_training(kit, settings, tmp_path / "a", resume=True)
    with pytest.raises(StudioError, match="a: has not ended"):
        jobs.throw_away(run, tmp_path / "trash")
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


@pytest.mark.slow  # the fast one of its kind is test_training_killed
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


def test_a_base_in_the_folder_one_stands_in_is_found_by_the_process(kit, settings, tmp_path, monkeypatch):
    for name in ("my base", "embedded"):  # which is never a folder's name
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs, "advance", lambda folder: None)
    for base, told in (("my base", str(tmp_path / "my base")), ("embedded", "embedded"), ("some/hub", "some/hub")):
        run = jobs.start_training(kit, dataclasses.replace(settings, base=base), tmp_path / f"run of {base[-3:]}")
        assert run.settings().base == told


def test_what_cannot_start_is_refused_before_anything_is_written(kit, settings, tmp_path):
    with pytest.raises(StudioError, match="is no dataset; prepare sounds into it first"):
        jobs.start_training(tmp_path, settings, tmp_path / "a")
    with pytest.raises(StudioError, match="holds no checkpoint to resume from"):
        jobs.start_training(kit, settings, tmp_path / "a", resume=True)
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_what_is_started_meanwhile_waits_and_is_started_by_the_process_that_ends(kit, settings, tmp_path):
    first = jobs.start_training(kit, dataclasses.replace(settings, steps=2000), tmp_path / "first")
    second, third, fourth = (jobs.start_training(kit, settings, tmp_path / name) for name in ("b", "a", "c"))
    assert jobs.queue(tmp_path) == [second, third, fourth]  # by time, not by name
    assert second.state().status == "queued" and second.state().active and not second.alive()
    third.stop()
    assert third.state().status == "stopped" and jobs.queue(tmp_path) == [second, fourth]
    act_at(first, 2, first.stop)
    events = []  # nobody but the processes themselves moves the queue on
    state = fourth.wait(events.append)
    assert events[0]["stage"] == "queued" and state.status == second.state().status == "done"
    assert second.events()[-1]["time"] < fourth.events()[0]["time"]
    assert not third.events()[-1].get("stage") and not (third.folder / "log.txt").exists()
    jobs.resume(third)
    assert third.wait(lambda event: None).status == "done"  # it had no checkpoint: from its beginning


def ended(folder, **files):
    """A run that was done long ago, as it lies on disk."""
    run = jobs.Run(folder)
    write_json(run.folder / "settings.json", {"version": 1, "dataset": str(folder / "gone"), "train": {}, "out": "",
                                              "resume": False})
    run.tell({"stage": "train", "step": 4, "total": 4, "note": "", "values": {"loss": 0.5}})
    run.tell({"status": "done"})
    for name, text in files.items():
        (run.folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return run


def test_one_that_cannot_be_started_is_not_in_the_way_of_the_next(tmp_path, monkeypatch):
    damaged, next_one = ended(tmp_path / "a"), ended(tmp_path / "b")
    write_json(damaged.folder / "settings.json", {"train": {"stepz": 3}})
    for run in (damaged, next_one):
        run.tell({"stage": "resume"})
        (run.folder / "queued").touch()
    started = []
    monkeypatch.setattr(jobs, "_start_process", lambda run: started.append((run, run.settings())))
    assert jobs.advance(tmp_path) == next_one
    assert "could not be started" in damaged.state().error and not jobs.queue(tmp_path)


def test_a_run_whose_dataset_is_gone_is_not_resumed(tmp_path):
    run = ended(tmp_path / "a")
    with pytest.raises(StudioError, match="the dataset of a is gone"):
        jobs.resume(run)
    assert run.state().status == "done"


def test_a_run_is_thrown_away_and_brought_back_whole(tmp_path):
    run = ended(tmp_path / "runs" / "a", lora__safetensors="weights")
    thrown = jobs.throw_away(run, tmp_path / "trash")
    assert thrown == tmp_path / "trash" / "a" and not run.folder.exists()
    other = ended(tmp_path / "runs" / "a")
    assert jobs.throw_away(other, tmp_path / "trash") == tmp_path / "trash" / "a_2"
    assert jobs.bring_back(thrown, tmp_path / "runs") == run
    assert run.state().lora.read_text(encoding="utf-8") == "weights"


def test_a_runs_lora_is_handed_over_once_and_nothing_is_written_over(tmp_path):
    run = ended(tmp_path / "runs" / "a", best__json='{"step": 2, "distance_db": 3.0}')
    for best in (False, True):
        with pytest.raises(StudioError, match="a: has made no LoRA yet"):
            jobs.lora_of(run, tmp_path / "loras", best=best)
    (run.folder / "lora.safetensors").write_text("last", encoding="utf-8")
    (run.folder / "best.safetensors").write_text("best", encoding="utf-8")
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "a.safetensors").write_text("another's", encoding="utf-8")
    path = jobs.lora_of(run, tmp_path / "loras")
    assert path.name == "a_2.safetensors" and path.read_text(encoding="utf-8") == "last"
    best = jobs.lora_of(run, tmp_path / "loras", best=True)
    assert best.name == "a_step_2.safetensors" and best.read_text(encoding="utf-8") == "best"
    assert jobs.lora_of(run, tmp_path / "loras", best=True) == best


def test_what_a_training_takes_is_measured_in_a_process_of_its_own_and_leaves_nothing(kit, settings):
    told = jobs.measure(kit, dataclasses.replace(settings, steps=1000))
    assert told.steps == 1000 and told.memory_bytes > 1e8
    assert told.seconds >= 900 * told.seconds_per_step > 0


@pytest.mark.slow
def test_a_fault_while_a_training_is_measured_is_one_sentence(kit, settings, tmp_path):
    with pytest.raises(StudioError, match="no model_index.json"):
        jobs.measure(kit, dataclasses.replace(settings, base=str(tmp_path)))


def test_a_training_takes_all_cores_and_gives_way(monkeypatch, settings):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    code = "import os; print(os.nice(0), os.environ.get('OMP_NUM_THREADS'), os.environ['GOMP_SPINCOUNT'], " \
           "open('/proc/self/autogroup').read().split()[-1] if os.path.exists('/proc/self/autogroup') else 19)"
    assert _told(code, settings) == ["19", "None", "5000", "19"]
    ours = max(1, (os.cpu_count() or 1) // 2)
    assert _told(code, dataclasses.replace(settings, processes=2))[:2] == ["19", str(ours)]


def test_a_training_leaves_threads_and_priority_to_who_has_set_the_threads(monkeypatch, settings):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    code = "import os; print(os.nice(0), os.environ['OMP_NUM_THREADS'])"
    for processes in (1, 2):
        assert _told(code, dataclasses.replace(settings, processes=processes)) == [str(os.nice(0)), "3"]


def _told(code: str, settings: TrainSettings) -> list[str]:
    """What a process that is started as a training says; it waits for a word first, as it would for its imports."""
    with jobs._process([sys.executable, "-c", f"input(); {code}"], settings, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, encoding="utf-8") as process:
        return process.communicate("\n")[0].split()


def test_the_signs_of_many_processes_do_not_go_into_the_next_run(monkeypatch):
    for name, value in dict(RANK="0", WORLD_SIZE="2", TORCHELASTIC_RUN_ID="x", OMP_NUM_THREADS="1").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    passed = jobs._environment()
    assert passed["HF_HUB_OFFLINE"] == "1"
    assert not {"RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "OMP_NUM_THREADS"} & passed.keys()


@pytest.mark.slow
def test_two_processes_give_the_lora_of_one_with_the_same_global_batch(kit, settings, tmp_path):
    one = jobs.start_training(kit, dataclasses.replace(settings, batch_size=4, steps=4), tmp_path / "one")
    one = one.wait(lambda event: None)
    two = jobs.start_training(kit, dataclasses.replace(settings, batch_size=2, steps=4, processes=2), tmp_path / "two")
    two = two.wait(lambda event: None)
    assert one.status == two.status == "done", two.error
    ours, theirs = load_file(one.lora), load_file(two.lora)
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-4) for key in ours)
