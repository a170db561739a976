"""What the studio holds for pages that may never say goodbye: the latest of it, and no more than so much."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """At most `most` values by their keys, for several threads: what nobody asked for longest is forgotten first.

    forget : told of each value that is forgotten
    """

    def __init__(self, most: int, forget: Callable[[T], Any] = lambda value: None) -> None:
        self.most, self.forget = most, forget
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.RLock()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> T | None:
        """The value of a key, None where there is none, or none any more."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: str, value: T) -> T:
        """Hold a value under a key, in place of what was there; returns it."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self.forget(self._values.popitem(last=False)[1])
            return value

    def add(self, value: T) -> str:
        """Hold a value under a new key that nobody can guess; returns the key."""
        key = secrets.token_urlsafe(12)
        self.keep(key, value)
        return key
