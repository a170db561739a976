"""Making sounds from a page, as all tabs do that make some: one run at a time, on pads as they come, to be stopped."""

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.errors import StudioError
from studio.progress import Progress, Report
from studio.ui import engine
from studio.ui.components.detail import Detail
from studio.ui.components.note import note, working
from studio.ui.components.pads import Slot
from studio.ui.shelf import MOST_SHOWN, Place, Shelf
from studio.ui.studio import QUEUED, QUICK, Studio
from studio.ui.toasts import told
from studio.ui.work import Work, watched

if TYPE_CHECKING:
    from studio.engine.library import Take

# The pipeline is one for all: whoever makes sounds waits for the others. The queue tells how many are before; but it
# lets the next one in when a page is left, whose work still has to come to the end of its step.
ONE_AT_A_TIME = QUEUED | dict(concurrency_id="generation", concurrency_limit=1)
PIPELINE = threading.Lock()
DENOISING = 0.8  # of the time that a sound takes; the rest is decoding
PACE = 0.25  # seconds between two looks at how far the slots are
SAME = gr.skip()


@dataclasses.dataclass
class Run:
    """How far a run is: `done` of `count` sounds, and of the batch at work what is denoised and decoded (0 to 1)."""

    count: int
    batch_size: int
    done: int = 0
    batch: int = 0
    denoised: float = 0.0
    decoded: float = 0.0
    began: float | None = None
    columns: int = 0  # of a field

    def heed(self, stage: str, step: int, total: int) -> None:
        """Take note of what the engine reports."""
        part = step / total if total else 0.0
        if self.began is None:
            self.began = time.monotonic()
        if stage == "denoise":
            self.batch, self.denoised, self.decoded = min(self.batch_size, self.count - self.done), part, 0.0
        elif stage == "decode":
            self.denoised, self.decoded = 1.0, part

    def heed_made(self, made: Any) -> None:
        """Take note of what came out that is no take, as pieces of a track are."""

    def finish_one(self) -> None:
        """A sound is on disk."""
        self.done, self.batch, self.decoded = self.done + 1, max(0, self.batch - 1), 0.0

    def slots(self) -> list[Slot]:
        """The places of the sounds to come."""
        parts = [DENOISING * self.denoised + (1 - DENOISING) * (self.decoded if place == 0 else 0.0)
                 for place in range(self.batch)]
        return [Slot(part) for part in [*parts, *[0.0] * (self.count - self.done - self.batch)]][:MOST_SHOWN]

    def part(self) -> float:
        """How much of all is done, 0 to 1."""
        return (self.done + sum(slot.progress for slot in self.slots()[: self.batch])) / self.count

    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.done >= self.count

    def progress(self) -> Progress:
        """What is being made, and how much of it is there."""
        return Progress("Making sounds", self.done, self.count)

    def said(self) -> dict[str, Any]:
        """A note with a bar and the time left, once there is something to go by."""
        left, part = None, self.part()
        if self.began is not None and part > 0:
            left = (time.monotonic() - self.began) / part * (1 - part)
        return working(self.progress(), seconds_left=left)


class Making:
    """The handlers that make sounds, show them as they come, and stop."""

    def __init__(self, studio: Studio, shelf: Shelf) -> None:
        self.studio = studio
        self.shelf = shelf
        self._stops: dict[str, threading.Event] = {}  # of the pages that are making sounds

    def begin(self, request: gr.Request) -> list[Any]:
        """Sounds are wanted: the buttons and a first word, at once. Raises StudioError for a second press."""
        if request.session_hash in self._stops:
            raise StudioError("this page is making sounds already; wait for them, or stop them first")
        self._stops[request.session_hash] = threading.Event()
        return [*buttons(working=True), working(Progress("Getting ready"))]

    def made(self, request: gr.Request, ready: Callable[[], tuple[Run, Work]]) -> Iterator[list[Any]]:
        """Make sounds; each appears on its pad as soon as it is on disk. Answers with [Note, Screen].

        ready : reads the settings and says what is to be done: `work(report)` gives takes
        """
        session = request.session_hash
        stop, place = self._stops.setdefault(session, threading.Event()), self.shelf.place(session)
        try:
            run, work = ready()
            place.fresh, place.columns, place.thrown = 0, run.columns, []
            yield from self._shown(run, place, work, stop)
        except StudioError as error:  # the toast goes, the note stays
            said = self.studio.said(error)
            yield [note(said, tone="bad"), SAME]
            raise StudioError(said) from error
        finally:
            place.slots = ()
            self._stops.pop(session, None)
        yield [self._told(run), self.shelf.screen(place)]

    def _shown(self, run: Run, place: Place, work: Work, stop: threading.Event) -> Iterator[list[Any]]:
        def unless_stopped(report: Report) -> Iterator[Any]:
            with PIPELINE:
                if not stop.is_set():  # it may have waited for another page's sounds, and been stopped meanwhile
                    yield from work(report)

        place.slots, looked = run.slots(), time.monotonic()
        yield [SAME, self.shelf.screen(place)]
        for said, made in watched(unless_stopped, stop):
            if made is None and said["tone"] != "busy":
                continue  # stopped, or a fault that is raised next: both are told where they arrive
            if made is None:
                run.heed(said["text"], said["step"], said["total"])
            else:
                self._keep(run, place, made)
            place.slots = run.slots()
            if made is not None or time.monotonic() - looked > PACE:
                looked = time.monotonic()
                yield [run.said(), self.shelf.screen(place)]

    def _keep(self, run: Run, place: Place, made: "Take | Any") -> None:
        if isinstance(made, engine.library.Take):
            self.shelf.add(place, made)
            run.finish_one()
        else:
            run.heed_made(made)

    def _told(self, run: Run) -> dict[str, Any]:
        """What came of it."""
        sounds = f"{run.done} new sound{'s' * (run.done != 1)}"
        where = [] if self.studio.guest else [f"In {self.studio.workspace.takes}"]
        if run.done > MOST_SHOWN and not run.columns:
            where.append(f"The first {MOST_SHOWN} are on the pads; Library has them all.")
        if not run.whole():
            return note(f"Stopped. {sounds} {'is' if run.done == 1 else 'are'} kept.", where, tone="good")
        return note(f"{sounds}.", where, tone="good")

    def stop(self, request: gr.Request) -> None:
        """End this page's work at its next step; what is made is kept."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def over(self, request: gr.Request) -> list[Any]:
        """After the end, good or bad: [start, Stop, Screen]."""
        self._stops.pop(request.session_hash, None)
        return [*buttons(working=False), self.shelf.screen(self.shelf.place(request.session_hash))]

    def leave(self, request: gr.Request) -> None:
        """A page was closed or loaded anew: nobody waits for its sounds."""
        stop = self._stops.pop(request.session_hash, None)
        if stop:
            stop.set()

    def chosen(self, slots: Sequence[Any]) -> tuple[str, ...]:
        """FILE:WEIGHT for each slot (a name, a strength) that names a LoRA of the workspace."""
        known = self.studio.loras()
        chosen = []
        for name, strength in zip(slots[::2], slots[1::2], strict=True):
            if name and name not in known:
                raise StudioError(f"LoRA {name!r} is no longer in the workspace; choose another")
            if name:
                chosen.append(f"{self.studio.workspace.loras / name}.safetensors:{strength:g}")
        return tuple(chosen)


def alone(verb: Callable) -> Callable:
    """A function that makes sounds while nobody else does."""
    @functools.wraps(verb)
    def waiting(*values: Any) -> Any:
        with PIPELINE:
            return verb(*values)
    return waiting


def wire_making(bench: Making, make: Callable, asked: Sequence[Callable], values: list, shown: list,
                detail: Detail | None = None) -> None:
    """What starts sounds, what ends them, and what is seen meanwhile.

    make   : the handler that yields notes and screens, of `values`
    asked  : events that ask for sounds
    shown  : start, Stop, the note, the pads, and what else `make` yields
    detail : the closer look, where what was made is to be seen in it at the end
    """
    start, stop, said, pads, *others = shown
    for event in asked:
        begun = event(told(bench.begin), None, [start, stop, said], **QUEUED)
        made = begun.success(told(make), values, [said, pads, *others], api_name="make_sounds", **ONE_AT_A_TIME)
        for ended in (made.then, made.failure):  # one follows an end, the other a fault
            after = ended(told(bench.over), None, [start, stop, pads], **QUICK)
            if detail:
                after.then(told(bench.shelf.show), None, [pads, detail], **QUICK)
    stop.click(bench.stop, None, None, **QUICK)
    bench.studio.page.unload(bench.leave)


def buttons(*, working: bool) -> list[Any]:
    """What starts, what stops."""
    return [gr.update(interactive=not working), gr.update(interactive=working)]
