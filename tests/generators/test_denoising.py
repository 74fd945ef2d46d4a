"""What diffusion and rectified flow do that the contract does not say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from monai_genaug.generators import DiffusionGenerator, RectifiedFlowGenerator
from monai_genaug.generators.denoising import DenoisingGenerator, draw_times
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import DiffusionUNet
from tests.families import enlarged


def network(**settings: Any) -> DiffusionUNet:
    return DiffusionUNet(2, 1, 1, channels=(4, 8), norm_groups=2, **settings)


class Knowing(DiffusionUNet):
    """Predicts exactly what leads to an image: its condition, in [-1, 1]."""

    family: DenoisingGenerator

    def forward(self, condition: Tensor, x: Tensor, time: Tensor, known: bool = True) -> Tensor:
        image = 2 * condition - 1
        if isinstance(self.family, RectifiedFlowGenerator):
            return (image - x) / time.reshape(-1, 1, 1, 1).clamp(min=1e-6)
        schedule, t = self.family.schedule, round(float(time[0]) * self.family.schedule.last)
        return schedule.target(image, schedule.to_epsilon(image, x, t), t, self.family.prediction)


WAYS = {
    "v": (DiffusionGenerator, {"steps": 4}),
    "epsilon": (DiffusionGenerator, {"prediction": "epsilon", "schedule": "linear", "sampler": "ddim", "steps": 4}),
    "x0": (DiffusionGenerator, {"prediction": "x0", "timesteps": 30, "steps": 30, "sampler": "ddpm"}),
    "euler": (RectifiedFlowGenerator, {"solver": "euler", "steps": 3}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_knows_the_image_makes_it(way: str):
    family, settings = WAYS[way]
    generator = family(Knowing(2, 1, 1), BinaryEncoding(), **settings)
    generator.network.family = generator
    condition = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(generator.sample(condition, seeds=[1, 2]), condition, atol=1e-3, rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_the_target_of_training_is_what_a_knowing_network_predicts(way: str):
    family, settings = WAYS[way]
    generator = family(Knowing(2, 1, 1), BinaryEncoding(), **settings)
    generator.network.family = generator
    image = torch.rand(1, 1, 16, 16)
    x, time, target = generator.add_noise(2 * image - 1)
    assert 0 <= time < 1 or isinstance(generator, DiffusionGenerator)
    torch.testing.assert_close(generator.network(image, x, time), target, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("family", [DiffusionGenerator, RectifiedFlowGenerator])
def test_times_go_from_no_noise_to_noise_alone(family: type[DenoisingGenerator]):
    torch.manual_seed(0)
    x, time, _ = family(network(), BinaryEncoding()).add_noise(torch.ones(200, 1, 16, 16))
    order = time.argsort()
    means, stds = x.mean((1, 2, 3))[order], x.std((1, 2, 3))[order]
    assert (means[:5].mean(), stds[:5].mean()) == (pytest.approx(1.0, abs=0.05), pytest.approx(0.0, abs=0.1))
    assert (means[-5:].mean(), stds[-5:].mean()) == (pytest.approx(0.0, abs=0.05), pytest.approx(1.0, abs=0.1))


def test_times_cover_the_unit_interval_evenly_and_uniformly():
    torch.manual_seed(0)
    times = torch.stack([draw_times(torch.zeros(4, 1)) for _ in range(500)])
    assert times.min() >= 0
    assert times.max() < 1
    assert torch.equal((4 * times).long().sort(dim=1).values, torch.arange(4).expand(500, 4))
    assert (times.mean(0) - 0.5).abs().max() < 0.05


@pytest.mark.parametrize("family", [DiffusionGenerator, RectifiedFlowGenerator])
def test_guidance_moves_images_further_the_way_that_the_condition_does(family: type[DenoisingGenerator]):
    torch.manual_seed(0)
    inner = enlarged(family(network(condition_dropout=0.1), BinaryEncoding())).network
    condition, x = torch.ones(1, 1, 8, 8), torch.randn(1, 1, 8, 8)
    none, plain, double = (
        family(inner, BinaryEncoding(), guidance=scale).eval().predict(condition, x, 0.5) for scale in (0.0, 1.0, 2.0)
    )
    assert (plain - none).abs().mean() > 0.01
    torch.testing.assert_close(double - plain, plain - none)


@pytest.mark.parametrize("family", [DiffusionGenerator, RectifiedFlowGenerator])
def test_an_infinite_prediction_is_not_hidden_by_the_bounds(family: type[DenoisingGenerator]):
    generator = family(network(), BinaryEncoding(), steps=2)
    with torch.no_grad():
        generator.network.out[2].conv.bias.fill_(float("inf"))
    with pytest.raises(FloatingPointError, match=family.__name__):
        generator.sample(torch.zeros(1, 1, 8, 8), seeds=[1])


@pytest.mark.parametrize("family", [DiffusionGenerator, RectifiedFlowGenerator])
def test_a_network_that_does_not_fit_is_refused(family: type[DenoisingGenerator]):
    with pytest.raises(ValueError, match="in_channels=2"):
        family(network(), OneHotEncoding(2))
    with pytest.raises(ValueError, match="condition_dropout above 0"):
        family(network(), BinaryEncoding(), guidance=2.0)
    with pytest.raises(ValueError, match="guidance"):
        family(network(condition_dropout=0.1), BinaryEncoding(), guidance=-1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "ddpm"}, "all 1000 timesteps"),
        ({"sampler": "ddpm", "timesteps": 8, "steps": 7}, "all 8 timesteps"),
        ({"sampler": "plms"}, "sampler"),
        ({"schedule": "sigmoid"}, "schedule"),
        ({"schedule": "linear", "timesteps": 10, "steps": 5}, "timesteps"),
        ({"prediction": "noise"}, "prediction"),
        ({"steps": 0}, "steps"),
        ({"steps": 1001}, "steps"),
        ({"eta": 0.5}, "only 'ddim' has an eta"),
        ({"sampler": "ddim", "eta": 2.0}, "eta"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_of_diffusion_that_do_not_fit_are_refused(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        DiffusionGenerator(network(), BinaryEncoding(), **settings)


@pytest.mark.parametrize(("settings", "message"), [({"steps": 0}, "steps"), ({"solver": "rk4"}, "solver")], ids=str)
def test_settings_of_rectified_flow_that_do_not_fit_are_refused(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        RectifiedFlowGenerator(network(), BinaryEncoding(), **settings)


def test_the_noise_of_ddim_with_eta_changes_the_image():
    torch.manual_seed(0)
    inner = enlarged(DiffusionGenerator(network(), BinaryEncoding())).network
    made = [
        DiffusionGenerator(inner, BinaryEncoding(), sampler="ddim", steps=4, eta=eta).sample(
            torch.ones(1, 1, 8, 8), seeds=[3]
        )
        for eta in (0.0, 1.0)
    ]
    assert (made[0] - made[1]).abs().mean() > 0.01
