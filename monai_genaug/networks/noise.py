"""Maps that a network takes beside its condition: an image's style, and constant, smooth and white noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class NoiseMaps:
    """Three kinds of standard normal maps, since images vary at three scales.

    Args:
        latent: maps constant over space: the look of the whole image, such as brightness or stain.
        smooth: maps interpolated from a grid: what differs from object to object.
        white: maps of white noise: texture.
        spacing: of the grid, pixels.
        style: further maps that are constant over space, the first of all, for the style of an image, see `StyleBank`.

    Example:
        >>> NoiseMaps(1, 1, 2).shapes((64, 40))
        [(1, 1, 1), (1, 3, 3), (2, 64, 40)]
    """

    latent: int
    smooth: int
    white: int
    spacing: int = 32
    style: int = 0

    @property
    def channels(self) -> int:
        """Number of maps."""
        return self.style + self.latent + self.smooth + self.white

    def shapes(self, size: Sequence[int]) -> list[tuple[int, ...]]:
        """Give the shapes of one row's random numbers for maps of a spatial size, one for each kind."""
        grid = tuple(-(-side // self.spacing) + 1 for side in size)
        return [(self.style + self.latent, *(1,) * len(size)), (self.smooth, *grid), (self.white, *size)]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Spread the random numbers of each kind over space.

        Args:
            parts: one tensor (B, *shape) for each of `shapes`.

        Returns:
            Noise (B, channels, *S).
        """
        latent, smooth, white = parts
        size = white.shape[2:]
        if self.smooth:
            mode = "bilinear" if len(size) == 2 else "trilinear"
            smooth = functional.interpolate(smooth, size, mode=mode, align_corners=True)
        else:
            smooth = smooth.new_zeros((white.shape[0], 0, *size))
        return torch.cat((latent.expand(-1, -1, *size), smooth, white), dim=1)

    def draw(self, like: Tensor) -> Tensor:
        """Draw noise (B, channels, *S) from torch's global generator, for training.

        Args:
            like: (B, K, *S), gives batch size, spatial size and device.
        """
        shapes = self.shapes(like.shape[2:])
        return self.join([torch.randn(like.shape[0], *shape, device=like.device) for shape in shapes])

    def redraw_look(self, noise: Tensor) -> Tensor:
        """Draw latent and smooth maps anew, and keep style and white ones; where there are no others, draw white ones.

        Args:
            noise: (B, channels, *S), as `draw` gives it.
        """
        end = self.style + (self.latent + self.smooth or self.white)
        return torch.cat((noise[:, : self.style], self.draw(noise)[:, self.style : end], noise[:, end:]), dim=1)

    def with_style(self, noise: Tensor, style: Tensor) -> Tensor:
        """Put styles (B, style) in the place of the first maps of noise (B, channels, *S)."""
        maps = style.reshape(*style.shape, *(1,) * (noise.ndim - 2)).expand(-1, -1, *noise.shape[2:])
        return torch.cat((maps.to(noise), noise[:, self.style :]), dim=1)
