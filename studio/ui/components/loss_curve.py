"""The loss curve of a training, drawn on a canvas."""

from collections.abc import Sequence
from typing import Any

from studio.ui.components.drawn import Drawn

MOST_POINTS = 500  # more do not fit the screen


class LossCurve(Drawn):
    """Shows what `curve(...)` says."""

    drawing = "loss_curve"


def curve(losses: Sequence[tuple[int, float]], total: int) -> dict[str, Any]:
    """(step, loss) pairs and the number of steps that the training will have; long ones are thinned out."""
    every = -(-len(losses) // MOST_POINTS) or 1
    thin = [*losses[::every], *losses[-1:]]
    return {"points": [[step, loss] for step, loss in thin], "total": total}
