"""What the Library tab does to get sounds out: into the export folder, or into one zip."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio import presets
from studio.errors import StudioError
from studio.files import slug
from studio.progress import Progress, Report
from studio.settings import ExportSettings
from studio.ui import engine
from studio.ui.components.note import note, working
from studio.ui.finder import Finder
from studio.ui.form import Form
from studio.ui.reveal import reveal
from studio.ui.studio import Studio
from studio.ui.work import watched

ADVICE = "Add this folder to your DAW’s browser once: what you export appears there by itself."
SAME = gr.skip()


class Exporter:
    """The handlers. An export answers with [note, Stop, the button that saves a zip]."""

    def __init__(self, studio: Studio, finder: Finder, form: Form) -> None:
        self.studio = studio
        self.finder = finder
        self.form = form
        self._stops: dict[str, threading.Event] = {}  # of the pages that are exporting

    def preset(self, name: str | None) -> list[Any]:
        """A preset was chosen."""
        if not name:
            return [SAME] * len(self.form.controls)
        return self.form.show(presets.load("export", name, self.studio.workspace))

    def to_folder(self, request: gr.Request, what: str, name: str, *values: Any) -> Iterator[list[Any]]:
        """Sounds into the export folder, or a folder in it."""
        folder = self.studio.workspace.exports / slug(name) if name.strip() else self.studio.workspace.exports

        def work(report: Report, takes: Sequence[Any], settings: ExportSettings) -> Iterator[Path]:
            engine.export.export(takes, folder, settings, report=report)
            yield folder
        yield from self._export(request, what, values, work)

    def to_zip(self, request: gr.Request, what: str, name: str, *values: Any) -> Iterator[list[Any]]:
        """Sounds into one zip in the export folder, which the page can save elsewhere."""
        file = self.studio.workspace.exports / f"{slug(name) if name.strip() else 'sounds'}.zip"

        def work(report: Report, takes: Sequence[Any], settings: ExportSettings) -> Iterator[Path]:
            yield engine.export.zipped(takes, file, settings, report=report)
        yield from self._export(request, what, values, work)

    def stop(self, request: gr.Request) -> None:
        """End this page's export at its next sound; those that are out stay."""
        if request.session_hash in self._stops:
            self._stops[request.session_hash].set()

    def reveal(self) -> None:
        """The export folder, on the machine that the studio runs on."""
        self.studio.workspace.exports.mkdir(parents=True, exist_ok=True)
        reveal(self.studio.workspace.exports)

    def _export(self, request: gr.Request, what: str, values: Sequence[Any], work: Any) -> Iterator[list[Any]]:
        session, place = request.session_hash, self.finder.place(request)
        if session in self._stops:
            raise StudioError("this page is exporting already; wait for it, or stop it first")
        stop = self._stops[session] = threading.Event()
        try:
            settings = self.form.read(values)
            takes = self.finder.chosen(place) if what == "chosen" else self.finder.all_found(place)
            if not takes:
                raise StudioError("no sounds are chosen; click one, or more with Ctrl, or export all that are found")
            yield [working(Progress("exporting", 0, len(takes))), gr.update(interactive=True), gr.update(visible=False)]
            told, save = SAME, SAME
            for said, made in watched(lambda report: work(report, takes, settings), stop):
                if said:
                    told = said
                    yield [said, SAME, SAME]
                else:
                    told, save = self._done(made, len(takes))
        except StudioError as error:
            yield [note(str(error), tone="bad"), gr.update(interactive=False), SAME]
            raise
        finally:
            self._stops.pop(session, None)
        # all of it at once: of two answers that follow closely the page shows only the second
        yield [told, gr.update(interactive=False), save]

    def _done(self, made: Path, count: int) -> list[Any]:
        """What came of it and where it lies, and the button that saves a zip."""
        said = note(f"{count:,} sound{'s' * (count != 1)} exported.", [str(made)], tone="good")
        is_zip = made.suffix == ".zip"
        served = {"value": self.studio.served(made), "label": f"Save {made.name}"} if is_zip else {}
        return [said, gr.update(visible=is_zip, **served)]
