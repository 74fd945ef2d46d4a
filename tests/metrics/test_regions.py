"""Regions that a threshold finds."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.metrics.regions import find_regions


@pytest.mark.parametrize("channels", [1, 3])
def test_bright_and_dark_nuclei_are_found(channels):
    label = torch.zeros(1, 16, 16, dtype=torch.int64)
    label[0, 4:12, 4:12] = 7
    image = (0.1 + 0.8 * (label > 0).float()).expand(channels, 16, 16)
    assert torch.equal(find_regions(image), label > 0)
    assert torch.equal(find_regions(1.0 - image, nuclei="dark"), label > 0)


@pytest.mark.parametrize("nuclei", ["bright", "dark"])
def test_an_image_of_one_value_has_no_nuclei(nuclei):
    assert not find_regions(torch.full((1, 8, 8), 0.4), nuclei=nuclei).any()
