"""The takes that a page shows on its pads, and what its user does with them.

A take is known by its file's name; what the page sends is only ever looked up. Each page (session) has a place of its
own on the shelf, so that two pages may look at the same library without disturbing one another; the files are the
truth, and what is gone from the folder is gone from the pads at the next look.
"""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from studio.errors import StudioError
from studio.ui import engine, takes
from studio.ui.components.detail import Shown
from studio.ui.components.pads import Screen, Slot
from studio.ui.latest import Latest
from studio.ui.reveal import reveal
from studio.ui.studio import Studio

if TYPE_CHECKING:
    from studio.engine.library import Take

SHOWN = 16  # takes on pads when the page opens
MOST_SHOWN = 64  # of a long run; all of them are in the folder
PAGES = 256  # remembered; a page that is older than that starts anew
SAME = gr.skip()


class Thrown(NamedTuple):
    """A take in the trash: where its pad was, whether it was of this run, and where its file lies now."""

    at: int
    fresh: bool
    path: Path


@dataclass
class Place:
    """What one page shows.

    names  : of the takes on its pads; the first `fresh` of them are this run's
    columns : of the field that this run fills, 0 where it is none
    slots  : places where sounds are being made, after the fresh ones
    own    : names of all takes that this page has made, which is what a guest may ask for
    looked : the name of the take that is shown close up
    thrown : what was thrown away in this run, by the presses that did it, the last one last
    """

    names: list[str] = field(default_factory=list)
    fresh: int = 0
    columns: int = 0
    slots: Sequence[Slot] = ()
    own: set[str] = field(default_factory=set)
    looked: str = ""
    thrown: list[list[Thrown]] = field(default_factory=list)


class Shelf:
    """The handlers of pads and close-up. Most answer with both: [Screen, Shown or None]."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._places: Latest[Place] = Latest(PAGES)
        self._lock = threading.RLock()

    def place(self, session: str) -> Place:
        """The page's place; a new one shows the newest takes, or to a guest nothing."""
        with self._lock:
            place = self._places.get(session)
            if place is None:
                newest = [] if self.studio.guest else engine.library.takes(self.studio.workspace.takes)[:SHOWN]
                place = self._places.keep(session, Place([take.path.name for take in newest]))
            return place

    # ------------------------------------------------------------------------------------------------ what is shown
    def screen(self, place: Place) -> Screen:
        """The pads as the folder is now."""
        own = place.fresh + len(place.slots)
        if not place.columns:
            own = min(own, MOST_SHOWN)  # the first of a long run: a pad stays the sound that it is
        names = [*[*place.names[: place.fresh], *place.slots][:own], *place.names[place.fresh :]]
        pads = []
        for each in names[: own if place.columns else max(SHOWN, own)]:
            if isinstance(each, Slot):
                pads.append(each)
                continue
            with contextlib.suppress(StudioError):  # gone, moved or damaged behind our back
                pads.append(takes.pad(self.studio, self._find(each)))
        return Screen(pads, thrown=sum(map(len, place.thrown)), columns=place.columns)

    def closeup(self, place: Place) -> Shown | None:
        """The take that is looked at, while it is there."""
        with contextlib.suppress(StudioError):
            return takes.shown(self.studio, self._find(place.looked)) if place.looked else None
        return None

    def show(self, request: gr.Request) -> list[Any]:
        """Both, as they are now: for a page that opens or comes back, and after a fault."""
        place = self.place(request.session_hash)
        return [self.screen(place), self.closeup(place)]

    def choose(self, request: gr.Request, event: gr.EventData) -> Any:
        """A pad was played: a closer look at it, unless it has left the pads meanwhile."""
        place = self.place(request.session_hash)
        if not self.studio.guest and event.id not in place.names:
            return SAME
        take = self.take(request, event)
        place.looked = take.path.name
        return takes.shown(self.studio, take)

    def take(self, request: gr.Request, event: gr.EventData) -> "Take":
        """The take that an event names. Raises StudioError where it is gone, and for a guest who did not make it."""
        name = str(event.id)
        if self.studio.guest and name not in self.place(request.session_hash).own:
            raise StudioError(f"{name}: is not one of your sounds; make some first")
        return self._find(name)

    def _find(self, name: str) -> "Take":
        return engine.library.find(self.studio.workspace.takes, name)

    # --------------------------------------------------------------------------------------------- what users do
    def star(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A star is set or taken off."""
        engine.library.mark(self.take(request, event), starred=bool(event.on))
        return self._changed(request, str(event.id))

    def note(self, request: gr.Request, event: gr.EventData) -> Shown | None:
        """A note was written."""
        engine.library.mark(self.take(request, event), note=str(event.note))
        return self.closeup(self.place(request.session_hash))

    def rename(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """A take has another name, and its files with it."""
        take, place = self.take(request, event), self.place(request.session_hash)
        old, new = take.path.name, engine.library.rename(take, str(event.name)).path.name
        with self._lock:
            place.names[:] = [new if name == old else name for name in place.names]
            place.looked = new if place.looked == old else place.looked
        return self._changed(request, new)

    def remove(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """Takes go to the trash, from where `undo` brings them back, press by press."""
        place = self.place(request.session_hash)
        wanted = event.ids if isinstance(event.ids, list) else []
        with self._lock:
            thrown = []
            going = [(at, name) for at, name in enumerate(place.names) if name in wanted]
            for at, name in going:
                with contextlib.suppress(StudioError):  # gone already: so it shall be
                    paths = engine.library.throw_away([self._find(name)], self.studio.workspace.trash)
                    thrown += [Thrown(at, at < place.fresh, path) for path in paths]
            place.thrown += [thrown] if thrown else []  # what is pressed twice is thrown away once
            place.fresh -= sum(at < place.fresh for at, _ in going)
            place.names[:] = [name for name in place.names if name not in wanted]
            place.looked = "" if place.looked in wanted else place.looked
        return self.show(request)

    def undo(self, request: gr.Request) -> list[Any]:
        """What was thrown away last is back, on its pads as well."""
        place = self.place(request.session_hash)
        with self._lock:
            thrown, lost = place.thrown.pop() if place.thrown else [], 0
            for at, fresh, path in thrown:
                back = engine.library.bring_back([path], self.studio.workspace.takes)
                place.names[at - lost : at - lost] = [take.path.name for take in back]
                place.fresh += fresh * len(back)
                lost += not back
        return self.show(request)

    def add(self, place: Place, take: "Take") -> None:
        """A new take of this run: after those that came before it, on the first of the slots."""
        with self._lock:
            place.names.insert(place.fresh, take.path.name)
            place.fresh += 1
            place.own.add(take.path.name)

    def reveal(self, request: gr.Request, event: gr.EventData) -> None:
        """The take's file in its folder, on the machine that the studio runs on."""
        reveal(self.take(request, event).path)

    def _changed(self, request: gr.Request, name: str) -> list[Any]:
        """The pads, and the close-up where it shows the take that changed."""
        place = self.place(request.session_hash)
        return [self.screen(place), self.closeup(place) if place.looked == name else SAME]
