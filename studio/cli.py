"""The command line: each verb is a call of the engine. Results go to standard output, progress to standard error.

Exit 0: done. 2: a fault the user can mend, told in one line. 130: stopped.
"""

import argparse
import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from studio import presets
from studio.errors import Cancelled, StudioError
from studio.flags import add_flags, chosen
from studio.progress import Progress
from studio.settings import (
    DECODER_ONLY,
    GenerateSettings,
    MelSettings,
    MorphSettings,
    PrepareSettings,
    TrainSettings,
    TransformSettings,
)
from studio.workspace import workspace

DONE, FAULT, STOPPED = 0, 2, 130
INNER = ("denoise", "decode")  # stages inside the making of one sound: shown on a terminal, too many for a log


def main(argv: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    try:
        arguments = _parser().parse_args(argv)
        said = arguments.verb(arguments)
        if arguments.json and said is not None:
            print(json.dumps(said, ensure_ascii=False))
        return DONE
    except StudioError as error:
        print(f"studio: {error}", file=sys.stderr)
        return FAULT
    except (Cancelled, KeyboardInterrupt):
        print("studio: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return DONE


# ------------------------------------------------------------------------------------------------------- the verbs
def _studio(arguments: argparse.Namespace) -> None:
    from studio.ui.app import launch  # a verb without a page must not wait for gradio

    launch(workspace(arguments.workspace), port=arguments.port, host=arguments.host, share=arguments.share,
           auth=arguments.auth, browser=not arguments.no_browser, window=arguments.window)


def _check(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.selfcheck import examine

    lines = examine(workspace(arguments.workspace))
    for line in lines:
        _print(arguments, f"{'ok  ' if line.fine else 'MEND'}  {line.part}: {line.said}")
    return {"fine": all(line.fine for line in lines), "parts": [dataclasses.asdict(line) for line in lines]}


def _demo_kit(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.kit import write_demo_kit

    paths = write_demo_kit(arguments.folder, report=_tell)
    _print(arguments, f"{len(paths)} sounds in {arguments.folder}")
    return {"folder": str(arguments.folder), "files": [path.name for path in paths]}


def _encode(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine import convert

    mel = _mel(arguments)
    return _converted(arguments, convert.encode(arguments.source, arguments.target, mel, trim=arguments.trim,
                                                report=_tell))


def _decode(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine import convert

    return _converted(arguments, convert.decode(arguments.source, arguments.target, chosen(arguments, MelSettings),
                                                unmarked=arguments.riffusion, report=_tell))


def _mel(arguments: argparse.Namespace) -> MelSettings:
    """The mel settings of a preset, the flags, and the length that was asked for."""
    mel = _settings(MelSettings, arguments, preset=arguments.mel)
    return mel if arguments.duration is None else mel.for_duration(arguments.duration)


def _prepare(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine import preparation

    mel = _mel(arguments)
    result = preparation.prepare(arguments.sounds, arguments.out, mel, _settings(PrepareSettings, arguments),
                                 report=_tell)
    for path, reason in result.refused:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    if not (result.added or result.unchanged):
        raise StudioError(f"{', '.join(map(str, arguments.sounds))}: no usable sound in there; give files or folders "
                          "with WAV, FLAC, OGG, MP3 or AIFF")
    _print(arguments, f"{len(result.added)} sounds prepared, {len(result.unchanged)} were there, "
                      f"{len(result.refused)} left out: {arguments.out}")
    return {"dataset": str(arguments.out), "added": [dataclasses.asdict(shot) for shot in result.added],
            "unchanged": len(result.unchanged), "refused": [list(pair) for pair in result.refused]}


def _train(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio import jobs
    from studio.files import unused

    out = arguments.out.resolve()
    settings, folder = _settings(TrainSettings, arguments, preset=arguments.preset), unused(out.with_suffix(".run"))
    if arguments.resume and (earlier := _last_run(out)):
        settings = dataclasses.replace(earlier.settings(), **chosen(arguments, TrainSettings))
        folder = earlier.folder
    run = jobs.start_training(arguments.dataset, settings, folder, out=out, resume=arguments.resume)
    try:
        state = run.wait(_tell_event)
    except KeyboardInterrupt:
        print("\nstopping: the step is finished and saved", file=sys.stderr)
        run.stop()
        state = run.wait(_tell_event)
    if state.status == "failed":
        raise StudioError(state.error)
    if state.status == "stopped":
        raise Cancelled
    _print(arguments, f"{out}  ({state.step} steps, last loss {state.losses[-1][1]:.4f})")
    return {"lora": str(out), "run": str(folder), "steps": state.step, "loss": state.losses[-1][1],
            "seconds": round(_seconds(run.events()), 1)}


def _last_run(out: Path) -> Any:
    """The run that was last started for this LoRA file: NAME.run, or NAME_2.run … where there were several."""
    from studio import jobs

    of_this = re.compile(re.escape(out.stem) + r"(_\d+)?\.run")
    return next((run for run in jobs.runs(out.parent) if of_this.fullmatch(run.name)), None)


def _seconds(events: list[dict[str, Any]]) -> float:
    return events[-1]["time"] - events[0]["time"]


def _generate(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.generation import generate

    settings = _settings(GenerateSettings, arguments, preset=arguments.preset)
    return _kept(arguments, generate(settings, arguments.out, report=_tell))


def _transform(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.transform import transform

    path = transform(arguments.source, arguments.target, _settings(TransformSettings, arguments), mask=arguments.mask,
                     report=_tell)
    _print(arguments, str(path))
    return {"file": str(path)}


def _morph(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.morph import morph

    return _kept(arguments, morph(_settings(MorphSettings, arguments), arguments.out, report=_tell))


def _track(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine.morph import track

    path = track(_settings(MorphSettings, arguments), arguments.out, report=_tell)
    _print(arguments, str(path))
    return {"file": str(path)}


def _serve(arguments: argparse.Namespace) -> None:
    from studio.serve import serve

    serve(arguments.host, arguments.port, arguments.base, arguments.device,
          ready=lambda url: print(f"answering at {url}/run_inference/", file=sys.stderr))


def _export_lora(arguments: argparse.Namespace) -> dict[str, Any]:
    from studio.engine import loras

    path = loras.export(arguments.source, arguments.target, arguments.format)
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


# ------------------------------------------------------------------------------------------------------ the grammar
class _Parser(argparse.ArgumentParser):
    """argparse in the house's manner: one line for a fault, no usage block."""

    def error(self, message: str) -> NoReturn:
        raise StudioError(f"{message}; see: python {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="studio.py", description="New one-shots that sound like yours. Without a verb: the studio "
                                                   "in the browser.", allow_abbrev=False)
    parser.set_defaults(verb=_studio, json=False)
    parser.add_argument("--workspace", help="your folder; default ~/One-Shot Studio or $STUDIO_WORKSPACE")
    parser.add_argument("--port", type=int, default=None, help="default: the first free one from 7860")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1: this machine only")
    parser.add_argument("--share", action="store_true", help="a public link to a guest page, with a password")
    parser.add_argument("--auth", metavar="USER:PASS", help="ask for this name and password")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_argument("--window", action="store_true", help="open in a window of its own")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=_Parser)

    check = _verb(verbs, "check", _check, "say in one line per part what works and what to mend")
    check.add_argument("--workspace", default=None, help="your folder")

    demo = _verb(verbs, "demo-kit", _demo_kit, "write the synthesised demo kit")
    demo.add_argument("folder", type=Path, metavar="DIR")

    encode = _verb(verbs, "encode", _encode, "sound to picture; a folder in, a folder out")
    _source_and_target(encode, "IN.wav", "OUT.png")
    _picture_flags(encode, "one-shot-512")
    encode.add_argument("--trim", action="store_true", help="cut silence off both ends first")
    add_flags(encode, MelSettings)

    decode = _verb(verbs, "decode", _decode, "picture to sound, by the settings it carries; a folder in, a folder out")
    _source_and_target(decode, "IN.png", "OUT.wav")
    decode.add_argument("--riffusion", action="store_true",
                        help="take any picture of 512 rows that says nothing of itself for Riffusion's")
    add_flags(decode, MelSettings, skip=[field.name for field in dataclasses.fields(MelSettings)
                                         if field.name not in DECODER_ONLY])

    prepare = _verb(verbs, "prepare", _prepare, "sounds into a dataset")
    prepare.add_argument("sounds", type=Path, nargs="+", metavar="SOUNDS", help="files or folders")
    prepare.add_argument("--out", type=Path, required=True, metavar="DATASET")
    _picture_flags(prepare, "one-shot-128")
    add_flags(prepare, PrepareSettings)
    add_flags(prepare, MelSettings)

    train = _verb(verbs, "train", _train, "a dataset into a LoRA")
    train.add_argument("dataset", type=Path, metavar="DATASET")
    train.add_argument("--out", type=Path, required=True, metavar="LORA.safetensors")
    train.add_argument("--preset", default="", help="start from a training preset")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the same --out")
    add_flags(train, TrainSettings)

    generate = _verb(verbs, "generate", _generate, "words into new sounds")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR")
    generate.add_argument("--preset", default="", help="start from a generation preset")
    add_flags(generate, GenerateSettings)

    transform = _verb(verbs, "transform", _transform, "a sound into another")
    _source_and_target(transform, "IN.wav", "OUT.wav")
    transform.add_argument("--mask", type=Path, metavar="MASK.png", help="white is made anew, black is kept")
    add_flags(transform, TransformSettings, names={"repaint_above_hz": "repaint_above"})

    morph = _verb(verbs, "morph", _morph, "one-shots on the way from one prompt to another")
    morph.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_flags(morph, MorphSettings, names={"start": "from", "end": "to"}, skip=("seconds", "loop"))

    track = _verb(verbs, "track", _track, "a long track or a loop")
    track.add_argument("--out", type=Path, required=True, metavar="FILE.wav")
    add_flags(track, MorphSettings, names={"start": "prompt", "end": "to"}, skip=("count",))

    serve = _verb(verbs, "serve", _serve, "answer Riffusion's POST /run_inference/")
    serve.add_argument("--port", type=int, default=3013)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--base", default="embedded")
    serve.add_argument("--device", default="auto")

    export = _verb(verbs, "export-lora", _export_lora, "a LoRA for other programs")
    _source_and_target(export, "IN.safetensors", "OUT.safetensors")
    export.add_argument("--format", choices=("kohya", "diffusers"), required=True)
    return parser


def _verb(verbs: Any, name: str, do: Any, help: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.set_defaults(verb=do)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser


def _picture_flags(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--mel", default=default, metavar="PRESET|FILE", help=f"default {default}")
    parser.add_argument("--duration", type=float, default=None, metavar="SECONDS",
                        help="length of the picture; the hop that fills it follows")


def _source_and_target(parser: argparse.ArgumentParser, source: str, target: str) -> None:
    parser.add_argument("source", type=Path, metavar=source)
    parser.add_argument("target", type=Path, metavar=target)
