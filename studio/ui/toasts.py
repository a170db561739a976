"""How a fault reaches the user: one sentence in a toast, as text and never as markup."""

import functools
import html
import inspect
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from studio.errors import StudioError, ran_out_of_memory, told_of_memory

# Where Gradio keeps an upload: a folder called by its sum. What the user gave has the name after that.
UPLOADED = re.compile(r"^.*[\\/][0-9a-f]{64}[\\/]")

log = logging.getLogger(__name__)


def told(handler: Callable) -> Callable:
    """Wrap a handler, plain or a generator, so that its faults become toasts."""
    if inspect.isgeneratorfunction(handler):
        @functools.wraps(handler)
        def generator(*values: Any) -> Iterator[Any]:
            with _faults_as_toasts():
                yield from handler(*values)
        return generator

    @functools.wraps(handler)
    def plain(*values: Any) -> Any:
        with _faults_as_toasts():
            return handler(*values)
    return plain


def toast(message: str, duration: float = 10) -> gr.Error:
    """An error toast of plain text: Gradio renders toasts as markup, so the text is escaped."""
    return gr.Error(html.escape(message), duration=duration, print_exception=False)


@contextmanager
def _faults_as_toasts() -> Iterator[None]:
    try:
        yield
    except StudioError as error:
        raise toast(UPLOADED.sub("", str(error))) from error
    except gr.Error:
        raise
    except Exception as error:
        if ran_out_of_memory(error):
            raise toast(str(told_of_memory(error))) from error
        # a defect of ours: say so in the page, and all of it where the studio was started
        log.exception("a handler of the page failed")
        raise toast(f"This should not happen: {type(error).__name__}: {error}. "
                    "The window the studio was started in says more.", duration=30) from error
