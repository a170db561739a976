"""What a run's folder tells: states, rewinding, and looks that stay quick."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from studio.files import write_json
from studio.runs import Run, Stories, born, runs
from studio.story import Story


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path / "a")
    write_json(made.folder / "settings.json", {})
    return made


def tell(run, stage, step, total=10, note="", at=0.0, **values):
    run.tell({"time": at, "stage": stage, "step": step, "total": total, "note": note, "values": values})


def test_a_recycled_process_id_fools_nobody(run):
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": 0.0})
    assert not run.alive()
    assert run.state().status == "failed" and "it said nothing" in run.state().error


def test_half_a_line_is_left_for_the_next_look(run):
    tell(run, "train", 1, loss=0.5)
    line = json.dumps({"stage": "train", "step": 2, "total": 2, "note": "", "values": {"loss": 0.25}, "time": 1.0})
    story = Story()
    with (run.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(line[:20])
        file.flush()
        assert run.state(story).losses == ((1, 0.5),)
        file.write(line[20:] + "\n")
    assert run.state(story).losses == ((1, 0.5), (2, 0.25))


def test_what_a_killed_process_left_of_a_line_is_passed_over(run):
    tell(run, "train", 1, loss=0.5)
    with (run.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stage": "tra\n')
    tell(run, "train", 2, loss=0.4)
    assert run.state().losses == ((1, 0.5), (2, 0.4))


def test_a_second_look_reads_only_what_is_new(run):
    story = Story()
    for step in range(1, 101):
        tell(run, "train", step, 200, at=step, loss=1 / step)
    run.state(story)
    path = run.folder / "events.jsonl"
    first = len(path.read_bytes().split(b"\n")[0]) + 1
    damaged = b"x" * (path.stat().st_size - first)  # what was read is not read again, whatever it has become
    tell(run, "train", 101, 200, at=101, loss=0.5)
    with path.open("rb+") as file:
        file.seek(first)
        file.write(damaged)
    assert len(run.state(story).losses) == 101
    assert len(run.state().losses) == 1


def test_another_file_under_the_same_name_is_read_from_its_beginning(run):
    story = Story()
    for step in (1, 2, 3):
        tell(run, "train", step, loss=0.5)
    run.state(story)
    (run.folder / "events.jsonl").unlink()
    for step in (1, 2, 3, 4):
        tell(run, "train", step, at=7.0, loss=0.25)
    assert run.state(story).losses == ((1, 0.25), (2, 0.25), (3, 0.25), (4, 0.25))


def test_a_hundred_thousand_steps_are_read_once_and_then_in_no_time(run):
    lines = [json.dumps({"time": step, "stage": "train", "step": step, "total": 100_000, "note": "",
                         "values": {"loss": 0.5, "learning_rate": 0.001}}) for step in range(1, 100_001)]
    (run.folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    stories = Stories()
    assert stories.state(run).step == 100_000
    story, asked = stories._stories[run.folder], []
    story._heed = asked.append
    stories.state(run)
    assert not asked


def test_a_resumed_run_goes_back_to_the_step_it_went_on_from(run):
    tell(run, "preview", 0, note="previews/step-00000000", distance_db=9.0, nearest_db=8.0, best=1)
    for step in (1, 2, 3, 4):
        tell(run, "train", step, at=step, loss=step / 10)
        tell(run, "validate", step, held_out_loss=step / 5)
    tell(run, "preview", 4, note="previews/step-00000004", distance_db=7.0, nearest_db=6.0, best=1)
    run.tell({"stage": "resume"})
    tell(run, "train", 3, at=100, loss=0.9)
    state = run.state()
    assert state.losses == ((1, 0.1), (2, 0.2), (3, 0.9)) and state.held_out == ((1, 0.2), (2, 0.4))
    assert [each.step for each in state.previews] == [0]
    assert state.previews[0].distance_db == 9.0 and state.previews[0].folder == run.folder / "previews/step-00000000"


def test_a_run_that_begins_anew_shows_its_first_previews_once(run):
    for _ in range(2):
        tell(run, "validate", 0, held_out_loss=1.0)
        tell(run, "preview", 0, note="previews/step-00000000", distance_db=9.0, nearest_db=8.0, best=0)
        run.tell({"stage": "resume"})
    assert [each.step for each in run.state().previews] == [0] and run.state().held_out == ((0, 1.0),)


def test_the_pace_is_that_of_the_process_at_work(run):
    story = Story()
    for step in (1, 2, 3):
        tell(run, "train", step, at=100 * step, loss=0.5)
    run.tell({"stage": "resume", "time": 900})
    for step in (4, 5, 6):
        tell(run, "train", step, at=1000 + 2 * step, loss=0.5)
    run.state(story)
    assert story.seconds_per_step == pytest.approx(2) and story.seconds_left == pytest.approx(8)
    assert run.state().seconds_left is None  # nobody works on it


def test_the_folder_says_what_was_measured_and_which_step_was_best(run):
    tell(run, "estimate", 3, 300, seconds_per_step=0.5, seconds=150, memory_bytes=2e9, memory_free_bytes=8e9)
    write_json(run.folder / "best.json", {"step": 2, "distance_db": 3.0})
    state = run.state()
    assert state.estimate.seconds == 150 and state.estimate.memory_bytes == 2e9 and state.best_step == 2


def test_a_run_that_waits_is_not_taken_for_a_dead_one_and_leaves_the_queue_when_stopped(run):
    (run.folder / "queued").touch()
    assert run.state().status == "queued" and run.state().active and not run.at_work()
    run.stop()
    assert run.state().status == "stopped" and not run.queued


def test_a_process_that_said_its_last_word_is_not_at_work_any_more(run):
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    assert run.at_work() and run.state().status == "starting"
    tell(run, "train", 1, loss=0.5)
    assert run.state().status == "running"
    (run.folder / "stop").touch()
    assert run.state().status == "stopping"
    run.tell({"status": "stopped"})
    assert run.alive() and not run.at_work() and not run.state().active


def test_the_last_event_is_found_behind_what_a_killed_process_left(run):
    tell(run, "train", 1, loss=0.5)
    with (run.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stage": "tra\n{"sta')
    assert run.last_event()["step"] == 1


def test_runs_are_found_newest_first(tmp_path):
    for number, name in enumerate(("b", "c", "a")):
        write_json(tmp_path / name / "settings.json", {})
        os.utime(tmp_path / name / "settings.json", (number, number))
    (tmp_path / "no run").mkdir()
    assert [each.name for each in runs(tmp_path)] == ["a", "c", "b"]


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux counts from the machine's start")
def test_a_clock_that_is_set_right_ends_no_run(run, monkeypatch):
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    assert run.alive()
    before = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: before + 3600)
    assert psutil.Process().create_time() > time.time() and run.alive()


def test_who_waits_for_a_queued_run_can_see_to_its_turn(run):
    turns = []

    def begin():
        turns.append(run.name)
        if len(turns) == 3:
            (run.folder / "queued").unlink()
            run.tell({"status": "done"})

    (run.folder / "queued").touch()
    assert run.wait(lambda event: None, waiting=begin).status == "done"
    assert turns == ["a"] * 3


def test_who_follows_a_resumed_run_hears_nothing_of_the_process_before(run):
    tell(run, "train", 1, loss=0.5)
    run.tell({"stage": "resume"})
    tell(run, "train", 2, loss=0.4)
    heard = []
    run.wait(heard.append)
    assert [event["stage"] for event in heard] == ["resume", "train"] and heard[-1]["step"] == 2
    run.wait(heard.append, told=3)
    assert len(heard) == 2


def test_a_run_knows_its_lora_by_name_though_both_were_moved(run):
    write_json(run.folder / "settings.json", {"out": "/elsewhere/kit_2.safetensors"})
    assert run.makes("kit_2.safetensors") and not run.makes("kit.safetensors")


def test_a_process_that_has_said_its_last_word_is_waited_for_and_no_other(run):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as child:
        write_json(run.folder / "process.json", {"pid": child.pid, "started": born(child.pid)})
        tell(run, "train", 1, loss=0.5)
        assert not run.ended() and child.poll() is None
        run.tell({"status": "stopped"})
        child.stdin.write("\n")
        child.stdin.flush()  # from here on it takes as long as it takes
        assert run.ended()
    assert run.ended()
