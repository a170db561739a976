"""Measure anew where each role's sounds lie, and write `ranges.py`: to be run after a change of any voice or effect."""

from pathlib import Path

import torch

from studio.engine.synth import ranges
from studio.engine.synth.draws import Draws
from studio.engine.synth.kit import ROLES, render
from studio.engine.synth.words import measure

COUNT = 512
SAMPLE_RATE = 44100
SHARES = (0.3, 0.7)  # what lies between gets no word
HEAD = '''"""Where a role's sounds lie: under and over which figure a word is said (30 and 70 % of {count} sounds).

Written by `python -m studio.engine.synth`.
"""

RANGES: dict[str, dict[str, tuple[float, float]]] = {{
'''


def limits(role: str) -> dict[str, tuple[float, float]]:
    """The figures that SHARES of a role's sounds do not exceed."""
    waveforms, _, pitch_hz = render(Draws(COUNT, SAMPLE_RATE, 22000 + ROLES.index(role), sample_rate=SAMPLE_RATE), role)
    figures = measure(waveforms, SAMPLE_RATE) | ({} if pitch_hz is None else {"pitch_hz": pitch_hz})
    found = {}
    for name, values in figures.items():
        low, high = torch.quantile(values.float(), torch.tensor(SHARES)).tolist()
        if name == "length_ms":  # comes in steps of ten: between two of them nothing is doubtful
            low, high = round(low, -1) - 5, round(high, -1) - 5
        found[name] = (float(f"{low:.4g}"), float(f"{high:.4g}"))
    return found


def main() -> None:
    """One line a figure, as the formatter would have it."""
    text = HEAD.format(count=COUNT)
    for role in ROLES:
        rows = "".join(f'        "{name}": {pair},\n' for name, pair in limits(role).items())
        text += f'    "{role}": {{\n{rows}    }},\n'
    Path(ranges.__file__).write_text(text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
