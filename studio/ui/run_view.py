"""What a page sees of the training runs: where one stands, its curves, its previews, and the others in a list."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio import jobs
from studio.errors import StudioError
from studio.progress import Progress
from studio.runs import Previews, Run, RunState, latest, running, runs
from studio.ui import engine, takes
from studio.ui.components.chart import chart, line
from studio.ui.components.note import note, working
from studio.ui.components.preview_table import Column, table
from studio.ui.components.run_list import Listed, listed
from studio.ui.studio import Studio

OFTEN, SELDOM = 1, 3  # seconds between two looks, while a training runs and while none does
MOST_LISTED = 40  # runs
MOST_COLUMNS = 16  # steps beside each other
FIRST = note("Nothing trained yet. Choose a dataset and press Start; if there is none, begin at Dataset.", tone="next")
FIRST_FOR_GUESTS = note("Nothing is being trained here.")
LOSS_HINT = "The loss appears here while a training runs; lower is closer to your sounds."
DISTANCE_HINT = "How like your kit the previews are, at each step."
PREVIEW_HINT = "Previews appear here as it trains: the same words and seeds at each step, from the base alone on."
GUESTS = ("seen", "note", "losses", "distances", "previews", "timer")  # of the parts below
PARTS = (*GUESTS, "list", "start", "stop", "resume", "use", "best")


class RunView:
    """What the parts of the tab show; all of it is read from run folders, so that every page shows the same."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.folder = studio.workspace.runs
        self.parts = GUESTS if studio.guest else PARTS
        self.thrown: Path | None = None  # the run that was thrown away last, by any page

    def find(self, name: str | None) -> Run | None:
        """The run that is called so, None where there is none; `name` may be anything that a page sends."""
        return next((run for run in runs(self.folder) if run.name == name), None)

    def look(self, opened: str | None, seen: Mapping[str, Any] | None) -> list[Any]:
        """Updates of the parts, in their order; nothing for what has not changed since `seen`.

        opened : the run that the page has chosen to show; without one, it is the one at work, else the latest
        """
        if not self.studio.guest and jobs.queue(self.folder):
            jobs.advance(self.folder)  # where the one before was killed, nobody else does
        busy = running(self.folder)
        run = self.find(opened) or busy or latest(self.folder)
        entries = self._list(run)
        groups = (self._of_run(run) if run else self._of_none()) | {
            "list": (str(entries), lambda: {"list": entries}),
            "busy": (bool(busy), lambda: {"timer": gr.Timer(OFTEN if busy else SELDOM), "start": gr.update(
                value="Add to the queue" if busy else "Start training")})}
        stamps, updates = {name: stamp for name, (stamp, _) in groups.items()}, {}
        for name, (stamp, make) in groups.items():
            if (seen or {}).get(name) != stamp:
                updates |= make() | {"seen": stamps}
        return [updates.get(name, gr.skip()) for name in self.parts]

    def _of_run(self, run: Run) -> dict[str, tuple[str, Callable[[], dict[str, Any]]]]:
        """Parts that change together: of each such group, what says whether it did, and what makes its parts."""
        state = self.studio.stories.state(run)
        about = f"{run.name} {state.status} {state.step} {state.stage} {state.note} {len(state.held_out)}"
        heard = f"{run.name} {len(state.previews)} {state.best_step} {state.status}"
        return {"state": (about, lambda: {"note": said(run, state, guest=self.studio.guest), "losses": _losses(state),
                                          **_buttons(state)}),
                "previews": (heard, lambda: {"distances": _distances(state), "previews": self._previews(run, state)})}

    def _of_none(self) -> dict[str, tuple[str, Callable[[], dict[str, Any]]]]:
        first = FIRST_FOR_GUESTS if self.studio.guest else FIRST
        return {"state": ("", lambda: {"note": first, "losses": _losses(None), "stop": gr.update(interactive=False),
                                       **{name: gr.update(visible=False) for name in ("resume", "use", "best")}}),
                "previews": ("", lambda: {"distances": _distances(None),
                                          "previews": table("", [], [], PREVIEW_HINT)})}

    # ----------------------------------------------------------------------------------------------- the previews
    def _previews(self, run: Run, state: RunState) -> dict[str, Any]:
        sets = state.previews
        columns = [Column(each.step, [takes.thumbnail(path.with_suffix(".png"), takes.stamp_of(path)) for path
                                      in each.sounds()], each.distance_db, each.nearest_db,
                          best=each.step == state.best_step) for each in _spread(sets, state.best_step)]
        hint = "" if state.active or sets else "No previews were made."
        return table(run.name, _prompts(sets), columns, hint or PREVIEW_HINT)

    def preview_sound(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One preview for the browser: {"run", "step", "row"} → {"wav" in base64, "level_db"} or {"error"}."""
        run = self.find(asked.get("run"))
        sets = self.studio.stories.state(run).previews if run else ()
        sounds = next((each.sounds() for each in sets if each.step == asked.get("step")), [])
        row = asked.get("row")
        if not isinstance(row, int) or not 0 <= row < len(sounds):
            return {"error": "This preview is no longer there."}
        try:
            level_db, _ = takes.heard_of(sounds[row], takes.stamp_of(sounds[row]))
            wav = takes.discreet(sounds[row], takes.stamp_of(sounds[row])) if self.studio.guest \
                else sounds[row].read_bytes()
            return {"wav": base64.b64encode(wav).decode("ascii"), "level_db": level_db}
        except (OSError, StudioError):
            return {"error": "This preview cannot be read any more."}

    # --------------------------------------------------------------------------------------------------- the list
    def _list(self, shown: Run | None) -> dict[str, Any]:
        if self.studio.guest:
            return {}
        found, waiting = runs(self.folder), jobs.queue(self.folder)
        entries = [self._listed(run, waiting, run == shown) for run in found[:MOST_LISTED]]
        order = {"queued": 1, "running": 0, "starting": 0, "stopping": 0}
        entries.sort(key=lambda each: order.get(each.status, 2))
        return listed(entries, max(0, len(found) - MOST_LISTED), self.thrown.name if self.thrown else "")

    def _listed(self, run: Run, waiting: Sequence[Run], shown: bool) -> Listed:
        if run in waiting:
            return Listed(run.name, "queued", f"waits, no. {waiting.index(run) + 1}", ("take off", "clone"), shown)
        if run.at_work():
            state = self.studio.stories.state(run)
            part = state.step / state.total if state.total else 0.0
            text = f"{state.step} of {state.total}" if state.total else state.stage or "starting"
            return Listed(run.name, state.status, text, ("stop", "clone"), shown, part)
        status = run.last_event().get("status", "failed")
        acts = ("clone", "trash") if status == "done" else ("resume", "clone", "trash")
        return Listed(run.name, status, f"{status} {_when(run)}", acts, shown)


def _losses(state: RunState | None) -> dict[str, Any]:
    lines = [line("loss", state.losses, "noisy"),
             line("of the sounds kept apart", state.held_out, "dots", second=True)] if state else []
    return chart("Loss", LOSS_HINT, state.total if state else 0, lines, best=state.best_step if state else None)


def _distances(state: RunState | None) -> dict[str, Any]:
    previews = state.previews if state else ()
    away = [(each.step, each.distance_db) for each in previews if each.distance_db is not None]
    nearest = [(each.step, each.nearest_db) for each in previews if each.nearest_db is not None]
    lines = [line("from the kit", away, "dots"), line("nearest one: near 0 is a copy", nearest, "dots", second=True)]
    return chart("Previews", DISTANCE_HINT, state.total if state else 0, lines,
                 best=state.best_step if away else None, unit="dB")


def _when(run: Run) -> str:
    """When its last word was said, as short as it is clear."""
    ended = time.localtime(run.last_event().get("time", 0))
    today = time.localtime()[:3] == ended[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d", ended)


def _spread(sets: Sequence[Previews], best: int | None) -> list[Previews]:
    """As many as fit beside each other: the first, the last, the best, and others between them."""
    if len(sets) <= MOST_COLUMNS:
        return list(sets)
    kept = {round(place * (len(sets) - 1) / (MOST_COLUMNS - 2)) for place in range(MOST_COLUMNS - 1)}
    kept |= {place for place, each in enumerate(sets) if each.step == best}
    return [sets[place] for place in sorted(kept)]


def _prompts(sets: Sequence[Previews]) -> list[str]:
    """The words of the rows, from the recipes of the first previews."""
    words = []
    for path in sets[0].sounds() if sets else ():
        try:
            words.append(engine.library.read(path).prompt or path.stem)
        except StudioError:
            words.append(path.stem)
    return words


def _buttons(state: RunState) -> dict[str, Any]:
    return {"stop": gr.update(interactive=state.active and state.status != "stopping",
                              value="Take off the queue" if state.status == "queued" else "Stop and save"),
            "resume": gr.update(visible=state.status in ("stopped", "failed")),
            "use": gr.update(visible=state.lora is not None),
            "best": gr.update(visible=state.best_step is not None and (state.lora is None
                                                                       or state.best_step != state.step),
                              value=f"Use the best, step {state.best_step}")}


def said(run: Run, state: RunState, *, guest: bool = False) -> dict[str, Any]:
    """Where a run stands; guests are told no path and no fault, which may name one."""
    loss = f"loss {state.losses[-1][1]:.4f}" if state.losses else ""
    if state.status == "queued":
        return note(f"{run.name}: waits for the training before it.", tone="next")
    if state.status == "failed":
        return note(f"{run.name}: failed.", [] if guest else [state.error], tone="bad")
    if not state.active:
        if not state.lora:
            return note(f"{run.name}: stopped before anything was learned.", tone="bad")
        end = "trained" if state.status == "done" else "stopped and saved"
        file = [] if guest else [f"LoRA file: {state.settings.get('out') or state.lora}"]
        return note(f"{run.name}: {end}, {', '.join(filter(None, (f'{state.step} steps', loss)))}.", file, tone="good")
    if state.status == "stopping":
        return working(Progress(f"{run.name}: finishing this step, then saving", state.step, state.total, loss))
    if state.stage == "train":
        return working(Progress(f"{run.name}: training", state.step, state.total, loss), state.seconds_left)
    if state.status == "running":  # between two steps
        word = {"preview": "making previews", "validate": "checking on the sounds kept apart"}.get(state.stage, "")
        text = f"{run.name}: training"
        return working(Progress(text, state.step, state.total, word or loss), state.seconds_left)
    stage = _STAGES.get(state.stage, state.stage) or "starting"
    return working(Progress(f"{run.name}: {stage}", note="" if guest else state.note))


_STAGES = {"load": "loading the base", "encode": "reading the sounds", "preview": "making the first previews",
           "validate": "checking on the sounds kept apart", "resume": "going on", "estimate": "measuring"}
