"""What kohya's tools, A1111 and ComfyUI read of a LoRA beside its weights: `ss_…`, `sshs_…` and `modelspec.…` keys.

All values are text. Keys whose truth is not known are left out; moments in time are, so that the same training gives
the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from studio.settings import MelSettings

WIDTH_OF_2 = 1024  # of the text encoder of Stable Diffusion 2; that of 1 is 768
LEGACY_FROM, LEGACY_BYTES = 0x100000, 0x10000  # the part of a file that A1111's first hash read
AS_THEY_ARE = {"ss_learning_rate": "learning_rate", "ss_text_encoder_lr": "text_encoder_learning_rate",
               "ss_lr_scheduler": "scheduler", "ss_lr_warmup_steps": "warmup_steps", "ss_seed": "seed",
               "ss_max_train_steps": "steps", "ss_gradient_accumulation_steps": "gradient_accumulation",
               "ss_gradient_checkpointing": "gradient_checkpointing", "ss_total_batch_size": "batch_size",
               "ss_caption_dropout_rate": "caption_dropout"}  # kohya's key → our field
UNLESS_NOUGHT = {"ss_noise_offset": "noise_offset", "ss_min_snr_gamma": "min_snr_gamma"}


def metadata(name: str, base: str, mel: MelSettings | None, recipe: Mapping[str, Any], weights: Mapping[str, Tensor],
             alphas: Mapping[str, float]) -> dict[str, str]:
    """The keys of a LoRA called `name`.

    base, mel, recipe : what its file says of itself; "" , None and {} for one from elsewhere
    weights, alphas   : in peft's naming, and of each module
    """
    rank = max(value.shape[0] for key, value in weights.items() if ".lora_A." in key)
    second = any(value.shape[1] == WIDTH_OF_2 for key, value in weights.items() if "attn2.to_k.lora_A" in key)
    velocity = "_v" if recipe.get("prediction_type") == "v_prediction" else ""
    said = {"format": "pt", "ss_v2": str(second), "ss_network_module": "networks.lora",
            "ss_base_model_version": f"sd_v{2 if second else 1}{velocity}", "ss_network_dim": str(rank),
            "ss_network_alpha": str(max(alphas.values())), "ss_network_args": "{}", "ss_output_name": name,
            "ss_sd_model_name": base or "unknown",
            "modelspec.sai_model_spec": "1.0.1", "modelspec.title": name,
            "modelspec.architecture": f"stable-diffusion-v{'2-512' if second else '1'}/lora",
            "modelspec.implementation": "https://github.com/Stability-AI/generative-models"}
    if mel:
        said |= {"ss_resolution": f"({mel.n_frames}, {mel.n_mels})",
                 "modelspec.resolution": f"{mel.n_frames}x{mel.n_mels}"}
    if velocity:
        said["modelspec.prediction_type"] = "v"
    return said | _of_training(recipe)


def _of_training(recipe: Mapping[str, Any]) -> dict[str, str]:
    """What is known of how a LoRA was trained."""
    settings, said = recipe.get("train") or {}, {}
    if "step" in recipe:
        said["ss_steps"] = str(recipe["step"])
    if "sounds" in recipe:
        said["ss_num_train_images"] = str(recipe["sounds"] - recipe.get("held_out", 0))
    said |= {key: str(settings[field]) for key, field in AS_THEY_ARE.items() if field in settings}
    said |= {key: str(settings[field]) for key, field in UNLESS_NOUGHT.items() if settings.get(field)}
    if "learning_rate" in settings:
        said |= {"ss_unet_lr": said["ss_learning_rate"], "ss_optimizer": "torch.optim.adamw.AdamW"}
    if settings.get("trigger"):
        said["modelspec.trigger_phrase"] = settings["trigger"]
    if recipe.get("tags"):
        tags: Counter[str] = Counter()
        for caption, count in recipe["tags"].items():
            tags.update({tag.strip(): count for tag in caption.split(",") if tag.strip()})
        folder = Path(recipe.get("dataset") or "kit").name
        said |= {"ss_tag_frequency": json.dumps({folder: dict(tags)}, ensure_ascii=False),
                 "ss_dataset_dirs": json.dumps({folder: {"n_repeats": 1, "img_count": recipe.get("sounds", 0)}})}
    return said


def hashes(tensors: Mapping[str, Tensor], said: Mapping[str, str]) -> dict[str, str]:
    """`sshs_model_hash` of the weights alone and `sshs_legacy_hash`, by which A1111 knows a file again."""
    whole = save(dict(tensors), {key: value for key, value in said.items() if key.startswith("ss_")})
    body = whole[8 + int.from_bytes(whole[:8], "little") :]
    legacy = hashlib.sha256(whole[LEGACY_FROM : LEGACY_FROM + LEGACY_BYTES]).hexdigest()[:8]
    return {"sshs_model_hash": hashlib.sha256(body).hexdigest(), "sshs_legacy_hash": legacy}
