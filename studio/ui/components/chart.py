"""A chart over the steps of a training, drawn on a canvas."""

from collections.abc import Sequence
from typing import Any

from studio.ui.components.drawn import Drawn

MOST_POINTS = 400  # of a line; more do not fit the screen

Points = Sequence[tuple[int, float]]


class Chart(Drawn):
    """Shows what `chart(...)` says."""

    drawing = "chart"


def chart(title: str, hint: str, total: int, lines: Sequence[dict[str, Any]], *, best: int | None = None,
          unit: str = "") -> dict[str, Any]:
    """A chart. hint : what is said while there is nothing to draw. best : the step that is marked."""
    return {"title": title, "hint": hint, "total": total, "lines": list(lines), "best": best, "unit": unit}


def line(name: str, points: Points, look: str, *, second: bool = False) -> dict[str, Any]:
    """A line of (step, value) pairs. look : "noisy" (each faint, smoothed thick), or "dots" (joined)."""
    return {"name": name, "points": [[step, value] for step, value in thinned(points)], "look": look, "second": second}


def thinned(points: Points) -> list[tuple[int, float]]:
    """As many points as fit the screen, each the mean of its neighbours; the last one is always told as it is."""
    every = -(-len(points) // MOST_POINTS) or 1
    if every == 1:
        return list(points)
    groups = [points[start : start + every] for start in range(0, len(points), every)]
    return [*((group[-1][0], sum(value for _, value in group) / len(group)) for group in groups[:-1]), points[-1]]
