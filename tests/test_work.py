"""Long work for a page: what is told of it and what it makes, in their order."""

import threading
import types

import pytest

from studio.errors import StudioError
from studio.progress import Progress
from studio.ui.making import Making, Run, alone
from studio.ui.work import watched


def test_what_was_told_before_is_not_said_after_what_was_made():
    def work(report):
        for step in range(3):
            report(Progress("listen", step, 3))
        yield "made"

    said = list(watched(work, threading.Event()))
    assert said[-1] == (None, "made") and all(note for note, made in said[:-1])


def test_running_out_of_memory_is_one_sentence():
    def work(report):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        yield

    with pytest.raises(StudioError, match="memory ran out; lower batch_size"):
        list(watched(work, threading.Event()))


def test_what_a_page_left_behind_is_at_its_end_before_anybody_else_makes_sounds():
    going, order = threading.Event(), []

    def left(report):
        order.append("one begins")
        yield "a piece"
        going.wait()
        order.append("one ends")

    shelf = types.SimpleNamespace(screen=lambda place: None)
    page = Making(None, shelf)._shown(Run(1, 1), types.SimpleNamespace(slots=()), left, threading.Event())
    next(page)
    next(page)  # it is at work
    page.close()
    waiting = threading.Thread(target=alone(order.append), args=["other"])
    waiting.start()
    going.set()
    waiting.join()
    assert order == ["one begins", "one ends", "other"]
