"""Training runs as their folders tell of them: found, read quickly however long they have become, followed.

A run is a folder, and the folder is the only truth: whoever reads it (a reloaded page, a second tab, the studio
after a restart, the command line) sees the same run.

    settings.json   what to do: dataset, TrainSettings, where the LoRA shall also go
    process.json    who does it: process id and its start time, so that a recycled id fools nobody
    queued          there while the run waits for its turn        stop   there once somebody asked for a stop
    events.jsonl    what happened, a line each                    log.txt   what the process printed
    checkpoints/  previews/step-00000100/NN.{wav,png,json}  lora.safetensors  best.safetensors  best.json
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from studio.files import read_json
from studio.knobs import from_dict
from studio.progress import Estimate
from studio.settings import TrainSettings
from studio.story import Story, event_in, events_in

ENDS = ("done", "stopped", "failed")
TICK = 0.02  # seconds; a start is told to a hundredth
LONGEST_END = 20.0  # seconds that a process may take after its last word
WATCH_EVERY = 0.2  # seconds between two looks into the run folder
LAST_WORDS = 300  # characters of a crashed process's log that are shown
TAIL = 65536  # bytes at the end of the events in which the last line surely begins


@dataclass(frozen=True)
class Previews:
    """The sounds made at one step, the same prompts and seeds at each.

    distance_db : how far they are from the dataset on average, each from the sounds nearest to it; None where unknown
    nearest_db  : the smallest distance of any of them to any sound of the dataset: near 0 it was memorised
    """

    step: int
    folder: Path
    distance_db: float | None
    nearest_db: float | None

    def sounds(self) -> list[Path]:
        """Their WAVs, in the order of the prompts; each has its picture and recipe beside it."""
        return sorted(self.folder.glob("*.wav"))


@dataclass(frozen=True)
class RunState:
    """What a run's folder says now.

    losses, held_out : (step, loss) of the training and of the sounds that are kept apart
    best_step        : of best.safetensors, None where there is none
    """

    status: str  # "queued", "starting", "running", "stopping", "done", "stopped" or "failed"
    stage: str
    step: int
    total: int
    losses: tuple[tuple[int, float], ...]
    held_out: tuple[tuple[int, float], ...]
    previews: tuple[Previews, ...]
    estimate: Estimate | None
    best_step: int | None
    note: str
    error: str
    lora: Path | None
    seconds_left: float | None
    settings: Mapping[str, Any]

    @property
    def active(self) -> bool:
        """Whether it is at work or will be."""
        return self.status not in ENDS


@dataclass(frozen=True)
class Run:
    """One training run, by its folder."""

    folder: Path

    @property
    def name(self) -> str:
        """What the user called it."""
        return self.folder.name

    @property
    def queued(self) -> bool:
        """Whether it waits for its turn."""
        return (self.folder / "queued").exists()

    def events(self) -> list[dict[str, Any]]:
        """All that happened so far; a line that is just being written is left for the next look."""
        try:
            return events_in((self.folder / "events.jsonl").read_bytes().rpartition(b"\n")[0])
        except FileNotFoundError:
            return []

    def alive(self) -> bool:
        """Whether the process that was started for this run still works."""
        path = self.folder / "process.json"
        if not path.is_file():
            return False
        mark = read_json(path)
        try:
            return (abs(born(mark["pid"]) - mark["started"]) < TICK
                    and psutil.Process(mark["pid"]).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def at_work(self) -> bool:
        """Whether its process lives and has not said its last word: it outlives that by a second."""
        return self.last_event().get("status") not in ENDS and self.alive()

    def ended(self) -> bool:
        """Whether its process is gone; one that has said its last word is waited for, about a second."""
        if self.alive() and not self.at_work():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                psutil.Process(read_json(self.folder / "process.json")["pid"]).wait(LONGEST_END)
        return not self.alive()

    def state(self, story: Story | None = None) -> RunState:
        """What the folder says now; a process that vanished without a last word counts as failed.

        story : what was read of it before, to be gone on with
        """
        queued, alive = self.queued, self.alive()  # asked before the events are read: a last word in between is seen
        story = (story or Story()).look(self.folder / "events.jsonl")
        status, error = story.last.get("status", ""), story.last.get("error", "")
        if queued:
            status, error = "queued", ""
        elif not status and alive:
            status = "stopping" if (self.folder / "stop").exists() else "running" if story.training else "starting"
        elif not status:
            status, error = "failed", f"{self.name}: the training process ended unexpectedly; {self._end_of_log()}"
        lora, settings = self.folder / "lora.safetensors", self.folder / "settings.json"
        best = self.folder / "best.json"
        return RunState(
            status=status, stage=story.last.get("stage", ""), step=story.losses[-1][0] if story.losses else 0,
            total=story.total, note=story.last.get("note", ""), error=error,
            losses=tuple(story.losses), held_out=tuple(story.held_out), estimate=story.estimate,
            previews=tuple(Previews(step, self.folder / place, values.get("distance_db"), values.get("nearest_db"))
                           for step, place, values in story.previews),
            best_step=read_json(best).get("step") if best.is_file() else None,
            lora=lora if lora.is_file() else None, seconds_left=story.seconds_left if alive else None,
            settings=read_json(settings) if settings.is_file() else {})

    def settings(self) -> TrainSettings:
        """The settings that it was started with."""
        return from_dict(TrainSettings, read_json(self.folder / "settings.json")["train"], where=self.name)

    def makes(self, name: str) -> bool:
        """Whether its LoRA goes into a file of this name, wherever the folder of both is by now."""
        return Path(read_json(self.folder / "settings.json").get("out", "")).name == name

    def resumable(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any((self.folder / "checkpoints").glob("step-*"))

    def tell(self, event: Mapping[str, Any]) -> None:
        """Add a line to the events."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time()} | event) + "\n")

    def stop(self) -> None:
        """Ask the run to finish its step, save, and hand over the file; one that still waits leaves the queue."""
        if self.folder.is_dir():
            (self.folder / "stop").touch()
        if self.queued:
            (self.folder / "queued").unlink(missing_ok=True)
            self.tell({"status": "stopped"})

    def wait(self, on_event: Callable[[Mapping[str, Any]], None], waiting: Callable[[], Any] = lambda: None,
             *, told: int | None = None) -> RunState:
        """Follow the run until it ends, telling each event once; returns its last state.

        waiting : called again and again while the run is in the queue; the one before may have ended without a word
        told    : events at the beginning that are known already; None for those before it was resumed last
        """
        if told is None:
            told = max((number for number, event in enumerate(self.events()) if event.get("stage") == "resume"),
                       default=0)
        if self.queued:
            on_event({"stage": "queued", "step": 0, "total": 0, "note": "waits until the run before it ends",
                      "values": {}})
        while True:
            if self.queued:
                waiting()
            going = self.queued or self.alive()
            events = self.events()
            for event in events[told:]:
                on_event(event)
            told = len(events)
            if not going:
                return self.state()
            time.sleep(WATCH_EVERY)

    def last_event(self) -> dict[str, Any]:
        """What was told last, {} where nothing was; quick, however much was told before."""
        try:
            with (self.folder / "events.jsonl").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().rpartition(b"\n")[0].split(b"\n")
        except FileNotFoundError:
            return {}
        return next(filter(None, map(event_in, reversed(lines))), {})

    def _end_of_log(self) -> str:
        log = self.folder / "log.txt"
        words = log.read_text(encoding="utf-8", errors="replace").strip() if log.is_file() else ""
        said = f"it said: …{words[-LAST_WORDS:]}" if words else "it said nothing"
        return f"{said} Resume it from its last checkpoint.".replace("\n", " ")


class Stories:
    """What was read of many runs, kept so that each look reads only what is new. May be asked from several threads."""

    def __init__(self) -> None:
        self._stories: dict[Path, Story] = {}
        self._lock = threading.Lock()

    def state(self, run: Run) -> RunState:
        """What the run's folder says now."""
        with self._lock:
            return run.state(self._stories.setdefault(run.folder, Story()))


def born(pid: int) -> float:
    """When a process was started, in seconds of a clock that nobody sets. Raises psutil.NoSuchProcess.

    Linux counts from the machine's start and psutil adds that, which moves as the clock is set right after a sleep.
    """
    return psutil.Process(pid).create_time() - (psutil.boot_time() if psutil.LINUX else 0)


def runs(folder: Path) -> list[Run]:
    """The runs in a folder, newest first."""
    found = []
    for path in Path(folder).glob("*/settings.json"):
        with contextlib.suppress(FileNotFoundError):  # thrown away since the folder was read
            found.append((path.stat().st_mtime_ns, path.parent))
    return [Run(path) for _, path in sorted(found, reverse=True)]


def running(folder: Path, *, apart_from: Run | None = None) -> Run | None:
    """The run at work in a folder, if any. apart_from : one that does not count, as it is about to end."""
    return next((run for run in runs(folder) if run != apart_from and run.at_work()), None)


def latest(folder: Path) -> Run | None:
    """The run that was started last."""
    return next(iter(runs(folder)), None)
