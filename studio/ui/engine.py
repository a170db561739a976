"""The engine, module by module, imported when a handler first asks: torch takes seconds that the page need not wait.

`from studio.ui import engine`, then `engine.dataset.load(...)` is `studio.engine.dataset.load(...)`.
"""

import importlib
import threading
from types import ModuleType

# with what these import, everything that a handler needs
HEAVY = ("round_trip", "picture_batch", "preparation", "generation", "kit")


def __getattr__(name: str) -> ModuleType:
    """The module `studio.engine.<name>`."""
    if name.startswith("__"):
        raise AttributeError(name)
    return importlib.import_module(f"studio.engine.{name}")


def warm_up() -> None:
    """Import the heavy modules behind the user's back, so that the first click does not wait for them."""
    def load() -> None:
        for name in HEAVY:
            __getattr__(name)

    threading.Thread(target=load, name="warm-up", daemon=True).start()
