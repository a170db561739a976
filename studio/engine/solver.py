"""The sampler of a base whose noise ends as nothing but noise."""

from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

CLOSER = 0.9  # exponent of the share of steps that are left: below 1, more of them among the noisy timesteps


class AngularSolver(DPMSolverMultistepScheduler):
    """DPM-Solver++ of order 2 (Lu et al. 2022), but over the angle arctan(σ / α) instead of log(α / σ).

    Pure noise is at an angle of 90°, but infinitely far away as a logarithm: there the step behind the first one would
    take nothing from the first, and of six steps that is felt. The first steps are a little shorter than the last.
    """

    def set_timesteps(self, num_inference_steps: int | None = None, device: str | torch.device | None = None,
                      **also: Any) -> None:
        """As the parent's; a number of steps is spread by `CLOSER`, a caller's own `timesteps` stay as they are."""
        if num_inference_steps is not None:
            left = 1 - np.arange(num_inference_steps) / num_inference_steps
            also["timesteps"] = (left**CLOSER * (self.config.num_train_timesteps - 1)).round()
        super().set_timesteps(device=device, **also)

    def multistep_dpm_solver_second_order_update(self, model_output_list: list[Tensor], *, sample: Tensor,
                                                 **unused: Any) -> Tensor:
        """One step, of the last two predictions; `sample` and what is returned are latents of one shape."""
        before, now, after = self.sigmas[self.step_index - 1 : self.step_index + 2].atan().tolist()
        middle = 1 + (now - after) / (before - now) / 2  # of the step to come, where 0 and 1 are the last two
        return self.dpm_solver_first_order_update(torch.lerp(*model_output_list[-2:], middle), sample=sample)
