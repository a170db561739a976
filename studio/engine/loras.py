"""LoRA files: written with all that generation needs to know, read, put onto a base, exchanged with other programs.

On disk a LoRA is safetensors in peft's own naming, which `load_lora_weights` of any diffusers program takes. (The
older naming that diffusers' converter writes covers attention only, and a file of both loses half of itself.) Its
metadata holds peft's configuration (rank and alpha; without it alpha would silently become the rank) and,
under "one-shot-studio", the base it was trained on, the mel settings of its pictures, and the training's recipe.
"""

import errno
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.engine import kohya
from studio.engine.devices import FILLING
from studio.engine.models import Base
from studio.errors import StudioError
from studio.files import write_whole
from studio.knobs import as_dict, from_dict
from studio.settings import MelSettings

STRONGEST = 10.0  # weight of a LoRA; 1 is as it was trained
OURS = "one-shot-studio"  # our key in the metadata
PEFTS = "lora_adapter_metadata"  # diffusers' key for peft's configuration
PARTS = {"unet": "lora_unet", "text_encoder": "lora_te"}  # diffusers' prefix → kohya's for Stable Diffusion 1 and 2
SIDES = {"_A.weight": "lora_A", "_B.weight": "lora_B", "_down.weight": "lora_A", "_up.weight": "lora_B",
         ".down.weight": "lora_A", ".up.weight": "lora_B", "_linear_layer.down.weight": "lora_A",
         "_linear_layer.up.weight": "lora_B"}  # after a module's name and ".lora": peft's, kohya's, diffusers' endings
COMPOUNDS = ("down_blocks", "up_blocks", "mid_block", "transformer_blocks", "time_emb_proj", "conv_shortcut", "proj_in",
             "proj_out", "to_out", "to_q", "to_k", "to_v", "text_model", "self_attn", "out_proj", "q_proj", "k_proj",
             "v_proj")  # names with an underscore of their own, which kohya's naming hides


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
        for key, value in get_peft_model_state_dict(module).items():
            weights[_known(f"{part}.{key}")] = value.detach().float().cpu().contiguous()
        for key, value in module.peft_config["default"].to_dict().items():
            configuration[f"{part}.{key}"] = sorted(value) if isinstance(value, set) else value
    metadata = {
        "format": "pt",
        PEFTS: json.dumps(configuration, sort_keys=True),
        OURS: json.dumps({"version": 1, "base": base, "mel": as_dict(mel), "recipe": recipe}, sort_keys=True),
    }
    return write_whole(path, lambda beside: _save(weights, beside, metadata))


def _save(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """`save_file`, with a full disk told as the OSError that it is."""
    try:
        save_file(dict(tensors), path, metadata=dict(metadata))
    except SafetensorError as error:
        full = "No space left" in str(error) or "os error 28" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def read(path: Path) -> LoraInfo:
    """What a LoRA file says of itself. Raises StudioError for a file that is missing or no safetensors."""
    metadata = _metadata(Path(path))
    said = json.loads(metadata.get(OURS, "{}"))
    mel = from_dict(MelSettings, said["mel"], where=str(path)) if "mel" in said else None
    return LoraInfo(Path(path), said.get("base", ""), mel, said.get("recipe", {}))


def split(lora: str) -> tuple[Path, float]:
    """"FILE:WEIGHT" or "FILE" to a path and a strength, 1.0 where none is given."""
    file, _, weight = lora.rpartition(":")
    try:
        return (Path(file), float(weight)) if file else (Path(lora), 1.0)
    except ValueError:  # no number after the last colon: it belongs to the path, as in C:\loras
        return Path(lora), 1.0


def strengths(loras: Sequence[str]) -> dict[Path, float]:
    """Each file of "FILE:WEIGHT" or "FILE" with its strength; that of a file named several times adds up.

    Raises StudioError for a strength beyond ±STRONGEST.
    """
    found: dict[Path, float] = {}
    for path, weight in map(split, loras):
        found[path] = found.get(path, 0.0) + weight
        if not abs(found[path]) <= STRONGEST:
            raise StudioError(f"{path.name}: has a weight of {found[path]:g}, with which nothing of the base is left; "
                              f"give {-STRONGEST:g} to {STRONGEST:g}, 1 is as trained")
    return found


def use(base: Base, loras: Sequence[str]) -> MelSettings | None:
    """Put exactly these LoRAs onto the base; what is there already stays loaded.

    loras   : each "FILE" or "FILE:WEIGHT"; several add up
    returns : the mel settings of the first that carries any, or None
    Raises StudioError for a file that is no LoRA or was made for another base, and leaves the base without LoRAs.
    """
    try:
        return _use(base, strengths(loras))
    except StudioError:
        base.pipeline.unload_lora_weights()
        raise


def _use(base: Base, loras: Mapping[Path, float]) -> MelSettings | None:
    pipeline = base.pipeline
    wanted = {_adapter_name(path): (path, weight) for path, weight in loras.items()}
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
        # our own reading, because diffusers' of kohya's text encoder names misses the q, k and v of transformers 5
        with FILLING:
            base.pipeline.load_lora_weights(_folded(info.path), adapter_name=name)
    except (RuntimeError, ValueError, KeyError) as error:
        theirs = Path(info.base).name if Path(info.base).is_absolute() else info.base  # a guest may read it
        made_for = f"base {theirs!r}" if theirs else "another base"
        raise StudioError(f"{info.path.name}: was made for {made_for} and does not fit {base.name!r}; "
                          f"choose the base it was trained on") from error
    if name not in base.pipeline.get_list_adapters().get("unet", []) + base.pipeline.get_list_adapters().get(
            "text_encoder", []):
        raise StudioError(f"{info.path.name}: holds no LoRA weights; choose a LoRA file")


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
    if format == "kohya":
        weights, alphas = _weights(Path(source))
        info, tensors = read(source), _to_kohya(weights, alphas)
        metadata = kohya.metadata(Path(target).stem, info.base, info.mel, info.recipe, weights, alphas)
        metadata |= kohya.hashes(tensors, metadata)
    else:
        tensors, metadata = {_known(key): value for key, value in _folded(Path(source)).items()}, {"format": "pt"}
    if OURS in (said := _metadata(Path(source))):
        metadata[OURS] = said[OURS]
    return write_whole(target, lambda beside: _save(tensors, beside, metadata))


def _weights(path: Path) -> tuple[dict[str, Tensor], dict[str, float]]:
    """A LoRA's tensors in peft's naming ("unet.….lora_A.weight") and the alpha of each module."""
    configuration = json.loads(_metadata(path).get(PEFTS, "{}"))
    weights, alphas = {}, {}
    for key, value in load_file(path).items():
        module, _, rest = key.partition(".lora")
        if key.endswith(".alpha"):
            alphas[_from_kohya(key.removesuffix(".alpha"))] = float(value)
        elif rest and (side := SIDES.get(rest)):
            # a copy: while it stood in the file itself, that could not be written anew on Windows
            weights[f"{_from_kohya(module)}.{side}.weight"] = value.float().clone()
    if not weights:
        raise StudioError(f"{path}: holds no LoRA weights; choose a LoRA file")
    for module in {key.rsplit(".", 2)[0] for key in weights}:
        rank = weights[f"{module}.lora_A.weight"].shape[0]
        alphas.setdefault(module, float(configuration.get(f"{module.split('.', 1)[0]}.lora_alpha", rank)))
    return weights, alphas


def _folded(path: Path) -> dict[str, Tensor]:
    """A LoRA's tensors in peft's naming with alpha ÷ rank folded into the second factor, so that alpha is the rank."""
    weights, alphas = _weights(path)
    folded = {}
    for key, value in weights.items():
        module, side, _ = key.rsplit(".", 2)
        rank = weights[f"{module}.lora_A.weight"].shape[0]
        folded[key] = value * (alphas[module] / rank) if side == "lora_B" else value
    return folded


def _from_kohya(module: str) -> str:
    """"lora_unet_mid_block_attentions_0_proj_in" to "unet.mid_block.attentions.0.proj_in"; other names stay."""
    for part, prefix in PARTS.items():
        if module.startswith(f"{prefix}_"):
            words = re.findall("|".join(COMPOUNDS) + "|[^_]+", module.removeprefix(f"{prefix}_"))
            return ".".join([part, *words])
    return module


def _known(name: str) -> str:
    """A module or weight by the name that other programs know: transformers 5 dropped a level of the text encoder."""
    part, path = name.split(".", 1)
    return f"{part}.text_model.{path}" if part == "text_encoder" and not path.startswith("text_model.") else name


def _to_kohya(weights: Mapping[str, Tensor], alphas: Mapping[str, float]) -> dict[str, Tensor]:
    tensors = {}
    for key, value in weights.items():
        module, side, _ = key.rsplit(".", 2)
        part, path = _known(module).split(".", 1)
        name = f"{PARTS[part]}_{path.replace('.', '_')}"
        tensors[f"{name}.{'lora_down' if side == 'lora_A' else 'lora_up'}.weight"] = value
        tensors[f"{name}.alpha"] = torch.tensor(alphas[module])
    return tensors
