"""The mode-seeking term of generators with noise maps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from monai_genaug._checks import check_at_least
from monai_genaug.losses import mode_seeking_loss
from monai_genaug.networks.noise import NoiseMaps


class ModeSeeking:
    """Makes a second image of each condition and rewards how far the two are apart, see `mode_seeking_loss`.

    Args:
        weight: of the term; 0 leaves out its pass.
        maps: the network's noise; constant and smooth maps are drawn anew for the second image.

    Raises:
        ValueError: if the weight is negative, or there is no noise.

    Example:
        >>> import torch
        >>> term = ModeSeeking(0.5, NoiseMaps(0, 0, 1))
        >>> zeros = torch.zeros(1, 1, 4, 4)
        >>> list(term(lambda noise: noise, zeros, zeros))
        ['g_mode_seeking']
    """

    def __init__(self, weight: float, maps: NoiseMaps) -> None:
        check_at_least(0, lambda_mode_seeking=weight)
        if weight > 0 and not maps.channels:
            raise ValueError("mode seeking needs noise: give the network noise channels, or set lambda_mode_seeking=0.")
        self.weight, self.maps = weight, maps

    def __call__(
        self, generate: Callable[[Tensor], Tensor], image: Tensor, noise: Tensor, *, where: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Give the weighted loss.

        Args:
            generate: makes images (B, C, *S) of noise (B, N, *S), for the conditions of `image`.
            image: (B, C, *S).
            noise: (B, N, *S) that it was made with.
            where: (B, 1, *S) in [0, 1], where images shall differ; by default everywhere. Without a real image to hold
                on to, a network would else make up objects in the background.

        Returns:
            ``{"g_mode_seeking": scalar}``, or nothing if the weight is 0.
        """
        if self.weight == 0:
            return {}
        other_noise = self.maps.redraw_look(noise)
        other = generate(other_noise)
        if where is not None:
            if not where.any():
                return {"g_mode_seeking": image.new_zeros(())}
            share = where.mean()  # so that distances are those of a voxel that counts
            image, other = image * where / share, other * where / share
        return {"g_mode_seeking": self.weight * mode_seeking_loss(image, other, noise, other_noise)}
