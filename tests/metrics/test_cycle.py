from __future__ import annotations

import pytest
import torch

from monai_genaug.metrics.cycle import hidden_information


def test_a_code_in_the_mask_is_found_and_an_honest_mask_is_not():
    torch.manual_seed(0)
    image = torch.rand(2, 1, 16, 16)
    mask = (image > 0.5).float()
    code = 0.9 * mask + 0.1 * image  # the image, faintly, in a mask that looks nearly binary

    def decode(condition):
        return (condition - 0.9 * (condition > 0.5).float()) / 0.1

    def paint(condition):
        return 0.25 + 0.5 * condition

    hidden, honest = hidden_information(decode, code, image), hidden_information(paint, mask, image)
    assert (hidden > 0.95).all()
    assert honest.tolist() == [0, 0]


def test_rows_are_told_apart():
    condition = torch.stack([torch.full((1, 4, 4), 0.3), torch.zeros(1, 4, 4)])
    assert hidden_information(lambda c: c, condition, condition).tolist() == [1, 0]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="equal B and S"):
        hidden_information(lambda c: c, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))
