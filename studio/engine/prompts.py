"""Prompts with weights: "(dusty:1.4) kick" says a word louder, "kick:2 AND clap:1" mixes whole prompts.

The marks are those that web UIs for Stable Diffusion made common: a weight multiplies the embeddings of its words, and
all together keep their strength (their norm, where the web UIs keep the mean, which a layer norm makes nearly 0).
Prompts joined by AND are mixed by their weights.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from studio.engine.models import Base
from studio.errors import StudioError

HEAVIEST = 10.0
LONGEST = 5000  # characters; text encoders read some hundred
EMPHASIS = re.compile(r"\(([^():]+):([^():]*)\)")
SHARE = re.compile(r"^(.*?)(?::\s*(-?[\d.]+))?\s*$", re.DOTALL)


@torch.no_grad()
def guides(base: Base, prompts: Sequence[str], negative_prompts: Sequence[str]) -> Tensor:
    """The text embeddings that guide n pictures, (2 · n, tokens, channels): the prompts', then the negative ones'.

    Raises StudioError for a weight that is no number or out of range, and for a book.
    """
    asked = [*prompts, *negative_prompts]
    known = {prompt: mixed(base, prompt) for prompt in dict.fromkeys(asked)}
    return torch.cat([known[prompt] for prompt in asked])


def mixed(base: Base, prompt: str) -> Tensor:
    """The embeddings (1, tokens, channels) of a prompt with its weights."""
    if len(prompt) > LONGEST:
        raise StudioError(f"a prompt is {len(prompt)} characters long; give at most {LONGEST}")
    prompt = " ".join(prompt.split())
    parts = [SHARE.match(part.strip()).groups() if " AND " in prompt else (part, None)
             for part in re.split(r"\s+AND\s+", prompt)]
    shares = [_weight(share or "1", text) for text, share in parts]
    if sum(shares) <= 0:
        raise StudioError(f"prompt {prompt!r} has weights that sum to {sum(shares):g}; give one above 0")
    return sum(_emphasised(base, text) * (share / sum(shares))
               for (text, _), share in zip(parts, shares, strict=True))


def _emphasised(base: Base, text: str) -> Tensor:
    """The embeddings of a text whose emphasised words are weighted."""
    spans = list(EMPHASIS.finditer(text))
    plain = EMPHASIS.sub(r"\1", text)
    states = base.pipeline.encode_prompt(plain, base.device, 1, False)[0]
    if not spans:
        return states
    edges = [0, *(edge for span in spans for edge in span.span()), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]  # plain, emphasised, plain …
    weights, place = torch.ones(states.shape[1], dtype=states.dtype), 1  # after the token that begins every text
    for number, piece in enumerate(pieces):
        span = spans[number // 2] if number % 2 else None
        length = len(base.pipeline.tokenizer(span.group(1) if span else piece, add_special_tokens=False).input_ids)
        if span:
            weights[place : place + length] = _weight(span.group(2), span.group(1))
        place += length
    weighted = states * weights.to(states.device)[None, :, None]
    return weighted * (states.norm() / weighted.norm())


def _weight(number: str, text: str) -> float:
    try:
        weight = float(number)
    except ValueError as error:
        raise StudioError(f"the weight of {text!r} is {number!r}; give a number, as in ({text}:1.3)") from error
    if not 0 <= weight <= HEAVIEST:
        raise StudioError(f"the weight of {text!r} is {number}; give one from 0 to {HEAVIEST:g}")
    return weight
