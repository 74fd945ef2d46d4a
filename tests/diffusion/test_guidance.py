from __future__ import annotations

import pytest
import torch

from monai_genaug.diffusion import PREDICTIONS, cosine_schedule, guide


@pytest.mark.parametrize(("scale", "expected"), [(0.0, -1.0), (1.0, 2.0), (3.0, 8.0)])
def test_a_scale_goes_from_unconditional_over_conditional_and_beyond(scale: float, expected: float):
    assert guide(torch.tensor(2.0), torch.tensor(-1.0), scale).item() == expected


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_guiding_a_prediction_guides_the_image_that_it_amounts_to(prediction: str):
    schedule, (one, two, x) = cosine_schedule(10), torch.randn(3, 1, 6, dtype=torch.float64)
    guided = schedule.to_x0(guide(one, two, 2.5), x, 6, prediction)
    images = [schedule.to_x0(part, x, 6, prediction) for part in (one, two)]
    torch.testing.assert_close(guided, guide(*images, 2.5))
