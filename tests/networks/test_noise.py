from __future__ import annotations

import pytest
import torch

from monai_genaug.networks import NoiseMaps


@pytest.mark.parametrize("size", [(64, 40), (33, 20, 48), (1, 1)], ids=str)
def test_maps_are_constant_smooth_and_white(size: tuple[int, ...]):
    maps = NoiseMaps(2, 3, 4)
    torch.manual_seed(0)
    noise = maps.draw(torch.zeros(5, 1, *size))
    assert noise.shape == (5, 9, *size)
    flat = noise.flatten(2)
    assert torch.equal(flat[:, :2], flat[:, :2, :1].expand_as(flat[:, :2]))
    if min(size) > 1:
        steps = noise.diff(dim=-1).abs().flatten(2).mean((0, 2))
        assert steps[2:5].max() < 0.15 < 1.0 < steps[5:].min()
        assert noise[:, 5:].std().item() == pytest.approx(1.0, abs=0.05)


def test_a_new_look_keeps_the_texture():
    maps = NoiseMaps(1, 1, 1)
    noise = maps.draw(torch.zeros(2, 1, 16, 16))
    other = maps.redraw_look(noise)
    assert torch.equal(other[:, 2], noise[:, 2])
    assert (other[:, :2] - noise[:, :2]).abs().mean() > 0.1


def test_without_look_maps_the_texture_is_drawn_anew():
    maps = NoiseMaps(0, 0, 2)
    noise = maps.draw(torch.zeros(1, 1, 8, 8))
    assert not torch.equal(maps.redraw_look(noise), noise)


def test_a_constant_map_costs_no_random_numbers_per_pixel():
    assert NoiseMaps(4, 2, 0).shapes((256, 256)) == [(4, 1, 1), (2, 9, 9), (0, 256, 256)]
