"""The two ways in which work ends early: a fault that the user can mend, and a stop that the user asked for."""

import difflib
from collections.abc import Iterable


class StudioError(Exception):
    """A fault the user can mend, told in one sentence: the thing, its value, the cure."""


SAID = ("out of memory", "can't allocate memory", "not enough memory")  # by devices that have no error of their own


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether it is that. torch.OutOfMemoryError is a RuntimeError and says so."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError)
                                              and any(words in str(error) for words in SAID))


def told_of_memory(error: BaseException) -> BaseException:
    """Running out of memory as a fault that can be mended; any other error as it is."""
    if not ran_out_of_memory(error):
        return error
    return StudioError("memory ran out; lower batch_size or what is made at once, make it shorter, or close other "
                       "programs")


class Cancelled(Exception):
    """The user stopped the work. Raised out of `report`, so that the work leaves where it stands."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A half sentence that points from an unknown `word` to the nearest of the `known` ones."""
    known = sorted(filter(None, known))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
