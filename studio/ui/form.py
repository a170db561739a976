"""Forms made of settings: each field's own name, help, range and choices become a control, so that none can drift."""

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any

import gradio as gr

SLIDER_STEPS = 400  # more positions than that are not to be hit with a mouse: a number to type is better


def label(field: dataclasses.Field) -> str:
    """What a control is called: the field's name in words and its unit; terms such as n_fft stay as they are."""
    unit, name = field.metadata.get("unit", ""), field.name
    if unit:
        name = name.removesuffix(f"_{unit.lower()}")
    words = name.split("_")
    if min(map(len, words)) > 1:
        name = " ".join(words).capitalize()
    return f"{name} ({unit})" if unit else name


def described(kind: type) -> list[dict[str, Any]]:
    """Every field of a settings class as plain data, for controls that are drawn in the browser."""
    return [dict(field.metadata, name=field.name, label=label(field), type=_plain(field.type), default=field.default)
            for field in dataclasses.fields(kind)]


class Form:
    """Controls for a settings class. Made inside a page, it appears where it is made.

    without : fields that have no control; `read` takes them as keywords, or leaves them at their defaults
    at_once : False for a page that says itself where they stand: `place` makes one, `rest` all others
    """

    def __init__(self, kind: type, *, prefix: str, without: Sequence[str] = (), at_once: bool = True) -> None:
        self.kind = kind
        self._prefix = prefix
        self._of_name: dict[str, gr.components.Component] = {}
        self._fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in without}
        if at_once:
            self.rest()

    def place(self, name: str, **layout: Any) -> gr.components.Component:
        """Make the control of one field here. layout : what the page says of its size."""
        self._of_name[name] = control(self._fields[name], elem_id=f"{self._prefix}-{name}", **layout)
        return self._of_name[name]

    def rest(self) -> None:
        """Make all controls that are not there yet, the advanced ones folded away."""
        fields = [field for name, field in self._fields.items() if name not in self._of_name]
        with gr.Row(equal_height=True, elem_classes="knobs"):
            self._draw([field for field in fields if not field.metadata.get("advanced")])
        folded = [field for field in fields if field.metadata.get("advanced")]
        if folded:
            with gr.Accordion("More settings", open=False), gr.Row(equal_height=True, elem_classes="knobs"):
                self._draw(folded)

    def groups(self) -> None:
        """Make all controls that are not there yet, under the headings of their groups."""
        fields = [field for name, field in self._fields.items() if name not in self._of_name]
        for group in dict.fromkeys(field.metadata.get("group", "") for field in fields):
            gr.HTML(group, elem_classes="form-heading", apply_default_css=False)
            with gr.Row(equal_height=True, elem_classes="knobs"):
                self._draw([field for field in fields if field.metadata.get("group", "") == group])

    @property
    def controls(self) -> list[gr.components.Component]:
        """The controls, in the order in which `read` takes their values."""
        return list(self._of_name.values())

    def __getitem__(self, name: str) -> gr.components.Component:
        return self._of_name[name]

    def read(self, values: Sequence[Any], **others: Any) -> Any:
        """The settings that the controls' values say. Raises StudioError for what cannot work."""
        return self.kind(**self.named(values), **others)

    @property
    def names(self) -> list[str]:
        """The fields that have a control, in the controls' order."""
        return list(self._of_name)

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """The controls' values by the names of their fields; a field of many values is text, a line each."""
        return {name: _many(value) if typing.get_origin(self._fields[name].type) is tuple else value
                for name, value in zip(self._of_name, values, strict=True)}

    def show(self, settings: Any, keep: Sequence[str] = ()) -> list[Any]:
        """The values of the controls that say these settings; those named in `keep` stay as they are."""
        return [gr.skip() if name in keep else _shown(getattr(settings, name)) for name in self._of_name]

    def enabled(self, on: bool) -> list[Any]:
        """Updates that let the controls be used, or not."""
        return [gr.update(interactive=on) for _ in self._of_name]

    def _draw(self, fields: Sequence[dataclasses.Field]) -> None:
        for field in fields:
            self.place(field.name)


def outlast_reload(page: gr.Blocks, controls: Sequence[gr.components.Component], name: str, asked: Any) -> None:
    """Let controls say after a reload what they said before it, as long as the browser's tab is open.

    name  : what the browser keeps it under
    asked : an event that uses what they say, at which it is kept as well: not all of it need have been typed
    """
    here = dict(show_progress="hidden", queue=False, api_visibility="private")
    for event in (asked, *(control.input for control in controls)):
        event(None, controls, None, js=f"(...said) => {{ sessionStorage['{name}'] = JSON.stringify(said); }}", **here)
    # Nothing is returned where nothing is kept: on a busy machine it would come after what was typed, in its place.
    page.load(None, None, controls, js=f"""() => {{
        const kept = JSON.parse(sessionStorage['{name}'] ?? '[]');
        if (kept.length === {len(controls)}) return kept; }}""", **here)


def control(field: dataclasses.Field, **layout: Any) -> gr.components.Component:
    """The control that suits a field: a check box, a choice, a slider, a number or a line of text."""
    rule = field.metadata
    said = dict(label=label(field), info=rule.get("help"), value=_shown(field.default), interactive=True,
                min_width=160)
    said |= layout
    if field.type is bool:
        return gr.Checkbox(**said)
    if rule.get("choices"):
        return gr.Dropdown(choices=list(rule["choices"]), **said)
    if field.type in (int, float):
        if _slides(field):
            return gr.Slider(minimum=rule["low"], maximum=rule["high"], step=rule["step"], buttons=[], **said)
        return gr.Number(precision=0 if field.type is int else None, **said)
    return gr.Textbox(**dict(max_lines=3, elem_classes="wide") | said)


def _many(lines: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The values of a field of many, from its text."""
    return lines if isinstance(lines, tuple) else tuple(filter(None, map(str.strip, (lines or "").splitlines())))


def _shown(value: Any) -> Any:
    """A setting's value as its control takes it; the inverse of `_many` for a field of many values."""
    return "\n".join(map(str, value)) if isinstance(value, tuple) else value


def _slides(field: dataclasses.Field) -> bool:
    """Whether a slider has few enough positions, and one of them is the default."""
    low, high, step = (field.metadata.get(key) for key in ("low", "high", "step"))
    if None in (low, high, step):
        return False
    position = (field.default - low) / step
    return (high - low) / step <= SLIDER_STEPS and abs(position - round(position)) < 1e-6


def _plain(kind: Any) -> str:
    return kind.__name__ if kind in (bool, int, float, str) else "text"
