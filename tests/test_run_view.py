"""What the Train tab shows, asked without a browser."""

import base64
import dataclasses
import os

import gradio as gr
import pytest
import torch

from studio.engine import library
from studio.engine.picture import Picture
from studio.files import write_json
from studio.knobs import as_dict
from studio.runs import Run, born
from studio.settings import GenerateSettings, MelSettings, TrainSettings
from studio.ui.run_view import MOST_COLUMNS, PARTS, RunView, said
from studio.ui.studio import Studio

SKIPPED = gr.skip()


@pytest.fixture
def view(workspace):
    return RunView(Studio(workspace, None, None))


def keep_run(workspace, name="a", status="done", previews=()):
    run = Run(workspace.runs / name)
    write_json(run.folder / "settings.json", {"version": 1, "dataset": str(workspace.datasets / "kit"), "out": "",
                                              "train": as_dict(TrainSettings(steps=4)), "resume": False})
    for step in previews:
        place = run.folder / f"previews/step-{step:08d}"
        place.mkdir(parents=True)
        run.tell({"stage": "preview", "step": step, "total": 4, "note": f"previews/step-{step:08d}", "values": {
            "distance_db": 5.0, "nearest_db": 4.0, "best": 0}})
    run.tell({"stage": "train", "step": 4, "total": 4, "note": "", "values": {"loss": 0.5}})
    if status:
        run.tell({"status": status, "error": f"{workspace.root}: a fault"})
    return run


def looked(view, opened="", seen=None):
    return dict(zip(view.parts, view.look(opened, seen), strict=True))


def test_an_empty_workspace_says_what_to_do_first(view):
    shown = looked(view)
    assert "begin at Dataset" in shown["note"]["text"] and shown["list"]["runs"] == []


def test_a_second_look_changes_only_what_has_changed(view, workspace):
    run = keep_run(workspace)
    first = looked(view)
    assert all(first[name] != SKIPPED for name in PARTS)
    assert all(update == SKIPPED for update in looked(view, seen=first["seen"]).values())
    run.tell({"stage": "resume"})
    again = looked(view, seen=first["seen"])
    assert again["note"] != SKIPPED and again["list"] != SKIPPED and again["timer"] == SKIPPED


def test_the_run_at_work_is_shown_unless_the_page_has_chosen_another(view, workspace):
    busy = keep_run(workspace, "busy", status="")
    write_json(busy.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    keep_run(workspace, "newest")
    assert looked(view)["note"]["text"].startswith("busy: training")
    assert looked(view, "newest")["note"]["text"].startswith("newest")
    assert looked(view, "../secret")["note"]["text"].startswith("busy")


def test_the_list_says_what_can_be_done_with_each_run(view, workspace):
    busy = keep_run(workspace, "busy", status="")
    write_json(busy.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    waiting = keep_run(workspace, "waiting", status="")
    (waiting.folder / "queued").touch()
    for status in ("done", "stopped", "failed"):
        keep_run(workspace, status, status=status)
    keep_run(workspace, "killed", status="")
    acts = {run["name"]: (run["status"], tuple(run["acts"])) for run in looked(view)["list"]["runs"]}
    assert list(acts)[:2] == ["busy", "waiting"]
    assert acts["busy"] == ("running", ("stop", "clone")) and acts["waiting"] == ("queued", ("take off", "clone"))
    assert acts["done"] == ("done", ("clone", "trash"))
    assert acts["stopped"][1] == acts["failed"][1] == acts["killed"][1] == ("resume", "clone", "trash")
    assert acts["killed"][0] == "failed"


def test_a_fault_is_told_to_the_owner_and_not_to_guests(workspace):
    run = keep_run(workspace, status="failed")
    assert "a fault" in str(looked(RunView(Studio(workspace, None, None)))["note"])
    guest = looked(RunView(Studio(workspace, None, None, guest=True)))
    assert str(workspace.root) not in str(guest) and "list" not in guest and "stop" not in guest
    loading = dataclasses.replace(run.state(), status="starting", stage="load", note="base /home/me/mine")
    assert "/home/me" in str(said(run, loading)) and "/home/me" not in str(said(run, loading, guest=True))


def test_many_previews_are_thinned_out_but_for_the_first_the_best_and_the_last(view, workspace):
    run = keep_run(workspace, previews=range(0, 5000, 100))
    write_json(run.folder / "best.json", {"step": 1700, "distance_db": 1.0})
    columns = looked(view)["previews"]["columns"]
    steps = [column["step"] for column in columns]
    assert len(steps) in (MOST_COLUMNS - 1, MOST_COLUMNS) and steps == sorted(steps)
    assert {0, 1700, 4900} <= set(steps) and [each["step"] for each in columns if each["best"]] == [1700]


def test_a_preview_is_found_by_run_step_and_row_and_nothing_else_is(view, workspace):
    run, mel = keep_run(workspace, previews=(0,)), MelSettings()
    library.keep(0.5 * torch.ones(4000), Picture(torch.zeros(128, 128, dtype=torch.uint8), 0.0, 4000, mel),
                 library.recipe_for(GenerateSettings(prompt="deep kick"), "generate", mel),
                 run.folder / "previews/step-00000000", "00")
    assert looked(view)["previews"]["prompts"] == ["deep kick"]
    assert view.preview_sound({"run": "a", "step": 0, "row": 0})["wav"]
    for asked in ({"run": "../a", "step": 0, "row": 0}, {"run": "a", "step": "../..", "row": 0}, {},
                  {"run": "a", "step": 0, "row": 1}, {"run": "a", "step": 0, "row": -1}, {"run": ["a"], "row": "x"}):
        assert "error" in view.preview_sound(asked)


def test_a_guests_preview_says_what_made_it_and_not_where_that_lies(workspace):
    run, mel, base = keep_run(workspace, previews=(0,)), MelSettings(), str(workspace.root / "bases" / "mine")
    library.keep(0.5 * torch.ones(4000), Picture(torch.zeros(128, 128, dtype=torch.uint8), 0.0, 4000, mel),
                 library.recipe_for(GenerateSettings(prompt="deep kick", base=base), "generate", mel),
                 run.folder / "previews/step-00000000", "00")
    for guest in (False, True):
        view = RunView(Studio(workspace, None, None, guest=guest))
        wav = base64.b64decode(view.preview_sound({"run": "a", "step": 0, "row": 0})["wav"])
        assert b"deep kick" in wav and (str(workspace.root).encode() in wav) is not guest
