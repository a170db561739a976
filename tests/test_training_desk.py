"""What the Train tab does, asked without a browser."""

import dataclasses

import gradio as gr
import pytest
from kits import thumps

from studio import dial, jobs, presets
from studio.engine import dataset
from studio.errors import StudioError
from studio.progress import Estimate
from studio.runs import Run
from studio.settings import TrainSettings
from studio.ui.form import Form
from studio.ui.run_view import RunView
from studio.ui.studio import Studio
from studio.ui.training_desk import KEPT, ROLES, STANDARD, Desk, _spoken


@pytest.fixture
def desk(workspace):
    with gr.Blocks(analytics_enabled=False):
        form = Form(TrainSettings, prefix="train", at_once=False)
        form.groups()
    studio = Studio(workspace, None, None)
    return Desk(studio, form, RunView(studio))


def said(desk, values):
    """The settings that updates of the form leave, over the defaults."""
    names = list(desk.form._of_name)
    return {name: value for name, value in zip(names, values, strict=True) if value != gr.skip()}


def values_of(desk, **changes):
    return desk.form.show(dataclasses.replace(TrainSettings(), **changes))


def test_the_form_in_groups_has_every_setting(desk):
    assert len(desk.form.controls) == len(dataclasses.fields(TrainSettings))
    assert desk.form.read([each.value for each in desk.form.controls]) == TrainSettings()


def test_a_preset_leaves_the_machine_and_the_users_words_alone(desk):
    for name in presets.names("train"):
        brought = set(said(desk, desk.preset(name, 0))) & set(KEPT)
        assert brought == ({"roles"} if presets.load("train", name).roles else set())


def test_what_it_learns_is_a_preset_and_the_choice_follows_the_control(desk):
    assert set(dict(ROLES).values()) <= set(presets.names("train"))
    for _, name in ROLES:
        assert desk.learns(desk.learn(name)) == name
    assert desk.learns(None) == desk.learns("") == STANDARD and desk.learns("snare") is None
    assert desk.form.read(values_of(desk, roles=("snare", "clap", "rim"))).roles == ("snare", "clap", "rim")
    assert desk.learn("snare-clap") == "snare\nclap\nrim"


def test_a_preset_for_another_base_brings_its_base_and_the_next_one_its_own(desk):
    changed = said(desk, desk.preset("stable-diffusion-1.5", 0))
    assert changed["base"].startswith("stable-diffusion") and changed["gradient_checkpointing"] is True
    changed = said(desk, desk.preset("quick", 0))
    assert changed["base"] == "embedded" and changed["gradient_checkpointing"] is False


def test_the_dial_turns_what_it_says_from_the_preset_on(desk):
    changed = said(desk, desk.turn("thorough", -1))
    assert set(changed) == set(dial.TURNED)
    assert changed["steps"] == dial.turned(presets.load("train", "thorough"), -1).steps
    assert said(desk, desk.turn(None, 0))["steps"] == TrainSettings().steps


def test_measuring_tells_the_time_and_a_training_of_another_kind_is_told_nothing(desk, monkeypatch):
    monkeypatch.setattr(jobs, "measure", lambda dataset, settings: Estimate(300, 1.0, 600.0, 3e9, 9e9))
    monkeypatch.setattr(Desk, "expect", lambda self, dataset, *values: self._measured)
    waiting, told = desk.measure("kit", *values_of(desk))
    assert waiting[0]["tone"] == "busy" and len(told[0]) == 1
    key = next(iter(told[0]))
    assert key[0] == "kit" and told[0][key].seconds == 600


def test_without_a_dataset_nothing_starts_or_is_measured(desk):
    for work in (lambda: desk.start(None, "", *values_of(desk)), lambda: next(desk.measure(None, *values_of(desk)))):
        with pytest.raises(StudioError, match="no dataset is chosen"):
            work()


def test_what_cannot_work_is_not_started(desk, workspace):
    kit = thumps(workspace.datasets, 2)
    with pytest.raises(StudioError, match="dataset: no caption names snare"):
        desk.start("dataset", "", *values_of(desk, roles=("snare",)))
    dataset.revise(kit, [dataclasses.replace(each, enabled=False) for each in dataset.load(kit).one_shots])
    with pytest.raises(StudioError, match="dataset: all of its sounds are left out"):
        desk.start("dataset", "", *values_of(desk))
    assert not workspace.runs.exists()


@pytest.mark.parametrize("act", ["stop", "resume", "use", "use_best"])
def test_without_a_run_there_is_nothing_to_act_on(desk, act):
    with pytest.raises(StudioError, match="there is no training; start one"):
        getattr(desk, act)("")


def test_a_run_that_vanished_is_said_to_have(desk):
    with pytest.raises(StudioError, match="gone: is no longer there"):
        desk.open(type("Event", (), {"name": "gone"}))
    with pytest.raises(StudioError, match="nothing was thrown away"):
        desk.undo("")


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (80, "80 s"), (100, "2 min"), (3600, "60 min"),
                                                (9000, "2.5 h")])
def test_times_are_told_as_people_say_them(seconds, words):
    assert _spoken(seconds) == words


def test_no_two_trainings_are_given_the_same_lora_file(desk, workspace, monkeypatch):
    outs = []

    def started(dataset, settings, folder, *, out):
        folder.mkdir(parents=True)
        outs.append((folder.name, out.name))
        return Run(folder)

    monkeypatch.setattr(jobs, "start_training", started)
    workspace.loras.mkdir(parents=True)
    thumps(workspace.datasets, 2)
    (workspace.loras / "kit.safetensors").touch()  # of a run that was thrown away
    for _ in range(2):
        desk.start("dataset", "kit", *(control.value for control in desk.form.controls))
    assert outs == [("kit_2", "kit_2.safetensors"), ("kit_3", "kit_3.safetensors")]
