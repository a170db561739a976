"""The engine, module by module, imported when a handler first asks: torch takes seconds that the page need not wait.

`from studio.ui import engine`, then `engine.dataset.load(...)` is `studio.engine.dataset.load(...)`.
"""

import importlib
import sys
import threading
from types import ModuleType

# with what these import, everything that a handler needs
HEAVY = ("devices", "round_trip", "picture_batch", "preparation", "generation", "kit", "canvas", "transform", "morph",
         "track")

_importing = threading.RLock()  # transformers loads itself piece by piece, and two threads at it find half a module


def __getattr__(name: str) -> ModuleType:
    """The module `studio.engine.<name>`."""
    if name.startswith("__"):
        raise AttributeError(name)
    whole = f"studio.engine.{name}"
    module = sys.modules.get(whole)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module  # without waiting for what another thread imports
    with _importing:
        return importlib.import_module(whole)


def warm_up() -> None:
    """Import the heavy modules behind the user's back, so that the first click does not wait for them."""
    def load() -> None:
        for name in HEAVY:
            __getattr__(name)

    threading.Thread(target=load, name="warm-up", daemon=True).start()
