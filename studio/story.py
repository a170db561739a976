"""What the events of a training run amount to, read a piece at a time: steps, losses, previews, pace."""

import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.progress import Estimate

PACE_OVER = 120  # steps by which the time left is told; enough to hold a round of previews
HEAD = 64  # bytes at the beginning of the events by which a file is known again; the first line's time is in them


class Story:
    """What a run's events have told so far. A look reads only the lines that were added since the one before."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._offset, self._head = 0, b""
        self.last: dict[str, Any] = {}
        self.total = 0
        self.losses: list[tuple[int, float]] = []
        self.held_out: list[tuple[int, float]] = []
        self.previews: list[tuple[int, str, Mapping[str, float]]] = []  # step, folder inside the run, values
        self.estimate: Estimate | None = None
        self._times: deque[tuple[float, int]] = deque(maxlen=PACE_OVER)  # of the last steps of this process

    def look(self, path: Path) -> "Story":
        """Read what is new in events.jsonl; a line that is just being written is left for the next look."""
        try:
            with path.open("rb") as file:
                head, size = file.read(HEAD), file.seek(0, os.SEEK_END)
                if size < self._offset or not head.startswith(self._head):  # another file than before
                    self._forget()
                self._head = head
                file.seek(self._offset)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return self
        self._offset += len(whole) + len(newline)
        for event in events_in(whole):
            self._heed(event)
        return self

    def _heed(self, event: dict[str, Any]) -> None:
        self.last = event
        stage, step, values = event.get("stage"), event.get("step", 0), event.get("values") or {}
        if stage == "resume":
            self._times.clear()
        elif stage == "train":
            if self.losses and step <= self.losses[-1][0]:
                self._rewind(step, self.losses, self.held_out, self.previews)
            self.losses.append((step, values["loss"]))
            self._times.append((event["time"], step))
            self.total = event["total"]
        elif stage == "validate":
            self._rewind(step, self.held_out)
            self.held_out.append((step, values["held_out_loss"]))
        elif stage == "preview" and event.get("note"):
            self._rewind(step, self.previews)
            self.previews.append((step, event["note"], values))
        elif stage == "estimate":
            self.estimate = Estimate.of(event["total"], values)

    @staticmethod
    def _rewind(step: int, *lists: list) -> None:
        """Where the run was resumed before what it had told last, that is told again from `step` on."""
        for told in lists:
            while told and told[-1][0] >= step:
                told.pop()

    @property
    def training(self) -> bool:
        """Whether steps were made since it was started, or resumed."""
        return bool(self._times)

    @property
    def seconds_per_step(self) -> float | None:
        """By the pace of the last steps, previews and all."""
        if len(self._times) < 2:
            return None
        (first, start), (last, end) = self._times[0], self._times[-1]
        return (last - first) / (end - start)

    @property
    def seconds_left(self) -> float | None:
        """How long the steps that are left will take."""
        pace = self.seconds_per_step
        return None if pace is None else pace * (self.total - self._times[-1][1])


def events_in(text: bytes) -> list[dict[str, Any]]:
    """The events in whole lines."""
    return list(filter(None, map(event_in, text.split(b"\n"))))


def event_in(line: bytes) -> dict[str, Any] | None:
    """One event; what a process that was killed left of a line is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None
