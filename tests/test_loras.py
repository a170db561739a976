"""LoRA files: read, put on, taken off, refused, and exchanged with the same effect at alpha ≠ rank."""

import dataclasses

import pytest
import torch
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import save_file

from studio.engine import loras, models
from studio.errors import StudioError
from studio.settings import MelSettings

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


@torch.no_grad()
def effect(base, files):
    """What the UNet says with these LoRAs on, for a fixed input."""
    loras.use(base, files)
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


def test_two_loras_add_up_and_one_trained_anew_is_loaded_anew(base, lora, tmp_path):
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(lora.read_bytes())
    both = effect(base, [f"{lora}:0.5", f"{twin}:0.5"])
    assert torch.allclose(both, effect(base, [str(lora)]), atol=1e-4)
    tensors = {key: value * 2 for key, value in loras.load_file(lora).items()}
    with safe_open(lora, framework="pt") as file:
        save_file(tensors, twin, metadata=file.metadata())
    assert not torch.allclose(effect(base, [str(twin)]), effect(base, [str(lora)]), atol=1e-3)


def test_a_lora_of_another_base_is_named_and_leaves_the_base_usable(base, lora, tmp_path):
    bare = effect(base, [])
    wrong = tmp_path / "wrong.safetensors"
    with safe_open(lora, framework="pt") as file:
        save_file({key: torch.zeros(value.shape[0] * 2, *value.shape[1:]) if "lora_B" in key else value
                   for key, value in loras.load_file(lora).items()}, wrong, metadata=file.metadata())
    with pytest.raises(StudioError, match="wrong.safetensors: was made for base .* and does not fit"):
        loras.use(base, [str(wrong)])
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
