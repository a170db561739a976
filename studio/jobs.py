"""Training in a process of its own, its state on disk: start, watch, stop, resume, find again.

A run is a folder, and the folder is the only truth: whoever reads it (a reloaded page, a second tab, the studio
after a restart, the command line) sees the same run.

    settings.json   what to do: dataset, TrainSettings, where the LoRA shall also go
    process.json    who does it: process id and its start time, so that a recycled id fools nobody
    events.jsonl    what happened, a line each
    stop            there once somebody asked for a stop
    log.txt         what the process printed
    checkpoints/  lora.safetensors
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from studio.errors import Cancelled, StudioError
from studio.files import read_json, write_json, write_whole
from studio.knobs import as_dict, from_dict
from studio.progress import Progress
from studio.settings import TrainSettings

ROOT = Path(__file__).resolve().parent.parent
ENDS = ("done", "stopped", "failed")
WATCH_EVERY = 0.2  # seconds between two looks into the run folder
LAST_WORDS = 300  # characters of a crashed process's log that are shown


@dataclass(frozen=True)
class RunState:
    """What a run's folder says now."""

    status: str  # "starting", "running", "stopping", "done", "stopped" or "failed"
    stage: str
    step: int
    total: int
    losses: tuple[tuple[int, float], ...]
    note: str
    error: str
    lora: Path | None
    seconds_left: float | None
    settings: Mapping[str, Any]

    @property
    def active(self) -> bool:
        """Whether its process is still at work."""
        return self.status not in ENDS


@dataclass(frozen=True)
class Run:
    """One training run, by its folder."""

    folder: Path

    @property
    def name(self) -> str:
        """What the user called it."""
        return self.folder.name

    def events(self) -> list[dict[str, Any]]:
        """All that happened so far; a line that is just being written is left for the next look."""
        try:
            lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def alive(self) -> bool:
        """Whether the process that was started for this run still works."""
        path = self.folder / "process.json"
        if not path.is_file():
            return False
        mark = read_json(path)
        try:
            process = psutil.Process(mark["pid"])
            return process.create_time() == mark["started"] and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def state(self) -> RunState:
        """What the folder says now; a process that vanished without a last word counts as failed."""
        alive = self.alive()  # asked before the events are read: a last word written in between is seen
        events = self.events()
        last = events[-1] if events else {}
        trained = [event for event in events if event.get("stage") == "train"]
        lora = self.folder / "lora.safetensors"
        status, error = last.get("status", ""), last.get("error", "")
        if not status and alive:
            status = "stopping" if (self.folder / "stop").exists() else "running" if trained else "starting"
        elif not status:
            status, error = "failed", f"{self.name}: the training process ended unexpectedly; {self._last_words()}"
        settings = self.folder / "settings.json"
        return RunState(
            status=status, stage=last.get("stage", ""), step=trained[-1]["step"] if trained else 0,
            total=trained[-1]["total"] if trained else 0, note=last.get("note", ""), error=error,
            losses=tuple((event["step"], event["values"]["loss"]) for event in trained),
            lora=lora if lora.is_file() else None, seconds_left=_seconds_left(trained) if alive else None,
            settings=read_json(settings) if settings.is_file() else {})

    def settings(self) -> TrainSettings:
        """The settings that it was started with."""
        return from_dict(TrainSettings, read_json(self.folder / "settings.json")["train"], where=self.name)

    def stop(self) -> None:
        """Ask the run to finish its step, save, and hand over the file."""
        if self.folder.is_dir():
            (self.folder / "stop").touch()

    def wait(self, on_event: Callable[[Mapping[str, Any]], None]) -> RunState:
        """Follow the run until it ends, telling each event once; returns its last state."""
        told = 0
        while True:
            alive = self.alive()
            events = self.events()
            for event in events[told:]:
                on_event(event)
            told = len(events)
            if not alive:
                return self.state()
            time.sleep(WATCH_EVERY)

    def _last_words(self) -> str:
        log = self.folder / "log.txt"
        words = log.read_text(encoding="utf-8", errors="replace").strip() if log.is_file() else ""
        said = f"it said: …{words[-LAST_WORDS:]}" if words else "it said nothing"
        return f"{said} Resume it from its last checkpoint.".replace("\n", " ")


def _seconds_left(trained: list[dict[str, Any]]) -> float | None:
    """By the pace of the last steps."""
    recent = trained[-20:]
    if len(recent) < 2:
        return None
    pace = (recent[-1]["time"] - recent[0]["time"]) / (recent[-1]["step"] - recent[0]["step"])
    return pace * (recent[-1]["total"] - recent[-1]["step"])


def runs(folder: Path) -> list[Run]:
    """The runs in a folder, newest first."""
    found = [path.parent for path in Path(folder).glob("*/settings.json")]
    return [Run(path) for path in sorted(found, key=lambda path: (path / "settings.json").stat().st_mtime_ns,
                                         reverse=True)]


def running(folder: Path) -> Run | None:
    """The run at work in a folder, if any."""
    return next((run for run in runs(folder) if run.alive()), None)


def latest(folder: Path) -> Run | None:
    """The run that was started last."""
    return next(iter(runs(folder)), None)


def start_training(dataset: Path, settings: TrainSettings, run_folder: Path, *, out: Path | None = None,
                   resume: bool = False) -> Run:
    """Start a training in a process of its own, which goes on when this one ends.

    run_folder : its folder; a new run needs one that does not exist, `resume` one that does
    out        : where the finished LoRA is copied to as well
    Raises StudioError where a training runs already in the same place, or the dataset is not there.
    """
    run = Run(Path(run_folder).resolve())
    busy = running(run.folder.parent)
    if busy:
        raise StudioError(f"{busy.name}: is still training; wait for its end or stop it first")
    if not (Path(dataset) / "metadata.jsonl").is_file():
        raise StudioError(f"{dataset}: is no dataset; prepare sounds into it first")
    if run.folder.exists() and not resume:
        raise StudioError(f"{run.folder}: a run of this name exists; choose another name, or resume it")
    if resume and not (run.folder / "checkpoints").is_dir():
        raise StudioError(f"{run.folder}: holds no checkpoint to resume from; train without resume")
    write_json(run.folder / "settings.json", {
        "version": 1, "dataset": str(Path(dataset).resolve()), "train": as_dict(settings), "resume": resume,
        "out": str(Path(out).resolve()) if out else ""})
    (run.folder / "stop").unlink(missing_ok=True)
    if resume:
        _tell(run.folder, {"stage": "resume"})  # the last word of the run before is no longer the last
    with (run.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(_command(run.folder, settings), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=_environment(settings), start_new_session=True)
    write_json(run.folder / "process.json", {"pid": process.pid, "started": psutil.Process(process.pid).create_time()})
    return run


def _command(folder: Path, settings: TrainSettings) -> list[str]:
    if settings.processes == 1:
        return [sys.executable, "-m", "studio.jobs", str(folder)]
    # torchrun, because `accelerate launch` starts several CPU processes only through MPI; accelerate reads its signs
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(settings.processes),
            "-m", "studio.jobs", str(folder)]


def _environment(settings: TrainSettings) -> dict[str, str]:
    """Threads that leave the page alive: spinning threads of two processes on few cores collapse each other."""
    threads = max(1, (os.cpu_count() or 1) // 2 // settings.processes)
    return os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE",
                         "PYTORCH_ENABLE_MPS_FALLBACK": "1", "PYTHONUNBUFFERED": "1"}


# ----------------------------------------------------------------------------------------- inside the process
def work(folder: Path) -> None:
    """Do what a run folder's settings.json says, and write down what happens."""
    from studio.engine.training import train  # here, because the page reads runs without loading torch

    plan = read_json(folder / "settings.json")
    main = int(os.environ.get("RANK", "0")) == 0

    def tell(event: dict[str, Any]) -> None:
        if main:
            _tell(folder, event)

    def report(progress: Progress) -> None:
        tell({"stage": progress.stage, "step": progress.step, "total": progress.total, "note": progress.note,
              "values": dict(progress.values)})
        if (folder / "stop").exists():
            raise Cancelled

    try:
        lora = train(Path(plan["dataset"]), from_dict(TrainSettings, plan["train"]), folder, resume=plan["resume"],
                     report=report)
        _hand_over(lora, plan)
        tell({"status": "done"})
    except Cancelled:
        _hand_over(folder / "lora.safetensors", plan)
        tell({"status": "stopped"})
    except StudioError as error:
        tell({"status": "failed", "error": str(error)})
        sys.exit(2)
    except Exception as error:  # the last word of a process that nobody watches; the whole story is in log.txt
        tell({"status": "failed", "error": f"{type(error).__name__}: {error}; the whole story is in "
                                           f"{folder / 'log.txt'}"})
        raise


def _tell(folder: Path, event: dict[str, Any]) -> None:
    """Add a line to the run's events."""
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.time()} | event) + "\n")


def _hand_over(lora: Path, plan: Mapping[str, Any]) -> None:
    """Copy the LoRA to where the user wants it."""
    if plan["out"] and lora.is_file():
        write_whole(Path(plan["out"]), lambda beside: shutil.copyfile(lora, beside))


if __name__ == "__main__":
    work(Path(sys.argv[1]))
