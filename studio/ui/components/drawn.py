"""A part of the page that its own JavaScript draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

FOLDER = Path(__file__).resolve().parent


class Drawn(gr.HTML):
    """A gr.HTML drawn by NAME.js and NAME.css beside this file; its value is plain data.

    What several parts share (the loudspeaker, the icons) lies in files of its own, which a part names in `rooms`: they
    run before its NAME.js and in the same scope, after elements.js, which all of them have; how it looks comes before
    NAME.css, which may change it.

    The HTML template is one empty element that never changes, and text goes into it with textContent: Gradio's own
    templates would run a prompt that holds `${…}` as a program, and show one that holds `<img …>` as markup.
    """

    drawing = ""  # NAME; each part has its own
    rooms: tuple[str, ...] = ()  # files beside this one, JavaScript and perhaps CSS, that NAME builds on

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        super().__init__(
            value=value, html_template=f'<div class="{self.drawing}"></div>', apply_default_css=False,
            css_template=_joined([*(name for name in self.rooms if (FOLDER / f"{name}.css").is_file()), self.drawing],
                                 "css"),
            js_on_load=_joined(["elements", *self.rooms, self.drawing], "js"), **kwargs)

    def postprocess(self, value: Any) -> Any:
        """The value as it is: plain data for the drawing."""
        return value

    def api_info(self) -> dict[str, Any]:
        """Any JSON."""
        return {}


def _joined(names: Sequence[str], suffix: str) -> str:
    return "\n".join((FOLDER / f"{name}.{suffix}").read_text(encoding="utf-8") for name in names)
