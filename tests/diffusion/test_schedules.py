from __future__ import annotations

import math

import pytest
import torch
from monai.networks.schedulers import DDPMScheduler

from monai_genaug.diffusion import PREDICTIONS, SCHEDULES, VarianceSchedule, cosine_schedule, linear_schedule


def test_the_linear_schedule_is_that_of_ho_et_al():
    expected = DDPMScheduler(num_train_timesteps=1000, schedule="linear_beta", beta_start=1e-4, beta_end=0.02)
    torch.testing.assert_close(linear_schedule(1000).alpha_bar[1:].float(), expected.alphas_cumprod)


def test_the_cosine_schedule_is_that_of_nichol_and_dhariwal():
    alpha_bar = cosine_schedule(1000).alpha_bar
    time = torch.linspace(0, 1, 1001, dtype=torch.float64)
    f = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
    torch.testing.assert_close(alpha_bar[:-1], f[:-1] / f[0])
    assert alpha_bar[-1] / alpha_bar[-2] == pytest.approx(0.001)  # the last beta is held to 0.999


@pytest.mark.parametrize("name", SCHEDULES)
def test_other_numbers_of_timesteps_end_at_about_as_much_noise(name: str):
    for timesteps in (200, 1000, 4000):
        schedule = SCHEDULES[name](timesteps)
        assert (schedule.last, float(schedule.alpha_bar[0])) == (timesteps, 1.0)
        assert schedule.alpha_bar[timesteps // 2] == pytest.approx(
            float(SCHEDULES[name](1000).alpha_bar[500]), abs=0.01
        )
        assert schedule.alpha_bar[-1] < 1e-4


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_right_prediction_gives_back_image_and_noise(name: str, prediction: str):
    rng = torch.Generator().manual_seed(0)
    schedule, t = SCHEDULES[name](1000), torch.tensor([1, 300, 900])
    x0, noise = (torch.randn(3, 2, 4, 4, generator=rng, dtype=torch.float64) for _ in range(2))
    x = schedule.add_noise(x0, noise, t)
    back = schedule.to_x0(schedule.target(x0, noise, t, prediction), x, t, prediction)
    torch.testing.assert_close(back, x0)
    torch.testing.assert_close(schedule.to_epsilon(back, x, t), noise)


def test_noise_is_added_row_by_row_and_by_a_single_timestep_alike():
    schedule, x0, noise = linear_schedule(100), torch.rand(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    rows = schedule.add_noise(x0, noise, torch.tensor([7, 80]))
    for row, t in enumerate((7, 80)):
        torch.testing.assert_close(rows[row], schedule.add_noise(x0, noise, t)[row])
    alpha, sigma = schedule.alpha_sigma(80)
    torch.testing.assert_close(rows[1], alpha * x0[1] + sigma * noise[1])
    assert rows.dtype == torch.float32


def test_noisy_images_keep_the_variance_of_standardised_ones():
    for make in SCHEDULES.values():
        schedule = make(50)
        assert all(math.hypot(*schedule.alpha_sigma(t)) == pytest.approx(1.0) for t in range(51))


@pytest.mark.parametrize(
    "alpha_bar",
    [[1.0], [0.9, 0.5], [1.0, 0.5, 0.5], [1.0, 0.5, 0.0], [1.0, float("nan")], [[1.0, 0.5]]],
    ids=str,
)
def test_a_schedule_that_does_not_fall_from_1_is_refused(alpha_bar: list):
    with pytest.raises(ValueError, match="alpha_bar"):
        VarianceSchedule(torch.tensor(alpha_bar))


@pytest.mark.parametrize(("name", "timesteps"), [("linear", 20), ("cosine", 0)])
def test_too_few_timesteps_are_refused(name: str, timesteps: int):
    with pytest.raises(ValueError, match="timesteps"):
        SCHEDULES[name](timesteps)


def test_an_unknown_prediction_is_refused():
    with pytest.raises(ValueError, match="prediction is 'noise'"):
        linear_schedule(50).target(torch.zeros(1), torch.zeros(1), 3, "noise")
