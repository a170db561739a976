"""The dice of the synthesiser: every random number of a batch comes from one seeded generator on the CPU."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

POOL = 1 << 18  # complex numbers of white noise that a batch draws once


class Draws:
    """Random parameters and noise for `count` clips of `samples` samples.

    All draws are made on the CPU and moved to `device`, so that one seed gives the same sounds on every device.
    """

    def __init__(self, count: int, samples: int, seed: int, *, sample_rate: int, device: str = "cpu") -> None:
        self.count = count
        self.samples = samples
        self.sample_rate = sample_rate
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(seed)
        self._pool: list[Tensor] = []

    def like(self, count: int) -> "Draws":
        """Dice for `count` clips that go on with the generator and the noise of these."""
        return self._with(count, self.samples)

    def brief(self, duration: float) -> "Draws":
        """The same dice for sounds that are over after `duration` seconds: short arrays are quick ones."""
        return self._with(self.count, min(self.samples, round(duration * self.sample_rate)))

    def _with(self, count: int, samples: int) -> "Draws":
        other = Draws(count, samples, 0, sample_rate=self.sample_rate, device=str(self.device))
        other.generator, other._pool = self.generator, self._pool
        return other

    @cached_property
    def time(self) -> Tensor:
        """(samples,) seconds."""
        return torch.arange(self.samples, device=self.device, dtype=torch.float32) / self.sample_rate

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(self.count, *shape, generator=self.generator).to(self.device)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(count, *shape) even between low and high."""
        return low + (high - low) * self._rand(*shape)

    def log(self, low: float, high: float, *shape: int) -> Tensor:
        """(count, *shape) even in the logarithm, for frequencies, times and gains; 0 < low <= high."""
        return low * (high / low) ** self._rand(*shape)

    def chance(self, probability: float) -> Tensor:
        """(count,) bool, true with this probability."""
        return self._rand() < probability

    def sometimes(self, probability: float, low: float, high: float) -> Tensor:
        """(count,) zero, or with this probability a logarithmic draw between low and high."""
        return self.log(low, high) * self.chance(probability)

    def pick(self, weights: Sequence[float]) -> Tensor:
        """(count,) int64 indices drawn by weight."""
        edges = torch.tensor(weights).cumsum(0)
        return (self._rand().cpu()[:, None] * edges[-1] > edges[None, :-1]).sum(1).to(self.device)

    def by(self, style: Tensor, *ranges: tuple[float, float]) -> Tensor:
        """(count,) logarithmic draw, its range chosen by each clip's style index."""
        bounds = torch.tensor(ranges, device=self.device, dtype=torch.float32)[style]
        return bounds[:, 0] * (bounds[:, 1] / bounds[:, 0]) ** self._rand()

    def even(self, style: Tensor, *ranges: tuple[float, float]) -> Tensor:
        """(count,) even draw, its range chosen by each clip's style index; zeros allowed."""
        bounds = torch.tensor(ranges, device=self.device, dtype=torch.float32)[style]
        return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * self._rand()

    def normal(self, *shape: int) -> Tensor:
        """(count, *shape) standard normal."""
        return torch.randn(self.count, *shape, generator=self.generator).to(self.device)

    def spectrum(self, bins: int) -> Tensor:
        """(count, bins) complex spectrum of white noise, real and imaginary part of deviation 1.

        One pool of noise serves the whole batch: each clip reads it from a random place on, which is as good as new
        noise once it is coloured and shaped, and costs a tenth.
        """
        if not self._pool:
            self._pool.append(torch.randn(POOL, 2, generator=self.generator).to(self.device))
        pool = torch.view_as_complex(self._pool[0])
        starts = torch.randint(POOL - bins, (self.count,), generator=self.generator).tolist()
        return torch.stack([pool[start : start + bins] for start in starts])
