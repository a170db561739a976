"""Several processes as one: what the first decides or suffers, all decide and suffer at the same moment."""

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from studio.errors import Cancelled, StudioError


def on_main(accelerator: Accelerator, work: Callable[[], Any]) -> Any:
    """What `work` returns (plain data) in the first process, the only one that does it; known to all afterwards.

    What is raised in the first process ends all, there as it is, else as a stop (Cancelled) or a StudioError: none
    waits for one that has left.
    """
    if accelerator.num_processes == 1:
        return work()
    said: list[Any] = [None, None, None]
    raised: Exception | None = None
    if accelerator.is_main_process:
        try:
            said[2] = work()
        except Exception as error:
            raised, said[:2] = error, (type(error).__name__, str(error))
    broadcast_object_list(said)
    if raised:
        raise raised
    if said[0] == Cancelled.__name__:
        raise Cancelled
    if said[0]:
        raise StudioError(said[1])
    return said[2]


def any_of(accelerator: Accelerator, flag: bool) -> bool:
    """Whether the flag is up in any process; all get the same answer at the same step."""
    if accelerator.num_processes == 1:
        return flag
    return accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum").item() > 0
