"""Solvers of rectified flow: from noise to images along a velocity, in one to a few steps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from monai_genaug._checks import check_at_least

Velocity = Callable[[Tensor, float], Tensor]  # Z_t (B, C, *S) and t in [0, 1] -> dZ_t / dt
Solver = Callable[[Velocity, Tensor, int], Tensor]


def euler(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Follow a velocity from noise at t = 0 to images at t = 1 in equal steps; eq. 1, Liu et al. 2023.

    Args:
        velocity: of Z_t (B, C, *S) at t.
        x: Z_0, standard normal (B, C, *S).
        steps: passes of the network, at least 1.

    Returns:
        Z_1 (B, C, *S).

    Raises:
        ValueError: if there are no steps.

    Example:
        >>> import torch
        >>> euler(lambda x, t: torch.ones_like(x), torch.zeros(1), steps=2)
        tensor([1.])
    """
    check_at_least(1, steps=steps)
    for step in range(steps):
        x = x + velocity(x, step / steps) / steps
    return x


def heun(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Do as `euler`, with the mean of the velocities at both ends of a step: second order, two passes a step.

    The last step is Euler's, as in algorithm 1 of Karras et al. 2022: where no noise is left a network cannot tell how
    much of it there was, and the mean of both velocities would keep half of the noise of the last step but one.

    Args:
        velocity: of Z_t (B, C, *S) at t.
        x: Z_0, standard normal (B, C, *S).
        steps: at least 1.

    Returns:
        Z_1 (B, C, *S).

    Raises:
        ValueError: if there are no steps.

    Example:
        >>> import torch
        >>> heun(lambda x, t: torch.full_like(x, 2 * t), torch.zeros(1), steps=2)  # 1/4 and 1/2
        tensor([0.7500])
    """
    check_at_least(1, steps=steps)
    for step in range(steps - 1):
        first = velocity(x, step / steps)
        x = x + 0.5 / steps * (first + velocity(x + first / steps, (step + 1) / steps))
    return x + velocity(x, 1 - 1 / steps) / steps


SOLVERS: dict[str, Solver] = {"euler": euler, "heun": heun}
