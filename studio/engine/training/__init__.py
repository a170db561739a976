"""A dataset into a LoRA: the loop, what it is shown, what it learns, and what it leaves in its run folder."""

from studio.engine.training.loop import estimate, train

__all__ = ["estimate", "train"]
