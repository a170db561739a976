"""Runs the recipe and its judge: `python -m studio.engine.base --out DIR`, `… snapshot`, `… judge`."""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from transformers.utils import logging

from studio.engine import dataset, devices
from studio.engine.base import judge, recipe
from studio.engine.base.plan import STAGES, Plan
from studio.errors import Cancelled, StudioError
from studio.files import read_json, write_json
from studio.knobs import from_dict
from studio.progress import Progress, Report
from studio.settings import MelSettings

VERBS = ("snapshot", "judge")
FLAGS = ("clips_per_role", "seed", "vae_minutes", "vae_steps", "decoder_minutes", "decoder_steps", "unet_minutes",
         "unet_steps", "unet_learning_rate", "unet_batch", "checkpoint_minutes", "device", "threads", "mixed_precision")


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0 done, 2 a fault that can be mended, 130 stopped."""
    verb, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in VERBS else ("build", arguments)
    options = _parser(verb).parse_args(rest)
    logging.disable_progress_bar()
    try:
        if verb == "build":
            recipe.build(options.out, options.work or options.out.with_name(options.out.name + ".work"), _plan(options),
                         vae=options.vae, last=options.stop_after, report=lines(options.every))
        elif verb == "snapshot":
            recipe.snapshot(options.out, options.work, _kept_plan(options.work))
        else:
            plan = dataclasses.replace(_kept_plan(options.work), device=str(devices.choose(options.device)))
            found = judge.judge(options.base, options.work, plan, options.count, report=lines(2))
            write_json(options.work / "judge.json", found)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        return 130
    return 0


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m studio.engine.base{'' if verb == 'build' else ' ' + verb}")
    if verb == "judge":
        parser.add_argument("--base", type=Path, required=True, help="the finished base's folder")
        parser.add_argument("--count", type=int, default=8, help="pictures a role")
        parser.add_argument("--device", default="cpu")
    else:
        parser.add_argument("--out", type=Path, required=True, help="folder of the finished base")
    parser.add_argument("--work", type=Path, required=verb != "build", help="folder of all that is on the way")
    if verb == "build":
        parser.add_argument("--dataset", type=Path, help="learn from this prepared dataset, not from the synthesiser")
        parser.add_argument("--vae", type=Path, help="take this finished autoencoder instead of training one")
        parser.add_argument("--stop-after", choices=STAGES, default=STAGES[-1], help="last stage to run")
        parser.add_argument("--every", type=float, default=10.0, help="seconds between two lines of a stage")
        for name in FLAGS:
            default = getattr(Plan(), name)
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    values = {name: getattr(options, name) for name in FLAGS} | {"device": str(devices.choose(options.device))}
    if options.dataset is None:
        return Plan(**values)
    return Plan.of_library(options.dataset, dataset.load(options.dataset).mel, **values)


def _kept_plan(work: Path) -> Plan:
    """The plan that a work folder was begun with."""
    kept = read_json(work / "plan.json")
    known = {field.name for field in dataclasses.fields(Plan)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items() if name in known}
    return Plan(**{**values, "mel": from_dict(MelSettings, kept["mel"], str(work / "plan.json"))})


def lines(every: float) -> Report:
    """A report that prints a line when a stage changes, when it has a note, and every so many seconds between.

    The loss of a line is the mean since the line before it.
    """
    since, first, stage, losses = time.monotonic(), -1, "", []

    def report(progress: Progress) -> None:
        nonlocal since, first, stage, losses
        if progress.stage != stage or not losses:
            first = progress.step - 1 if "loss" in progress.values else -1
        stage = progress.stage
        losses += [progress.values["loss"]] if "loss" in progress.values else []
        waited = time.monotonic() - since
        if waited < every and not progress.note:
            return
        values = dict(progress.values) | ({"loss": sum(losses) / len(losses)} if losses else {})
        pace = f" {(progress.step - first) / waited:.2f}/s" if 0 <= first < progress.step and losses else ""
        shown = " ".join(f"{name}={value:.4g}" for name, value in values.items())
        print(f"{time.strftime('%H:%M:%S')} {progress.stage} {progress.step}/{progress.total}{pace} {shown} "
              f"{progress.note}".rstrip(), flush=True)
        since, first, losses = time.monotonic(), progress.step, []

    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
