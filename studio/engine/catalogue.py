"""An index of the takes of a folder, so that thousands are searched at once.

The files are the truth: the index only repeats what they say, and what was measured of their sounds. It is one SQLite
file that may be thrown away at any time; the next `refresh` fills it again.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from studio.engine import entries, library
from studio.engine.entries import COLUMNS, STAMPS, UNMEASURED, Entry, Measured, Stamp
from studio.errors import StudioError, did_you_mean
from studio.progress import Progress, Report, silent

VERSION = 2  # of the table; an index of another version is made anew
ORDERS = {"newest": "made DESC, name DESC", "oldest": "made, name", "name": "title COLLATE NOCASE, name",
          "longest": "duration DESC, name", "shortest": "duration, name"}
BATCH = 256  # takes listed between two writes; a measured one is written at once
SCANNED = 8  # words of a search that are looked for one by one, which is quick; the others, rarely any, in a list
PATIENCE = 30.0  # seconds to wait for another studio on the same workspace

Result = TypeVar("Result")


@dataclass(frozen=True)
class Found:
    """A part of what a search found, and how many there are in all."""

    entries: tuple[Entry, ...]
    total: int


class Catalogue:
    """The index `file` of the takes in `folder`; several threads may use it at once.

    Nothing is opened before it is first asked. Raises StudioError where the file cannot be written.
    """

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder, self.file = Path(folder), Path(file)
        self._connection: sqlite3.Connection | None = None
        self._using = threading.RLock()  # the connection
        self._reading, self._measuring = threading.Lock(), threading.Lock()  # one thread at a time reads, one measures

    # -------------------------------------------------------------------------------------------------------- asking
    def search(self, text: str = "", *, role: str = "", lora: str = "", since: float | None = None,
               starred: bool = False, order: str = "newest", limit: int = 100, offset: int = 0) -> Found:
        """Takes that hold every word of `text`, or a word that begins so, in title, prompt, note, measured words, file
        name or LoRA; as the last `refresh` saw them.

        role, lora, since, starred : only those of a role, made with a LoRA, made since then (seconds), with a star
        order : one of ORDERS
        limit : -1 for all
        """
        if order not in ORDERS:
            raise StudioError(f"order is {order!r}; {did_you_mean(order, ORDERS)}")
        words = sorted({f" {word}" for word in entries.words_of(text)}, key=len, reverse=True)  # longest, so rarest
        rules: list[tuple[str, Any]] = [("instr(searched, ?)", word) for word in words[:SCANNED]]
        if words[SCANNED:]:
            rules.append(("NOT EXISTS (SELECT 1 FROM json_each(?) WHERE NOT instr(searched, value))",
                          json.dumps(words[SCANNED:], ensure_ascii=False)))
        if role:
            rules.append(("role = ?", role))
        if lora:
            rules.append(("instr(loras, ?)", json.dumps(lora, ensure_ascii=False)))  # in quotes, so never a part of one
        if since is not None:
            rules.append(("made >= ?", since))
        if starred:
            rules.append(("starred = ?", 1))
        where = f"WHERE {' AND '.join(rule for rule, _ in rules)}" if rules else ""
        values = [value for _, value in rules]

        def ask(connection: sqlite3.Connection) -> Found:
            total, = connection.execute(f"SELECT count(*) FROM takes {where}", values).fetchone()
            rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM takes {where} ORDER BY {ORDERS[order]} "
                                      "LIMIT ? OFFSET ?", (*values, limit, offset))
            return Found(tuple(map(entries.entry_of, rows)), total)
        return self._with(ask)

    def roles(self) -> list[str]:
        """The roles there are."""
        return self._with(lambda connection: [role for role, in connection.execute(
            "SELECT DISTINCT role FROM takes WHERE role != '' ORDER BY role")])

    def loras(self) -> list[str]:
        """The names of the LoRAs that takes were made with."""
        return self._with(lambda connection: [name for name, in connection.execute(
            "SELECT DISTINCT value FROM takes, json_each(takes.loras) ORDER BY value COLLATE NOCASE")])

    # ----------------------------------------------------------------------------------------------------- refreshing
    def refresh(self, *, report: Report = silent) -> list[str]:
        """Bring the index up to the files: `reread`, then measure what was not measured yet, the newest first.

        All takes are found before the first is measured, and a stop keeps what is measured. Where another thread is
        measuring already, that is left to it. Returns a sentence for each take that could not be read.
        """
        faults = self.reread(report=report)
        if self._measuring.acquire(blocking=False):
            try:
                self._measure(faults, report)
            finally:
                self._measuring.release()
        return faults

    def reread(self, *, report: Report = silent) -> list[str]:
        """The quick half of `refresh`: what is gone is left out, what is new or changed is read, nothing measured."""
        with self._reading:
            there, known = entries.stamps(self.folder), self._with(_known)
            changed = [name for name, stamp in there.items() if known.get(name) != stamp]
            heard = {stamp[:2]: name for name, stamp in known.items()}  # a sound that has another name now is the same
            unread, faults = set(changed), []
            for start in range(0, len(changed), BATCH):
                report(Progress("reading the library", start, len(changed)))
                rows = []
                for name in changed[start : start + BATCH]:
                    rows += self._row(name, there[name], heard.get(there[name][:2]), faults)
                unread -= {row[0] for row in rows}
                self._with(_write, rows)
            if gone := known.keys() - (there.keys() - unread):
                self._with(_forget, gone)
            return faults

    def _row(self, name: str, stamp: Stamp, heard: str | None, faults: list[str]) -> list[tuple]:
        """The row of a take, none where its recipe cannot be read. heard : who has this sound in the index already."""
        measured = self._with(_measured_of, heard) if heard else None
        try:
            return [entries.row_of(library.read(self.folder / name), stamp, measured or UNMEASURED)]
        except StudioError as error:
            if (self.folder / name).is_file():  # else it went away just now
                faults.append(str(error))
            return []

    def _measure(self, faults: list[str], report: Report) -> None:
        """Put length and words into the rows without; a sound that cannot be read stays listed, so that it can go."""
        done = 0
        while unmeasured := self._with(_next_unmeasured):
            name, role, left = unmeasured
            report(Progress("listening to the library", done, done + left, note=name))
            try:
                measured = entries.measured(self.folder / name, role)
            except StudioError as error:
                if (self.folder / name).is_file():
                    faults.append(str(error))
                measured = 0.0, "[]", 0.0
            self._with(_set_measured, name, *measured)
            done += 1

    # ------------------------------------------------------------------------------------------------------ the file
    def close(self) -> None:
        """Let go of the file; the next question opens it again."""
        with self._using:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _with(self, work: Callable[..., Result], *values: Any) -> Result:
        """What `work` makes of the opened index and `values`; one that is damaged is thrown away and begun anew."""
        with self._using:
            try:
                try:
                    return work(self._opened(), *values)
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError:  # no database, or pages that contradict each other
                    self.close()
                    self.file.unlink(missing_ok=True)
                    return work(self._opened(), *values)
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise StudioError(f"{self.file}: the index of takes could not be used ({error}); "
                                  "free some disk space, or delete this file: it is made anew") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.file, timeout=PATIENCE, check_same_thread=False)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


# ------------------------------------------------------------------------------------------------------------ the table
def _prepare(connection: sqlite3.Connection) -> None:
    """The table, empty where it is not there or of another version."""
    connection.execute("PRAGMA synchronous = OFF")  # a power cut may cost the index, which is made again
    with connection:
        if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
            connection.execute("DROP TABLE IF EXISTS takes")
        columns = ", ".join((*COLUMNS, *STAMPS, "searched"))
        connection.execute(f"CREATE TABLE IF NOT EXISTS takes ({columns}, PRIMARY KEY (name))")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _known(connection: sqlite3.Connection) -> dict[str, Stamp]:
    return {name: tuple(stamp) for name, *stamp in connection.execute(f"SELECT name, {', '.join(STAMPS)} FROM takes")}


def _forget(connection: sqlite3.Connection, names: Collection[str]) -> None:
    with connection:
        connection.executemany("DELETE FROM takes WHERE name = ?", [(name,) for name in names])


def _write(connection: sqlite3.Connection, rows: Sequence[tuple]) -> None:
    with connection:
        marks = ", ".join("?" * (len(COLUMNS) + len(STAMPS) + 1))
        connection.executemany(f"INSERT OR REPLACE INTO takes VALUES ({marks})", rows)


def _measured_of(connection: sqlite3.Connection, name: str) -> Measured | None:
    """What was measured of a take."""
    return connection.execute("SELECT duration, words, level_db FROM takes WHERE name = ?", (name,)).fetchone()


def _next_unmeasured(connection: sqlite3.Connection) -> tuple[str, str, int] | None:
    """Name and role of the newest take that is not measured, and how many there are."""
    return connection.execute("SELECT name, role, count(*) OVER () FROM takes WHERE words IS NULL "
                              "ORDER BY made DESC LIMIT 1").fetchone()


def _set_measured(connection: sqlite3.Connection, name: str, duration: float, words: str, level_db: float) -> None:
    with connection:
        connection.execute("UPDATE takes SET duration = ?, words = ?, level_db = ?, searched = searched || ? "
                           "WHERE name = ?", (duration, words, level_db, entries.searched(*json.loads(words)), name))
