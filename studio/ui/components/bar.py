"""The right end of the header: light or dark, and what the keys do."""

from studio.ui.components.drawn import Drawn

KEYS = (
    ("Pads", (("1 … 8, Q … I", "play the first and the second row"), ("Space", "play again"), ("Esc", "stop"),
              ("L", "loop"), ("S", "star"), ("arrows", "choose another"), ("Page Up, Page Down", "another screen"),
              ("Delete", "to the trash"), ("Ctrl + Z", "out of it again"), ("F2", "rename"),
              ("drag", "take the file with you"))),
    ("Dataset", (("↑ ↓", "choose a sound"), ("Space", "play it"), ("Enter", "its caption, then the next one's"),
                 ("U", "use it or not"), ("X", "tick it for bulk edits"), ("Ctrl + Z", "undo"))),
    ("Spectrogram", (("Space", "play, stop"), ("A, B", "original, round trip"), ("X", "the other one"))),
    ("Transform", (("drag", "paint what shall be made anew"), ("Ctrl + Z", "take the last stroke away"))),
    ("Library's list", (("Home, End", "the first, the last"), ("Ctrl + A", "choose all"))),
    ("Anywhere", (("Ctrl + Enter", "generate, or make on Transform"),
                  ("Alt + 1 … 6", "the tabs from left to right"), ("?", "this list"))),
)


class Bar(Drawn):
    """Two buttons and the list of shortcuts, which `?` opens and closes."""

    drawing = "bar"
    rooms = ("keys",)

    def __init__(self) -> None:
        super().__init__([{"title": title, "keys": [{"key": key, "does": does} for key, does in keys]}
                          for title, keys in KEYS], elem_id="bar")
