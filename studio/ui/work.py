"""Long engine work behind a handler: it runs in a thread, its progress and results come out of one iterator."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from studio.errors import Cancelled, StudioError, told_of_memory
from studio.progress import Progress, Report
from studio.ui.components.note import note, working

PACE = 0.1  # seconds between two looks: a page shows no more than ten states a second

Work = Callable[[Report], Iterator[Any]]
_END = object()


def watched(work: Work, stop: threading.Event) -> Iterator[tuple[dict[str, Any] | None, Any]]:
    """Run `work(report)` in a thread; yields (note, None) for what there is to say, (None, made) for each thing made.

    Setting `stop` lets the next `report` raise Cancelled in the work; the same happens when the reader goes away, as
    when a page is reloaded. A stop ends the iterator after a note; a fault is said in a note and then raised.
    """
    events: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_run, args=(work, stop, events), name="work", daemon=True).start()
    try:
        for event in _read(events):
            yield (working(event), None) if isinstance(event, Progress) else (None, event)
    except Cancelled:
        yield note("Stopped."), None
    except StudioError as error:
        yield note(str(error), tone="bad"), None
        raise
    finally:
        stop.set()


def _run(work: Work, stop: threading.Event, events: queue.SimpleQueue) -> None:
    def report(progress: Progress) -> None:
        if stop.is_set():
            raise Cancelled
        events.put(progress)

    try:
        for made in work(report):
            events.put(made)
        events.put(_END)
    except BaseException as error:  # not lost: it goes to the reader, who raises it
        events.put(told_of_memory(error))


def _read(events: queue.SimpleQueue) -> Iterator[Any]:
    while True:
        waiting, progress = [events.get()], None
        while not events.empty():
            waiting.append(events.get())
        for event in waiting:
            if event is _END:
                return
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Progress):
                progress = event
            else:
                progress = None  # from before this
                yield event
        if progress:
            yield progress
        time.sleep(PACE)
