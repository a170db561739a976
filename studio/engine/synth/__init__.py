"""The drum synthesiser: one-shot drums from arithmetic, with captions that are true of them."""

from studio.engine.synth.kit import ROLES, Batch, demo_kit, synthesise
from studio.engine.synth.words import Caption

__all__ = ["ROLES", "Batch", "Caption", "demo_kit", "synthesise"]
