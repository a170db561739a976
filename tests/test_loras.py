"""LoRA files: read, put on, taken off, refused, and exchanged with the same effect at alpha ≠ rank."""

import dataclasses
import hashlib
import json

import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from studio.engine import loras, models
from studio.engine.training.adapters import KOHYA, TEXT
from studio.errors import StudioError
from studio.knobs import as_dict
from studio.settings import MelSettings, TrainSettings

RANK, ALPHA = 4, 6.0


@pytest.fixture(scope="module")
def base(tiny_base):
    return models.open_base(str(tiny_base), "cpu")


@pytest.fixture(scope="module")
def lora(tiny_base, tmp_path_factory):
    """A LoRA of UNet and text encoder whose weights are all noise."""
    pipeline = models.open_base(str(tiny_base), "cpu").pipeline
    torch.manual_seed(3)
    pipeline.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False,
                                         target_modules=["to_q", "to_out.0", "proj_in", "ff.net.2", "conv1"]))
    pipeline.text_encoder.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False,
                                                 target_modules=["q_proj", "fc1"]))
    return loras.save(tmp_path_factory.mktemp("loras") / "kit.safetensors",
                      {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}, str(tiny_base), MelSettings(),
                      {"steps": 1})


def effect(base, files):
    """What the UNet says with these LoRAs on, for a fixed input."""
    loras.use(base, files)
    return spoken(base)


@torch.no_grad()
def spoken(base):
    """What the UNet says as it is, for a fixed input."""
    pipeline = base.pipeline
    tokens = torch.arange(77)[None] % 200
    chance = torch.Generator().manual_seed(1)
    return pipeline.unet(torch.randn(1, 4, 16, 16, generator=chance), 500, pipeline.text_encoder(tokens)[0]).sample


def test_a_lora_has_its_strength_and_leaves_no_trace_when_taken_off(base, lora):
    bare, full, half = effect(base, []), effect(base, [str(lora)]), effect(base, [f"{lora}:0.5"])
    assert not torch.allclose(bare, full, atol=1e-3)
    assert not torch.allclose(half, full, atol=1e-3)
    assert torch.allclose(effect(base, [f"{lora}:0"]), bare, atol=1e-6)
    assert torch.equal(effect(base, []), bare)


def test_the_text_encoders_weights_have_the_names_that_other_programs_know(lora, tmp_path):
    """diffusers under any transformers, ComfyUI: transformers 5 has dropped the level text_model."""
    for file in (lora, loras.export(lora, tmp_path / "exported.safetensors", "diffusers")):
        names = [name for name in loras.load_file(file) if name.startswith("text_encoder.")]
        assert "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight" in names
        assert all(name.startswith("text_encoder.text_model.encoder.") for name in names)


@pytest.mark.parametrize("format", ["kohya", "diffusers"])
def test_an_exported_lora_has_the_same_effect_though_alpha_is_not_the_rank(base, lora, tmp_path, format):
    exported = loras.export(lora, tmp_path / "exported.safetensors", format)
    assert torch.allclose(effect(base, [str(exported)]), effect(base, [str(lora)]), atol=1e-4)


def test_a_kohya_file_comes_back_with_the_same_effect(base, lora, tmp_path):
    there = loras.export(lora, tmp_path / "there.safetensors", "kohya")
    back = loras.export(there, tmp_path / "back.safetensors", "diffusers")
    assert torch.allclose(effect(base, [str(back)]), effect(base, [str(lora)]), atol=1e-4)


def test_a_kohya_file_has_the_names_and_keys_that_other_programs_read(lora, tmp_path):
    with safe_open(loras.export(lora, tmp_path / "k.safetensors", "kohya"), framework="pt") as file:
        keys, metadata = list(file.keys()), file.metadata()
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight" in keys
    assert any(key.endswith("attn1_to_out_0.alpha") for key in keys)
    assert all(key.startswith(("lora_unet_", "lora_te_")) for key in keys)
    assert metadata["ss_network_dim"] == str(RANK) and float(metadata["ss_network_alpha"]) == ALPHA
    assert metadata["ss_v2"] == "False" and metadata["ss_base_model_version"] == "sd_v1"


def test_a_kohya_file_of_ours_is_read_by_diffusers_itself_with_equal_output(tiny_base, base, tmp_path):
    """Attention, feed-forward and projections, alpha ≠ rank: what kohya's own tools train of a UNet."""
    pipeline = models.open_base(str(tiny_base), "cpu").pipeline
    torch.manual_seed(4)
    pipeline.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False, target_modules=KOHYA))
    ours = loras.save(tmp_path / "ours.safetensors", {"unet": pipeline.unet}, str(tiny_base), MelSettings(), {})
    exported = loras.export(ours, tmp_path / "exported.safetensors", "kohya")
    expected, bare = effect(base, [str(ours)]), effect(base, [])
    other = models.open_base(str(tiny_base), "cpu")
    other.pipeline.load_lora_weights(str(exported))  # diffusers alone, nothing of ours
    assert torch.allclose(spoken(other), expected, atol=1e-4)
    assert not torch.allclose(expected, bare, atol=1e-3)


def test_a_text_encoder_exported_to_kohya_is_read_by_diffusers_itself_where_it_can(tiny_base, base, lora, tmp_path):
    """Its q, k and v are beyond it with this transformers; fc1, fc2 and out_proj are not."""
    pipeline = models.open_base(str(tiny_base), "cpu").pipeline
    torch.manual_seed(5)
    pipeline.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False, target_modules=["to_q"]))
    pipeline.text_encoder.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False,
                                                 target_modules=["fc1", "fc2", "out_proj"]))
    ours = loras.save(tmp_path / "ours.safetensors", {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder},
                      str(tiny_base), MelSettings(), {})
    exported = loras.export(ours, tmp_path / "exported.safetensors", "kohya")
    expected = effect(base, [str(ours)])
    other = models.open_base(str(tiny_base), "cpu")
    other.pipeline.load_lora_weights(str(exported))
    assert torch.allclose(spoken(other), expected, atol=1e-4)


def test_kohyas_targets_are_its_192_and_72_modules_of_stable_diffusion():
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        text_encoder = CLIPTextModel(CLIPTextConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12))
        for module, targets in ((unet, KOHYA), (text_encoder, TEXT)):
            module.add_adapter(LoraConfig(r=1, target_modules=targets))
    counts = [sum(name.endswith("lora_A") for name, _ in module.named_modules()) for module in (unet, text_encoder)]
    assert counts == [192, 72]


def test_what_a_training_knows_of_itself_other_programs_can_read(lora, tmp_path):
    """The keys that A1111 and kohya's tools show: steps, rates, pictures, tags, hashes of the weights alone."""
    info = loras.read(lora)
    recipe = {"step": 40, "sounds": 12, "held_out": 2, "dataset": "/kits/Snares", "prediction_type": "epsilon",
              "tags": {"snare, tight": 7, "snare": 3}, "train": as_dict(TrainSettings(
                  learning_rate=0.002, seed=9, min_snr_gamma=5, trigger="mykit"))}
    told = save_file_with(lora, tmp_path / "told.safetensors", {"version": 1, "base": info.base,
                                                                "mel": as_dict(MelSettings()), "recipe": recipe})
    exported = loras.export(told, tmp_path / "Snare Kit.safetensors", "kohya")
    with safe_open(exported, framework="pt") as file:
        said = file.metadata()
    assert said["ss_output_name"] == "Snare Kit" and said["ss_steps"] == "40" and said["ss_seed"] == "9"
    assert said["ss_learning_rate"] == said["ss_unet_lr"] == "0.002" and said["ss_num_train_images"] == "10"
    assert said["ss_min_snr_gamma"] == "5.0" and "ss_noise_offset" not in said
    assert json.loads(said["ss_tag_frequency"]) == {"Snares": {"snare": 10, "tight": 7}}
    assert said["ss_resolution"] == "(128, 128)" and said["modelspec.trigger_phrase"] == "mykit"
    whole = exported.read_bytes()
    body = whole[8 + int.from_bytes(whole[:8], "little"):]
    assert said["sshs_model_hash"] == hashlib.sha256(body).hexdigest() and len(said["sshs_legacy_hash"]) == 8
    assert all(isinstance(value, str) for value in said.values())


def test_a_full_disk_is_a_sentence_and_the_old_file_stays(lora, tmp_path, monkeypatch):
    target = tmp_path / "old.safetensors"
    target.write_bytes(b"old")

    def full(*given, **named):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(loras, "save_file", full)
    with pytest.raises(StudioError, match="old.safetensors: could not be written .*; free some disk space"):
        loras.export(lora, target, "kohya")
    assert target.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def save_file_with(lora, path, said):
    """A copy of a LoRA that says something else of itself."""
    with safe_open(lora, framework="pt") as file:
        metadata = file.metadata()
    save_file(loras.load_file(lora), path, metadata=metadata | {loras.OURS: json.dumps(said)})
    return path


def test_two_loras_add_up_and_one_trained_anew_is_loaded_anew(base, lora, tmp_path):
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(lora.read_bytes())
    both = effect(base, [f"{lora}:0.5", f"{twin}:0.5"])
    assert torch.allclose(both, effect(base, [str(lora)]), atol=1e-4)
    tensors = {key: value * 2 for key, value in loras.load_file(lora).items()}
    with safe_open(lora, framework="pt") as file:
        save_file(tensors, twin, metadata=file.metadata())
    assert not torch.allclose(effect(base, [str(twin)]), effect(base, [str(lora)]), atol=1e-3)


def test_a_lora_that_is_named_twice_adds_up(base, lora):
    assert loras.strengths([f"{lora}:0.5", str(lora), f"{lora}:-0.25"]) == {lora: 1.25}
    assert torch.equal(effect(base, [f"{lora}:0.25", f"{lora}:0.75"]), effect(base, [str(lora)]))


@pytest.mark.parametrize("weight", ["1000", "-11", "nan", "inf"])
def test_a_weight_that_leaves_nothing_of_the_base_is_refused(weight):
    with pytest.raises(StudioError, match="give -10 to 10"):
        loras.strengths([f"mine.safetensors:{weight}"])


def test_a_lora_of_another_base_is_named_and_leaves_the_base_usable(base, lora, tmp_path):
    bare = effect(base, [])
    wrong = tmp_path / "wrong.safetensors"
    with safe_open(lora, framework="pt") as file:
        save_file({key: torch.zeros(value.shape[0] * 2, *value.shape[1:]) if "lora_B" in key else value
                   for key, value in loras.load_file(lora).items()}, wrong, metadata=file.metadata())
    with pytest.raises(StudioError, match="wrong.safetensors: was made for base .* and does not fit"):
        loras.use(base, [str(lora), str(wrong)])
    assert not base.pipeline.get_active_adapters()
    assert torch.equal(effect(base, []), bare)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all" * 10])
def test_a_file_that_is_no_lora_is_named(base, tmp_path, content):
    path = tmp_path / "junk.safetensors"
    path.write_bytes(content)
    with pytest.raises(StudioError, match="junk.safetensors: is no safetensors file"):
        loras.use(base, [str(path)])
    with pytest.raises(StudioError, match="junk.safetensors"):
        loras.export(path, tmp_path / "out.safetensors", "kohya")


def test_safetensors_without_lora_weights_are_named(base, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(StudioError, match="other.safetensors"):
        loras.use(base, [str(path)])


@pytest.mark.parametrize(("text", "path", "weight"), [
    ("a.safetensors", "a.safetensors", 1.0), ("a.safetensors:0.5", "a.safetensors", 0.5),
    ("C:\\loras\\a.safetensors", "C:\\loras\\a.safetensors", 1.0), ("a:b.safetensors:-1", "a:b.safetensors", -1.0)])
def test_a_strength_stands_after_the_last_colon(text, path, weight):
    assert loras.split(text) == (loras.Path(path), weight)


def test_what_a_lora_says_of_itself(lora, tiny_base):
    info = loras.read(lora)
    assert (info.base, info.mel, info.recipe) == (str(tiny_base), MelSettings(), {"steps": 1})
    assert dataclasses.is_dataclass(info)
