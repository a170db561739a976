"""LoRA training on a tiny base: it learns, resumes to equal weights, stops with a file, and refuses NaN."""

import dataclasses
import errno
import shutil

import pytest
import torch
from safetensors.torch import load_file

from studio.engine import audio, dataset, devices, loras, models, preparation
from studio.engine.training import train
from studio.engine.training.loop import plain
from studio.engine.training.material import Batch, Kit, Material
from studio.errors import Cancelled, StudioError
from studio.settings import MelSettings, PrepareSettings, TrainSettings


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A dataset of five synthesised thumps."""
    folder = tmp_path_factory.mktemp("kit")
    time = torch.arange(20000) / 44100
    for number in range(5):
        sound = torch.exp(-(8 + 4 * number) * time) * torch.sin(2 * torch.pi * (50 + 30 * number) * time)
        audio.write(folder / "sounds" / f"kick {number}.wav", 0.9 * sound, 44100)
    preparation.prepare([folder / "sounds"], folder / "dataset", MelSettings(), PrepareSettings())
    return folder / "dataset"


@pytest.fixture
def settings(tiny_base):
    return TrainSettings(base=str(tiny_base), steps=6, batch_size=2, rank=4, alpha=8, warmup_steps=2, device="cpu",
                         checkpoint_every=2, preview_every=0)


def weights(path):
    return load_file(path)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def stop_at(step):
    def report(progress):
        if progress.stage == "train" and progress.step == step:
            raise Cancelled
    return report


def test_the_lora_carries_mel_base_and_recipe_and_loads_into_the_base(kit, settings, tiny_base, tmp_path):
    info = loras.read(train(kit, settings, tmp_path))
    assert info.mel == MelSettings() and info.base == str(tiny_base)
    assert info.recipe["sounds"] == 5 and info.recipe["train"]["steps"] == 6
    base = models.open_base(str(tiny_base), "cpu")
    assert loras.use(base, [f"{info.path}:0.5"]) == MelSettings()


def test_same_seed_same_lora_and_another_seed_another(kit, settings, tmp_path):
    one, again = (weights(train(kit, settings, tmp_path / name)) for name in ("one", "again"))
    other = weights(train(kit, dataclasses.replace(settings, seed=2), tmp_path / "other"))
    assert same(one, again)
    assert not same(one, other)


def test_the_loss_falls_on_a_kit_that_is_shown_often(kit, settings, tmp_path):
    losses = []

    def report(progress):
        if progress.stage == "train":
            losses.append(progress.values["loss"])

    train(kit, dataclasses.replace(settings, steps=40, batch_size=8, learning_rate=0.01, checkpoint_every=0), tmp_path,
          report=report)
    assert sum(losses[-10:]) < sum(losses[:10])


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_stop_hands_over_the_file_and_resuming_gives_the_same_weights(kit, settings, tmp_path, step):
    whole = weights(train(kit, settings, tmp_path / "whole"))
    with pytest.raises(Cancelled):
        train(kit, settings, tmp_path / "stopped", report=stop_at(step))
    assert loras.read(tmp_path / "stopped" / "lora.safetensors").recipe["step"] == step
    assert same(whole, weights(train(kit, settings, tmp_path / "stopped", resume=True)))


def test_only_the_last_two_checkpoints_are_kept(kit, settings, tmp_path):
    train(kit, settings, tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000004", "step-00000006"]


def test_a_loss_that_is_no_number_ends_it_and_keeps_the_last_good_file(kit, settings, tmp_path, monkeypatch):
    true_batch = Material.batch

    def breaks(material, step, part):
        batch = true_batch(material, step, part)
        return dataclasses.replace(batch, noise=batch.noise * float("nan")) if step == 3 else batch

    monkeypatch.setattr(Material, "batch", breaks)
    with pytest.raises(StudioError, match="loss is not a number at step 4.*LoRA of step 3 is kept.*a tenth"):
        train(kit, settings, tmp_path)
    kept = weights(tmp_path / "lora.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.values())


def test_resuming_without_a_checkpoint_is_refused(kit, settings, tmp_path):
    with pytest.raises(StudioError, match="holds no checkpoint"):
        train(kit, settings, tmp_path, resume=True)


@pytest.mark.parametrize("other", [{"rank": 8}, {"targets": "attention"}, {"text_encoder": True}])
def test_a_checkpoint_of_other_weights_is_not_resumed(kit, settings, tmp_path, other):
    train(kit, settings, tmp_path)
    with pytest.raises(StudioError, match="another rank, targets or text_encoder"):
        train(kit, dataclasses.replace(settings, **other), tmp_path, resume=True)


def test_the_text_encoder_learns_only_when_asked(kit, settings, tmp_path):
    without = weights(train(kit, settings, tmp_path / "without"))
    together = weights(train(kit, dataclasses.replace(settings, text_encoder=True), tmp_path / "with"))
    assert not [key for key in without if key.startswith("text_encoder.")]
    learned = [key for key in together if key.startswith("text_encoder.") and "lora_B" in key]
    assert learned and all(together[key].abs().max() > 0 for key in learned)


def test_attention_only_trains_attention_only(kit, settings, tmp_path):
    trained = weights(train(kit, dataclasses.replace(settings, targets="attention"), tmp_path))
    assert all(".attn" in key for key in trained)


def test_accumulated_batches_weigh_as_one(kit, settings, tmp_path, monkeypatch):
    """Steps with two batches of 2 are steps with their four sounds in one batch, to rounding."""
    summing, true_batch = dataclasses.replace(settings, gradient_accumulation=2), Material.batch

    def joined(material, step, part):
        material.settings = summing
        halves = [true_batch(material, step, half) for half in range(2)]
        return Batch(*(torch.cat([getattr(half, each.name) for half in halves]) for each in dataclasses.fields(Batch)))

    summed = weights(train(kit, summing, tmp_path / "summed"))
    half = weights(train(kit, settings, tmp_path / "half"))
    monkeypatch.setattr(Material, "batch", joined)
    whole = weights(train(kit, dataclasses.replace(settings, batch_size=4), tmp_path / "whole"))
    for key, value in whole.items():
        if "lora_B" in key:
            assert (summed[key] - value).norm() < 0.02 * value.norm() < 0.2 * (half[key] - value).norm()


def test_checkpointed_gradients_teach_the_same(kit, settings, tmp_path):
    settings = dataclasses.replace(settings, text_encoder=True, steps=3)
    kept, made_anew = (weights(train(kit, dataclasses.replace(settings, gradient_checkpointing=wish),
                                     tmp_path / str(wish))) for wish in (False, True))
    assert kept.keys() == made_anew.keys()
    for key, value in kept.items():
        assert (made_anew[key] - value).norm() <= 1e-3 * value.norm(), key


def test_disabled_sounds_and_weights_are_honoured(kit, tiny_base, settings):
    shots = dataset.load(kit).one_shots
    rows = [dataclasses.replace(shot, enabled=index != 0, weight=3.0 if index == 1 else 1.0)
            for index, shot in enumerate(shots)]
    shown = dataset.shown(dataclasses.replace(dataset.load(kit), one_shots=tuple(rows)))
    names = [shot.file_name for shot in shown]
    assert shots[0].file_name not in names
    assert names.count(shots[1].file_name) == 3 * names.count(shots[2].file_name)


def test_only_the_wanted_roles_are_learned(kit, settings, tmp_path):
    folder = shutil.copytree(kit, tmp_path / "kit")
    snares = dataset.load(folder).one_shots[1:3]
    dataset.revise(folder, [dataclasses.replace(shot, text="tight snare") for shot in snares])
    learned = Kit(folder, dataclasses.replace(settings, roles=("snare", "clap")))
    assert [shot.file_name for shot in learned.sounds] == [shot.file_name for shot in snares]
    assert learned.order.tolist() == learned.learned == [0, 1] and learned.tags() == {"tight snare": 2}


# ---------------------------------------------------------------------------------------------------------- faults
@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")])
def test_running_out_of_memory_is_one_sentence_with_a_cure_and_keeps_the_last_good_file(kit, settings, tmp_path,
                                                                                       monkeypatch, error):
    true_batch = Material.batch

    def breaks(material, step, part):
        if step == 3:
            raise error
        return true_batch(material, step, part)

    monkeypatch.setattr(Material, "batch", breaks)
    with pytest.raises(StudioError, match="memory ran out at step 4 with batch_size 2 .*LoRA of step 3 is kept.*; "
                                          "lower batch_size to 1 and double gradient_accumulation"):
        train(kit, settings, tmp_path)
    assert loras.read(tmp_path / "lora.safetensors").recipe["step"] == 3


def test_a_disk_that_fills_up_ends_it_and_the_checkpoint_before_stays(kit, settings, tmp_path, monkeypatch):
    true_save = torch.save

    def full(state, path):
        if state["step"] == 4:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        true_save(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StudioError, match="step-00000004: the checkpoint could not be written .*free some disk space"):
        train(kit, settings, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]
    assert loras.read(tmp_path / "lora.safetensors").recipe["step"] == 2


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(kit, settings, tmp_path):
    whole = weights(train(kit, settings, tmp_path))
    (tmp_path / "checkpoints/step-00000006/state.pt").write_bytes(b"torn")
    told = []
    again = weights(train(kit, settings, tmp_path, resume=True, report=told.append))
    assert [each.note for each in told if "step-00000006 is damaged" in each.note]
    assert [each.step for each in told if each.stage == "train"] == [5, 6]
    assert same(whole, again)


def test_what_fp16_has_saved_goes_on_in_another_number_format(kit, settings, tmp_path):
    whole = weights(train(kit, settings, tmp_path))
    path = tmp_path / "checkpoints/step-00000004/state.pt"
    torch.save(torch.load(path) | {"scaler": {"scale": 65536.0}}, path)  # as its scaler of gradients is kept
    shutil.rmtree(tmp_path / "checkpoints/step-00000006")
    assert same(whole, weights(train(kit, settings, tmp_path, resume=True)))


def test_a_dataset_that_is_gone_is_named(kit, settings, tmp_path):
    with pytest.raises(StudioError, match="nowhere: is no dataset or holds no sounds"):
        train(tmp_path / "nowhere", settings, tmp_path / "run")


def test_a_rate_changed_on_resuming_is_the_one_that_counts(kit, settings, tmp_path):
    settings = dataclasses.replace(settings, scheduler="constant")
    with pytest.raises(Cancelled):
        train(kit, settings, tmp_path, report=stop_at(3))
    rates = []

    def report(progress):
        if progress.stage == "train":
            rates.append(progress.values["learning_rate"])

    train(kit, dataclasses.replace(settings, learning_rate=0.0123), tmp_path, resume=True, report=report)
    assert rates == [0.0123] * 3


def test_each_choice_of_targets_trains_its_own_layers(kit, settings, tmp_path):
    def parts(targets):
        found = weights(train(kit, dataclasses.replace(settings, targets=targets, steps=1), tmp_path / targets))
        return {key.rsplit(".lora_", 1)[0].rsplit(".", 1)[1] for key in found}

    few, kohya, every = (parts(targets) for targets in ("attention", "kohya", "all"))
    assert few < kohya < every and {"proj_in", "proj_out", "2"} <= kohya - few and "conv1" in every - kohya


def test_trackers_are_told_nothing_but_words_and_numbers(settings):
    told = plain(dataclasses.replace(settings, roles=("kick", "snare")))
    assert told["roles"] == "kick, snare" and all(type(value) in (int, float, str, bool) for value in told.values())


def test_the_curves_reach_tensorboard(kit, settings, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(kit, dataclasses.replace(settings, report_to="tensorboard"), tmp_path)
    found = events.EventAccumulator(str(next(tmp_path.glob("**/events.out.tfevents*")).parent))
    found.Reload()
    assert [each.step for each in found.Scalars("loss")] == [1, 2, 3, 4, 5, 6]


def test_a_tracker_that_is_not_installed_is_named(kit, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(StudioError, match="report_to is 'tensorboard', which is not installed; run: pip install"):
        train(kit, dataclasses.replace(settings, report_to="tensorboard"), tmp_path)


@pytest.mark.gpu
def test_a_gpu_learns_hears_and_goes_on(kit, settings, tmp_path):
    wanted = dataclasses.replace(settings, device="cuda", preview_every=3, preview_count=1)
    with pytest.raises(Cancelled):
        train(kit, wanted, tmp_path, report=stop_at(4))
    found = weights(train(kit, wanted, tmp_path, resume=True))
    assert all(torch.isfinite(value).all() for value in found.values())
    assert (tmp_path / "previews/step-00000006/00.wav").is_file()
