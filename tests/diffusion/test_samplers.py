"""Samplers against recursions that are written out for a Gaussian, whose exact denoiser is linear."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from monai_genaug.diffusion import (
    SAMPLERS,
    VarianceSchedule,
    cosine_schedule,
    ddim,
    ddpm,
    dpm_solver,
    linear_schedule,
    spaced_timesteps,
)
from tests.diffusion.gaussian import MEAN, STD, Affine, affine_of, exact_denoiser

SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
STEPS = [5, 10, 50]


def marginal(alpha_bar: float) -> tuple[float, float]:
    """Mean and variance of x_t."""
    return math.sqrt(alpha_bar) * MEAN, alpha_bar * STD**2 + 1 - alpha_bar


def shrink(alpha_bar: float) -> float:
    """Factor of x_t - E[x_t] in E[x_0 | x_t] - E[x_0]."""
    return math.sqrt(alpha_bar) * STD**2 / marginal(alpha_bar)[1]


def ddim_recursion(alpha_bars: list[float], eta: float) -> Affine:
    """Unroll eq. 12 of Song et al. 2021 for x - E[x_t] = (sum of factor times number) + offset."""
    offset, factors = -marginal(alpha_bars[0])[0], [1.0]
    for now, then in pairwise(alpha_bars):
        sigma = eta * math.sqrt((1 - then) / (1 - now)) * math.sqrt(1 - now / then)  # eq. 16
        kept = math.sqrt(1 - then - sigma**2) * (1 - math.sqrt(now) * shrink(now)) / math.sqrt(1 - now)
        gain = math.sqrt(then) * shrink(now) + kept
        offset, factors = gain * offset, [gain * factor for factor in factors] + [sigma]
    return Affine(MEAN + offset, tuple(factors[:-1]))


def dpm_solver_recursion(alpha_bars: list[float]) -> Affine:
    """Unroll algorithm 2 of Lu et al. 2022 for x - E[x_t], with D - E[x_0] beside it."""
    lambdas = [0.5 * math.log(a / (1 - a)) for a in alpha_bars[:-1]]
    results = []
    for deviation in (-marginal(alpha_bars[0])[0], 1 - marginal(alpha_bars[0])[0]):
        x, estimates = deviation, []
        for i in range(1, len(alpha_bars)):
            estimates.append(shrink(alpha_bars[i - 1]) * x)
            if i == len(alpha_bars) - 1:
                results.append(MEAN + estimates[-1])
                break
            h, d = lambdas[i] - lambdas[i - 1], estimates[-1]
            if i > 1:
                r = (lambdas[i - 1] - lambdas[i - 2]) / h
                d = (1 + 1 / (2 * r)) * estimates[-1] - 1 / (2 * r) * estimates[-2]
            x = math.sqrt((1 - alpha_bars[i]) / (1 - alpha_bars[i - 1])) * x
            x -= math.sqrt(alpha_bars[i]) * (math.exp(-h) - 1) * d
    return Affine(results[0], (results[1] - results[0],))


def run(sampler, schedule: VarianceSchedule, steps: int, **settings: float) -> Affine:
    timesteps = spaced_timesteps(schedule.last, steps)
    denoise = exact_denoiser(schedule)
    return affine_of(lambda x, noise: sampler(denoise, x, schedule, timesteps, noise, **settings), timesteps)


def alpha_bars(schedule: VarianceSchedule, steps: int) -> list[float]:
    return [float(schedule.alpha_bar[t]) for t in spaced_timesteps(schedule.last, steps)]


def assert_equal(found: Affine, expected: Affine) -> None:
    assert found.shift == pytest.approx(expected.shift, abs=1e-4)
    padded = expected.factors + (0.0,) * (len(found.factors) - len(expected.factors))
    assert found.factors == pytest.approx(padded, abs=1e-4)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_ddim_is_its_recursion_with_the_true_next_timestep(name: str, steps: int, eta: float):
    schedule = SCHEDULES[name](1000)
    assert_equal(run(ddim, schedule, steps, eta=eta), ddim_recursion(alpha_bars(schedule, steps), eta))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_dpm_solver_is_its_recursion(name: str, steps: int):
    schedule = SCHEDULES[name](1000)
    assert_equal(run(dpm_solver, schedule, steps), dpm_solver_recursion(alpha_bars(schedule, steps)))


@pytest.mark.parametrize("timesteps", STEPS)
def test_ddpm_is_ddim_of_all_timesteps_with_eta_1(timesteps: int):
    schedule = cosine_schedule(timesteps)
    assert_equal(run(ddpm, schedule, timesteps), ddim_recursion(schedule.alpha_bar.flip(0).tolist(), 1.0))


@pytest.mark.parametrize("name", SCHEDULES)
def test_ddpm_gives_the_distribution_of_the_images(name: str):
    made = run(ddpm, SCHEDULES[name](400), 400)
    assert made.shift == pytest.approx(MEAN, abs=2e-3)
    assert made.std == pytest.approx(STD, abs=1e-2)


def smooth_schedule(last: int) -> VarianceSchedule:
    """Noise over signal that is smooth at both ends, so that orders can be seen."""
    return VarianceSchedule(torch.cos(torch.linspace(0, 0.45 * math.pi, last + 1, dtype=torch.float64)) ** 2)


def error(sampler, steps: int, *, end: int = 0) -> float:
    """Say how far what is made from exact x_T lies from the exact x_end: the 2-Wasserstein distance."""
    schedule = smooth_schedule(6400)
    timesteps = [end + t for t in spaced_timesteps(schedule.last - end, steps)]
    denoise = exact_denoiser(schedule)
    made = affine_of(lambda x, noise: sampler(denoise, x, schedule, timesteps, noise), timesteps)
    (mean, variance), (mean_end, variance_end) = (marginal(float(schedule.alpha_bar[t])) for t in (6400, end))
    shift, std = made.shift + made.factors[0] * mean, made.factors[0] * math.sqrt(variance)
    return math.hypot(shift - mean_end, std - math.sqrt(variance_end))


def orders(errors: list[float]) -> list[float]:
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (dpm_solver, 2)], ids=["ddim", "dpm_solver"])
def test_errors_fall_at_the_order_of_the_solver(sampler, order: int):
    found = orders([error(sampler, steps, end=640) for steps in (100, 200, 400)])
    assert found == pytest.approx([order, order], abs=0.1)


def test_the_last_step_to_no_noise_costs_the_second_order_but_a_logarithm():
    assert min(orders([error(dpm_solver, steps) for steps in (100, 200, 400, 800)])) > 1.5


def test_the_second_order_needs_fewer_steps():
    assert error(dpm_solver, 10) < 0.3 * error(ddim, 10)


@pytest.mark.parametrize("timesteps", [[10, 5, 0], list(range(10, 0, -1)), list(range(9, -1, -1))], ids=str)
def test_ddpm_refuses_to_leave_out_timesteps(timesteps: list[int]):
    schedule = cosine_schedule(10)
    with pytest.raises(ValueError, match="expected all 10 timesteps"):
        ddpm(exact_denoiser(schedule), torch.zeros(1, 1), schedule, timesteps, lambda t: torch.zeros(1, 1))


@pytest.mark.parametrize("sampler", [ddim, dpm_solver], ids=["ddim", "dpm_solver"])
def test_no_noise_is_asked_for_where_the_first_decides(sampler):
    def refuse(t: int) -> torch.Tensor:
        raise AssertionError(t)

    schedule = cosine_schedule(20)
    x = torch.randn(2, 1, generator=torch.Generator().manual_seed(0))
    made = [sampler(exact_denoiser(schedule), x, schedule, [20, 11, 4, 0], refuse) for _ in range(2)]
    assert torch.equal(*made)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_denoiser_that_knows_the_image_gives_it(name: str):
    schedule = cosine_schedule(20)
    timesteps = spaced_timesteps(20, 20)
    image = torch.tensor([[-0.7], [0.9]])
    made = SAMPLERS[name](lambda x, t: image, torch.randn(2, 1), schedule, timesteps, lambda t: torch.randn(2, 1))
    torch.testing.assert_close(made, image)


def test_an_eta_above_1_is_refused():
    schedule = cosine_schedule(4)
    with pytest.raises(ValueError, match="eta"):
        ddim(exact_denoiser(schedule), torch.zeros(1, 1), schedule, [4, 0], lambda t: torch.zeros(1, 1), eta=1.1)


@pytest.mark.parametrize(("last", "steps"), [(1000, 1), (1000, 7), (1000, 999), (10, 10)])
def test_timesteps_fall_from_the_last_to_0_at_even_distances(last: int, steps: int):
    timesteps = spaced_timesteps(last, steps)
    distances = [t - s for t, s in pairwise(timesteps)]
    assert (timesteps[0], timesteps[-1], len(distances)) == (last, 0, steps)
    assert max(distances) - min(distances) <= 1
    assert min(distances) >= 1


@pytest.mark.parametrize("steps", [0, 11])
def test_more_steps_than_timesteps_are_refused(steps: int):
    with pytest.raises(ValueError, match="expected 1 to 10"):
        spaced_timesteps(10, steps)
