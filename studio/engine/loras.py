"""LoRA files: written with all that generation needs to know, read, put onto a base, exchanged with other programs.

On disk a LoRA is safetensors in diffusers' own naming, so that `load_lora_weights` of any diffusers program takes
it. Its metadata holds peft's configuration (rank and alpha; without it alpha would silently become the rank) and,
under "one-shot-studio", the base it was trained on, the mel settings of its pictures, and the training's recipe.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from studio.engine.models import Base
from studio.errors import StudioError
from studio.files import write_whole
from studio.settings import MelSettings, as_dict, from_dict

OURS = "one-shot-studio"  # our key in the metadata
PEFTS = "lora_adapter_metadata"  # diffusers' key for peft's configuration
PARTS = {"unet": "lora_unet", "text_encoder": "lora_te"}  # diffusers' prefix → kohya's for Stable Diffusion 1 and 2


@dataclass(frozen=True)
class LoraInfo:
    """What a LoRA file says of itself; a file from another program says neither base nor mel settings."""

    path: Path
    base: str
    mel: MelSettings | None
    recipe: Mapping[str, Any]


def save(path: Path, modules: Mapping[str, torch.nn.Module], base: str, mel: MelSettings,
         recipe: Mapping[str, Any]) -> Path:
    """Write the adapters of `modules` ("unet", perhaps "text_encoder") as one LoRA file, whole; float32."""
    weights, configuration = {}, {}
    for part, module in modules.items():
        for key, value in convert_state_dict_to_diffusers(get_peft_model_state_dict(module)).items():
            weights[f"{part}.{key}"] = value.detach().float().cpu().contiguous()
        for key, value in module.peft_config["default"].to_dict().items():
            configuration[f"{part}.{key}"] = sorted(value) if isinstance(value, set) else value
    metadata = {
        "format": "pt",
        PEFTS: json.dumps(configuration, sort_keys=True),
        OURS: json.dumps({"version": 1, "base": base, "mel": as_dict(mel), "recipe": recipe}, sort_keys=True),
    }
    return write_whole(path, lambda beside: save_file(weights, beside, metadata=metadata))


def read(path: Path) -> LoraInfo:
    """What a LoRA file says of itself. Raises StudioError for a file that is missing or no safetensors."""
    metadata = _metadata(Path(path))
    said = json.loads(metadata.get(OURS, "{}"))
    mel = from_dict(MelSettings, said["mel"], where=str(path)) if "mel" in said else None
    return LoraInfo(Path(path), said.get("base", ""), mel, said.get("recipe", {}))


def split(lora: str) -> tuple[Path, float]:
    """"FILE:WEIGHT" or "FILE" to a path and a strength, 1.0 where none is given."""
    file, colon, weight = lora.rpartition(":")
    try:
        return Path(file), float(weight) if colon else 1.0
    except ValueError:  # no number after the last colon: it belongs to the path, as in C:\loras
        return Path(lora), 1.0


def use(base: Base, loras: Sequence[str]) -> MelSettings | None:
    """Put exactly these LoRAs onto the base; what is there already stays loaded.

    loras   : each "FILE" or "FILE:WEIGHT"; several add up
    returns : the mel settings of the first that carries any, or None
    Raises StudioError for a file that is no LoRA or was made for another base, and leaves the base without LoRAs.
    """
    pipeline = base.pipeline
    wanted = {_adapter_name(path): (path, weight) for path, weight in map(split, loras)}
    there = {name for names in pipeline.get_list_adapters().values() for name in names}
    if there - wanted.keys():
        pipeline.unload_lora_weights()
        there = set()
    infos = []
    for name, (path, _) in wanted.items():
        infos.append(read(path))
        if name not in there:
            _load(base, infos[-1], name)
    if wanted:
        pipeline.set_adapters(list(wanted), [weight for _, weight in wanted.values()])
    return next((info.mel for info in infos if info.mel), None)


def _load(base: Base, info: LoraInfo, name: str) -> None:
    try:
        base.pipeline.load_lora_weights(info.path.parent, weight_name=info.path.name, adapter_name=name,
                                        local_files_only=True)
    except (RuntimeError, ValueError, KeyError) as error:
        base.pipeline.unload_lora_weights()
        made_for = f"base {info.base!r}" if info.base else "another base"
        raise StudioError(f"{info.path}: was made for {made_for} and does not fit {base.name!r}; "
                          f"choose the base it was trained on") from error
    if name not in base.pipeline.get_list_adapters().get("unet", []) + base.pipeline.get_list_adapters().get(
            "text_encoder", []):
        raise StudioError(f"{info.path}: holds no LoRA weights; choose a LoRA file")


def _adapter_name(path: Path) -> str:
    """A name that changes with the file, so that a LoRA trained anew under the same name is loaded anew."""
    try:
        stat = path.stat()
    except OSError as error:
        raise StudioError(f"{path}: there is no such LoRA file; check the path") from error
    return "lora_" + hashlib.sha1(f"{path.resolve()} {stat.st_mtime_ns} {stat.st_size}".encode()).hexdigest()[:12]


def _metadata(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise StudioError(f"{path}: there is no such LoRA file; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise StudioError(f"{path}: is no safetensors file; choose a LoRA saved as .safetensors") from error


# ------------------------------------------------------------------------------------------------- exchange
def export(source: Path, target: Path, format: str) -> Path:
    """Write a LoRA file in another program's naming, with the same effect.

    format : "kohya" (A1111, ComfyUI, kohya's own tools; alpha kept per module) or "diffusers" (alpha folded into the
             weights, so that every reader takes it at the right strength)
    Raises StudioError for a file that is no LoRA.
    """
    weights, alphas = _weights(Path(source))
    info = read(source)
    if format == "kohya":
        tensors = _to_kohya(weights, alphas)
        metadata = _kohya_metadata(info, weights, alphas)
    else:
        tensors = {}
        for key, value in weights.items():
            module, side, _ = key.rsplit(".", 2)
            rank = weights[f"{module}.lora_A.weight"].shape[0]
            tensors[key] = value * (alphas[module] / rank) if side == "lora_B" else value
        metadata = {"format": "pt"}
    if OURS in (said := _metadata(Path(source))):
        metadata[OURS] = said[OURS]
    return write_whole(target, lambda beside: save_file(tensors, beside, metadata=metadata))


def _weights(path: Path) -> tuple[dict[str, Tensor], dict[str, float]]:
    """A LoRA's tensors in peft's naming ("unet.….lora_A.weight") and the alpha of each module."""
    _metadata(path)
    loaded, network_alphas, configuration = StableDiffusionPipeline.lora_state_dict(
        path.parent, weight_name=path.name, local_files_only=True, return_lora_metadata=True)
    weights = {}
    for key, value in loaded.items():
        key = key.replace(".lora.down.", ".lora_A.").replace(".lora.up.", ".lora_B.")
        key = key.replace(".lora_linear_layer.down.", ".lora_A.").replace(".lora_linear_layer.up.", ".lora_B.")
        weights[key] = value.float().contiguous()
    if not weights:
        raise StudioError(f"{path}: holds no LoRA weights; choose a LoRA file")
    alphas = {}
    for module in {key.rsplit(".", 2)[0] for key in weights}:
        rank = weights[f"{module}.lora_A.weight"].shape[0]
        part = module.split(".", 1)[0]
        alpha = (configuration or {}).get(f"{part}.lora_alpha", rank)
        alphas[module] = float((network_alphas or {}).get(f"{module}.alpha", alpha))
    return weights, alphas


def _to_kohya(weights: Mapping[str, Tensor], alphas: Mapping[str, float]) -> dict[str, Tensor]:
    tensors = {}
    for key, value in weights.items():
        module, side, _ = key.rsplit(".", 2)
        part, path = module.split(".", 1)
        if part == "text_encoder" and not path.startswith("text_model."):
            path = f"text_model.{path}"  # transformers 5 dropped this level; the other programs still expect it
        name = f"{PARTS[part]}_{path.replace('.', '_')}"
        tensors[f"{name}.{'lora_down' if side == 'lora_A' else 'lora_up'}.weight"] = value
        tensors[f"{name}.alpha"] = torch.tensor(alphas[module])
    return tensors


def _kohya_metadata(info: LoraInfo, weights: Mapping[str, Tensor], alphas: Mapping[str, float]) -> dict[str, str]:
    """The six keys that kohya's tools call the minimum, and the name A1111 shows."""
    rank = max(value.shape[0] for key, value in weights.items() if ".lora_A." in key)
    return {"format": "pt", "ss_v2": "False", "ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora",
            "ss_network_dim": str(rank), "ss_network_alpha": str(max(alphas.values())), "ss_network_args": "{}",
            "ss_output_name": info.path.stem, "ss_sd_model_name": info.base or "unknown"}
