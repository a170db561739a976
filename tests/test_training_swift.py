"""The quicker LoRA layers say and learn what peft's do."""

import pytest
import torch
from peft import LoraConfig

from studio.engine import models
from studio.engine.training.adapters import ALL, TEXT
from studio.engine.training.swift import quicken


def learned(base, quick):
    """What UNet and text encoder say with a LoRA of alpha ≠ rank, and the gradients of all that learns."""
    pipeline = models.open_base(str(base), "cpu").pipeline
    for module in (pipeline.unet, pipeline.text_encoder):
        module.requires_grad_(False)
    torch.manual_seed(2)
    for module, targets in ((pipeline.unet, ALL), (pipeline.text_encoder, TEXT)):
        module.add_adapter(LoraConfig(r=3, lora_alpha=5, init_lora_weights=False, target_modules=targets))
        if quick:
            quicken(module)
    chance = torch.Generator().manual_seed(1)
    states = pipeline.text_encoder(torch.arange(2 * 77).view(2, 77) % 200)[0]
    said = pipeline.unet(torch.randn(2, 4, 16, 16, generator=chance), torch.tensor([3, 700]), states).sample
    said.square().mean().backward()
    named = [*pipeline.unet.named_parameters(), *pipeline.text_encoder.named_parameters()]
    return said.detach(), {name: each.grad for name, each in named if each.requires_grad}


@pytest.fixture(scope="module")
def both(tiny_base):
    return learned(tiny_base, quick=False), learned(tiny_base, quick=True)


def test_they_say_the_same(both):
    (said, _), (quickly, _) = both
    assert torch.allclose(said, quickly, atol=1e-5)


def test_they_learn_the_same(both):
    (_, slow), (_, quick) = both
    assert slow.keys() == quick.keys() and len(slow) > 60
    for name, gradient in slow.items():
        assert torch.allclose(gradient, quick[name], atol=1e-6 + 1e-4 * float(gradient.abs().max())), name
