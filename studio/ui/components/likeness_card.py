"""How near a round trip came: a figure with a plain phrase each, and its attack drawn over the original's."""

from studio.ui.components.drawn import Drawn


class LikenessCard(Drawn):
    """Shows figures and the envelopes of the first moments; dims itself while `lab:stale` says so.

    value : {"figures": [{"name", "value", "phrase"}, …], "envelopes": [original, decoded], "span_ms": of them}; nothing
            is drawn where there are no figures
    """

    drawing = "likeness_card"
