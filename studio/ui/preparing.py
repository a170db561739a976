"""What the Dataset tab does: names, and the long work of bringing sounds into a dataset."""

import contextlib
import functools
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.files import from_home, sha1_of, unused, write_whole
from studio.progress import Progress, Report
from studio.ui import engine
from studio.ui.components.note import note, working
from studio.ui.form import Form
from studio.ui.slicing import Slicing
from studio.ui.sound_rows import SoundRows
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from studio.engine.preparation import Prepared
    from studio.settings import MelSettings

DEMO_KIT, DEMO_DATASET = "demo kit", "demo_kit"
NEW_NAME = "my_sounds"
SLICES = "slices"  # folder of a dataset with the pieces of recordings
ORIGINALS = "originals"  # and with the sounds that were dropped
MOST_SAID = 12  # lines under a summary
Gather = Callable[[Report], list[Path]]


def noted(handler: Callable[..., Iterator[list[Any]]]) -> Callable[..., Iterator[list[Any]]]:
    """A fault is left in the note as well: the toast goes, and a bar that stands still would say nothing."""
    @functools.wraps(handler)
    def saying(*values: Any) -> Iterator[list[Any]]:
        try:
            yield from handler(*values)
        except StudioError as error:
            yield [gr.skip(), gr.skip(), note(str(error), tone="bad"), gr.skip()]
            raise
    return saying


class Preparing:
    """The handlers. Long ones answer with [name, preset, said, sounds]."""

    def __init__(self, studio: Studio, form: Form, rows: SoundRows, slicing: Slicing) -> None:
        self.studio = studio
        self.form = form
        self.rows = rows
        self.slicing = slicing
        self._stops: dict[str, threading.Event] = {}
        self._pieces: dict[str, dict[str, Any]] = {}  # of the pages that have just asked for them
        self._busy: set[Path] = set()  # datasets that sounds are brought into now, by any page
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------------- names
    def names(self) -> dict:
        """The datasets to choose from."""
        return gr.update(choices=self.studio.datasets())

    def to_train(self, name: str | None) -> dict:
        """For Train: the dataset that was chosen or brought in here is the one that is meant there."""
        names = self.studio.datasets()
        return gr.update(choices=names, value=name) if name in names else gr.skip()

    def first(self) -> list[Any]:
        """A page was opened: the datasets to choose from, and the one to show if none is named yet."""
        names = self.studio.datasets()
        return [gr.update(choices=names), names[0] if names else NEW_NAME]

    def show(self, name: str | None, last: str | None) -> list[Any]:
        """What is in a dataset as it is now: [name, sounds, preset, *form].

        The controls stay as they are where it is the `last` one that was shown; else they take its settings, and for a
        new one all can be used.
        """
        shown = self.rows.contents(name)
        if name == last:
            controls = [gr.skip()] * (1 + len(self.form.controls))
        elif "about" not in shown:  # none is there yet, or it cannot be read
            controls = [gr.update(visible=True), *self.form.enabled(True)]
        else:
            settings = engine.dataset.open_or_none(self.studio.dataset_folder(name), None).prepare
            controls = [gr.update(visible=False), *(gr.update(value=each) for each in self.form.show(settings))]
        return [name, shown, *controls]

    # ------------------------------------------------------------------------------------------------ bringing in
    @noted
    def prepare(self, request: gr.Request, name: str, files: list[str] | None, folder: str, preset: str,
                *values: Any) -> Iterator[list[Any]]:
        """Prepare the dropped files and the folder into the dataset."""
        sources = [from_home(folder.strip())] if folder and folder.strip() else []
        if not (files or sources):
            raise StudioError("no sounds are chosen; drop files here, give a folder, or load the demo kit")
        originals = self.studio.dataset_folder(name) / ORIGINALS
        yield from self._prepare(name, lambda report: [*_copied(map(Path, files or ()), originals), *sources], preset,
                                 values, request)

    @noted
    def load_demo_kit(self, request: gr.Request, preset: str, *values: Any) -> Iterator[list[Any]]:
        """Write the synthesised demo kit into the workspace and prepare it."""
        folder = self.studio.workspace.kits / DEMO_KIT

        def write(report: Report) -> list[Path]:
            engine.kit.write_demo_kit(folder, report=report)
            return [folder]

        yield from self._prepare(DEMO_DATASET, write, preset, values, request)

    def take_pieces(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """The pieces of a recording that are to be cut; as `begun`."""
        self._pieces[request.session_hash] = {"token": event.token, "pieces": event.pieces}
        return begun()

    @noted
    def add_pieces(self, request: gr.Request, name: str, preset: str, *values: Any) -> Iterator[list[Any]]:
        """Cut those pieces out and prepare them."""
        asked = self._pieces.pop(request.session_hash, {})
        folder = self.studio.dataset_folder(name) / SLICES
        yield from self._prepare(name, lambda report: self.slicing.write(asked, folder, report), preset, values,
                                 request)

    def stop(self, request: gr.Request) -> None:
        """End this page's preparing at its next sound; what is done is kept."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def export(self, name: str | None, format: str) -> Iterator[dict[str, Any]]:
        """Write the dataset for other programs' trainers into the export folder."""
        folder, exports = self.studio.dataset_folder(name), self.studio.workspace.exports
        out = unused(exports / f"{folder.name}_{format}")
        yield working(Progress(f"Writing {out.name}"))
        try:
            pictures = engine.exchange.export(folder, out, format)
        except StudioError as error:
            yield note(str(error), tone="bad")
            raise
        yield note(f"{len(pictures)} pictures with their captions are in the export folder.", [str(out)], tone="good")

    def _prepare(self, name: str, gather: Gather, preset: str, values: Sequence[Any],
                 request: gr.Request) -> Iterator[list[Any]]:
        folder, settings = self.studio.dataset_folder(name), self.form.read(values)
        here = engine.dataset.open_or_none(folder, None)
        mel = here.mel if here else presets.load("mel", preset, self.studio.workspace)
        before = _originals(folder)
        self._claim(folder)

        def work(report: Report) -> Iterator["Prepared"]:
            try:
                yield engine.preparation.prepare(gather(report), folder, mel, settings, report=report)
            finally:
                try:
                    _forget_refused(folder, before)
                finally:
                    self._busy.discard(folder)

        stop = self._stops[request.session_hash] = threading.Event()
        prepared = None
        for said, made in watched(work, stop):
            if said:
                yield [gr.skip(), gr.skip(), said, gr.skip()]
            else:
                prepared = made
        there = (folder / "dataset.json").is_file()  # not where every sound was refused
        yield [gr.update(choices=self.studio.datasets(), value=folder.name), gr.update(visible=not there),
               _summary(prepared, mel) if prepared else note("Stopped. What was done is kept."),
               self.rows.contents(folder.name)]

    def _claim(self, folder: Path) -> None:
        """One page at a time brings sounds into a dataset: two would give two sounds the same name."""
        with self._lock:
            if folder in self._busy:
                raise StudioError(f"sounds are being brought into {folder.name} already; wait, or choose another name")
            self._busy.add(folder)


def _copied(files: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Dropped sounds where they last: the page's uploads are gone when the studio ends, and after a day.

    Each lies in a folder called by its sum: no other is in its way, and its caption takes no words of that. What is no
    sound is left where it is, to be refused there.
    """
    for file in files:
        sum_of_it = sha1_of(file) if file.suffix.lower() in engine.audio.SUFFIXES else ""
        copy = folder / sum_of_it / file.name if sum_of_it else file
        if not copy.is_file():
            write_whole(copy, functools.partial(shutil.copyfile, file))
        yield copy


def _originals(dataset: Path) -> set[Path]:
    return set(dataset.absolute().glob(f"{ORIGINALS}/*/*"))


def _forget_refused(dataset: Path, before: set[Path]) -> None:
    """Take those new copies away that no sound of the dataset was made of; the ones that were there `before` stay."""
    there = engine.dataset.open_or_none(dataset, None)
    sources = {Path(row.source) for row in there.one_shots} if there else set()
    for copy in _originals(dataset) - before - sources:
        with contextlib.suppress(OSError):  # they are in nobody's way
            copy.unlink()
            for folder in copy.parents[:3]:  # of its sum, of originals, and of a dataset that came to nothing
                folder.rmdir()


def begun() -> list[Any]:
    """A button was pressed: [Prepare, the demo kit, Stop, said], at once."""
    return [gr.update(interactive=False), gr.update(interactive=False), gr.update(interactive=True),
            working(Progress("Reading sounds"))]


def over() -> list[Any]:
    """After the end, good or bad: [Prepare, the demo kit, Stop]."""
    return [gr.update(interactive=True), gr.update(interactive=True), gr.update(interactive=False)]


def _summary(prepared: "Prepared", mel: "MelSettings") -> dict[str, Any]:
    """What became of the sounds, and a word about recordings of which only the beginning went in."""
    lines = [f"left out: {Path(path).name}: {reason}" for path, reason in prepared.refused]
    lines += [f"{said}; “Slice a recording” makes one-shots of all of it" for said in prepared.hardly_in(mel)]
    if prepared.otherwise:
        lines.append(f"{prepared.otherwise} of those that were there had been prepared with other settings and stay as "
                     "they are; delete them first, or name a new dataset, to have them anew")
    if len(lines) > MOST_SAID:
        lines[MOST_SAID:] = [f"and {len(lines) - MOST_SAID} more"]
    text = f"{len(prepared.added)} sounds added, {len(prepared.unchanged)} were there already"
    text += f", {len(prepared.refused)} left out." if prepared.refused else ". Next: Train."
    return note(text, lines, tone="bad" if prepared.refused and not prepared.added else "good")
