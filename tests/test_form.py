import dataclasses

import gradio as gr
import pytest

from studio.errors import StudioError
from studio.settings import (
    GenerateSettings,
    MelSettings,
    MorphSettings,
    PrepareSettings,
    TrainSettings,
    TransformSettings,
    knob,
)
from studio.ui.form import Form, control, described, label

EVERY_KIND = (MelSettings, PrepareSettings, TrainSettings, GenerateSettings, TransformSettings, MorphSettings)


def field(kind: type, name: str) -> dataclasses.Field:
    return next(field for field in dataclasses.fields(kind) if field.name == name)


def form(kind: type, **options) -> Form:
    with gr.Blocks(analytics_enabled=False):
        return Form(kind, prefix="test", **options)


def test_labels_are_the_fields_own_names_with_their_units():
    assert label(field(PrepareSettings, "pre_roll_ms")) == "Pre roll (ms)"
    assert label(field(TrainSettings, "learning_rate")) == "Learning rate"


def test_terms_of_the_field_are_not_taken_apart():
    assert label(field(MelSettings, "n_fft")) == "n_fft (samples)"
    assert label(field(MelSettings, "f_max")) == "f_max (Hz)"


def test_a_page_may_place_some_controls_elsewhere_and_read_them_all_the_same():
    with gr.Blocks(analytics_enabled=False):
        made = Form(GenerateSettings, prefix="test", without=("lora",), at_once=False)
        seed = made.place("seed", min_width=90)
        made.rest()
    assert made.controls[0] is seed and seed.min_width == 90
    assert len(made.controls) == len(dataclasses.fields(GenerateSettings)) - 1
    values = [12 if each is seed else each.value for each in made.controls]
    assert made.read(values) == GenerateSettings(seed=12)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_untouched_form_reads_as_the_defaults(kind):
    without = ("lora",) if "lora" in {field.name for field in dataclasses.fields(kind)} else ()
    made = form(kind, without=without)
    assert made.read([each.value for each in made.controls]) == kind()


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_what_a_form_shows_it_reads_back(kind):
    without = ("lora",) if "lora" in {field.name for field in dataclasses.fields(kind)} else ()
    settings = dataclasses.replace(kind(), seed=7) if hasattr(kind(), "seed") else kind()
    made = form(kind, without=without)
    assert made.read(made.show(settings)) == settings


def test_every_control_carries_the_fields_help():
    made = form(TrainSettings)
    assert [each.info for each in made.controls if not each.info] == []
    assert made["rank"].info == field(TrainSettings, "rank").metadata["help"]


def test_a_field_left_out_of_the_form_is_given_by_name():
    made = form(GenerateSettings, without=("lora",))
    assert made.read([each.value for each in made.controls], lora=("a.safetensors:0.5",)).lora == ("a.safetensors:0.5",)


def test_a_cleared_number_is_refused_by_name():
    made = form(TrainSettings)
    values = dict(zip([each.elem_id for each in made.controls], [each.value for each in made.controls], strict=True))
    values["test-steps"] = None
    with pytest.raises(StudioError, match="steps is empty; give a number"):
        made.read(list(values.values()))


def test_a_slider_is_made_only_where_its_default_is_one_of_its_positions():
    with gr.Blocks(analytics_enabled=False):
        assert isinstance(control(field(TrainSettings, "rank")), gr.Slider)
        assert isinstance(control(field(TrainSettings, "alpha")), gr.Number)  # 0.1 and whole steps never meet 8
        assert isinstance(control(field(TrainSettings, "steps")), gr.Number)  # a million positions


def test_a_new_field_gets_its_control_without_further_work():
    kind = dataclasses.make_dataclass("Knobs", [("shine", float, knob(0.5, "How bright.", low=0, high=1, step=0.1))],
                                      frozen=True)
    made = form(kind)
    assert isinstance(made["shine"], gr.Slider)
    assert made["shine"].info == "How bright."


def test_the_lab_is_told_of_every_mel_setting():
    assert [each["name"] for each in described(MelSettings)] == [each.name for each in dataclasses.fields(MelSettings)]


def test_a_field_of_many_values_is_text_of_a_line_each():
    made = form(MorphSettings)
    told = dict(zip(made.names, made.show(MorphSettings(via=("clap", "low tom"))), strict=True))
    assert told["via"] == "clap\nlow tom"
    values = [f" {value} \n" if name == "via" else value for name, value in told.items()]
    assert made.read(values).via == ("clap", "low tom")
