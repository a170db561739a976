"""The command line: its grammar, and what a fault looks like. What the verbs do is in verbs.py.

Exit 0: done. 2: a fault the user can mend, told in one line. 130: stopped.
"""

import argparse
import dataclasses
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from studio import verbs
from studio.errors import Cancelled, StudioError, ran_out_of_memory, told_of_memory
from studio.flags import add_flags
from studio.settings import (
    DECODER_ONLY,
    GenerateSettings,
    MelSettings,
    MorphSettings,
    PrepareSettings,
    TrainSettings,
    TransformSettings,
)

DONE, FAULT, STOPPED = 0, 2, 130


def main(argv: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # a Python without a console, as Windows has one
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), "utf-8"))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # in a notebook it is something else
            stream.reconfigure(errors="replace")  # a file's name may hold what the terminal cannot write
    try:
        arguments = _parser().parse_args(argv)
        said = arguments.verb(arguments)
        if arguments.json and said is not None:
            print(json.dumps(said))
        return DONE
    except StudioError as error:
        print(f"studio: {error}", file=sys.stderr)
        return FAULT
    except ModuleNotFoundError as error:
        if (error.name or "studio").startswith("studio"):
            raise
        print(f"studio: {error.name} is missing in this Python; run: make setup, then: source .venv/bin/activate",
              file=sys.stderr)
        return FAULT
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        print(f"studio: {told_of_memory(error)}", file=sys.stderr)
        return FAULT
    except (Cancelled, KeyboardInterrupt) as stop:
        print(f"studio: {stop or 'stopped'}", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return DONE


# ------------------------------------------------------------------------------------------------------ the grammar
class _Parser(argparse.ArgumentParser):
    """argparse in the house's manner: one line for a fault, no usage block."""

    def error(self, message: str) -> NoReturn:
        raise StudioError(f"{message}; see: python {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="studio.py", description="New one-shots that sound like yours. Without a verb: the studio "
                                                   "in the browser.", allow_abbrev=False)
    parser.set_defaults(verb=verbs.studio, json=False)
    parser.add_argument("--workspace", help="your folder; default ~/One-Shot Studio or $STUDIO_WORKSPACE")
    parser.add_argument("--port", type=int, default=None, help="default: the first free one from 7860")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1: this machine only")
    parser.add_argument("--share", action="store_true", help="a public link to a guest page, with a password")
    parser.add_argument("--share-all", action="store_true",
                        help="a public link to the whole page: who has the password may do all that you may")
    parser.add_argument("--auth", metavar="USER:PASS", help="ask for this name and password")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_argument("--window", action="store_true", help="open in a window of its own")
    names = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=_Parser)

    check = _verb(names, "check", verbs.check, "say in one line per part what works and what to mend")
    check.add_argument("--workspace", default=argparse.SUPPRESS, help="your folder")

    demo = _verb(names, "demo-kit", verbs.demo_kit, "write the synthesised demo kit")
    demo.add_argument("folder", type=Path, metavar="DIR")

    encode = _verb(names, "encode", verbs.encode, "sound to picture; a folder in, a folder out")
    _source_and_target(encode, "IN.wav", "OUT.png")
    _picture_flags(encode, "one-shot-512")
    encode.add_argument("--trim", action="store_true", help="cut silence off both ends first")
    add_flags(encode, MelSettings, otherwise="the preset's")

    decode = _verb(names, "decode", verbs.decode,
                   "picture to sound, by the settings it carries; a folder in, a folder out")
    _source_and_target(decode, "IN.png", "OUT.wav")
    decode.add_argument("--riffusion", action="store_true",
                        help="take any picture of 512 rows that says nothing of itself for Riffusion's")
    add_flags(decode, MelSettings, otherwise="the picture's",
              skip=[field.name for field in dataclasses.fields(MelSettings) if field.name not in DECODER_ONLY])

    prepare = _verb(names, "prepare", verbs.prepare, "sounds into a dataset")
    prepare.add_argument("sounds", type=Path, nargs="+", metavar="SOUNDS", help="files or folders")
    prepare.add_argument("--out", type=Path, required=True, metavar="DATASET")
    _picture_flags(prepare, "one-shot-128")
    add_flags(prepare, PrepareSettings)
    add_flags(prepare, MelSettings, otherwise="the preset's")

    give = _verb(names, "export-dataset", verbs.export_dataset, "a dataset for other programs' trainers")
    give.add_argument("dataset", type=Path, metavar="DATASET")
    give.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    give.add_argument("--format", choices=("kohya", "imagefolder"), required=True,
                      help="kohya: folders N_class with .txt captions; imagefolder: as Hugging Face datasets loads it")

    take = _verb(names, "import-dataset", verbs.import_dataset, "a folder of spectrogram PNGs into a dataset")
    take.add_argument("pictures", type=Path, metavar="PICTURES", help="a folder, kohya's or an imagefolder, too")
    take.add_argument("--out", type=Path, required=True, metavar="DATASET")
    take.add_argument("--mel", default="", metavar="PRESET|FILE", help="of pictures that do not say how they were made")

    train = _verb(names, "train", verbs.train, "a dataset into a LoRA")
    train.add_argument("dataset", type=Path, metavar="DATASET")
    train.add_argument("--out", type=Path, required=True, metavar="LORA.safetensors")
    train.add_argument("--preset", default="", help="start from a training preset")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the same --out")
    train.add_argument("--estimate", action="store_true", help="say what time and memory it will take, and end there")
    add_flags(train, TrainSettings)

    generate = _verb(names, "generate", verbs.generate, "words into new sounds")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR")
    generate.add_argument("--preset", default="", help="start from a generation preset")
    generate.add_argument("--batch", type=Path, metavar="FILE.json", help="many prompts: Riffusion's batch file")
    add_flags(generate, GenerateSettings)

    transform = _verb(names, "transform", verbs.transform, "a sound into another")
    _source_and_target(transform, "IN.wav", "OUT.wav")
    transform.add_argument("--mask", type=Path, metavar="MASK.png", help="white is made anew, black is kept")
    add_flags(transform, TransformSettings, names={"repaint_above_hz": "repaint_above"})

    split = _verb(names, "split", verbs.split, "a mix into drums, bass, vocals and the rest")
    split.add_argument("source", type=Path, metavar="IN.wav")
    split.add_argument("out", type=Path, metavar="DIR")
    split.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))

    morph = _verb(names, "morph", verbs.morph, "one-shots on the way from one prompt to another")
    morph.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_flags(morph, MorphSettings, names={"start": "from", "end": "to"}, skip=("seconds", "bpm", "bars", "loop"))

    track = _verb(names, "track", verbs.track, "a long track or a loop")
    track.add_argument("--out", type=Path, required=True, metavar="FILE.wav")
    add_flags(track, MorphSettings, names={"start": "prompt", "end": "to"}, skip=("count", "below"))

    pretrain = _verb(names, "pretrain", verbs.pretrain, "thousands of sounds into a base model of your own")
    pretrain.add_argument("library", type=Path, metavar="LIBRARY", help="a folder of sounds, or a prepared dataset")
    pretrain.add_argument("--out", type=Path, required=True, metavar="DIR")
    pretrain.add_argument("--work", type=Path, default=None, metavar="DIR",
                          help="where all that is on the way lies; default OUT.work; the same goes on where it stopped")
    _picture_flags(pretrain, "one-shot-128")
    pretrain.add_argument("--minutes", type=float, default=120.0, help="how long the UNet learns; default 120")
    pretrain.add_argument("--steps", type=int, default=0, help="or for so many steps")
    pretrain.add_argument("--own-autoencoder", type=float, default=0.0, metavar="MINUTES",
                          help="train an autoencoder too; without, the embedded base's is taken")
    pretrain.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))
    pretrain.add_argument("--seed", dest="recipe_seed", type=int, default=1)
    add_flags(pretrain, PrepareSettings)

    serve = _verb(names, "serve", verbs.serve, "answer Riffusion's POST /run_inference/")
    serve.add_argument("--port", type=int, default=argparse.SUPPRESS, help="default 3013")
    serve.add_argument("--host", default=argparse.SUPPRESS, help="default 127.0.0.1: this machine only")
    serve.add_argument("--base", default="embedded")
    serve.add_argument("--device", default="auto")

    tray = _verb(names, "tray", verbs.tray, "a small window to drag sounds from into any DAW; needs the extra desktop")
    tray.add_argument("--workspace", default=argparse.SUPPRESS, help="your folder")

    export = _verb(names, "export-lora", verbs.export_lora, "a LoRA for other programs")
    _source_and_target(export, "IN.safetensors", "OUT.safetensors")
    export.add_argument("--format", choices=("kohya", "diffusers"), required=True)
    return parser


def _verb(names: Any, name: str, do: Any, help: str) -> argparse.ArgumentParser:
    parser = names.add_parser(name, help=help, description=help, allow_abbrev=False)
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
