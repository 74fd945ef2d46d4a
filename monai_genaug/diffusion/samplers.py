"""Samplers of diffusion models: from noise to images, over a denoiser and the timesteps at which it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from torch import Tensor

from monai_genaug._checks import check_probability
from monai_genaug.diffusion.schedules import VarianceSchedule

Denoiser = Callable[[Tensor, int], Tensor]  # x_t (B, C, *S) and t -> estimate of x_0
Noise = Callable[[int], Tensor]  # t -> standard normal (B, C, *S) for making x_t


class Sampler(Protocol):
    """What makes x_0 of x_T, as the functions of this module do."""

    def __call__(
        self, denoise: Denoiser, x: Tensor, schedule: VarianceSchedule, timesteps: Sequence[int], noise: Noise
    ) -> Tensor:
        """Give x_0 (B, C, *S)."""


def spaced_timesteps(last: int, steps: int) -> list[int]:
    """Choose evenly spaced timesteps from T to 0, both included ("trailing", Lin et al. 2024, table 2).

    Args:
        last: T.
        steps: passes of the network, from 1 to T.

    Returns:
        steps + 1 timesteps, falling.

    Raises:
        ValueError: if there are not so many.

    Example:
        >>> spaced_timesteps(1000, 4)
        [1000, 750, 500, 250, 0]
    """
    if not 1 <= steps <= last:
        raise ValueError(f"steps is {steps}, expected 1 to {last}, the number of timesteps of training.")
    return [round(last * left / steps) for left in range(steps, -1, -1)]


def check_every_timestep(timesteps: Sequence[int], schedule: VarianceSchedule) -> None:
    """Raise ValueError if ancestral sampling was to leave out timesteps, for which its posterior does not hold.

    Example:
        >>> from monai_genaug.diffusion import cosine_schedule
        >>> check_every_timestep([2, 1, 0], cosine_schedule(2))
    """
    if list(timesteps) != list(range(schedule.last, -1, -1)):
        raise ValueError(
            f"the sampler is ddpm with {len(timesteps) - 1} steps, expected all {schedule.last} timesteps of training: "
            f"set steps={schedule.last}, or choose sampler='ddim' (eta=1 for as much noise) or 'dpm_solver'."
        )


def ddpm(denoise: Denoiser, x: Tensor, schedule: VarianceSchedule, timesteps: Sequence[int], noise: Noise) -> Tensor:
    """Sample from the posterior of each timestep; algorithm 2 with eq. 7, Ho et al. 2020.

    Args:
        denoise: estimates x_0 (B, C, *S) of x_t and t.
        x: x_T (B, C, *S).
        schedule: of the training.
        timesteps: all of them, from T to 0.
        noise: gives standard normal (B, C, *S) for x_t, t from T - 1 to 1.

    Returns:
        x_0 (B, C, *S).

    Raises:
        ValueError: if timesteps are left out.

    Example:
        >>> import torch
        >>> from monai_genaug.diffusion import cosine_schedule
        >>> ddpm(lambda x, t: 0.3 + 0 * x, torch.ones(1, 1), cosine_schedule(2), [2, 1, 0], lambda t: torch.ones(1, 1))
        tensor([[0.3000]])
    """
    check_every_timestep(timesteps, schedule)
    for t, s in pairwise(timesteps):
        (alpha_t, sigma_t), (alpha_s, sigma_s) = schedule.alpha_sigma(t), schedule.alpha_sigma(s)
        beta = 1.0 - (alpha_t / alpha_s) ** 2
        of_x0 = alpha_s * beta / sigma_t**2
        of_x = (alpha_t / alpha_s) * sigma_s**2 / sigma_t**2
        x = of_x0 * denoise(x, t) + of_x * x
        if s > 0:
            x = x + sigma_s / sigma_t * math.sqrt(beta) * noise(s)
    return x


def ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: VarianceSchedule,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    eta: float = 0.0,
) -> Tensor:
    """Go from each timestep to the next of the chosen ones; eq. 12 with eq. 16, Song et al. 2021.

    Args:
        denoise: estimates x_0 (B, C, *S) of x_t and t.
        x: x_T (B, C, *S).
        schedule: of the training.
        timesteps: falling from T to 0, any of them left out.
        noise: gives standard normal (B, C, *S) for x_t; asked only if `eta` is above 0.
        eta: from 0, where the first noise alone decides, to 1, as much noise as `ddpm` adds.

    Returns:
        x_0 (B, C, *S).

    Raises:
        ValueError: if `eta` is out of its range.

    Example:
        >>> import torch
        >>> from monai_genaug.diffusion import cosine_schedule
        >>> ddim(lambda x, t: 0.3 + 0 * x, torch.ones(1, 1), cosine_schedule(9), [9, 4, 0], lambda t: torch.ones(1, 1))
        tensor([[0.3000]])
    """
    check_probability("eta", eta)
    for t, s in pairwise(timesteps):
        (alpha_t, sigma_t), (alpha_s, sigma_s) = schedule.alpha_sigma(t), schedule.alpha_sigma(s)
        x0 = denoise(x, t)
        drawn = eta * sigma_s / sigma_t * math.sqrt(1.0 - (alpha_t / alpha_s) ** 2)
        x = alpha_s * x0 + math.sqrt(sigma_s**2 - drawn**2) * schedule.to_epsilon(x0, x, t)
        if drawn > 0:
            x = x + drawn * noise(s)
    return x


def dpm_solver(
    denoise: Denoiser, x: Tensor, schedule: VarianceSchedule, timesteps: Sequence[int], noise: Noise
) -> Tensor:
    """Solve the ODE of DDIM to second order at one pass a step: DPM-Solver++(2M), algorithm 2, Lu et al. 2022.

    Args:
        denoise: estimates x_0 (B, C, *S) of x_t and t.
        x: x_T (B, C, *S).
        schedule: of the training.
        timesteps: falling from T to 0, any of them left out; the last step is of first order, as the first.
        noise: never asked, the first noise alone decides.

    Returns:
        x_0 (B, C, *S).

    Example:
        >>> import torch
        >>> from monai_genaug.diffusion import cosine_schedule
        >>> x, noise = torch.ones(1, 1), lambda t: torch.ones(1, 1)
        >>> dpm_solver(lambda x, t: 0.3 + 0 * x, x, cosine_schedule(9), [9, 4, 0], noise)
        tensor([[0.3000]])
    """
    before, h_before = x, 0.0  # the estimate of x_0 one step ago, and that step's h
    for t, s in pairwise(timesteps):
        (alpha_t, sigma_t), (alpha_s, sigma_s) = schedule.alpha_sigma(t), schedule.alpha_sigma(s)
        x0 = denoise(x, t)
        if s == 0:
            return x0
        h = math.log(alpha_s / sigma_s) - math.log(alpha_t / sigma_t)
        d = x0 + (x0 - before) * (h / (2.0 * h_before)) if h_before else x0  # 1 / (2 r_i) = h_i / (2 h_{i-1})
        x = sigma_s / sigma_t * x - alpha_s * math.expm1(-h) * d
        before, h_before = x0, h
    return x


SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim, "dpm_solver": dpm_solver}
