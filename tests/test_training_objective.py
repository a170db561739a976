"""What a training lowers: min-SNR as its paper has it, for every kind of prediction."""

import pytest
import torch
from diffusers import DDPMScheduler

from studio.engine.training.material import Batch
from studio.engine.training.objective import errors, weights

TIMESTEPS = torch.tensor([0, 10, 300, 700, 990])


def schedule(kind):
    return DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=kind)


def ratio(kind):
    signal = schedule(kind).alphas_cumprod[TIMESTEPS]
    return signal / (1 - signal)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_without_gamma_all_timesteps_count_alike(kind):
    assert torch.equal(weights(schedule(kind), TIMESTEPS, 0.0), torch.ones(5))


def test_min_snr_holds_easy_timesteps_back_and_leaves_the_noisy_ones():
    """Hang et al. (2023), their weights for noise, velocity and the picture itself."""
    gamma = 5.0
    snr = ratio("epsilon")
    assert snr[0] > gamma > snr[-1]
    held = snr.clamp_max(gamma)
    assert torch.allclose(weights(schedule("epsilon"), TIMESTEPS, gamma), held / snr)
    assert torch.allclose(weights(schedule("v_prediction"), TIMESTEPS, gamma), held / (snr + 1))
    assert torch.allclose(weights(schedule("sample"), TIMESTEPS, gamma), held)


def test_the_weighted_error_of_a_guess_is_the_same_whichever_way_it_is_said():
    """With min-SNR the weights undo what kind of prediction it is: the error in the picture's own terms is equal."""
    chance = torch.Generator().manual_seed(1)
    picture, noise, wrong = (torch.randn(5, 4, 8, 8, generator=chance) for _ in range(3))
    totals = []
    for kind in ("epsilon", "v_prediction", "sample"):
        told = schedule(kind)
        signal = told.alphas_cumprod[TIMESTEPS].sqrt().view(-1, 1, 1, 1)
        rest = (1 - told.alphas_cumprod[TIMESTEPS]).sqrt().view(-1, 1, 1, 1)
        guess = picture + 0.1 * wrong  # of the picture; the noise that goes with it follows
        noise_guess = (signal * picture + rest * noise - signal * guess) / rest
        said = {"epsilon": noise_guess, "sample": guess, "v_prediction": signal * noise_guess - rest * guess}[kind]
        batch = Batch(picture, noise, TIMESTEPS, torch.zeros(5, 1, 1))
        found = errors(lambda *given, said=said, **named: (said,), told, batch)
        totals.append((found * weights(told, TIMESTEPS, 5.0)).double())
    assert torch.allclose(totals[0][1:], totals[2][1:], rtol=1e-2)
    assert torch.allclose(totals[1][1:], totals[2][1:], rtol=1e-2)
