"""How far a run is, and how settings come back out of a recipe."""

import types

import gradio as gr
import pytest

from studio.errors import StudioError
from studio.settings import GenerateSettings
from studio.ui import making
from studio.ui.form import Form
from studio.ui.shelf import Shelf
from studio.ui.studio import Studio
from studio.ui.workbench import LORA_SLOTS, Run, Workbench

ME = types.SimpleNamespace(session_hash="me")


@pytest.fixture
def bench(workspace):
    workspace.cache.mkdir(parents=True)
    workspace.loras.mkdir(parents=True)
    for name in ("my kit", "other"):
        (workspace.loras / f"{name}.safetensors").touch()
    with gr.Blocks(analytics_enabled=False) as page:
        studio = Studio(workspace, page, gr.Timer(3))
        return Workbench(studio, Form(GenerateSettings, prefix="test", without=("lora",)), Shelf(studio))


# ------------------------------------------------------------------------------------------------------ how far it is
def parts(run):
    return [round(slot.progress, 2) for slot in run.slots()]


def test_a_batch_fills_together_while_it_is_denoised_and_one_by_one_while_it_is_decoded():
    run = Run(count=5, batch_size=2)
    assert parts(run) == [0, 0, 0, 0, 0]
    run.heed("denoise", 5, 10)
    assert parts(run) == [0.4, 0.4, 0, 0, 0]
    run.heed("decode", 1, 2)
    assert parts(run) == [0.9, 0.8, 0, 0, 0]
    run.finish_one()
    assert parts(run) == [0.8, 0, 0, 0]


def test_the_last_batch_may_be_smaller():
    run = Run(count=3, batch_size=2, done=2)
    run.heed("denoise", 1, 1)
    assert parts(run) == [0.8]


def test_the_time_left_follows_from_what_is_done(monkeypatch):
    now = iter((100.0, 108.0))
    monkeypatch.setattr(making, "time", types.SimpleNamespace(monotonic=lambda: next(now)))
    run = Run(count=4, batch_size=4)
    assert run.said()["seconds_left"] is None
    run.heed("denoise", 0, 10)
    run.heed("denoise", 5, 10)
    said = run.said()
    assert said["seconds_left"] == pytest.approx(12)  # two fifths of all in eight seconds
    assert (said["step"], said["total"]) == (0, 4)


# ------------------------------------------------------------------------------------------------------ making sounds
def test_a_page_makes_one_run_at_a_time(bench):
    bench.begin(ME)
    with pytest.raises(StudioError, match="stop them first"):
        bench.begin(ME)
    bench.over(ME)
    bench.begin(ME)


def test_a_run_that_was_stopped_while_it_waited_makes_nothing(bench):
    bench.begin(ME)
    bench.stop(ME)
    values = [*[control.value for control in bench.form.controls], *["", 1.0] * LORA_SLOTS]
    said, screen = list(bench.generate(ME, *values))[-1]
    assert said["text"].startswith("Stopped. 0 new sounds") and screen.pads == []


def test_a_fault_is_said_in_the_note_as_well_and_frees_the_page(bench):
    bench.begin(ME)
    values = [*[control.value for control in bench.form.controls], *["gone", 1.0] * LORA_SLOTS]
    said = []
    with pytest.raises(StudioError, match="'gone' is no longer in the workspace"):
        for note, _ in bench.generate(ME, *values):
            said.append(note)
    assert said[-1]["tone"] == "bad" and "'gone'" in said[-1]["text"]
    bench.begin(ME)


def test_guests_are_not_told_where_a_file_lies_that_is_at_fault(bench):
    bench.studio.guest = True
    values = [*[control.value for control in bench.form.controls], "my kit", 1.0, *["", 1.0] * (LORA_SLOTS - 1)]
    with pytest.raises(StudioError, match=r"^loras.my kit\.safetensors: is no safetensors file"):
        list(bench.generate(ME, *values))


# ---------------------------------------------------------------------------------------------- settings from a recipe
def filled(bench, recipe, **options):
    """The values by name, the LoRA slots as pairs, and the note."""
    *values, note = bench.fill(recipe, **options)
    form, slots = values[: -2 * LORA_SLOTS], values[-2 * LORA_SLOTS :]
    by_name = {control.elem_id.removeprefix("test-"): value
               for control, value in zip(bench.form.controls, form, strict=True)}
    loras = [(slot["value"], weight) for slot, weight in zip(slots[::2], slots[1::2], strict=True)]
    return {name: value for name, value in by_name.items() if not isinstance(value, dict)}, loras, note


def test_a_preset_says_how_many_but_not_what(bench):
    for name, count in (("sketch", 16), ("standard", 8)):
        values = {control.elem_id.removeprefix("test-"): value
                  for control, value in zip(bench.form.controls, bench.preset(name), strict=True) if value != gr.skip()}
        assert values["count"] == count and not {"prompt", "negative_prompt", "seed"} & values.keys()


def test_what_made_a_sound_comes_back_and_what_is_the_pages_own_stays(bench):
    settings = {"prompt": "deep kick", "negative_prompt": "hiss", "seed": 7, "steps": 9, "guidance": 4.5, "count": 1,
                "scheduler": "ddim", "base": "embedded", "batch_size": 1, "device": "cuda", "lora": []}
    values, loras, note = filled(bench, {"verb": "generate", "settings": settings})
    assert values == {name: settings[name] for name in settings.keys() - {"count", "batch_size", "device", "lora"}}
    assert loras == [("", 1.0)] * LORA_SLOTS and note["tone"] == "good"


def test_a_fresh_seed_is_drawn_where_others_like_it_are_wanted(bench):
    values, _, _ = filled(bench, {"settings": {"prompt": "kick", "seed": 7}}, fresh=True)
    assert values == {"prompt": "kick", "seed": -1}


def test_loras_come_back_by_name_and_those_that_are_gone_are_told(bench):
    loras = ["/elsewhere/my kit.safetensors:0.75", "/elsewhere/gone.safetensors", r"C:\loras\gone too.safetensors"]
    _, chosen, note = filled(bench, {"settings": {"prompt": "kick", "lora": loras}})
    assert chosen == [("my kit", 0.75), ("", 1.0), ("", 1.0)]
    assert note["tone"] == "bad" and "LoRA gone is not in the workspace" in note["lines"][0] and len(note["lines"]) == 2


def test_a_morphs_recipe_gives_its_first_words(bench):
    values, _, _ = filled(bench, {"verb": "morph", "settings": {"start": "kick", "end": "snare", "seconds": 3.0}})
    assert values == {"prompt": "kick"}


@pytest.mark.parametrize("recipe", [{}, {"settings": []}, {"settings": {"prompt": ""}},
                                    {"settings": {"prompt": "kick", "steps": "many"}},
                                    {"settings": {"prompt": "kick", "guidance": 1e9}}])
def test_a_recipe_that_cannot_be_is_refused(bench, recipe):
    with pytest.raises(StudioError):
        bench.fill(recipe)


def test_a_sound_of_another_verb_is_told_from_what_generate_can_do(bench):
    recipe = {"verb": "transform", "settings": {"prompt": "glass", "strength": 0.7}}
    said = bench.fill(recipe)[-1]
    assert said["tone"] == "bad" and "It was made by transform" in said["lines"][0]
    with pytest.raises(StudioError, match="made by transform, which Generate cannot do again"):
        bench.fill(recipe, fresh=True)
