"""What the Transform tab does: changes a sound, travels between sounds, makes tracks that are heard as they come."""

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from studio.errors import Cancelled, StudioError
from studio.knobs import from_dict
from studio.progress import Progress, Report
from studio.settings import MorphSettings, TransformSettings
from studio.ui import engine
from studio.ui.components.live_track import Live
from studio.ui.components.note import note
from studio.ui.components.pads import Slot
from studio.ui.easel import Easel
from studio.ui.form import Form
from studio.ui.making import DENOISING, Making, Run
from studio.ui.scratch import Scratch, file_name
from studio.ui.shelf import Shelf
from studio.ui.studio import Studio
from studio.ui.work import Work

CHANGE, TRAVEL, TRACK = "Change", "Travel", "Track"
MODE_OF = {"morph": TRAVEL, "track": TRACK}  # by a recipe's verb; all others are a change
KINDS = {CHANGE: TransformSettings, TRAVEL: MorphSettings, TRACK: MorphSettings}
WIDEST_FIELD = 8  # columns and rows that pads show
PIECES = 64  # the newest ones of a track, that the page is told of
SAME = gr.skip()
HINTS = {
    CHANGE: note("Drop a sound, or press Transform beside one that you made. Travel and Track need only words.",
                 tone="next"),
    TRAVEL: note("Say where the way begins and where it ends; the sounds on it go from the one to the other.",
                 tone="next"),
    TRACK: note("Say how the track begins and how it ends; it is heard while it is made.", tone="next"),
}


@dataclass
class Windows(Run):
    """How far a long sound is that is made window by window. stage : by which the engine counts them."""

    stage: str = "transform"
    words: str = "Making it anew"
    at_once: int = 1
    windows: int = 0
    finished: int = 0
    splitting: Progress | None = None

    def heed(self, stage: str, step: int, total: int) -> None:
        """Take note of what the engine reports."""
        super().heed(stage, step, total)
        self.splitting = Progress("Taking the instruments apart", step, total) if stage == "split" else None
        if stage == self.stage:
            self.finished, self.windows, self.denoised, self.decoded = step, total, 0.0, 0.0

    def part(self) -> float:
        """How much of all is done, 0 to 1."""
        if not self.windows:
            return 0.0
        batch = min(self.at_once, self.windows - self.finished)
        return (self.finished + batch * (DENOISING * self.denoised + (1 - DENOISING) * self.decoded)) / self.windows

    def slots(self) -> list[Slot]:
        """The place of the sound to come."""
        return [Slot(self.part())] * (self.count - self.done)

    def progress(self) -> Progress:
        """What is being made, and how much of it is there."""
        return self.splitting or Progress(self.words, self.finished, self.windows)


@dataclass
class Track(Windows):
    """How far a track is, and its pieces as files for the page."""

    live: Live | None = None
    written: Callable[[Any], str] | None = None
    pieces: list[str] = field(default_factory=list)
    complete: bool = False

    def heed_made(self, made: Any) -> None:
        """A piece is made."""
        self.pieces.append(self.written(made))
        first = max(0, len(self.pieces) - PIECES)
        self.live = dataclasses.replace(self.live, first=first, pieces=tuple(self.pieces[first:]))

    def whole(self) -> bool:
        """Whether all of it was made."""
        return super().whole() and self.complete


class TransformBench(Making):
    """The handlers that make sounds and fill the form.

    loose : controls by name that no settings class has as they are: mode, reference, via, below_left, below_right,
            start_sound, end_sound, lora, weight, weight_end
    forms : of which the fields' values make TransformSettings and MorphSettings, each by its name
    """

    def __init__(self, studio: Studio, shelf: Shelf, easel: Easel, loose: Mapping[str, Any],
                 forms: Sequence[Form]) -> None:
        super().__init__(studio, shelf)
        self.easel = easel
        self.loose = loose
        self.forms = forms

    @property
    def controls(self) -> list[gr.components.Component]:
        """All controls, in the order in which `make` takes their values."""
        return [*self.loose.values(), *(control for form in self.forms for control in form.controls)]

    def loras(self) -> dict:
        """The LoRAs to choose from."""
        return gr.update(choices=self.studio.lora_choices())

    def turned(self, request: gr.Request, mode: str) -> Any:
        """Another mode was chosen: what to do in it, or what is to be said of the sound that is there to be changed."""
        session = request.session_hash
        if session in self._stops:
            return SAME
        return self.easel.source(session).said if mode == CHANGE and self.easel.holds(session) else HINTS[mode]

    # ------------------------------------------------------------------------------------------------ making sounds
    def make(self, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        """Make what the mode says. Answers with [Note, Screen, Live]."""
        runs: list[Run] = []
        told: Live | None = None

        def ready() -> tuple[Run, Work]:
            run, work = self._ready(request.session_hash, values)
            runs.append(run)
            return run, work

        def live() -> Any:
            nonlocal told
            now = runs[0].live if runs and isinstance(runs[0], Track) else None
            if now is told:
                return SAME
            told = now
            return now

        try:
            for said, screen in self.made(request, ready):
                yield [said, screen, live()]
        except StudioError:
            self._end(request.session_hash, runs)
            yield [SAME, SAME, live()]
            raise
        self._end(request.session_hash, runs)
        yield [SAME, SAME, live()]

    def _end(self, session: str, runs: Sequence[Run]) -> None:
        """Nothing more comes of a run: the page is told so of a track, and what is the only sound is looked at."""
        for run in runs:
            if isinstance(run, Track) and run.live:
                run.live = dataclasses.replace(run.live, over=True, stopped=not run.whole())
            place = self.shelf.place(session)
            if isinstance(run, Windows) and place.fresh:
                place.looked = place.names[place.fresh - 1]

    def _ready(self, session: str, values: Sequence[Any]) -> tuple[Run, Work]:
        said = dict(zip(self.loose, values, strict=False))
        kind, rest = KINDS[said["mode"]], values[len(self.loose) :]
        for form in self.forms:
            if self._serves(form, kind):
                said |= form.named(rest[: len(form.controls)])
            rest = rest[len(form.controls) :]
        lora = self.chosen([said["lora"], said["weight"]])
        if said["mode"] == CHANGE:
            return self._change(session, _settings(TransformSettings, said, lora=lora,
                                                   reference=said["reference"] or ""))
        below = tuple(text.strip() for text in (said["below_left"], said["below_right"]) if text and text.strip())
        travels = said["mode"] == TRAVEL
        settings = _settings(
            MorphSettings, said, lora=lora, via=tuple(filter(None, map(str.strip, (said["via"] or "").splitlines()))),
            lora_end=() if said["weight_end"] == said["weight"] else self.chosen([said["lora"], said["weight_end"]]),
            below=below if travels else (), start_sound=(said["start_sound"] or "") if travels else "",
            end_sound=(said["end_sound"] or "") if travels else "")
        return self._travel(settings) if travels else self._track(settings)

    def _serves(self, form: Form, kind: type) -> bool:
        """Whether a form's values are meant for settings of a kind: the first form's are for all."""
        return form.kind is kind or form is self.forms[0]

    def _change(self, session: str, settings: TransformSettings) -> tuple[Run, Work]:
        source = self.easel.source(session)

        def work(report: Report) -> Iterator[Any]:
            with Scratch(self.studio.workspace.cache) as folder:
                made = engine.transform.transform(source.path, folder / file_name(source.path.stem, settings), settings,
                                                  mask=source.mask, report=report)
                yield engine.library.adopt(made, self.studio.workspace.takes)

        return Windows(1, 1, at_once=engine.transform.BATCH, windows=source.windows), work

    def _travel(self, settings: MorphSettings) -> tuple[Run, Work]:
        if settings.below and settings.count > WIDEST_FIELD:
            raise StudioError(f"count is {settings.count}, but a field on the pads is at most {WIDEST_FIELD} wide and "
                              f"high; give {WIDEST_FIELD} or less")
        takes, count = self.studio.workspace.takes, settings.count ** (2 if settings.below else 1)
        run = Run(count, 1, columns=settings.count if settings.below else 0)
        return run, lambda report: engine.morph.morph(settings, takes, report=report)

    def _track(self, settings: MorphSettings) -> tuple[Run, Work]:
        run = Track(1, 1, stage="track", words="Making the track")

        def work(report: Report) -> Iterator[Any]:
            with Scratch(self.studio.workspace.cache) as folder:
                path = folder / file_name(settings.start, settings)
                sample_rate, pieces = engine.track.record(settings, path, report=report)
                run.live = Live(secrets.token_urlsafe(6), sample_rate, settings.duration)
                run.written = lambda piece: self.studio.written(piece, sample_rate, "piece")
                try:
                    yield from pieces
                except Cancelled:
                    if path.exists():
                        yield engine.library.adopt(path, self.studio.workspace.takes)
                    raise
                run.complete = True
                yield engine.library.adopt(path, self.studio.workspace.takes)

        return run, work

    # --------------------------------------------------------------------------------------- settings from a sound
    def reuse(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """The settings of the take that is looked at, for the form: a value a control, then a note that says so."""
        recipe = self.shelf.take(request, event).recipe
        said = recipe.get("settings")
        if not isinstance(said, Mapping):
            raise StudioError("this recipe has no settings; choose a sound that the studio made")
        mode = MODE_OF.get(str(recipe.get("verb")), CHANGE)
        kind = KINDS[mode]
        known = {each.name for each in dataclasses.fields(kind)} - {"device", "reference", "start_sound", "end_sound"}
        settings = from_dict(kind, {name: said[name] for name in known if name in said}, where="the recipe")
        loose, missing = self._loose(settings, mode)
        values = [loose.get(name, SAME) for name in self.loose]
        values += [getattr(settings, name, SAME) if name in said and self._serves(form, kind) else SAME
                   for form in self.forms for name in form.names]
        lines = [f"LoRA {name} is not among the settings: it is gone, or there is more than one." for name in missing]
        lines += [f"{name.replace('_', ' ').capitalize()} is a file: drop it again."
                  for name in ("source", "reference", "start_sound", "end_sound") if said.get(name) or recipe.get(name)]
        return [*values, note("These settings are back.", lines, tone="bad" if missing else "good")]

    def _loose(self, settings: Any, mode: str) -> tuple[dict[str, Any], list[str]]:
        """Values of the controls that stand alone, and the names of LoRAs that cannot be had."""
        pairs = [(path.stem, weight) for path, weight in map(engine.loras.split, settings.lora)]
        fits = [pair for pair in pairs[:1] if pair[0] in self.studio.loras()]
        name, weight = fits[0] if fits else ("", 1.0)
        at_end = map(engine.loras.split, getattr(settings, "lora_end", ()))
        ends = [strength for path, strength in at_end if path.stem == name]
        found = dict(mode=mode, lora=gr.update(choices=self.studio.lora_choices(), value=name), weight=weight,
                     weight_end=ends[0] if ends else weight)
        if mode != CHANGE:
            left, right = settings.below or ("", "")
            found |= dict(via="\n".join(settings.via), below_left=left, below_right=right)
        return found, [name for name, _ in pairs if (name, weight) not in fits]


def _settings(kind: type, said: Mapping[str, Any], **others: Any) -> Any:
    """Settings of a kind out of all values by name, with a seed that is known before the work starts."""
    names = {each.name for each in dataclasses.fields(kind)} - others.keys()
    return engine.library.settled(kind(**{name: said[name] for name in names & said.keys()}, **others))
