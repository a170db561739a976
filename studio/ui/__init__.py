"""The page of the studio: Gradio in front of the engine. It holds no arithmetic."""

import inspect
import os
from typing import Any

# Gradio reads this while it is imported; otherwise it asks its own server for news, and the studio is quiet.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def _import_gradio() -> None:
    """Import Gradio without the type stub that it writes beside every component, each time: half of its four seconds.

    For a stub it asks where a class is written; told that this cannot be found, it goes on without.
    """
    getfile = inspect.getfile

    def nowhere(written: Any) -> str:
        if inspect.isclass(written) and written.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return getfile(written)

    inspect.getfile = nowhere
    try:
        from gradio import component_meta
    finally:
        inspect.getfile = getfile
    component_meta.create_or_modify_pyi = lambda *_: None  # nor beside our own


_import_gradio()
