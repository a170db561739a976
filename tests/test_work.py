"""Long work for a page: what is told of it and what it makes, in their order."""

import threading

from studio.progress import Progress
from studio.ui.work import watched


def test_what_was_told_before_is_not_said_after_what_was_made():
    def work(report):
        for step in range(3):
            report(Progress("listen", step, 3))
        yield "made"

    said = list(watched(work, threading.Event()))
    assert said[-1] == (None, "made") and all(note for note, made in said[:-1])
