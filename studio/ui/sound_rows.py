"""What the sound table and the card beside it ask: rows, edits, pictures, sounds, near-duplicates.

Each answer is plain data. The id of a sound is its `file_name`, which is looked up among the rows and never opened
as it comes, so that a page cannot name a file.
"""

import base64
import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.errors import StudioError
from studio.settings import OneShot
from studio.ui import engine
from studio.ui.laboratory import image_uri
from studio.ui.studio import Studio

if TYPE_CHECKING:
    from studio.engine.dataset import Dataset
    from studio.engine.duplicates import Duplicates

EDITED = ("text", "weight", "enabled")  # what the page may change of a row
COLUMNS = 400  # of the picture of a sound before and after trimming
Asked = Mapping[str, Any]
Answer = dict[str, Any]


def answered(ask: Callable[["SoundRows", Asked], Answer]) -> Callable[["SoundRows", Asked], Answer]:
    """A fault that the user can mend becomes {"error": sentence}: who asks from the browser gets no toast by itself."""
    @functools.wraps(ask)
    def safe(self: "SoundRows", asked: Asked) -> Answer:
        try:
            return ask(self, asked)
        except StudioError as error:
            return {"error": str(error)}
    return safe


class SoundRows:
    """Answers to the browser about the datasets of the workspace; may be asked from several threads."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._finder: Duplicates | None = None
        self._last: tuple[Path, str, Dataset] | None = None  # folder, stamp, what was read

    # ------------------------------------------------------------------------------------------------------ the rows
    def contents(self, name: str | None) -> Answer:
        """All that the table shows of a dataset: no rows where there is none yet, or the fault that closes it."""
        folder = self.studio.dataset_folder(name)
        told = {"dataset": folder.name, "rows": [], "roles": [], "there": (folder / "dataset.json").is_file(),
                "turn": time.time_ns()}  # the page heeds no value that is the same as the last
        if not told["there"]:
            return told
        try:
            dataset = engine.dataset.open_or_none(folder, None)
        except StudioError as error:  # shown in place: a page that opens should not begin with a toast
            return told | {"fault": str(error)}
        mel = dataset.mel
        about = f"pictures of {mel.n_frames}×{mel.n_mels}, {mel.duration:.2f} s at {mel.sample_rate} Hz"
        return told | {"about": about, "roles": engine.wording.roles()} | self._rows(dataset, dataset.one_shots)

    @answered
    def edit(self, asked: Asked) -> Answer:
        """Captions, weights, ticks: {"dataset", "stamp", "changes": [{"id", "text", "weight", "enabled"}]}.

        What a change leaves out stays as it is. Answers with the rows as they are now, and "before", as they were.
        """
        changes = {str(change["id"]): change for change in asked["changes"]}

        def edited(row: OneShot) -> OneShot:
            change = changes[row.file_name]
            return dataclasses.replace(row, **{name: change[name] for name in EDITED if name in change})

        return self._revised(asked, changes.keys(), edited)

    @answered
    def reword(self, asked: Asked) -> Answer:
        """One edit for many captions: {"dataset", "stamp", "ids", "how", "words", "others"}; answers as `edit` does."""
        how, words, others = (str(asked.get(key) or "") for key in ("how", "words", "others"))
        wording = engine.wording
        ways: dict[str, Callable[[str], str]] = {
            "add": lambda text: wording.with_words(text, words),
            "front": lambda text: wording.with_words(text, words, front=True),
            "remove": lambda text: wording.exchanged(text, words),
            "replace": lambda text: wording.exchanged(text, words, others),
            "role": lambda text: wording.with_role(text, words),
        }
        if how not in ways or (how == "role" and words not in wording.roles()):
            raise StudioError(f"{words or how!r} is no edit that the studio knows; load the page again")
        return self._revised(asked, asked["ids"], lambda row: dataclasses.replace(row, text=ways[how](row.text)))

    @answered
    def forget(self, asked: Asked) -> Answer:
        """Take the rows out whose files have vanished: {"dataset"}."""
        folder = self.studio.dataset_folder(asked["dataset"])
        gone = engine.dataset.forget_vanished(folder)
        return {**self.contents(folder.name), "whole": True, "forgotten": len(gone)}

    @answered
    def duplicates(self, asked: Asked) -> Answer:
        """Groups of near-duplicates, by id: {"dataset"}."""
        self._finder = self._finder or engine.duplicates.Duplicates()
        groups = self._finder.of(self._dataset(asked))
        return {"groups": [list(group) for group in groups]}

    def _revised(self, asked: Asked, ids: Sequence[str], edited: Callable[[OneShot], OneShot]) -> Answer:
        folder, wanted, before = self.studio.dataset_folder(asked["dataset"]), set(map(str, ids)), []
        was = _stamp(folder)

        def edit(dataset: "Dataset") -> list[OneShot]:
            rows = [row for row in dataset.one_shots if row.file_name in wanted]
            if len(rows) < len(wanted):
                raise StudioError("a sound of these is no longer in this dataset; choose the dataset again")
            before.extend({"id": row.file_name} | {name: getattr(row, name) for name in EDITED} for row in rows)
            return [edited(row) for row in rows]

        dataset = engine.dataset.revise_with(folder, edit)
        others = asked.get("stamp") != was  # somebody else has edited since the page last heard
        shown = [row for row in dataset.one_shots if others or row.file_name in wanted]
        return {"before": before, "whole": others, **self._rows(dataset, shown)}

    def _rows(self, dataset: "Dataset", shown: Sequence[OneShot]) -> Answer:
        role_of, whole = engine.wording.role_of, engine.dataset.whole
        rows = [{"id": row.file_name, "text": row.text, "role": role_of(row.text), "weight": row.weight,
                 "enabled": row.enabled, "duration": row.duration, "gone": not whole(dataset.folder, row)}
                for row in sorted(shown, key=lambda row: row.file_name.lower())]  # dropped files come in any order
        totals = dataclasses.asdict(engine.dataset.totals(dataset.one_shots))
        return {"rows": rows, "totals": totals, "stamp": _stamp(dataset.folder)}

    # -------------------------------------------------------------------------------------------- pictures and sounds
    @answered
    def thumbs(self, asked: Asked) -> Answer:
        """Pictures of sounds as data URIs, None where one is gone or damaged: {"dataset", "ids"}."""
        dataset = self._dataset(asked)
        wanted, images = set(map(str, asked["ids"])), {}
        for row in dataset.one_shots:
            if row.file_name in wanted:
                try:
                    images[row.file_name] = image_uri(engine.picture.load(dataset.folder / row.file_name).pixels)
                except StudioError:  # the table says so in its place
                    images[row.file_name] = None
        return {"images": images}

    @answered
    def sound(self, asked: Asked) -> Answer:
        """A prepared sound, as a WAV in base64: {"dataset", "id"}."""
        dataset, row = self._row(asked)
        path = dataset.folder / row.audio
        if not path.is_file():
            raise StudioError(f"{path}: vanished from the dataset; prepare the same sounds into it again")
        return {"wav": _base64(path.read_bytes())}

    @answered
    def compare(self, asked: Asked) -> Answer:
        """A sound before and after trimming: {"dataset", "id"}; times in seconds of the original, WAVs in base64."""
        dataset, row = self._row(asked)
        picture = self.thumbs({"dataset": asked["dataset"], "ids": [row.file_name]}).get("images", {})
        about = {"source": Path(row.source).name, "where": str(Path(row.source).parent), "gain_db": row.gain_db,
                 "image": picture.get(row.file_name)}
        try:
            found = engine.trimming.of(dataset, row)
        except StudioError as error:  # said in the card's own place
            return about | {"missing": str(error)}
        rate, cut = found.sample_rate, found.cut_off
        outline = engine.audio.outline(found.original, COLUMNS)
        wavs = {name: _base64(engine.audio.wav_bytes(found.heard(waveform), rate)) if waveform.numel() else None
                for name, waveform in (("original", found.original), ("cut_off", cut))}
        return about | wavs | {
            "outline": [round(level, 6) for level in outline.tolist()], "whole": found.original.shape[-1] / rate,
            "start": found.start / rate, "end": found.end / rate, "until": found.kept_until / rate}

    def _dataset(self, asked: Asked) -> "Dataset":
        """The dataset that is asked about, read again only where it has changed: a row is asked about many times."""
        folder, last = self.studio.dataset_folder(asked["dataset"]), self._last
        stamp = _stamp(folder)
        if last is None or last[:2] != (folder, stamp) or not stamp:
            last = self._last = folder, stamp, engine.dataset.look(folder)
        return last[2]

    def _row(self, asked: Asked) -> tuple["Dataset", OneShot]:
        dataset = self._dataset(asked)
        row = next((row for row in dataset.one_shots if row.file_name == str(asked["id"])), None)
        if row is None:
            raise StudioError(f"{asked['id']}: is no longer in this dataset; choose the dataset again")
        return dataset, row


def _stamp(folder: Path) -> str:
    """Changes with every edit of a dataset."""
    try:
        about = (folder / "metadata.jsonl").stat()
    except OSError:
        return ""
    return f"{about.st_mtime_ns}-{about.st_size}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
