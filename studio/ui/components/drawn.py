"""A part of the page that its own JavaScript draws."""

from pathlib import Path
from typing import Any

import gradio as gr

FOLDER = Path(__file__).resolve().parent


class Drawn(gr.HTML):
    """A gr.HTML drawn by NAME.js and NAME.css beside this file; its value is plain data.

    What several parts share (the loudspeaker, the icons) lies in files of its own, which a part names in `rooms`: they
    run before its NAME.js and in the same scope, after elements.js, which all of them have.

    The HTML template is one empty element that never changes, and text goes into it with textContent: Gradio's own
    templates would run a prompt that holds `${…}` as a program, and show one that holds `<img …>` as markup.
    """

    drawing = ""  # NAME; each part has its own
    rooms: tuple[str, ...] = ()  # JavaScript files beside this one that NAME.js builds on

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        super().__init__(
            value=value, html_template=f'<div class="{self.drawing}"></div>', apply_default_css=False,
            css_template=(FOLDER / f"{self.drawing}.css").read_text(encoding="utf-8"),
            js_on_load="\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8")
                                 for name in ("elements", *self.rooms, self.drawing)), **kwargs)

    def postprocess(self, value: Any) -> Any:
        """The value as it is: plain data for the drawing."""
        return value

    def api_info(self) -> dict[str, Any]:
        """Any JSON."""
        return {}
