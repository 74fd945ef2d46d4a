"""Variance-preserving noise: how much of an image is left at each timestep, and what networks predict of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from monai_genaug._checks import check_at_least, check_choice

PREDICTIONS = ("epsilon", "v", "x0")
MAX_BETA = 0.999  # Nichol & Dhariwal 2021, section 3.2


class VarianceSchedule:
    """What is left of an image at timesteps 0 (all of it) to T (noise alone, or nearly so).

    Forward noising is ``x_t = alpha_t x_0 + sigma_t epsilon`` with ``alpha_t = sqrt(alpha_bar_t)`` and
    ``sigma_t = sqrt(1 - alpha_bar_t)``; eq. 4, Ho et al. 2020, whose numbering of timesteps this is.

    Args:
        alpha_bar: (T + 1,), falling from 1 at timestep 0 to a value above 0 at T.

    Raises:
        ValueError: if it does not.

    Example:
        >>> schedule = VarianceSchedule(torch.tensor([1.0, 0.64, 0.01]))
        >>> schedule.last, [round(value, 3) for value in schedule.alpha_sigma(1)]
        (2, [0.8, 0.6])
    """

    def __init__(self, alpha_bar: Tensor) -> None:
        alpha_bar = alpha_bar.double().cpu()
        if alpha_bar.ndim != 1 or len(alpha_bar) < 2 or alpha_bar[0] != 1:
            raise ValueError(
                f"alpha_bar has shape {tuple(alpha_bar.shape)}, expected (T + 1,) with T >= 1 and 1 as its first value."
            )
        if not ((alpha_bar.diff() < 0).all() and alpha_bar[-1] > 0):
            raise ValueError("alpha_bar does not fall strictly to a last value above 0: check its betas.")
        self.alpha_bar = alpha_bar

    @property
    def last(self) -> int:
        """The last timestep T."""
        return len(self.alpha_bar) - 1

    def alpha_sigma(self, t: int) -> tuple[float, float]:
        """Give the factors of image and noise at a timestep from 0 to T."""
        alpha_bar = float(self.alpha_bar[t])
        return math.sqrt(alpha_bar), math.sqrt(1.0 - alpha_bar)

    def add_noise(self, x0: Tensor, noise: Tensor, t: int | Tensor) -> Tensor:
        """Give x_t of q(x_t | x_0).

        Args:
            x0: images (B, C, *S).
            noise: standard normal, of that shape.
            t: timestep from 0 to T, or (B,) of these.
        """
        alpha, sigma = self._factors(t, x0)
        return alpha * x0 + sigma * noise

    def target(self, x0: Tensor, noise: Tensor, t: int | Tensor, prediction: str) -> Tensor:
        """Give what a network should predict at x_t.

        Args:
            x0: images (B, C, *S).
            noise: that x_t was made with.
            t: timestep from 0 to T, or (B,) of these.
            prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        """
        check_choice("prediction", prediction, PREDICTIONS)
        if prediction == "x0":
            return x0
        if prediction == "epsilon":
            return noise
        alpha, sigma = self._factors(t, x0)
        return alpha * noise - sigma * x0  # v, Salimans & Ho 2022, appendix D

    def to_x0(self, predicted: Tensor, x: Tensor, t: int | Tensor, prediction: str) -> Tensor:
        """Give the image that a prediction amounts to.

        Args:
            predicted: (B, C, *S), what `prediction` says.
            x: x_t, of that shape.
            t: timestep from 1 to T, or (B,) of these.
            prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        """
        check_choice("prediction", prediction, PREDICTIONS)
        if prediction == "x0":
            return predicted
        alpha, sigma = self._factors(t, x)
        return alpha * x - sigma * predicted if prediction == "v" else (x - sigma * predicted) / alpha

    def to_epsilon(self, x0: Tensor, x: Tensor, t: int | Tensor) -> Tensor:
        """Give the noise that x_t holds if x_0 is its image; t from 1 to T, or (B,) of these."""
        alpha, sigma = self._factors(t, x)
        return (x - alpha * x0) / sigma

    def _factors(self, t: int | Tensor, like: Tensor) -> tuple[float, float] | tuple[Tensor, Tensor]:
        if not isinstance(t, Tensor):
            return self.alpha_sigma(t)
        factors = torch.stack((self.alpha_bar.sqrt(), (1.0 - self.alpha_bar).sqrt())).to(like)
        alpha, sigma = factors[:, t].reshape(2, -1, *(1,) * (like.ndim - 1))
        return alpha, sigma


def linear_schedule(timesteps: int = 1000) -> VarianceSchedule:
    """Make the schedule of Ho et al. 2020, section 4: betas from 1e-4 to 0.02 for T = 1000, scaled for other T.

    Args:
        timesteps: T, at least 21, below which a beta would exceed 1.

    Example:
        >>> round(float(linear_schedule().alpha_bar[-1]), 6)
        4e-05
    """
    check_at_least(21, timesteps=timesteps)
    betas = torch.linspace(1e-4, 0.02, timesteps, dtype=torch.float64) * (1000 / timesteps)
    return _from_betas(betas)


def cosine_schedule(timesteps: int = 1000) -> VarianceSchedule:
    """Make the schedule of Nichol & Dhariwal 2021, eq. 17, which spends more timesteps on little noise.

    Args:
        timesteps: T, at least 1.

    Example:
        >>> round(float(cosine_schedule().alpha_bar[500]), 2)
        0.49
    """
    check_at_least(1, timesteps=timesteps)
    offset = 0.008
    time = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    share = torch.cos((time + offset) / (1 + offset) * math.pi / 2) ** 2
    return _from_betas((1 - share[1:] / share[:-1]).clamp(max=MAX_BETA))


def _from_betas(betas: Tensor) -> VarianceSchedule:
    return VarianceSchedule(torch.cat((torch.ones(1, dtype=torch.float64), torch.cumprod(1.0 - betas, 0))))


SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
