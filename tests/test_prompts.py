"""Weights in prompts: words that count more, and prompts that are mixed."""

from pathlib import Path

import pytest
import torch

from studio.engine import prompts
from studio.engine.models import Base, load_base
from studio.errors import StudioError


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return load_base(str(tiny_base), "cpu")


def plain(base: Base, prompt: str) -> torch.Tensor:
    return base.pipeline.encode_prompt(prompt, base.device, 1, False)[0]


def test_a_prompt_without_marks_is_the_pipelines_own(base: Base) -> None:
    guides = prompts.guides(base, ["dusty kick", ""], ["loud", "loud"])
    own = torch.cat([plain(base, text) for text in ("dusty kick", "", "loud", "loud")])
    assert torch.equal(guides, own)


def test_blanks_count_for_nothing_and_a_book_is_refused_at_once(base: Base) -> None:
    assert torch.equal(prompts.mixed(base, " dusty\n\n   kick "), plain(base, "dusty kick"))
    with pytest.raises(StudioError, match="1000005 characters long; give at most 5000"):
        prompts.mixed(base, "kick" + 1_000_000 * " " + "x")


def test_a_weight_of_one_changes_nothing_and_a_larger_one_its_words_alone(base: Base) -> None:
    own = plain(base, "dusty kick")
    assert torch.allclose(prompts.mixed(base, "(dusty:1) kick"), own, atol=1e-6)
    heavy = prompts.mixed(base, "(dusty:2) kick")
    change = (heavy / own).flatten(0, 1).median(dim=1).values  # a factor a token, and one for all that keeps the norm
    count = len(base.pipeline.tokenizer("dusty", add_special_tokens=False).input_ids)
    inside = torch.zeros(len(change), dtype=torch.bool)
    inside[1 : 1 + count] = True
    assert torch.allclose(change[inside] / change[0], torch.tensor(2.0), atol=1e-3)
    assert torch.allclose(change[~inside] / change[0], torch.tensor(1.0), atol=1e-3)


def test_prompts_are_mixed_by_their_shares(base: Base) -> None:
    kick, clap = plain(base, "kick"), plain(base, "clap")
    assert torch.allclose(prompts.mixed(base, "kick:3 AND clap:1"), 0.75 * kick + 0.25 * clap, atol=1e-6)
    assert torch.allclose(prompts.mixed(base, "kick AND clap"), 0.5 * kick + 0.5 * clap, atol=1e-6)


@pytest.mark.parametrize("prompt", ["(kick:loud)", "(kick:11)", "(kick:-1)", "kick:0 AND clap:0", "kick:99 AND clap"])
def test_a_weight_that_is_none_is_one_sentence(base: Base, prompt: str) -> None:
    with pytest.raises(StudioError, match="give"):
        prompts.mixed(base, prompt)


@pytest.mark.parametrize("prompt", ["kick (dry)", "a:b", "AND", "kick: deep", "((("])
def test_marks_that_say_no_weight_are_words(base: Base, prompt: str) -> None:
    assert torch.equal(prompts.mixed(base, prompt), plain(base, prompt))
