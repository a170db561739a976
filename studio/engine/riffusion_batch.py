"""Riffusion's batch files (`riffusion/text_to_audio_batch.py` of riffusion-hobby): many wishes in one JSON.

    {"params": {"checkpoint", "scheduler", "num_inference_steps", "guidance", "width"},
     "entries": [{"prompt", "negative_prompt", "seed"}, …]}

`params` may be a list, whose members are tried on every entry beside one another.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.errors import StudioError, did_you_mean
from studio.files import read_json
from studio.settings import GenerateSettings

SCHEDULERS = {"DPMSolverMultistepScheduler": "dpm++", "DDIMScheduler": "ddim", "LMSDiscreteScheduler": "lms",
              "EulerDiscreteScheduler": "euler", "EulerAncestralDiscreteScheduler": "euler a"}
PARAMS = {"checkpoint": ("base", str), "scheduler": ("scheduler", str), "num_inference_steps": ("steps", int),
          "guidance": ("guidance", float), "width": ("duration", float)}
ENTRY = {"prompt": ("prompt", str), "negative_prompt": ("negative_prompt", str), "seed": ("seed", int)}
COLUMN = 0.01  # seconds of one column of Riffusion's pictures


def read(path: Path, settings: GenerateSettings) -> list[GenerateSettings]:
    """The wishes of a batch file, each `settings` with what the file says over it; null counts as left out.

    Raises StudioError for a file that is no batch file, and for keys, values and schedulers that are not known.
    """
    data = read_json(path)
    if not isinstance(data, Mapping) or not isinstance(data.get("entries"), list) or not data["entries"]:
        raise StudioError(f"{path}: is no batch file; give {{\"params\": {{…}}, \"entries\": [{{\"prompt\": …}}, …]}}")
    params = data.get("params") or {}
    columns = params if isinstance(params, list) else [params]
    return [dataclasses.replace(settings, **_known(path, column, PARAMS, "params"),
                                **_known(path, entry, ENTRY, "an entry"))
            for entry, column in itertools.product(data["entries"], columns)]


def _known(path: Path, said: Any, keys: Mapping[str, tuple[str, type]], where: str) -> dict[str, Any]:
    """What one object of the file says, as fields of GenerateSettings."""
    if not isinstance(said, Mapping):
        raise StudioError(f"{path}: {where} is {said!r:.60}; give an object with {', '.join(keys)}")
    fields = {}
    for key, value in said.items():
        if key not in keys:
            raise StudioError(f"{path}: unknown key {key!r} in {where}; {did_you_mean(key, keys)}")
        if value is None:
            continue
        field, kind = keys[key]
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise StudioError(f"{path}: {key} is {value!r:.60}; give a value of type {kind.__name__}")
        fields[field] = value
    if "scheduler" in fields and fields["scheduler"] in SCHEDULERS:
        fields["scheduler"] = SCHEDULERS[fields["scheduler"]]
    if "guidance" in fields:
        fields["guidance"] = fields["guidance"] or 1.0  # 0 is none there; here 1 is, and 0 leaves it to the studio
    if "duration" in fields:
        fields["duration"] = (fields["duration"] - 1) * COLUMN  # of a picture's columns the first stands at 0
    return fields
