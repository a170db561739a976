"""The recipe that makes the embedded base model from nothing: sounds from arithmetic, then words, pictures, diffusion.

`python -m studio.engine.base --out DIR` runs it; nothing else in the house needs it.
"""
