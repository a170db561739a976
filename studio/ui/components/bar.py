"""The right end of the header: light or dark, and what the keys do."""

from studio.ui.components.drawn import Drawn

KEYS = (
    ("Pads", (("1 … 8, Q … I", "play the first and the second row"), ("Space", "play again"), ("Esc", "stop"),
              ("L", "loop"), ("S", "star"), ("arrows", "choose another"), ("Delete", "to the trash"), ("F2", "rename"),
              ("drag", "take the file with you"))),
    ("Dataset", (("↑ ↓", "choose a sound"), ("Space", "play it"), ("Enter", "its caption, then the next one's"),
                 ("U", "use it or not"), ("X", "tick it for bulk edits"), ("Ctrl + Z", "undo"))),
    ("Transform", (("drag", "paint what shall be made anew"), ("Ctrl + Z", "take the last stroke away"))),
    ("Anywhere", (("Ctrl + Enter", "generate, or make on Transform"),
                  ("Alt + 1 … 6", "the tabs from left to right"), ("?", "this list"))),
)


class Bar(Drawn):
    """Two buttons and the list of shortcuts, which `?` opens and closes."""

    drawing = "bar"

    def __init__(self) -> None:
        super().__init__([{"title": title, "keys": [{"key": key, "does": does} for key, does in keys]}
                          for title, keys in KEYS], elem_id="bar")
