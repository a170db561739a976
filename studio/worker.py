"""Training inside the process that does it: `python -m studio.worker RUN_FOLDER`, or one that a launcher started.

Without a run folder it measures what the training of a plan on standard input would take.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio import jobs
from studio.engine.training import estimate, train
from studio.errors import Cancelled, StudioError
from studio.files import read_json, write_json, write_whole
from studio.knobs import from_dict
from studio.progress import INNER, Progress
from studio.runs import Run, born
from studio.settings import TrainSettings


def work(folder: Path) -> None:
    """Do what a run folder's settings.json says, and write down what happens.

    Raises the StudioError that ended it, once that is written down.
    """
    plan = read_json(folder / "settings.json")
    main = int(os.environ.get("RANK", "0")) == 0

    def tell(event: dict[str, Any]) -> None:
        if main:
            Run(folder).tell(event)

    def report(progress: Progress) -> None:
        if progress.stage not in INNER:
            tell({"stage": progress.stage, "step": progress.step, "total": progress.total, "note": progress.note,
                  "values": dict(progress.values)})
        if (folder / "stop").exists():
            raise Cancelled

    try:
        end = "done"
        try:
            train(Path(plan["dataset"]), from_dict(TrainSettings, plan["train"]), folder, resume=plan["resume"],
                  report=report)
        except Cancelled:
            end = "stopped"
        if main:
            _hand_over(folder / "lora.safetensors", plan)
        tell({"status": end})
    except StudioError as error:
        tell({"status": "failed", "error": str(error)})
        raise
    except Exception as error:  # the last word of a process that nobody watches; the whole story is in log.txt
        tell({"status": "failed", "error": f"{type(error).__name__}: {error}; the whole story is in "
                                           f"{folder / 'log.txt'}"})
        raise


def _measure_here() -> None:
    """The other end of `jobs.measure`: a plan on standard input, the figures or the fault as the last line printed."""
    plan = json.load(sys.stdin)
    try:
        told = dataclasses.asdict(estimate(Path(plan["dataset"]), from_dict(TrainSettings, plan["train"])))
    except StudioError as error:
        told = {"error": str(error)}
    sys.stdout.write(f"\n{json.dumps(told)}\n")


def work_here(dataset: Path, settings: TrainSettings, run_folder: Path, *, out: Path, resume: bool) -> Run | None:
    """Train in this process and its siblings. The first one keeps the run folder and returns it, the others None.

    Raises the StudioError that ended it.
    """
    run = Run(Path(run_folder).resolve())
    if os.environ["RANK"] != "0":
        with contextlib.suppress(Cancelled):  # the first one tells
            train(Path(dataset), settings, run.folder, resume=resume)
        return None
    write_json(run.folder / "settings.json", jobs.plan_of(dataset, settings, resume=resume, out=out))
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    (run.folder / "stop").unlink(missing_ok=True)
    if resume:
        run.tell({"stage": "resume"})
    work(run.folder)
    return run


def _hand_over(lora: Path, plan: Mapping[str, Any]) -> None:
    """Copy the LoRA to where the user wants it."""
    if plan["out"] and lora.is_file():
        write_whole(Path(plan["out"]), lambda beside: shutil.copyfile(lora, beside))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        _measure_here()
        sys.exit()
    try:
        work(Path(sys.argv[1]))
    except StudioError:  # told in the run's events
        sys.exit(2)
    finally:  # whatever became of it, the turn is the next one's
        if os.environ.get("RANK", "0") == "0":
            jobs.advance(Path(sys.argv[1]).parent, ending=Run(Path(sys.argv[1])))
