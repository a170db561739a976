"""What the Library tab does with takes: finds them, shows a part of what is found, and changes them.

Each page (session) has a place of its own: what it asked for, which part of that it sees, what it chose. A take is
known by its file's name; what the page sends is only ever looked up. Every answer is made from the files as they are
now, so that two pages may work on the same library, and a take that went away is gone at the next look.
"""

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from studio.errors import StudioError
from studio.progress import Report
from studio.ui import engine, takes
from studio.ui.components.detail import Shown
from studio.ui.components.note import note
from studio.ui.components.pads import Pad, Screen
from studio.ui.components.pager import Part
from studio.ui.components.take_rows import Line, Lines
from studio.ui.latest import Latest
from studio.ui.reveal import reveal
from studio.ui.studio import Studio
from studio.ui.work import watched

if TYPE_CHECKING:
    from studio.engine.catalogue import Catalogue, Entry, Found
    from studio.engine.library import Take

INDEX = "takes.sqlite"  # in the workspace's cache: it can be made again
SIZES = {"grid": 16, "list": 40}  # takes in view at once
TIMES = (("any time", 0), ("last 24 hours", 1), ("last 7 days", 7), ("last 30 days", 30))
DAY = 24 * 3600
ORDERS = ("newest", "oldest", "name", "longest", "shortest")
PAGES = 256  # remembered; a page that is older than that starts anew
MOST_FAULTS = 5  # named; the others are counted
SAME = gr.skip()
EMPTY = note("Nothing here yet. Every sound that Generate makes is kept here, with all that made it.", tone="next")
NOTHING_FITS = note("No sound fits. Take a word or a filter away.")


@dataclass
class Place:
    """What one page sees.

    asked  : what it searches for, as keywords of `Catalogue.search`, but days instead of a time
    view   : "grid" or "list"
    first  : number of the first take in view, of all that are found
    names  : of the takes in view
    picked : names of those that are chosen
    looked : name of the take that is shown close up
    thrown : WAVs in the trash that `undo` brings back, by the presses that put them there
    faults : what the last look at the files could not read
    """

    asked: dict[str, Any] = field(default_factory=dict)
    view: str = "grid"
    first: int = 0
    names: Sequence[str] = ()
    picked: Sequence[str] = ()
    looked: str = ""
    thrown: list[Sequence[Path]] = field(default_factory=list)
    faults: Sequence[str] = ()

    def sought(self) -> dict[str, Any]:
        """Keywords of `Catalogue.search`."""
        asked = dict(self.asked)
        days = asked.pop("days", 0)
        return asked | dict(since=time.time() - days * DAY if days else None)


class Opened(NamedTuple):
    """What of the tab is new as it comes to the front: roles and LoRAs to choose from, a note, a Shown or None, and the
    number of the look at the files."""

    role: Any = SAME
    lora: Any = SAME
    said: Any = SAME
    detail: Any = SAME
    look: Any = SAME


class Finder:
    """The handlers. Most answer with `shown`: [Screen, Lines, Part, note, what can be exported, Shown or None]."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._places: Latest[Place] = Latest(PAGES)
        self._looks = itertools.count(1)
        self._lock = threading.RLock()
        self._index: Catalogue | None = None

    @property
    def index(self) -> "Catalogue":
        """The index of the workspace's takes."""
        with self._lock:
            if self._index is None:
                workspace = self.studio.workspace
                self._index = engine.catalogue.Catalogue(workspace.takes, workspace.cache / INDEX)
            return self._index

    def place(self, request: gr.Request) -> Place:
        """The page's place."""
        with self._lock:
            return self._places.get(request.session_hash) or self._places.keep(request.session_hash, Place())

    # ------------------------------------------------------------------------------------------------------- finding
    def opened(self, request: gr.Request) -> Iterator[Opened]:
        """The tab comes to the front: the files are looked at.

        What is found is listed by `search` alone, which a new look number calls: two answers on their way at once could
        reach the page in the wrong order.
        """
        place, stop = self.place(request), threading.Event()
        yield Opened(*self._filters(place))

        def work(report: Report) -> Iterator[list[str]]:
            yield self.index.refresh(report=report)

        listed = False
        for said, made in watched(work, stop):
            if said is None:
                place.faults = made
                continue
            complete = said["text"].startswith("listening")  # all takes are there; measuring them may take long
            yield Opened(said=said, look=SAME if listed or not complete else next(self._looks))
            listed = listed or complete
        gone = place.looked and self.closeup(place) is None  # else it stays: another may have been played meanwhile
        yield Opened(*self._filters(place), detail=None if gone else SAME, look=next(self._looks))

    def search(self, request: gr.Request, text: str, role: str, lora: str, days: int, starred: bool, order: str,
               view: str) -> list[Any]:
        """What is found, in the view that is asked for: its first part, where something else is asked for."""
        place = self.place(request)
        view = view if view in SIZES else "grid"
        asked = dict(text=text, role=role or "", lora=lora or "", days=days, starred=starred, order=order)
        if (asked, view) != (place.asked, place.view):
            place.asked, place.view, place.first = asked, view, 0
        return self.shown(place)

    def turn(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """The part before, or the next one."""
        place = self.place(request)
        place.first = max(0, place.first + SIZES[place.view] * (1 if event.by == 1 else -1))
        return self.shown(place)

    def found(self, place: Place) -> "Found":
        """The part of what is found that is in view; the last one where there are no longer so many."""
        size = SIZES[place.view]
        found = self.index.search(**place.sought(), limit=size, offset=place.first)
        if not found.entries and found.total:
            place.first = (found.total - 1) // size * size
            found = self.index.search(**place.sought(), limit=size, offset=place.first)
        return found

    def all_found(self, place: Place) -> list["Take"]:
        """Every take that is found, in order; those that went away since are left out."""
        found = []
        for entry in self.index.search(**place.sought(), limit=-1).entries:
            with contextlib.suppress(StudioError):
                found.append(self._find(entry.name))
        return found

    def chosen(self, place: Place) -> list["Take"]:
        """The takes that are chosen. Raises StudioError where one is gone."""
        return [self._find(name) for name in place.picked]

    # ------------------------------------------------------------------------------------------------ what is shown
    def shown(self, place: Place) -> list[Any]:
        """What is found, as it is now; the close-up stays as it is."""
        found = self.found(place)
        place.names = [entry.name for entry in found.entries]
        place.picked = [name for name in place.picked if name in place.names]
        pairs = [(entry, self._pad(entry)) for entry in found.entries]
        grid, count = place.view == "grid", sum(map(len, place.thrown))
        screen = Screen([pad for _, pad in pairs if pad], thrown=count)
        lines = Lines([_line(entry, pad) for entry, pad in pairs], thrown=count)
        part = Part(place.first, len(pairs), found.total)
        return [gr.update(value=screen, visible=True) if grid else gr.update(visible="hidden"),
                gr.update(value=lines, visible=True) if not grid else gr.update(visible="hidden"),
                part, self._said(place, found.total), self._what(place, found.total), SAME]

    def closeup(self, place: Place) -> Shown | None:
        """The take that is looked at, while it is there."""
        with contextlib.suppress(StudioError):
            return takes.shown(self.studio, self._find(place.looked)) if place.looked else None
        return None

    def _pad(self, entry: "Entry") -> Pad | None:
        """A take on a pad, None where its sound cannot be read any more."""
        with contextlib.suppress(StudioError):
            heard = (entry.level_db, entry.duration) if entry.duration else None
            pad = takes.pad(self.studio, self._find(entry.name), heard)
            words = ", ".join(entry.words) or entry.role or f"seed {entry.seed}"
            return dataclasses.replace(pad, detail=f"{entry.duration:.2f} s  ·  {words}" if entry.duration else words)
        return None

    def _filters(self, place: Place) -> list[Any]:
        """The roles and LoRAs to choose from; what is chosen stays among them, even where nothing has it any more."""
        wanted = [("role", "any role", self.index.roles()), ("lora", "any LoRA", self.index.loras())]
        return [gr.update(choices=[(any_of, ""), *dict.fromkeys([*names, *filter(None, [place.asked.get(name)])])])
                for name, any_of, names in wanted]

    def _said(self, place: Place, total: int) -> dict[str, Any]:
        lines = list(place.faults[:MOST_FAULTS])
        lines += [f"and {len(place.faults) - MOST_FAULTS} more"] if len(place.faults) > MOST_FAULTS else []
        if not total:
            return note(NOTHING_FITS["text"], lines) if any(place.asked.get(name) for name in
                        ("text", "role", "lora", "days", "starred")) else note(EMPTY["text"], lines, tone="next")
        return note(f"{total:,} sound{'s' * (total != 1)}", lines, tone="bad" if lines else "quiet")

    def _what(self, place: Place, total: int, *, meant: bool = False) -> dict[str, Any]:
        """What can be exported. meant : those that are chosen are what is wanted"""
        return gr.update(choices=[(f"chosen: {len(place.picked)}", "chosen"), (f"all found: {total:,}", "found")],
                         **({"value": "chosen"} if meant else {}))

    # --------------------------------------------------------------------------------------------- what users do
    def take(self, event: gr.EventData) -> "Take":
        """The take that an event names. Raises StudioError where it is gone."""
        return self._find(str(event.id))

    def _find(self, name: str) -> "Take":
        return engine.library.find(self.studio.workspace.takes, name)

    def choose(self, request: gr.Request, event: gr.EventData) -> Shown:
        """A sound was played: a closer look at it."""
        take = self.take(event)
        self.place(request).looked = take.path.name
        return takes.shown(self.studio, take)

    def pick(self, request: gr.Request, event: gr.EventData) -> dict[str, Any]:
        """Others are chosen: what can be exported. Several that somebody has just chosen are what is meant."""
        place, wanted = self.place(request), event.ids if isinstance(event.ids, list) else []
        before, place.picked = place.picked, [name for name in place.names if name in wanted]
        return self._what(place, self.found(place).total, meant=before != place.picked and len(place.picked) > 1)

    def star(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A star is set or taken off."""
        engine.library.mark(self.take(event), starred=bool(event.on))
        return self.changed(request)

    def note(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A note was written."""
        engine.library.mark(self.take(event), note=str(event.note))
        return self.changed(request)

    def rename(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A take has another name, and its files with it."""
        take, place = self.take(event), self.place(request)
        old, new = take.path.name, engine.library.rename(take, str(event.name)).path.name
        place.looked = new if place.looked == old else place.looked
        place.picked = [new if name == old else name for name in place.picked]
        return self.changed(request)

    def remove(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """Takes go to the trash, from where `undo` brings them back, press by press."""
        place, going = self.place(request), []
        for name in event.ids if isinstance(event.ids, list) else []:
            with contextlib.suppress(StudioError):  # gone already: so it shall be
                going.append(self._find(name))
        thrown = engine.library.throw_away(going, self.studio.workspace.trash)
        place.thrown += [thrown] if thrown else []  # what is pressed twice is thrown away once
        return self.changed(request)

    def undo(self, request: gr.Request) -> list[Any]:
        """What was thrown away last is back."""
        place = self.place(request)
        with self._lock:
            thrown = place.thrown.pop() if place.thrown else ()
        engine.library.bring_back(thrown, self.studio.workspace.takes)
        self.index.refresh()
        return self.shown(place)

    def changed(self, request: gr.Request) -> list[Any]:
        """What is found and the close-up, after the files were looked at again."""
        place = self.place(request)
        place.faults = self.index.reread()
        return [*self.shown(place)[:-1], self.closeup(place)]

    def reveal(self, event: gr.EventData) -> None:
        """The take's file in its folder, on the machine that the studio runs on."""
        reveal(self.take(event).path)


def _line(entry: "Entry", pad: Pad | None) -> Line:
    """A take in the list."""
    heard = dict(sound=pad.sound, image=pad.image, level_db=pad.level_db) if pad else {}
    return Line(id=entry.name, title=entry.title, role=entry.role, words=", ".join(entry.words), note=entry.note,
                loras=", ".join(entry.loras), made=entry.made, duration=entry.duration, starred=entry.starred, **heard)
