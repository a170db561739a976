"""The denoising loop: where it begins, what it keeps, and that it is the pipeline's own where nothing is kept."""

from pathlib import Path

import pytest
import torch

from studio.engine.denoising import denoise
from studio.engine.latents import noise_for
from studio.engine.models import Base, load_base
from studio.engine.prompts import guides
from studio.errors import Cancelled
from studio.progress import Progress
from studio.settings import SAMPLERS, TransformSettings


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return load_base(str(tiny_base), "cpu")


@pytest.fixture
def noise(base: Base) -> torch.Tensor:
    return noise_for(base, base.mel, [7, 8])


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_from_noise_alone_it_is_the_pipelines_own_loop(base: Base, noise: torch.Tensor, guidance: float) -> None:
    settings = TransformSettings(steps=4, guidance=guidance)
    ours = denoise(base, noise, guides(base, ["kick"], ["hum"]), settings)
    base.use_scheduler("dpm++")
    theirs = base.pipeline(["kick"] * 2, height=128, width=128, num_inference_steps=4, guidance_scale=guidance,
                           negative_prompt=["hum"] * 2, latents=noise, output_type="latent").images
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("strength", "taken"), [(0.01, 1), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_strength_tells_how_many_of_the_steps_are_taken(base: Base, noise: torch.Tensor, strength: float,
                                                         taken: int) -> None:
    reports: list[Progress] = []
    denoise(base, noise, guides(base, [""], [""]), TransformSettings(steps=8, strength=strength),
            original=torch.ones_like(noise), report=reports.append)
    assert [(each.step, each.total) for each in reports] == [(i + 1, taken) for i in range(taken)]


def test_more_strength_leads_further_from_the_original(base: Base, noise: torch.Tensor) -> None:
    original = noise_for(base, base.mel, [1, 2])
    away = [float((denoise(base, noise, guides(base, ["kick"], [""]), TransformSettings(steps=20, strength=strength),
                           original=original) - original).norm()) for strength in (0.05, 0.4, 0.9)]
    assert away == sorted(away)


def test_strength_1_keeps_nothing_of_the_original(base: Base, noise: torch.Tensor) -> None:
    settings, words = TransformSettings(steps=3, strength=1), guides(base, ["kick"], [""])
    first, second = (denoise(base, noise, words, settings, original=torch.full_like(noise, value))
                     for value in (-1.0, 1.0))
    assert torch.equal(first, second)


def test_where_nothing_is_made_anew_the_originals_latents_come_back(base: Base, noise: torch.Tensor) -> None:
    original = noise_for(base, base.mel, [1, 2])
    anew = torch.zeros(2, 1, 16, 16)
    anew[..., 8:] = 1
    settings = TransformSettings(steps=4, strength=0.75)
    latents = denoise(base, noise, guides(base, ["kick"], [""]), settings, original=original, anew=anew)
    assert torch.equal(latents[..., :8], original[..., :8])
    assert not torch.allclose(latents[..., 8:], original[..., 8:], atol=1e-2)


def test_a_stop_leaves_after_the_step_it_was_asked_in(base: Base, noise: torch.Tensor) -> None:
    steps: list[int] = []

    def stop(progress: Progress) -> None:
        steps.append(progress.step)
        if progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        denoise(base, noise, guides(base, [""], [""]), TransformSettings(steps=9), report=stop)
    assert steps == [1, 2]


@pytest.mark.parametrize("scheduler", SAMPLERS)
def test_every_sampler_begins_within_a_sound(base: Base, noise: torch.Tensor, scheduler: str) -> None:
    original = noise_for(base, base.mel, [1, 2])
    settings = TransformSettings(steps=4, strength=0.5, scheduler=scheduler)
    latents = denoise(base, noise, guides(base, ["kick"], [""]), settings, original=original)
    assert latents.isfinite().all() and not torch.allclose(latents, original, atol=1e-2)


def test_noise_on_the_way_is_a_seeds_own(base: Base) -> None:
    noise, words = noise_for(base, base.mel, [7]), guides(base, ["kick"], [""])
    settings = TransformSettings(steps=4, scheduler="euler a")
    first, same, other = denoise(base, noise.repeat(3, 1, 1, 1), words, settings, seeds=[1, 1, 2])
    assert torch.equal(first, same) and not torch.allclose(first, other, atol=1e-2)
    alone = denoise(base, noise, words, settings, seeds=[2])[0]
    assert torch.allclose(alone, other, atol=1e-4)
