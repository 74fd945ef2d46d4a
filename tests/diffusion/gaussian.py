"""A toy whose answers are known: images of one pixel that are Gaussian, N(MEAN, STD^2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from monai_genaug.diffusion import VarianceSchedule

MEAN, STD = 0.3, 0.5


class Affine(NamedTuple):
    """What a sampler that is linear in its random numbers makes of them: shift + sum of factor times number."""

    shift: float
    factors: tuple[float, ...]

    @property
    def std(self) -> float:
        return math.hypot(*self.factors)


def exact_denoiser(schedule: VarianceSchedule) -> Callable[[Tensor, int], Tensor]:
    """Give E[x_0 | x_t] in closed form."""

    def denoise(x: Tensor, t: int) -> Tensor:
        alpha, sigma = schedule.alpha_sigma(t)
        return MEAN + alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * (x - alpha * MEAN)

    return denoise


def exact_velocity(x: Tensor, t: float) -> Tensor:
    """Give E[x_1 - x_0 | x_t] of a rectified flow in closed form."""
    return MEAN + (t * STD**2 - (1 - t)) / (t**2 * STD**2 + (1 - t) ** 2) * (x - t * MEAN)


def affine_of(sample: Callable[[Tensor, Callable[[int], Tensor]], Tensor], timesteps: list[int]) -> Affine:
    """Read off what a sampler does, by giving it a 1 in one of its random numbers and 0 in all others at a time.

    Args:
        sample: makes x_0 of x_T and of noise that is asked for by timestep.
        timesteps: of which noise may be asked, the first being T.
    """
    drawn = timesteps[:-1]
    rows = torch.zeros(len(drawn) + 1, 1, dtype=torch.float64)

    def impulse(t: int) -> Tensor:
        noise = rows.clone()
        noise[1 + drawn.index(t)] = 1.0
        return noise

    made = sample(impulse(drawn[0]), impulse).flatten()
    return Affine(float(made[0]), tuple((made[1:] - made[0]).tolist()))
