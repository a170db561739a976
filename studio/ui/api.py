"""What scripts may call over HTTP, by name: sounds out of words, a sound made anew, a way, a track (docs/api.md).

Sounds go in as uploads and come back as files; all else is plain. What is made is kept among the takes, as on the page.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from studio.errors import StudioError
from studio.settings import GenerateSettings, MorphSettings, TransformSettings
from studio.ui import engine
from studio.ui.making import ONE_AT_A_TIME, alone
from studio.ui.scratch import Scratch, file_name
from studio.ui.studio import Studio
from studio.ui.takes import served
from studio.ui.toasts import told

QUEUE = {name: ONE_AT_A_TIME[name] for name in ("concurrency_id", "concurrency_limit")}  # with the page's own sounds
# What the page would take, so that a script that leaves them out hears the same.
MADE, CHANGED, TRAVELLED = GenerateSettings(), TransformSettings(), MorphSettings()


def build(studio: Studio) -> None:
    """Make the endpoints /generate, /transform, /morph and /track."""
    for verb in _verbs(studio):
        gr.api(told(_unescaped(alone(verb))), api_name=verb.__name__, **QUEUE)


def _unescaped(verb: Callable) -> Callable:
    """The verb, whose faults programs read as they are: toasts of the page are markup."""
    @functools.wraps(verb)
    def plain(*values: Any) -> Any:
        try:
            return verb(*values)
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from error
    return plain


def _verbs(studio: Studio) -> list[Any]:
    takes = studio.workspace.takes

    def answer(take: Any) -> dict:
        return {"file": FileData(path=served(studio, take), orig_name=take.path.name).model_dump(),
                "name": take.path.name, "prompt": take.prompt, "seed": take.seed}

    def generate(prompt: str, negative_prompt: str = "", count: int = 1, seed: int = -1, steps: int = MADE.steps,
                 guidance: float = MADE.guidance, base: str = "embedded", lora: str = "") -> list[dict]:
        """New sounds from words. lora : NAME or NAME:WEIGHT of the workspace, several joined by commas."""
        settings = GenerateSettings(prompt=prompt, negative_prompt=negative_prompt, count=count, seed=seed, steps=steps,
                                    guidance=guidance, base=base, lora=_loras(studio, lora))
        return [answer(take) for take in engine.generation.generate(settings, takes)]

    def transform(source: dict, prompt: str, negative_prompt: str = "", strength: float = 0.5, mask: dict | None = None,
                  keep_ms: float = 0.0, repaint_above_hz: float = 0.0, keep_phase: bool = False, seed: int = -1,
                  steps: int = CHANGED.steps, guidance: float = CHANGED.guidance, base: str = "embedded",
                  lora: str = "") -> list[dict]:
        """A sound made anew. source, mask : uploaded files (gradio_client's handle_file), white = make anew."""
        path = _uploaded(studio, "source", source)
        settings = engine.library.settled(TransformSettings(
            prompt=prompt, negative_prompt=negative_prompt, strength=strength, keep_ms=keep_ms,
            repaint_above_hz=repaint_above_hz, keep_phase=keep_phase, seed=seed, steps=steps, guidance=guidance,
            base=base, lora=_loras(studio, lora)))
        with Scratch(studio.workspace.cache) as folder:
            made = engine.transform.transform(path, folder / file_name(path.stem, settings), settings,
                                              mask=_uploaded(studio, "mask", mask) if mask else None)
            return [answer(engine.library.adopt(made, takes))]

    def morph(start: str, end: str, count: int = 8, negative_prompt: str = "", via: str = "", seed: int = -1,
              steps: int = TRAVELLED.steps, guidance: float = TRAVELLED.guidance, base: str = "embedded",
              lora: str = "") -> list[dict]:
        """One-shots on the way from one prompt to another. via : prompts on the way, a line each."""
        settings = MorphSettings(start=start, end=end, count=count, negative_prompt=negative_prompt, via=_lines(via),
                                 seed=seed, steps=steps, guidance=guidance, base=base, lora=_loras(studio, lora))
        return [answer(take) for take in engine.morph.morph(settings, takes)]

    def track(start: str, end: str = "", seconds: float = 10.0, bpm: float = 0.0, bars: int = 0, loop: bool = False,
              negative_prompt: str = "", via: str = "", seed: int = -1, steps: int = TRAVELLED.steps,
              guidance: float = TRAVELLED.guidance, base: str = "embedded", lora: str = "") -> list[dict]:
        """One long track or loop. bars : its length where there is a tempo, 0 takes seconds."""
        settings = engine.library.settled(MorphSettings(
            start=start, end=end, seconds=seconds, bpm=bpm, bars=bars, loop=loop, negative_prompt=negative_prompt,
            via=_lines(via), seed=seed, steps=steps, guidance=guidance, base=base, lora=_loras(studio, lora)))
        with Scratch(studio.workspace.cache) as folder:
            made = engine.track.track(settings, folder / file_name(start, settings))
            return [answer(engine.library.adopt(made, takes))]

    return [generate, transform, morph, track]


def _uploaded(studio: Studio, what: str, file: Any) -> Path:
    """The path of an upload, which lies in the page's cache; no other file can be named."""
    path = Path(str(file.get("path", ""))).resolve() if isinstance(file, Mapping) else Path()
    if not (path.is_file() and path.is_relative_to(studio.workspace.served.resolve())):
        raise StudioError(f"{what} is no uploaded file; give handle_file(PATH) of gradio_client, or what /upload says")
    return path


def _lines(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.splitlines())))


def _loras(studio: Studio, named: str) -> tuple[str, ...]:
    """NAME or NAME:WEIGHT, joined by commas, as files of the workspace."""
    found = []
    for each in filter(None, map(str.strip, named.split(","))):
        name, colon, weight = each.partition(":")
        if name not in studio.loras():
            raise StudioError(f"LoRA {name!r} is not in the workspace; known are {', '.join(studio.loras()) or 'none'}")
        found.append(f"{studio.workspace.loras / name}.safetensors{colon}{weight}")
    return tuple(found)
