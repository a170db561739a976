"""What each verb of the command line does: a call of the engine, and what it says of the result.

Results go to standard output, progress to standard error. Each function returns what `--json` prints.
"""

import argparse
import dataclasses
import itertools
import os
import re
import sys
from pathlib import Path
from typing import Any

from studio import presets
from studio.errors import Cancelled, StudioError
from studio.flags import chosen
from studio.progress import INNER, Progress
from studio.settings import (
    GenerateSettings,
    MelSettings,
    MorphSettings,
    PrepareSettings,
    TrainSettings,
    TransformSettings,
)
from studio.workspace import workspace


def studio(arguments: argparse.Namespace) -> None:
    """The studio in the browser."""
    from studio.ui.launch import Launch, launch  # a verb without a page must not wait for gradio

    launch(workspace(arguments.workspace), Launch(
        port=arguments.port, host=arguments.host, share=arguments.share, share_all=arguments.share_all,
        auth=arguments.auth, browser=not arguments.no_browser, window=arguments.window))


def check(arguments: argparse.Namespace) -> dict[str, Any]:
    """What works here and what to mend."""
    from studio.engine.selfcheck import examine

    lines = examine(workspace(arguments.workspace))
    for line in lines:
        _print(arguments, f"{'ok  ' if line.fine else 'MEND'}  {line.part}: {line.said}")
    return {"fine": all(line.fine for line in lines), "parts": [dataclasses.asdict(line) for line in lines]}


def demo_kit(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the synthesised demo kit."""
    from studio.engine.kit import write_demo_kit

    paths = write_demo_kit(arguments.folder, report=_tell)
    _print(arguments, f"{len(paths)} sounds in {arguments.folder}")
    return {"folder": str(arguments.folder), "files": [path.name for path in paths]}


def encode(arguments: argparse.Namespace) -> dict[str, Any]:
    """Sound to picture."""
    from studio.engine import convert

    mel = _mel(arguments)
    return _converted(arguments, convert.encode(arguments.source, arguments.target, mel, trim=arguments.trim,
                                                report=_tell))


def decode(arguments: argparse.Namespace) -> dict[str, Any]:
    """Picture to sound."""
    from studio.engine import convert

    return _converted(arguments, convert.decode(arguments.source, arguments.target, chosen(arguments, MelSettings),
                                                unmarked=arguments.riffusion, report=_tell))


def _mel(arguments: argparse.Namespace) -> MelSettings:
    """The mel settings of a preset, the flags, and the length that was asked for."""
    mel = _settings(MelSettings, arguments, preset=arguments.mel)
    return mel if arguments.duration is None else mel.for_duration(arguments.duration)


def prepare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Sounds into a dataset."""
    from studio.engine import preparation

    mel = _mel(arguments)
    result = preparation.prepare(arguments.sounds, arguments.out, mel, _settings(PrepareSettings, arguments),
                                 report=_tell)
    for path, reason in result.refused:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    for said in result.hardly_in(mel):
        print(f"{said}; the page's Dataset tab slices recordings", file=sys.stderr)
    if result.otherwise:
        print(f"{result.otherwise} of those that were there had been prepared with other settings and stay as they "
              "are; prepare into a new folder to have them anew", file=sys.stderr)
    if not (result.added or result.unchanged):
        raise StudioError(f"{', '.join(map(str, arguments.sounds))}: no usable sound in there; give files or folders "
                          "with WAV, FLAC, OGG, MP3 or AIFF")
    _print(arguments, f"{len(result.added)} sounds prepared, {len(result.unchanged)} were there, "
                      f"{len(result.refused)} left out: {arguments.out}")
    return {"dataset": str(arguments.out), "added": [dataclasses.asdict(shot) for shot in result.added],
            "unchanged": len(result.unchanged), "refused": [list(pair) for pair in result.refused]}


def export_dataset(arguments: argparse.Namespace) -> dict[str, Any]:
    """A dataset for other programs' trainers."""
    from studio.engine import exchange

    paths = exchange.export(arguments.dataset, arguments.out, arguments.format, report=_tell)
    _print(arguments, f"{len(paths)} pictures in {arguments.out}")
    return {"folder": str(arguments.out), "format": arguments.format, "files": [str(path) for path in paths]}


def import_dataset(arguments: argparse.Namespace) -> dict[str, Any]:
    """Spectrogram pictures into a dataset."""
    from studio.engine import exchange

    mel = presets.load("mel", arguments.mel, workspace(arguments.workspace)) if arguments.mel else None
    result = exchange.import_pictures(arguments.pictures, arguments.out, mel, report=_tell)
    for path, why in result.refused:
        print(f"left out: {path}: {why}", file=sys.stderr)
    _print(arguments, f"{len(result.added)} pictures brought in, {result.unchanged} were there, "
                      f"{len(result.refused)} left out: {arguments.out}")
    return {"dataset": str(arguments.out), "added": [dataclasses.asdict(shot) for shot in result.added],
            "unchanged": result.unchanged, "refused": [list(pair) for pair in result.refused]}


def train(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """A dataset into a LoRA."""
    from studio import jobs
    from studio.files import unused

    out = _lora_file(arguments.out).resolve()
    settings, folder = _settings(TrainSettings, arguments, preset=arguments.preset), unused(out.with_suffix(".run"))
    if arguments.resume and (earlier := _last_run(out)):
        settings = dataclasses.replace(earlier.settings(), **chosen(arguments, TrainSettings))
        folder = earlier.folder
    if arguments.estimate:
        return _estimate(arguments, settings)
    if jobs.launched():  # by accelerate, torchrun or srun: this process is one of those that share the work
        from studio import worker  # with torch

        run = worker.work_here(arguments.dataset, settings, folder, out=out, resume=arguments.resume)
        if run is None:
            return None
        state = run.state()
    else:
        run = jobs.start_training(arguments.dataset, settings, folder, out=out, resume=arguments.resume)
        state = _waited_for(run)
    if state.status == "failed":
        raise StudioError(state.error)
    if state.status == "stopped":
        raise Cancelled(f"stopped after {state.step} of {state.total} steps; {out} is the LoRA so far, and the same "
                        "line with --resume goes on" if state.lora else "stopped before the first step")
    _print(arguments, f"{out}  ({state.step} steps, last loss {state.losses[-1][1]:.4f})")
    return {"lora": str(out), "run": str(folder), "steps": state.step, "loss": state.losses[-1][1],
            "seconds": round(_seconds(run.events()), 1)}


def _waited_for(run: Any) -> Any:
    """How the run ended; Ctrl-C stops it first."""
    from studio import jobs

    try:
        return run.wait(_tell_event, waiting=lambda: jobs.advance(run.folder.parent))
    except KeyboardInterrupt:
        print("\nstopping: the step is finished and saved", file=sys.stderr)
        run.stop()
        return run.wait(_tell_event, told=len(run.events()))


def _estimate(arguments: argparse.Namespace, settings: TrainSettings) -> dict[str, Any]:
    """What a training would take, from a few real steps."""
    from studio import jobs

    found = jobs.measure(arguments.dataset, settings)
    minutes, gib = found.seconds / 60, 2**30
    _print(arguments, f"{found.steps} steps: about {minutes:.1f} minutes ({found.seconds_per_step:.2f} s a step); "
                      f"{found.memory_bytes / gib:.1f} GB of memory, {found.memory_free_bytes / gib:.1f} GB more are "
                      "free")
    return dataclasses.asdict(found)


def _last_run(out: Path) -> Any:
    """The run that was last started for this LoRA file: NAME.run, or NAME_2.run … where there were several."""
    from studio import jobs

    of_this = re.compile(re.escape(out.stem) + r"(_\d+)?\.run")
    found = [run for run in jobs.runs(out.parent) if of_this.fullmatch(run.name) and run.makes(out.name)]
    # one that failed before its first step is not in the way of one that can go on
    return next((run for run in found if run.resumable()), next(iter(found), None))


def _lora_file(path: Path) -> Path:
    """The path that a LoRA is to be written to, before any work. Raises StudioError where it can be none."""
    if path.suffix != ".safetensors" or path.is_dir():
        raise StudioError(f"{path}: LoRAs are written as safetensors; let the name of a file end in .safetensors")
    return path


def _seconds(events: list[dict[str, Any]]) -> float:
    """Since it was started, the last time where it went on after a pause."""
    began = [event["time"] for event in events if event.get("stage") == "resume"]
    return events[-1]["time"] - (began or [events[0]["time"]])[-1]


def pretrain(arguments: argparse.Namespace) -> dict[str, Any]:
    """A library of sounds into a base model of one's own."""
    from studio.engine import dataset, devices, models
    from studio.engine.base import recipe
    from studio.engine.base.plan import Plan

    work = arguments.work or arguments.out.with_name(arguments.out.name + ".work")
    folder = arguments.library
    if not (folder / "dataset.json").is_file():
        folder = work / "dataset"
        prepare(argparse.Namespace(**vars(arguments) | {"sounds": [arguments.library], "out": folder}))
    plan = Plan.of_library(folder.resolve(), dataset.load(folder).mel, seed=arguments.recipe_seed,
                           threads=max(1, (os.cpu_count() or 1) // 2), unet_steps=arguments.steps,
                           unet_minutes=0.0 if arguments.steps else arguments.minutes,
                           vae_minutes=0.4 * arguments.own_autoencoder,
                           decoder_minutes=0.6 * arguments.own_autoencoder,
                           device=devices.choose(arguments.device).type)
    vae = None if arguments.own_autoencoder else models.EMBEDDED / "vae"
    recipe.build(arguments.out, work, plan, vae=vae, report=_tell)
    _print(arguments, f"{arguments.out}: a base model; use it with --base {arguments.out}")
    return {"base": str(arguments.out), "work": str(work)}


def generate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Words into new sounds."""
    from studio.engine import generation, riffusion_batch

    settings = _settings(GenerateSettings, arguments, preset=arguments.preset)
    wishes = riffusion_batch.read(arguments.batch, settings) if arguments.batch else [settings]
    return _kept(arguments, itertools.chain.from_iterable(generation.generate(wish, arguments.out, report=_tell)
                                                          for wish in wishes))


def transform(arguments: argparse.Namespace) -> dict[str, Any]:
    """A sound into another."""
    from studio.engine import transform as room

    path = room.transform(arguments.source, arguments.target, _settings(TransformSettings, arguments),
                          mask=arguments.mask, report=_tell)
    _print(arguments, str(path))
    return {"file": str(path)}


def split(arguments: argparse.Namespace) -> dict[str, Any]:
    """A mix into its instruments."""
    from studio.engine import stems

    paths = stems.split(arguments.source, arguments.out, device=arguments.device, report=_tell)
    for path in paths:
        _print(arguments, str(path))
    return {"files": [str(path) for path in paths]}


def morph(arguments: argparse.Namespace) -> dict[str, Any]:
    """One-shots on the way between two prompts."""
    from studio.engine import morph as room

    return _kept(arguments, room.morph(_settings(MorphSettings, arguments), arguments.out, report=_tell))


def track(arguments: argparse.Namespace) -> dict[str, Any]:
    """A long track or a loop."""
    from studio.engine import track as room

    path = room.track(_settings(MorphSettings, arguments), arguments.out, report=_tell)
    _print(arguments, str(path))
    return {"file": str(path)}


def serve(arguments: argparse.Namespace) -> None:
    """Answer as Riffusion's server did."""
    from studio import serve as room

    room.serve(arguments.host, room.PORT if arguments.port is None else arguments.port, arguments.base,
               arguments.device, seed_images=workspace(arguments.workspace).seed_images,
               ready=lambda url: print(f"answering at {url}/run_inference/", file=sys.stderr))


def tray(arguments: argparse.Namespace) -> None:
    """A window to drag sounds from, as files."""
    from studio import tray as room

    room.run(workspace(arguments.workspace).takes)


def export_lora(arguments: argparse.Namespace) -> dict[str, Any]:
    """A LoRA for other programs."""
    from studio.engine import loras

    if arguments.target.resolve() == arguments.source.resolve():
        raise StudioError(f"{arguments.target}: is the LoRA itself; give another name")
    path = loras.export(arguments.source, _lora_file(arguments.target), arguments.format)
    _print(arguments, str(path))
    return {"lora": str(path), "format": arguments.format}


# --------------------------------------------------------------------------------------------- words in, words out
def _settings(kind: type, arguments: argparse.Namespace, preset: str = "") -> Any:
    """The defaults, with a preset over them, with the given flags over both."""
    of_preset = {presets.KINDS[name]: name for name in presets.KINDS}
    start = presets.load(of_preset[kind], preset, workspace(arguments.workspace)) if preset else kind()
    return dataclasses.replace(start, **chosen(arguments, kind))


def _kept(arguments: argparse.Namespace, takes: Any) -> dict[str, Any]:
    made = []
    for take in takes:
        _print(arguments, str(take.path))
        made.append({"file": str(take.path), "prompt": take.prompt, "seed": take.seed})
    return {"folder": str(arguments.out), "takes": made}


def _converted(arguments: argparse.Namespace, result: Any) -> dict[str, Any]:
    for path, reason in result.refused:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    if not result.written:
        raise StudioError(f"{arguments.source}: nothing of it was written, as said above")
    for path in result.written:
        _print(arguments, str(path))
    return {"files": [str(path) for path in result.written], "refused": [list(pair) for pair in result.refused]}


def _print(arguments: argparse.Namespace, text: str) -> None:
    """For people: on standard output, unless that is kept for JSON."""
    if not arguments.json:
        print(text, flush=True)


def _tell(progress: Progress) -> None:
    """Progress for people: one line that is written over on a terminal, whole stages else."""
    line = f"{progress.stage} {progress.step}/{progress.total}" if progress.total else progress.stage
    line += f"  {progress.note}" if progress.note else ""
    line += "".join(f"  {name} {value:.4g}" for name, value in progress.values.items())
    if sys.stderr.isatty():
        print(f"\r{line[:110]:<110}", end="\n" if progress.step == progress.total else "", file=sys.stderr, flush=True)
    elif progress.stage not in INNER and (progress.step == progress.total or progress.step % 50 == 0):
        print(line, file=sys.stderr, flush=True)


def _tell_event(event: Any) -> None:
    if "step" in event:
        _tell(Progress(event["stage"], event["step"], event["total"], event["note"], event["values"]))
