"""Solvers of rectified flow against recursions that are written out for a Gaussian, whose velocity is linear."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from monai_genaug.diffusion import SOLVERS, euler, heun
from tests.diffusion.gaussian import MEAN, STD, Affine, affine_of, exact_velocity


def slope(t: float) -> float:
    """Factor of Z_t - t MEAN in the velocity."""
    return (t * STD**2 - (1 - t)) / (t**2 * STD**2 + (1 - t) ** 2)


def recursion(solver: str, steps: int) -> float:
    """Unroll d(Z_t - t MEAN) / dt = slope(t) (Z_t - t MEAN): the factor of the first noise."""
    dt, factor = 1 / steps, 1.0
    for step in range(steps):
        now, then = slope(step * dt), slope((step + 1) * dt)
        straight = solver == "euler" or step == steps - 1
        factor *= 1 + dt * now if straight else 1 + 0.5 * dt * (now + then * (1 + dt * now))
    return factor


def run(solver: str, steps: int) -> Affine:
    return affine_of(lambda x, noise: SOLVERS[solver](exact_velocity, x, steps), [1, 0])


@pytest.mark.parametrize("steps", [1, 5, 10, 50])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_is_its_recursion(solver: str, steps: int):
    made = run(solver, steps)
    assert made.factors[0] == pytest.approx(recursion(solver, steps), abs=1e-4)
    assert made.shift == pytest.approx(MEAN, abs=1e-4)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_errors_fall_at_the_order_of_the_solver(solver: str, order: int):
    errors = [abs(run(solver, steps).factors[0] - STD) for steps in (50, 100, 200)]
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders[-1] == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("solve", [euler, heun])
def test_straight_paths_need_one_step(solve):
    target = torch.tensor([0.25, -1.0])
    noise = torch.tensor([2.0, 0.5])
    torch.testing.assert_close(solve(lambda x, t: target - noise, noise, 1), target)


@pytest.mark.parametrize("solve", [euler, heun])
def test_no_steps_are_refused(solve):
    with pytest.raises(ValueError, match="steps"):
        solve(lambda x, t: x, torch.zeros(1), 0)


def test_times_asked_for_lie_between_noise_and_image():
    asked: list[float] = []
    heun(lambda x, t: asked.append(t) or x, torch.zeros(1), 2)
    assert asked == [0.0, 0.5, 0.5]


def test_no_noise_is_left_where_a_network_cannot_tell_it_from_the_image():
    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        return torch.zeros_like(x) if t == 1 else -x / (1 - t)  # all images are 0, and at t = 1 no noise is seen

    assert torch.equal(heun(velocity, torch.ones(3), 4), torch.zeros(3))
