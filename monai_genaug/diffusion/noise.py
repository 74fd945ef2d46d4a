"""The noise that samplers ask for, each row of it out of its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from monai_genaug._rng import derive_seed, seeded_randn


class RowNoise:
    """Draws standard normal noise for each timestep on the CPU, a row's out of its seed and the timestep alone.

    Args:
        shape: of one row, without the batch dimension.
        seeds: one integer for each row.
        device: where the noise is moved.

    Example:
        >>> together, alone = RowNoise((1, 4), [7, 8], "cpu"), RowNoise((1, 4), [8], "cpu")
        >>> torch.equal(together(3)[1], alone(3)[0]), torch.equal(alone(3), alone(2))
        (True, False)
    """

    def __init__(self, shape: Sequence[int], seeds: Sequence[int], device: torch.device | str) -> None:
        self.shape, self.seeds, self.device = tuple(shape), list(seeds), device

    def __call__(self, t: int) -> Tensor:
        """Give noise (B, *shape), float32, that is added in making x_t."""
        return seeded_randn(self.shape, [derive_seed(seed, "timestep", t) for seed in self.seeds]).to(self.device)
