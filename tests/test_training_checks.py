"""What is looked at while a training runs: previews, held-out loss, the best step, when it is enough, what it takes."""

import dataclasses
import json
import shutil

import pytest
import torch
from kits import thumps
from safetensors.torch import load_file

from studio.engine import audio, dataset, generation, models, picture
from studio.engine.training import checks, estimate, loop, previews, train
from studio.engine.training.loop import steps_of
from studio.engine.training.previews import Heard
from studio.errors import Cancelled, StudioError
from studio.settings import GenerateSettings, TrainSettings


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """Five sounds, of which none is held out."""
    return thumps(tmp_path_factory.mktemp("five"), 5)


@pytest.fixture(scope="module")
def larger_kit(tmp_path_factory):
    """Twenty sounds, of which two are held out."""
    return thumps(tmp_path_factory.mktemp("twenty"), 20)


@pytest.fixture
def settings(tiny_base):
    return TrainSettings(base=str(tiny_base), steps=4, batch_size=2, rank=2, device="cpu", preview_every=2,
                         preview_count=2, learning_rate=0.01, warmup_steps=0)


def trained(kit, settings, folder, report=lambda progress: None):
    """All that the training told, and its LoRA."""
    told = []

    def listen(progress):
        told.append(progress)
        report(progress)

    return told, train(kit, settings, folder, report=listen)


def of(told, stage):
    return [each for each in told if each.stage == stage]


# -------------------------------------------------------------------------------------------------------- previews
def test_previews_are_made_of_the_base_alone_and_at_every_check_and_at_the_end(kit, settings, tmp_path):
    told, _ = trained(kit, dataclasses.replace(settings, steps=5), tmp_path)
    found = of(told, "preview")
    assert [(each.step, each.note) for each in found] == [
        (step, f"previews/step-{step:08d}") for step in (0, 2, 4, 5)]
    for each in found:
        files = sorted(path.name for path in (tmp_path / each.note).iterdir())
        assert files == [f"{number}.{suffix}" for number in ("00", "01") for suffix in ("json", "png", "wav")]
        assert each.values["nearest_db"] <= each.values["distance_db"]
    before, after = (audio.read(tmp_path / each.note / "00.wav")[0] for each in (found[0], found[-1]))
    assert not torch.equal(before, after)


def test_a_preview_is_what_generate_gives_with_the_file(kit, settings, tmp_path):
    _, lora = trained(kit, settings, tmp_path)
    recipe = json.loads((tmp_path / "previews/step-00000004/01.json").read_text())
    assert recipe["preview"] == {"run": tmp_path.name, "step": 4} and recipe["settings"]["lora"] == [str(lora)]
    again = GenerateSettings(**{**recipe["settings"], "lora": tuple(recipe["settings"]["lora"])})
    take = next(generation.generate(again, tmp_path / "takes"))
    ours, theirs = (picture.load(path).pixels.float() for path in (
        tmp_path / "previews/step-00000004/01.png", take.picture))
    assert (ours - theirs).abs().max() <= 1


def test_previews_of_a_large_base_are_made_as_stable_diffusion_wants_it(kit, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SMALL", 0)
    trained(kit, dataclasses.replace(settings, steps=1, preview_count=1), tmp_path)
    said = json.loads((tmp_path / "previews/step-00000001/00.json").read_text())["settings"]
    assert (said["steps"], said["guidance"], said["base"]) == (25, 7, settings.base)


def test_training_learns_the_same_with_previews_and_without(larger_kit, settings, tmp_path):
    _, heard = trained(larger_kit, settings, tmp_path / "heard")
    _, unheard = trained(larger_kit, dataclasses.replace(settings, preview_every=0), tmp_path / "unheard")
    ours, theirs = load_file(heard), load_file(unheard)
    assert all(ours[key].equal(theirs[key]) for key in ours)
    assert not (tmp_path / "unheard" / "previews").exists() and not (tmp_path / "unheard" / "best.json").exists()


def test_prompts_are_the_users_or_the_kits_with_the_trigger_before_them(kit, settings, tmp_path):
    trained(kit, dataclasses.replace(settings, steps=1, trigger="zap kit"), tmp_path / "own")
    prompts = {json.loads(path.read_text())["settings"]["prompt"] for path in (tmp_path / "own").glob("**/*.json")
               if path.parent.name == "step-00000000"}
    assert prompts and all(prompt.startswith("zap kit kick") for prompt in prompts)
    trained(kit, dataclasses.replace(settings, steps=1, preview_prompts="low kick\n\n snare "), tmp_path / "given")
    found = [json.loads((tmp_path / f"given/previews/step-00000001/0{n}.json").read_text())["settings"] for n in (0, 1)]
    assert [(each["prompt"], each["seed"]) for each in found] == [("low kick", 1), ("snare", 1)]


def test_previews_show_each_role_before_a_second_sound_of_any():
    tags = {"snare, soft": 1, "snare, hard": 1, "cowbell, low": 1, "kick": 3, "kick, deep": 1, "snare": 1}
    assert previews._of_each_role(tags) == ["kick", "snare, soft", "cowbell, low", "kick, deep", "snare, hard", "snare"]


def test_a_stop_in_the_middle_of_a_preview_leaves_no_half_of_it(kit, settings, tmp_path):
    def stop(progress):
        if progress.stage == "denoise" and of_training:
            raise Cancelled
        if progress.stage == "train":
            of_training.append(progress.step)

    of_training = []
    with pytest.raises(Cancelled):
        trained(kit, settings, tmp_path, stop)
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["step-00000000"]
    assert (tmp_path / "lora.safetensors").exists() and (tmp_path / "checkpoints/step-00000002").exists()
    told = []
    train(kit, settings, tmp_path, resume=True, report=told.append)
    assert [each.step for each in of(told, "preview")] == [2, 4]


# ------------------------------------------------------------------------------------- held out, best, early stop
def test_a_small_kit_loses_no_sound_and_a_larger_one_is_checked_on_what_it_never_sees(kit, larger_kit, settings):
    assert loop.Kit(kit, settings).held == []
    found = loop.Kit(larger_kit, settings)
    assert len(found.held) == 2 and not set(found.held) & set(found.order.tolist())
    assert sorted([*found.held, *found.learned]) == list(range(20))
    assert loop.Kit(larger_kit, dataclasses.replace(settings, held_out=0)).held == []


def test_held_out_loss_is_the_same_for_the_same_weights(larger_kit, settings, tmp_path):
    frozen = dataclasses.replace(settings, learning_rate=1e-12)
    told, _ = trained(larger_kit, frozen, tmp_path)
    losses = [each.values["held_out_loss"] for each in of(told, "validate")]
    assert len(losses) == 3 and max(losses) - min(losses) < 1e-6


def test_the_best_step_is_kept_with_its_figures(larger_kit, settings, tmp_path):
    told, lora = trained(larger_kit, dataclasses.replace(settings, steps=6), tmp_path)
    losses = {each.step: each.values["held_out_loss"] for each in of(told, "validate") if each.step}
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["step"] == min(losses, key=losses.get) and best["held_out_loss"] == min(losses.values())
    marked = [each.step for each in of(told, "preview") if each.values["best"]]
    assert marked[-1] == best["step"] and 0 not in marked
    ours, last = load_file(tmp_path / "best.safetensors"), load_file(lora)
    assert all(ours[key].equal(last[key]) for key in ours) == (best["step"] == 6)


def heard(monkeypatch, *distances):
    """Previews that are so far from the kit, in their order, (distance_db, nearest_db) each."""
    row = iter(distances)
    monkeypatch.setattr(checks.Previews, "make", lambda self, step, report: Heard(*next(row)))


def test_without_held_out_sounds_previews_that_copy_are_never_the_best(kit, settings, tmp_path, monkeypatch):
    heard(monkeypatch, (1.0, 2.0), (6.0, 4.0), (2.0, 0.4), (5.0, 3.0))
    told, _ = trained(kit, dataclasses.replace(settings, steps=6), tmp_path)
    assert [each.values["best"] for each in of(told, "preview")] == [0, 1, 0, 1]
    assert json.loads((tmp_path / "best.json").read_text()) == {"step": 6, "distance_db": 5.0}


def test_it_ends_early_after_so_many_checks_without_a_gain_and_resuming_remembers_them(kit, settings, tmp_path,
                                                                                      monkeypatch):
    wanted = dataclasses.replace(settings, steps=100, early_stop=2, checkpoint_every=1)
    heard(monkeypatch, (9, 9), (5, 4), (6, 4), (7, 4), (8, 4))
    told, lora = trained(kit, wanted, tmp_path / "whole")
    assert of(told, "train")[-1].step == 6 and lora.exists()

    def stop(progress):
        if progress.stage == "train" and progress.step == 5:
            raise Cancelled

    heard(monkeypatch, (9, 9), (5, 4), (6, 4))
    with pytest.raises(Cancelled):
        trained(kit, wanted, tmp_path / "parts", stop)
    heard(monkeypatch, (7, 4))
    train(kit, wanted, tmp_path / "parts", resume=True)
    ours, whole = load_file(tmp_path / "parts" / "lora.safetensors"), load_file(lora)
    assert all(ours[key].equal(whole[key]) for key in ours)


# ----------------------------------------------------------------------------------------------- before the start
def test_the_estimate_is_told_once_after_a_few_real_steps(kit, settings, tmp_path):
    told, _ = trained(kit, dataclasses.replace(settings, steps=8, preview_every=4), tmp_path)
    found = of(told, "estimate")
    assert len(found) == 1 and found[0].step == 5 and found[0].total == 8
    assert found[0].values["seconds"] > 8 * found[0].values["seconds_per_step"] > 0
    assert found[0].values["memory_bytes"] > 0 and found[0].values["memory_free_bytes"] > 0


def test_an_estimate_leaves_nothing_but_the_latents(kit, settings, monkeypatch, tmp_path):
    monkeypatch.setattr(loop.tempfile, "tempdir", str(tmp_path))
    found = estimate(kit, dataclasses.replace(settings, steps=50, preview_every=25))
    shared = estimate(kit, dataclasses.replace(settings, epochs=100, processes=2, batch_size=1))
    assert shared.steps == 250 and shared.seconds > 250 * shared.seconds_per_step  # two share what one has measured
    assert found.steps == 50 and found.seconds > 50 * found.seconds_per_step > 0
    assert not list(tmp_path.iterdir())


def test_what_cannot_fit_is_refused_before_the_first_step_with_what_would(kit, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.engine.devices.free_memory", lambda device=None: 20 * 2**20)
    with pytest.raises(StudioError, match=r"batch_size is 256: .* GB .*; lower batch_size to \d+, or turn gradient_ch"):
        trained(kit, dataclasses.replace(settings, batch_size=256), tmp_path)
    assert not (tmp_path / "lora.safetensors").exists()


def test_epochs_count_how_often_every_sound_is_shown(kit, settings, tmp_path):
    wanted = dataclasses.replace(settings, epochs=3, batch_size=2, gradient_accumulation=2, preview_every=0)
    assert steps_of(wanted, 5, 1) == 4 and steps_of(wanted, 5, 2) == 2
    told, _ = trained(kit, wanted, tmp_path)
    assert of(told, "train")[-1].step == of(told, "train")[-1].total == 4
    shots = dataset.load(kit).one_shots
    heavy = shutil.copytree(kit, tmp_path / "heavy")
    dataset.revise(heavy, [dataclasses.replace(shots[0], weight=1.5)])  # shown oftener, and the others no more
    told, _ = trained(heavy, wanted, tmp_path / "other")
    assert of(told, "train")[-1].total == 4
