"""The sampler of few steps, on a model whose way from noise to data is known in closed form."""

from itertools import pairwise

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from studio.engine.models import open_base
from studio.engine.solver import AngularSolver

SPREAD = 0.6  # of the data, a Gaussian


def off(kind: type, steps: int) -> float:
    """The largest distance of latents from their true way before the last step, which is of first order in both."""
    scheduler = kind(prediction_type="v_prediction", beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
                     rescale_betas_zero_snr=True)
    scheduler.set_timesteps(steps)
    noise, found = torch.linspace(-2, 2, 9)[None], []
    latents = noise
    for timestep, coming in pairwise(scheduler.timesteps):
        alpha = scheduler.alphas_cumprod[timestep].sqrt()
        sigma = (1 - alpha**2).sqrt()
        clean = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2) * latents  # the mean of what it may have been
        velocity = alpha * (latents - alpha * clean) / sigma - sigma * clean
        latents = scheduler.step(velocity, timestep, latents).prev_sample
        squared = scheduler.alphas_cumprod[coming]
        found.append((latents - noise * (squared * SPREAD**2 + 1 - squared).sqrt()).abs().max().item())
    return max(found)


@pytest.mark.parametrize("steps", [4, 6, 8])
def test_from_pure_noise_few_steps_stay_nearer_to_the_way_than_with_logarithms(steps: int) -> None:
    assert off(AngularSolver, steps) < 0.7 * off(DPMSolverMultistepScheduler, steps)


def test_it_is_of_second_order() -> None:
    assert off(AngularSolver, 40) < 0.35 * off(AngularSolver, 20)


def test_a_base_that_ends_in_pure_noise_is_sampled_with_it_and_others_are_not(tiny_base) -> None:
    for name, kind in (("embedded", AngularSolver), (str(tiny_base), DPMSolverMultistepScheduler)):
        base = open_base(name, "cpu")
        base.use_scheduler("dpm++")
        assert type(base.pipeline.scheduler) is kind
