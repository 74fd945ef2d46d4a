from __future__ import annotations

import torch

from monai_genaug.diffusion import RowNoise


def test_a_row_depends_on_its_own_seed_alone():
    together, alone = RowNoise((2, 5, 4), [3, 4, 5], "cpu"), RowNoise((2, 5, 4), [4], "cpu")
    torch.rand(3)
    assert torch.equal(together(17)[1], alone(17)[0])


def test_seeds_and_timesteps_draw_their_own_noise():
    noise = RowNoise((1, 200), [1, 2], "cpu")
    drawn = torch.cat([noise(t).flatten(1) for t in (0, 1, 1000)])
    correlations = torch.corrcoef(drawn) - torch.eye(6)
    assert correlations.abs().max() < 0.3


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    RowNoise((3,), [1], "cpu")(4)
    assert torch.equal(torch.get_rng_state(), state)
